import { createHash, randomBytes } from 'node:crypto';
import {
  AbortMultipartUpload$,
  type AbortMultipartUploadRequest,
  CompleteMultipartUpload$,
  type CompleteMultipartUploadOutput,
  type CompleteMultipartUploadRequest,
  CreateMultipartUpload$,
  type CreateMultipartUploadOutput,
  type CreateMultipartUploadRequest,
  ListMultipartUploads$,
  type ListMultipartUploadsOutput,
  type ListMultipartUploadsRequest,
  ListParts$,
  type ListPartsOutput,
  type ListPartsRequest,
  UploadPart$,
  type UploadPartOutput,
  type UploadPartRequest,
} from '@aws-sdk/client-s3';
import { compareKeys } from '../../shared/objects/compare-keys.ts';
import { refuseOthers } from '../control-plane/service.ts';
import type { S3Checksums } from '../control-plane/services/s3-document.ts';
import { encodeForUrl } from '../control-plane/services/s3-listing.ts';
import { bucketOf } from './bucket-operations.ts';
import {
  type ChecksumName,
  checksumMembers,
  checksumNamed,
  checksumOf,
  compositeChecksum,
  memberOf,
} from './checksums.ts';
import { encryptionOf, requireConditions, shownVersion } from './object-operations.ts';
import { type S3Call, type S3Operation, s3Operation } from './operation.ts';
import { s3Error } from './s3-error.ts';
import type { StoredPart, StoredUpload } from './stored-upload.ts';
import { written } from './written.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const minimumPartBytes = 5 * 1024 * 1024;
const maximumEntries = 1000;

