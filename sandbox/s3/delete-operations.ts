import {
  type _Error,
  type DeletedObject,
  DeleteObject$,
  type DeleteObjectOutput,
  type DeleteObjectRequest,
  DeleteObjects$,
  type DeleteObjectsOutput,
  type DeleteObjectsRequest,
} from '@aws-sdk/client-s3';
import { Refusal } from '../control-plane/refusal.ts';
import { refuseOthers } from '../control-plane/service.ts';
import { bucketOf } from './bucket-operations.ts';
import { type S3Operation, s3Operation } from './operation.ts';
import { s3Error } from './s3-error.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html */
const maximumObjects = 1000;

/** Deletion of objects, versions and delete markers. */
export const deleteOperations: readonly S3Operation[] = [
  s3Operation(DeleteObject$, (input: DeleteObjectRequest, call): DeleteObjectOutput => {
    const {
      Bucket,
      ExpectedBucketOwner,
      Key = '',
      VersionId,
      IfMatch,
      MFA,
      BypassGovernanceRetention,
      ...others
    } = input;
    refuseOthers(others);
    const { isDeleteMarker, versionId } = bucketOf(call, input).delete(Key, {
      versionId: VersionId,
      etag: IfMatch,
      bypassesGovernance: BypassGovernanceRetention === true,
      hasMfa: MFA !== undefined,
    });
    return { DeleteMarker: isDeleteMarker || undefined, VersionId: versionId };
  }),

  s3Operation(DeleteObjects$, (input: DeleteObjectsRequest, call): DeleteObjectsOutput => {
    const { Bucket, ExpectedBucketOwner, Delete, MFA, BypassGovernanceRetention, ChecksumAlgorithm, ...others } = input;
    refuseOthers(others);
    const bucket = bucketOf(call, input);
    const { Objects = [], Quiet = false } = Delete ?? {};
    if (Objects.length === 0 || Objects.length > maximumObjects) throw s3Error('MalformedXML');
    // A second factor is for all or for none: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
    if (bucket.hasMfaDelete && MFA === undefined && Objects.some(({ VersionId }) => VersionId !== undefined)) {
      throw s3Error('AccessDenied', 'Mfa Authentication must be used for this request');
    }
    const deleted: DeletedObject[] = [];
    const errors: _Error[] = [];
    for (const { Key = '', VersionId, ETag, ...conditions } of Objects) {
      try {
        refuseOthers(conditions);
        call.strike(Key);
        const { isDeleteMarker, versionId } = bucket.delete(Key, {
          versionId: VersionId,
          etag: ETag,
          bypassesGovernance: BypassGovernanceRetention === true,
          hasMfa: MFA !== undefined,
        });
        deleted.push({
          Key,
          VersionId,
          DeleteMarker: isDeleteMarker || undefined,
          DeleteMarkerVersionId: isDeleteMarker ? versionId : undefined,
        });
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        const { reason, message } = error;
        errors.push({ Key, VersionId, Code: typeof reason === 'string' ? reason : reason.code, Message: message });
      }
    }
    return { Deleted: Quiet ? [] : deleted, Errors: errors };
  }),
];
