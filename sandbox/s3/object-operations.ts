import {
  CopyObject$,
  type CopyObjectOutput,
  type CopyObjectRequest,
  GetObject$,
  type GetObjectOutput,
  type GetObjectRequest,
  HeadObject$,
  type HeadObjectOutput,
  type HeadObjectRequest,
  ListObjectsV2$,
  type ListObjectsV2Output,
  type ListObjectsV2Request,
  PutObject$,
  type PutObjectOutput,
  type PutObjectRequest,
} from '@aws-sdk/client-s3';
import { Refusal } from '../control-plane/refusal.ts';
import { refuseOthers } from '../control-plane/service.ts';
import { listObjects } from '../control-plane/services/s3-listing.ts';
import { bucketOf } from './bucket-operations.ts';
import { checksumMembers } from './checksums.ts';
import { type S3Call, type S3Operation, s3Operation } from './operation.ts';
import { readRange, sliceChunks } from './read-range.ts';
import { s3Error } from './s3-error.ts';
import type { StoredBucket } from './stored-bucket.ts';
import type { StoredContent, StoredVersion } from './stored-object.ts';
import { written } from './written.ts';

type Read = StoredVersion & { content: StoredContent };

/** Writing, reading and listing of objects. */
export const objectOperations: readonly S3Operation[] = [
  s3Operation(PutObject$, (input: PutObjectRequest, call): PutObjectOutput => {
    const { Bucket, ExpectedBucketOwner, Key = '', IfMatch, IfNoneMatch, Body, ...rest } = input;
    const bucket = bucketOf(call, input);
    const { content, lock } = written(rest, bucket);
    requireConditions(bucket, Key, input);
    const { chunks, size, md5, checksums } = call.body;
    const version = bucket.add(Key, { ...content, chunks, size, etag: md5, checksums }, lock);
    return {
      ETag: `"${md5}"`,
      VersionId: shownVersion(bucket, version),
      ...encryptionOf(version as Read),
      ...(Object.keys(checksums).length === 0 ? {} : checksumMembers(checksums)),
    };
  }),

  s3Operation(CopyObject$, (input: CopyObjectRequest, call): CopyObjectOutput => {
    const { Bucket, ExpectedBucketOwner, Key = '', CopySource = '', MetadataDirective, ...rest } = input;
    const { CopySourceIfMatch, IfMatch, IfNoneMatch, ...others } = rest;
    const bucket = bucketOf(call, input);
    const [path = '', versionId] = CopySource.replace(/^\//, '').split('?versionId=');
    const slash = path.indexOf('/');
    const [Source, SourceKey] = [path.slice(0, slash), path.slice(slash + 1)].map(decodeURIComponent);
    const source = readable(call, { Bucket: Source, Key: SourceKey, VersionId: versionId, IfMatch: CopySourceIfMatch });
    const { content, lock } = written(others, bucket);
    requireConditions(bucket, Key, input);
    const kept = MetadataDirective === 'REPLACE' ? {} : { metadata: source.content.metadata };
    const { chunks, size, etag, checksums } = source.content;
    const copy = bucket.add(Key, { ...content, ...kept, chunks, size, etag, checksums }, lock);
    return {
      CopyObjectResult: { ETag: `"${etag}"`, LastModified: copy.lastModified, ...checksumMembers(checksums) },
      VersionId: shownVersion(bucket, copy),
    };
  }),

  s3Operation(HeadObject$, (input: HeadObjectRequest, call): HeadObjectOutput => {
    const { Bucket, ExpectedBucketOwner, Key, VersionId, IfMatch, IfNoneMatch, ChecksumMode, ...others } = input;
    refuseOthers(others);
    const object = readable(call, input);
    return { ...headersOf(bucketOf(call, input), object, ChecksumMode), ContentLength: object.content.size };
  }),

  {
    schema: GetObject$,
    answer(given, call) {
      const input = given as GetObjectRequest;
      const { Bucket, ExpectedBucketOwner, Key, VersionId, IfMatch, IfNoneMatch, ChecksumMode, Range, ...others } =
        input;
      refuseOthers(others);
      const object = readable(call, input);
      const { chunks, size, storageClass } = object.content;
      if (storageClass === 'GLACIER' || storageClass === 'DEEP_ARCHIVE') {
        const message = "The operation is not valid for the object's storage class";
        throw new Refusal({ code: 'InvalidObjectState', status: 403 }, message);
      }
      const bucket = bucketOf(call, input);
      const range = Range === undefined ? undefined : readRange(Range, size);
      if (range === undefined) {
        const output: GetObjectOutput = { ...headersOf(bucket, object, ChecksumMode), ContentLength: size };
        return { output, chunks };
      }
      const [start, end] = range;
      const output: GetObjectOutput = {
        // The checksums are those of the whole.
        ...headersOf(bucket, object, undefined),
        ContentRange: `bytes ${start}-${end}/${size}`,
        ContentLength: end - start + 1,
      };
      return { output, chunks: sliceChunks(chunks, start, end + 1) };
    },
  },

  s3Operation(ListObjectsV2$, (input: ListObjectsV2Request, call): ListObjectsV2Output => {
    const { Bucket, ExpectedBucketOwner, Prefix, Delimiter, StartAfter, ContinuationToken, ...rest } = input;
    const { MaxKeys, EncodingType, FetchOwner, ...others } = rest;
    refuseOthers({ ...others, FetchOwner: FetchOwner || undefined });
    return listObjects(bucketOf(call, input).document, input, call.pageSize);
  }),
];

/** Returns the id of a version as outputs tell it: not at all in a bucket that never had versions. */
export function shownVersion({ versioning }: StoredBucket, { versionId }: StoredVersion): string | undefined {
  return versioning === undefined ? undefined : versionId;
}

/** @throws Refusal when what is there is not what the writer expects: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html */
export function requireConditions(
  bucket: StoredBucket,
  key: string,
  { IfMatch, IfNoneMatch }: { IfMatch?: string | undefined; IfNoneMatch?: string | undefined },
): void {
  const object = bucket.current(key);
  // S3 itself knows no other value where something is written.
  if (IfNoneMatch !== undefined && IfNoneMatch !== '*') throw s3Error('NotImplemented');
  if (IfNoneMatch === '*' && object !== undefined) throw s3Error('PreconditionFailed');
  if (IfMatch === undefined) return;
  if (object === undefined) throw s3Error('NoSuchKey');
  if (!isSameEtag(IfMatch, object.content.etag)) throw s3Error('PreconditionFailed');
}

/** Returns the members that tell how an object is encrypted. */
export function encryptionOf({ content }: Read): Pick<PutObjectOutput, 'ServerSideEncryption' | 'SSEKMSKeyId'> {
  const { ServerSideEncryption = 'AES256', SSEKMSKeyId } = content.headers;
  return { ServerSideEncryption, SSEKMSKeyId } as PutObjectOutput;
}

function isSameEtag(condition: string, etag: string): boolean {
  return condition === '*' || condition.replaceAll('"', '') === etag;
}

/** @throws Refusal when there is no such object, or another one than the caller expects. */
function readable(
  call: S3Call,
  input: Pick<GetObjectRequest, 'Bucket' | 'Key' | 'VersionId' | 'IfMatch' | 'IfNoneMatch' | 'ExpectedBucketOwner'>,
): Read {
  const version = bucketOf(call, input).version(input.Key ?? '', input.VersionId);
  if (version === undefined) throw s3Error(input.VersionId === undefined ? 'NoSuchKey' : 'NoSuchVersion');
  const { content } = version;
  if (content === undefined) throw s3Error(input.VersionId === undefined ? 'NoSuchKey' : 'MethodNotAllowed');
  if (input.IfMatch !== undefined && !isSameEtag(input.IfMatch, content.etag)) throw s3Error('PreconditionFailed');
  if (input.IfNoneMatch !== undefined && isSameEtag(input.IfNoneMatch, content.etag)) {
    throw new Refusal({ code: 'NotModified', status: 304 }, 'Not Modified');
  }
  return version as Read;
}

function headersOf(bucket: StoredBucket, version: Read, checksumMode: string | undefined): HeadObjectOutput {
  const { content, lastModified, retention, legalHold } = version;
  return {
    AcceptRanges: 'bytes',
    ...content.headers,
    ...encryptionOf(version),
    LastModified: lastModified,
    ETag: `"${content.etag}"`,
    VersionId: shownVersion(bucket, version),
    // S3 does not say that an object is where all objects are by default.
    StorageClass: content.storageClass === 'STANDARD' ? undefined : content.storageClass,
    Metadata: content.metadata,
    ObjectLockMode: retention?.mode,
    ObjectLockRetainUntilDate: retention?.until,
    ObjectLockLegalHoldStatus: legalHold,
    ...(checksumMode === 'ENABLED' && Object.keys(content.checksums).length > 0
      ? checksumMembers(content.checksums)
      : {}),
  };
}
