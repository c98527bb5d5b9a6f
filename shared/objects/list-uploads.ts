import { ListMultipartUploadsCommand, ListPartsCommand, NoSuchUpload, type S3Client } from '@aws-sdk/client-s3';
import { UncheckedError } from '../unchecked-error.ts';
import { decodeUrl } from './scan-listing.ts';

/** A multipart upload that was neither completed nor aborted. */
export interface ListedUpload {
  readonly key: string;
  readonly uploadId: string;
  /** Milliseconds since 1970. */
  readonly initiatedAtMs: number;
}

/** What has come of an upload so far. */
export interface UploadActivity {
  readonly parts: number;
  readonly sizeBytes: number;
  /** When the last part came, in milliseconds since 1970; undefined when none has. */
  readonly lastPartAtMs: number | undefined;
}

/**
 * Yields the uploads under way below a prefix, in the order of their keys' UTF-8 bytes, in batches that are never empty.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
 *
 * @throws UncheckedError `aws-error` when an answer contradicts itself; and the SDK's errors.
 */
export async function* listUploads(
  client: S3Client,
  {
    bucket,
    prefix,
    startAfter,
  }: { readonly bucket: string; readonly prefix: string; readonly startAfter?: string | undefined },
  { signal }: { readonly signal: AbortSignal },
): AsyncGenerator<readonly ListedUpload[], void, undefined> {
  let place: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = { KeyMarker: startAfter };
  while (true) {
    const command = new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix, EncodingType: 'url', ...place });
    const page = await client.send(command, { abortSignal: signal });
    const decode = page.EncodingType === 'url' ? decodeUrl : (text: string) => text;
    const uploads = (page.Uploads ?? []).map(({ Key, UploadId, Initiated }): ListedUpload => {
      if (Key === undefined || UploadId === undefined || Initiated === undefined) {
        throw contradiction('it has an upload without key, id or time');
      }
      return { key: decode(Key), uploadId: UploadId, initiatedAtMs: Initiated.getTime() };
    });
    if (uploads.length > 0) yield uploads;
    if (page.IsTruncated === undefined) throw contradiction(`whether that of ${bucket} goes on, it does not say`);
    if (!page.IsTruncated) return;
    if (page.NextKeyMarker === undefined || uploads.length === 0)
      throw contradiction(`that of ${bucket} goes on, but not where`);
    place = { KeyMarker: decode(page.NextKeyMarker), UploadIdMarker: page.NextUploadIdMarker };
  }
}

/** Returns what has come of an upload; undefined when it is not under way (any more). */
export async function uploadActivity(
  client: S3Client,
  bucket: string,
  { key, uploadId }: Pick<ListedUpload, 'key' | 'uploadId'>,
  { signal }: { readonly signal: AbortSignal },
): Promise<UploadActivity | undefined> {
  let parts = 0;
  let sizeBytes = 0;
  let lastPartAtMs: number | undefined;
  let marker: string | undefined;
  try {
    do {
      const command = new ListPartsCommand({ Bucket: bucket, Key: key, UploadId: uploadId, PartNumberMarker: marker });
      const page = await client.send(command, { abortSignal: signal });
      for (const { Size, LastModified } of page.Parts ?? []) {
        if (Size === undefined || LastModified === undefined) throw contradiction('it has a part without size or time');
        parts += 1;
        sizeBytes += Size;
        lastPartAtMs = Math.max(lastPartAtMs ?? 0, LastModified.getTime());
      }
      if (page.IsTruncated && !page.NextPartNumberMarker) throw contradiction('that of parts goes on, but not where');
      marker = page.IsTruncated ? page.NextPartNumberMarker : undefined;
    } while (marker !== undefined);
  } catch (error) {
    if (error instanceof NoSuchUpload || (error as Error).name === 'NoSuchUpload') return undefined;
    throw error;
  }
  return { parts, sizeBytes, lastPartAtMs };
}

function contradiction(what: string): UncheckedError {
  return new UncheckedError('aws-error', `S3 answered with half a listing of uploads: ${what}`);
}
