import {
  GetObjectLegalHold$,
  type GetObjectLegalHoldOutput,
  type GetObjectLegalHoldRequest,
  GetObjectRetention$,
  type GetObjectRetentionOutput,
  type GetObjectRetentionRequest,
  PutObjectLegalHold$,
  type PutObjectLegalHoldRequest,
  PutObjectRetention$,
  type PutObjectRetentionRequest,
} from '@aws-sdk/client-s3';
import { bucketOf } from './bucket-operations.ts';
import { type S3Call, type S3Operation, s3Operation } from './operation.ts';
import { s3Error } from './s3-error.ts';
import type { StoredVersion } from './stored-object.ts';

interface LockRequest {
  Bucket: string | undefined;
  Key: string | undefined;
  VersionId?: string | undefined;
  ExpectedBucketOwner?: string | undefined;
}

/** Retention and legal holds of single versions: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html */
export const objectLockOperations: readonly S3Operation[] = [
  s3Operation(GetObjectRetention$, (input: GetObjectRetentionRequest, call): GetObjectRetentionOutput => {
    const { retention } = lockableVersion(call, input);
    if (retention === undefined) throw s3Error('NoSuchObjectLockConfiguration');
    return { Retention: { Mode: retention.mode, RetainUntilDate: retention.until } };
  }),

  s3Operation(PutObjectRetention$, (input: PutObjectRetentionRequest, call): object => {
    const version = lockableVersion(call, input);
    const { Mode, RetainUntilDate } = input.Retention ?? {};
    const { retention } = version;
    const isInForce = retention !== undefined && retention.until > call.now;
    const isLoosened = isInForce && (Mode !== retention.mode || (RetainUntilDate ?? call.now) < retention.until);
    if (isLoosened && (retention.mode === 'COMPLIANCE' || !input.BypassGovernanceRetention)) {
      throw s3Error('AccessDenied', 'Access Denied because object protected by object lock.');
    }
    if (Mode === undefined || RetainUntilDate === undefined) version.retention = undefined;
    else if (RetainUntilDate <= call.now)
      throw s3Error('InvalidArgument', 'The retain until date must be in the future!');
    else version.retention = { mode: Mode, until: RetainUntilDate };
    return {};
  }),

  s3Operation(GetObjectLegalHold$, (input: GetObjectLegalHoldRequest, call): GetObjectLegalHoldOutput => {
    const { legalHold } = lockableVersion(call, input);
    if (legalHold === undefined) throw s3Error('NoSuchObjectLockConfiguration');
    return { LegalHold: { Status: legalHold } };
  }),

  s3Operation(PutObjectLegalHold$, (input: PutObjectLegalHoldRequest, call): object => {
    lockableVersion(call, input).legalHold = input.LegalHold?.Status;
    return {};
  }),
];

/** @throws Refusal when there is no such version, or none in its bucket can be locked. */
function lockableVersion(call: S3Call, input: LockRequest): StoredVersion {
  const bucket = bucketOf(call, input);
  if (!bucket.hasObjectLock) throw s3Error('InvalidRequest', 'Bucket is missing Object Lock Configuration');
  const version = bucket.version(input.Key ?? '', input.VersionId);
  if (version === undefined) throw s3Error(input.VersionId === undefined ? 'NoSuchKey' : 'NoSuchVersion');
  if (version.content === undefined) throw s3Error('MethodNotAllowed');
  return version;
}
