import { HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { UncheckedError } from '../unchecked-error.ts';
import { unquoted } from './listed-object.ts';

/** What an object says of itself. */
export interface ObjectHead {
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly modifiedAtMs: number;
  /** Without its quotes. */
  readonly etag: string | undefined;
  readonly replicationStatus: string | undefined;
  /**
   * Base64 of the SHA-256 that S3 keeps of the whole object; undefined where it keeps none, or one of its parts'
   * checksums.
   */
  readonly sha256: string | undefined;
  /** What the writer said of it, by lower-case name: `x-amz-meta-…`. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Returns what HeadObject says; `undefined` when there is no such object (any more). Without s3:ListBucket on the
 * bucket, S3 answers 403 for that too: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
 *
 * @throws UncheckedError `access-denied`, `throttled`, or `aws-error` for an answer without size or time; and the
 *   SDK's errors.
 */
export async function headObject(
  client: S3Client,
  { bucket, key }: { readonly bucket: string; readonly key: string },
  { signal, checksum = false }: { readonly signal: AbortSignal; readonly checksum?: boolean },
): Promise<ObjectHead | undefined> {
  try {
    const command = new HeadObjectCommand({
      Bucket: bucket,
      Key: key,
      ...(checksum ? { ChecksumMode: 'ENABLED' as const } : {}),
    });
    const answer = await client.send(command, { abortSignal: signal });
    const { ContentLength, LastModified, ETag, ReplicationStatus, ChecksumSHA256, ChecksumType, Metadata } = answer;
    if (ContentLength === undefined || LastModified === undefined) {
      throw new UncheckedError('aws-error', 's3:HeadObject answered without size or time');
    }
    const isOfParts = ChecksumType === 'COMPOSITE' || ChecksumSHA256?.includes('-') === true;
    return {
      sizeBytes: ContentLength,
      modifiedAtMs: LastModified.getTime(),
      etag: ETag === undefined ? undefined : unquoted(ETag),
      replicationStatus: ReplicationStatus,
      sha256: isOfParts ? undefined : ChecksumSHA256,
      metadata: Metadata ?? {},
    };
  } catch (error) {
    if (error instanceof Error && (error.name === 'NotFound' || error.name === 'NoSuchKey')) return undefined;
    // An answer to HEAD has no body, so that its status is all there is to tell one error from another.
    const { $metadata } = error as { $metadata?: { httpStatusCode?: number } };
    const reason = reasonByStatus[$metadata?.httpStatusCode ?? 0];
    if (reason === undefined) throw error;
    const detail = `s3:HeadObject was answered with status ${$metadata?.httpStatusCode} (${(error as Error).name})`;
    throw new UncheckedError(reason, detail, { cause: error });
  }
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList */
const reasonByStatus: Readonly<Record<number, string>> = { 403: 'access-denied', 429: 'throttled', 503: 'throttled' };