/** Multipart uploads. */
export const uploadOperations: readonly S3Operation[] = [
  s3Operation(CreateMultipartUpload$, (input: CreateMultipartUploadRequest, call): CreateMultipartUploadOutput => {
    const { Bucket, ExpectedBucketOwner, Key = '', ChecksumAlgorithm, ChecksumType, ...rest } = input;
    const bucket = bucketOf(call, input);
    const uploadId = randomBytes(32).toString('base64url');
    const name = ChecksumAlgorithm === undefined ? undefined : checksumNamed(ChecksumAlgorithm);
    if (ChecksumType === 'FULL_OBJECT' && name !== 'crc32') {
      throw s3Error('InvalidRequest', `The FULL_OBJECT checksum type cannot be used with ${ChecksumAlgorithm}.`);
    }
    bucket.uploads.set(uploadId, {
      key: Key,
      uploadId,
      initiated: call.now,
      checksum: name === undefined ? undefined : { name, type: ChecksumType ?? 'COMPOSITE' },
      ...written(rest, bucket),
      parts: new Map(),
    });
    return {
      Bucket,
      Key,
      UploadId: uploadId,
      ChecksumAlgorithm,
      ChecksumType: ChecksumAlgorithm && (ChecksumType ?? 'COMPOSITE'),
    };
  }),

  s3Operation(UploadPart$, (input: UploadPartRequest, call): UploadPartOutput => {
    const { PartNumber = 0 } = input;
    const { parts } = uploadOf(call, input);
    if (PartNumber < 1 || PartNumber > 10_000) {
      throw s3Error('InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive');
    }
    parts.set(PartNumber, { ...call.body, lastModified: call.now });
    const { md5, checksums } = call.body;
    return { ETag: `"${md5}"`, ...checksumMembers(checksums), ChecksumType: undefined } as UploadPartOutput;
  }),

  s3Operation(
    CompleteMultipartUpload$,
    (input: CompleteMultipartUploadRequest, call): CompleteMultipartUploadOutput => {
      const { Bucket, Key = '', MultipartUpload, MpuObjectSize } = input;
      const upload = uploadOf(call, input);
      const bucket = bucketOf(call, input);
      const parts = completedParts(upload, MultipartUpload?.Parts ?? []);
      requireConditions(bucket, Key, input);
      const size = parts.reduce((sum, part) => sum + part.size, 0);
      if (MpuObjectSize !== undefined && MpuObjectSize !== size)
        throw s3Error('InvalidRequest', 'The provided MpuObjectSize is wrong.');
      const checksums = objectChecksums(upload, parts);
      for (const name of ['crc32', 'sha1', 'sha256'] as const) {
        const given = input[memberOf(name)];
        if (given !== undefined && given !== checksums[name]?.replace(/-\d+$/, '') && given !== checksums[name]) {
          throw s3Error('BadDigest');
        }
      }
      const md5 = createHash('md5');
      for (const part of parts) md5.update(part.md5, 'hex');
      const etag = `${md5.digest('hex')}-${parts.length}`;
      const chunks = parts.flatMap((part) => part.chunks);
      const version = bucket.add(Key, { ...upload.content, chunks, size, etag, checksums }, upload.lock);
      bucket.uploads.delete(upload.uploadId);
      return {
        Location: `/${Bucket}/${Key}`,
        Bucket,
        Key,
        ETag: `"${etag}"`,
        VersionId: shownVersion(bucket, version),
        ...encryptionOf(version as Parameters<typeof encryptionOf>[0]),
        ...(upload.checksum === undefined ? {} : checksumMembers(checksums)),
      };
    },
  ),

  s3Operation(AbortMultipartUpload$, (input: AbortMultipartUploadRequest, call): object => {
    const { Bucket, ExpectedBucketOwner, Key, UploadId, IfMatchInitiatedTime, ...others } = input;
    // S3 knows this condition in directory buckets only.
    refuseOthers({ ...others, IfMatchInitiatedTime });
    const upload = uploadOf(call, input);
    bucketOf(call, input).uploads.delete(upload.uploadId);
    return {};
  }),

  s3Operation(ListMultipartUploads$, (input: ListMultipartUploadsRequest, call): ListMultipartUploadsOutput => {
    const {
      Bucket,
      ExpectedBucketOwner,
      Prefix = '',
      KeyMarker,
      UploadIdMarker,
      MaxUploads = maximumEntries,
      ...rest
    } = input;
    const { EncodingType, ...others } = rest;
    refuseOthers(others);
    const encode = (text: string) => (EncodingType === 'url' ? encodeForUrl(text) : text);
    const limit = Math.min(MaxUploads, maximumEntries, call.pageSize);
    const all = [...bucketOf(call, input).uploads.values()]
      .filter(({ key }) => key.startsWith(Prefix))
      .sort((a, b) => compareUploads(a, b));
    const isBehind = ({ key, uploadId, initiated }: StoredUpload) => {
      if (KeyMarker === undefined) return true;
      const order = compareKeys(key, KeyMarker);
      if (order !== 0 || UploadIdMarker === undefined) return order > 0;
      const marked = all.find((upload) => upload.uploadId === UploadIdMarker);
      return marked === undefined || compareUploads({ key, uploadId, initiated }, marked) > 0;
    };
    const behind = all.filter(isBehind);
    const listed = behind.slice(0, limit);
    const last = listed.at(-1);
    const isTruncated = listed.length < behind.length;
    return {
      Bucket,
      Prefix: encode(Prefix),
      KeyMarker: encode(KeyMarker ?? ''),
      UploadIdMarker: UploadIdMarker ?? '',
      MaxUploads,
      EncodingType,
      IsTruncated: isTruncated,
      NextKeyMarker: isTruncated && last ? encode(last.key) : undefined,
      NextUploadIdMarker: isTruncated ? last?.uploadId : undefined,
      Uploads: listed.map(({ key, uploadId, initiated, content }) => ({
        Key: encode(key),
        UploadId: uploadId,
        Initiated: initiated,
        StorageClass: content.storageClass,
      })),
    };
  }),

  s3Operation(ListParts$, (input: ListPartsRequest, call): ListPartsOutput => {
    const {
      Bucket,
      ExpectedBucketOwner,
      Key,
      UploadId,
      PartNumberMarker,
      MaxParts = maximumEntries,
      ...others
    } = input;
    refuseOthers(others);
    const upload = uploadOf(call, input);
    const behind = [...upload.parts]
      .sort(([a], [b]) => a - b)
      .filter(([number]) => number > Number(PartNumberMarker ?? 0));
    const listed = behind.slice(0, Math.min(MaxParts, maximumEntries, call.pageSize));
    const isTruncated = listed.length < behind.length;
    return {
      Bucket,
      Key,
      UploadId,
      MaxParts,
      PartNumberMarker,
      IsTruncated: isTruncated,
      NextPartNumberMarker: isTruncated ? String(listed.at(-1)?.[0]) : undefined,
      StorageClass: upload.content.storageClass,
      Parts: listed.map(([PartNumber, { size, md5, lastModified, checksums }]) => ({
        PartNumber,
        Size: size,
        ETag: `"${md5}"`,
        LastModified: lastModified,
        ...(checksumMembers(checksums) as object),
        ChecksumType: undefined,
      })),
    };
  }),
];

