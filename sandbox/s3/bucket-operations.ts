import {
  CreateBucket$,
  type CreateBucketOutput,
  type CreateBucketRequest,
  DeleteBucket$,
  type DeleteBucketRequest,
  GetBucketLocation$,
  type GetBucketLocationOutput,
  type GetBucketLocationRequest,
  GetBucketVersioning$,
  type GetBucketVersioningOutput,
  type GetBucketVersioningRequest,
  GetObjectLockConfiguration$,
  type GetObjectLockConfigurationOutput,
  type GetObjectLockConfigurationRequest,
  HeadBucket$,
  type HeadBucketOutput,
  type HeadBucketRequest,
  ListBuckets$,
  type ListBucketsOutput,
  type ListBucketsRequest,
  PutBucketVersioning$,
  type PutBucketVersioningRequest,
  PutObjectLockConfiguration$,
  type PutObjectLockConfigurationRequest,
} from '@aws-sdk/client-s3';
import { refuseOthers } from '../control-plane/service.ts';
import { type S3Call, type S3Operation, s3Operation } from './operation.ts';
import { s3Error } from './s3-error.ts';
import { StoredBucket } from './stored-bucket.ts';

const defaultRegion = 'us-east-1';

/** @throws Refusal when there is no such bucket, or it is another account's than the caller expects. */
export function bucketOf(
  { buckets, account }: S3Call,
  {
    Bucket: name = '',
    ExpectedBucketOwner: owner,
  }: { Bucket?: string | undefined; ExpectedBucketOwner?: string | undefined },
): StoredBucket {
  const bucket = buckets.get(name);
  if (bucket === undefined) throw s3Error('NoSuchBucket');
  if (owner !== undefined && owner !== account) throw s3Error('AccessDenied');
  return bucket;
}

/** What is done with buckets themselves. */
export const bucketOperations: readonly S3Operation[] = [
  s3Operation(ListBuckets$, (input: ListBucketsRequest, { buckets }): ListBucketsOutput => {
    refuseOthers(input);
    const all = [...buckets.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return { Buckets: all.map(({ name, creationDate }) => ({ Name: name, CreationDate: creationDate })) };
  }),

  s3Operation(CreateBucket$, (input: CreateBucketRequest, { buckets, clock }): CreateBucketOutput => {
    const {
      Bucket: name = '',
      CreateBucketConfiguration,
      ObjectLockEnabledForBucket,
      ObjectOwnership,
      ...others
    } = input;
    refuseOthers(others);
    if (buckets.has(name)) throw s3Error('BucketAlreadyOwnedByYou');
    const bucket = new StoredBucket(name, {
      region: CreateBucketConfiguration?.LocationConstraint ?? defaultRegion,
      clock,
    });
    if (ObjectLockEnabledForBucket) {
      bucket.hasObjectLock = true;
      bucket.versioning = 'Enabled';
    }
    buckets.set(name, bucket);
    return { Location: `/${name}` };
  }),

  s3Operation(HeadBucket$, (input: HeadBucketRequest, call): HeadBucketOutput => {
    return { BucketRegion: bucketOf(call, input).region };
  }),

  s3Operation(GetBucketLocation$, (input: GetBucketLocationRequest, call): GetBucketLocationOutput => {
    const { region } = bucketOf(call, input);
    return { LocationConstraint: region === defaultRegion ? undefined : (region as never) };
  }),

  s3Operation(DeleteBucket$, (input: DeleteBucketRequest, call): object => {
    const bucket = bucketOf(call, input);
    if (!bucket.isEmpty) throw s3Error('BucketNotEmpty');
    call.buckets.delete(bucket.name);
    return {};
  }),

  s3Operation(GetBucketVersioning$, (input: GetBucketVersioningRequest, call): GetBucketVersioningOutput => {
    const { versioning, hasMfaDelete } = bucketOf(call, input);
    return { Status: versioning, MFADelete: hasMfaDelete ? 'Enabled' : undefined };
  }),

  s3Operation(PutBucketVersioning$, (input: PutBucketVersioningRequest, call): object => {
    const { Bucket, ExpectedBucketOwner, VersioningConfiguration, ContentMD5, ChecksumAlgorithm, MFA, ...others } =
      input;
    refuseOthers(others);
    const bucket = bucketOf(call, input);
    const { Status, MFADelete } = VersioningConfiguration ?? {};
    if ((MFADelete !== undefined || bucket.hasMfaDelete) && MFA === undefined) {
      throw s3Error('AccessDenied', 'Mfa Authentication must be used for this request');
    }
    if (Status === 'Suspended' && bucket.hasObjectLock) throw s3Error('InvalidBucketState');
    if (Status !== undefined) bucket.versioning = Status;
    if (MFADelete !== undefined) bucket.hasMfaDelete = MFADelete === 'Enabled';
    return {};
  }),

  s3Operation(
    GetObjectLockConfiguration$,
    (input: GetObjectLockConfigurationRequest, call): GetObjectLockConfigurationOutput => {
      const { hasObjectLock, lockRule } = bucketOf(call, input);
      if (!hasObjectLock) throw s3Error('ObjectLockConfigurationNotFoundError');
      return { ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled', Rule: lockRule } };
    },
  ),

  s3Operation(PutObjectLockConfiguration$, (input: PutObjectLockConfigurationRequest, call): object => {
    const bucket = bucketOf(call, input);
    if (bucket.versioning !== 'Enabled') {
      throw s3Error(
        'InvalidBucketState',
        'Versioning must be Enabled on the bucket to apply an Object Lock configuration',
      );
    }
    bucket.hasObjectLock = true;
    bucket.lockRule = input.ObjectLockConfiguration?.Rule;
    return {};
  }),
];
