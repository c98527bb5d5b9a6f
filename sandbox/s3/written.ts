import type { PutObjectRequest } from '@aws-sdk/client-s3';
import { refuseOthers } from '../control-plane/service.ts';
import { s3Error } from './s3-error.ts';
import type { StoredBucket } from './stored-bucket.ts';
import type { StoredContent, StoredVersion } from './stored-object.ts';

/** Members about what is written, which PutObject, CopyObject and CreateMultipartUpload have in common. */
type Written = Omit<PutObjectRequest, 'Bucket' | 'Key' | 'Body' | 'ExpectedBucketOwner' | 'IfMatch' | 'IfNoneMatch'>;

/**
 * Returns what an object is to be, and how long it is to stay.
 *
 * @throws Refusal for members that the sandbox does not honour, and for a lock in a bucket without locks.
 */
export function written(
  input: Written,
  bucket: StoredBucket,
): {
  readonly content: Pick<StoredContent, 'storageClass' | 'metadata' | 'headers'>;
  readonly lock: Partial<Pick<StoredVersion, 'retention' | 'legalHold'>>;
} {
  const { StorageClass = 'STANDARD', Metadata = {}, ObjectLockMode, ObjectLockRetainUntilDate, ...rest } = input;
  const {
    ObjectLockLegalHoldStatus,
    ContentType = 'binary/octet-stream',
    CacheControl,
    ContentDisposition,
    ...more
  } = rest;
  const { ContentEncoding, ContentLanguage, Expires, ServerSideEncryption, SSEKMSKeyId, BucketKeyEnabled, ...others } =
    more;
  const { ContentLength, ContentMD5, ChecksumAlgorithm, ChecksumCRC32, ChecksumSHA1, ChecksumSHA256, ...unknown } =
    others;
  refuseOthers(unknown);
  if (!bucket.hasObjectLock && (ObjectLockMode ?? ObjectLockLegalHoldStatus) !== undefined) {
    throw s3Error('InvalidRequest', 'Bucket is missing Object Lock Configuration');
  }
  if ((ObjectLockMode === undefined) !== (ObjectLockRetainUntilDate === undefined)) {
    throw s3Error(
      'InvalidArgument',
      'x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied',
    );
  }
  const encoding = ContentEncoding?.split(',')
    .map((part) => part.trim())
    .filter((part) => part !== 'aws-chunked');
  return {
    content: {
      storageClass: StorageClass,
      metadata: Metadata,
      headers: {
        ContentType,
        CacheControl,
        ContentDisposition,
        ContentEncoding: encoding?.join(',') || undefined,
        ContentLanguage,
        ServerSideEncryption,
        SSEKMSKeyId,
        BucketKeyEnabled,
      },
    },
    lock: {
      ...(ObjectLockMode === undefined || ObjectLockRetainUntilDate === undefined
        ? {}
        : { retention: { mode: ObjectLockMode, until: ObjectLockRetainUntilDate } }),
      legalHold: ObjectLockLegalHoldStatus,
    },
  };
}