function compareUploads(a: Pick<StoredUpload, 'key' | 'initiated' | 'uploadId'>, b: typeof a): number {
  const order = compareKeys(a.key, b.key) || a.initiated.getTime() - b.initiated.getTime();
  return order || (a.uploadId < b.uploadId ? -1 : a.uploadId > b.uploadId ? 1 : 0);
}

/** @throws Refusal when there is no such upload (any more). */
function uploadOf(
  call: S3Call,
  input: {
    Bucket: string | undefined;
    Key: string | undefined;
    UploadId: string | undefined;
    ExpectedBucketOwner?: string | undefined;
  },
): StoredUpload {
  const upload = bucketOf(call, input).uploads.get(input.UploadId ?? '');
  if (upload === undefined || upload.key !== input.Key) throw s3Error('NoSuchUpload');
  return upload;
}

/** @throws Refusal for parts that are not there, are others, in disorder or too small. */
function completedParts(
  upload: StoredUpload,
  named: readonly {
    PartNumber?: number | undefined;
    ETag?: string | undefined;
    ChecksumCRC32?: string | undefined;
    ChecksumSHA256?: string | undefined;
  }[],
): StoredPart[] {
  if (named.length === 0) throw s3Error('MalformedXML');
  const numbers = named.map(({ PartNumber }) => PartNumber ?? 0);
  if (numbers.some((number, index) => index > 0 && number <= (numbers[index - 1] ?? 0)))
    throw s3Error('InvalidPartOrder');
  return named.map(({ PartNumber = 0, ETag, ChecksumCRC32, ChecksumSHA256 }, index) => {
    const part = upload.parts.get(PartNumber);
    if (part === undefined || ETag?.replaceAll('"', '') !== part.md5) throw s3Error('InvalidPart');
    if (ChecksumCRC32 !== undefined && ChecksumCRC32 !== part.checksums.crc32) throw s3Error('InvalidPart');
    if (ChecksumSHA256 !== undefined && ChecksumSHA256 !== part.checksums.sha256) throw s3Error('InvalidPart');
    const { checksum } = upload;
    if (checksum?.type === 'COMPOSITE' && part.checksums[checksum.name] === undefined) {
      throw s3Error(
        'InvalidRequest',
        `The upload was created using a ${checksum.name} checksum. The complete request must include it.`,
      );
    }
    if (index < named.length - 1 && part.size < minimumPartBytes) throw s3Error('EntityTooSmall');
    return part;
  });
}

function objectChecksums({ checksum }: StoredUpload, parts: readonly StoredPart[]): S3Checksums {
  if (checksum === undefined) return {};
  const { name, type } = checksum;
  if (type === 'FULL_OBJECT') return { [name]: checksumOf(name, allChunks(parts)), type };
  return { [name]: compositeChecksum(name, checksumsOf(name, parts)), type };
}

function checksumsOf(name: ChecksumName, parts: readonly StoredPart[]): string[] {
  return parts.map(({ checksums }) => checksums[name] ?? '');
}

function* allChunks(parts: readonly StoredPart[]): Generator<Uint8Array, void, undefined> {
  for (const { chunks } of parts) yield* chunks;
}
