import {
  type Bucket,
  GetBucketReplication$,
  type GetBucketReplicationOutput,
  type GetBucketReplicationRequest,
  GetBucketTagging$,
  type GetBucketTaggingOutput,
  type GetBucketTaggingRequest,
  GetBucketVersioning$,
  type GetBucketVersioningOutput,
  type GetBucketVersioningRequest,
  GetObject$,
  GetObjectLockConfiguration$,
  type GetObjectLockConfigurationOutput,
  type GetObjectLockConfigurationRequest,
  type GetObjectOutput,
  type GetObjectRequest,
  HeadObject$,
  type HeadObjectOutput,
  type HeadObjectRequest,
  ListBuckets$,
  type ListBucketsOutput,
  type ListBucketsRequest,
  ListObjectsV2$,
  type ListObjectsV2Output,
  type ListObjectsV2Request,
} from '@aws-sdk/client-s3';
import type { AccountDocument, EstateDocument } from '../estate-document.ts';
import { Refusal } from '../refusal.ts';
import { restXmlWire } from '../rest-xml-wire.ts';
import { type Call, operation, refuseOthers, type Service } from '../service.ts';
import type { Wire } from '../wire.ts';
import { bodyOf, etagOf, findObject, type S3BucketDocument, type S3ObjectDocument, sizeOf } from './s3-document.ts';
import { listObjects } from './s3-listing.ts';

const restXml = restXmlWire('http://s3.amazonaws.com/doc/2006-03-01/');

/** A part of an object has a status of its own, of which the operation's schema knows nothing. */
const wire: Wire = {
  ...restXml,
  writeOutput(schema, output: object & { ContentRange?: unknown }, requestId) {
    const response = restXml.writeOutput(schema, output, requestId);
    return output.ContentRange === undefined ? response : { ...response, status: 206 };
  },
};

const archived: readonly (string | undefined)[] = ['GLACIER', 'DEEP_ARCHIVE'];

/** Amazon Simple Storage Service, for reading and with the bucket in the path. Buckets of versions show the current ones. */
export const s3: Service = {
  name: 's3',
  serviceId: 'S3',
  wire,
  operations: [
    operation(ListBuckets$, (input: ListBucketsRequest, call): ListBucketsOutput => {
      const { Prefix = '', BucketRegion, MaxBuckets, ContinuationToken } = input;
      const buckets = Object.entries(call.account.s3?.buckets ?? {})
        .map(([Name, { region, creationDate }]): Bucket => ({ Name, CreationDate: creationDate, BucketRegion: region }))
        .filter((bucket) => bucket.Name?.startsWith(Prefix))
        .filter((bucket) => BucketRegion === undefined || bucket.BucketRegion === BucketRegion)
        .sort((a, b) => ((a.Name ?? '') < (b.Name ?? '') ? -1 : 1));
      // Only whoever asks for something gets pages, and regions.
      if (Object.keys(input).length === 0) {
        return { Buckets: buckets.map(({ Name, CreationDate }) => ({ Name, CreationDate })) };
      }
      const { items, next } = call.page(buckets, ContinuationToken, MaxBuckets);
      return { Buckets: items, Prefix, ContinuationToken: next };
    }),

    operation(ListObjectsV2$, (input: ListObjectsV2Request, call): ListObjectsV2Output => {
      const { Bucket, ExpectedBucketOwner, Prefix, Delimiter, StartAfter, ContinuationToken, ...rest } = input;
      const { MaxKeys, EncodingType, FetchOwner, ...others } = rest;
      refuseOthers({ ...others, FetchOwner: FetchOwner || undefined });
      return listObjects(bucketOf(call, input), input, call.pageSize);
    }),

    operation(HeadObject$, (input: HeadObjectRequest, call): HeadObjectOutput => {
      const { Bucket, ExpectedBucketOwner, Key, VersionId, IfMatch, ChecksumMode, ...others } = input;
      refuseOthers(others);
      const object = objectOf(call, input);
      return { ...headersOf(object, ChecksumMode), ContentLength: sizeOf(object) };
    }),

    operation(GetObject$, (input: GetObjectRequest, call): GetObjectOutput => {
      const { Bucket, ExpectedBucketOwner, Key, VersionId, IfMatch, ChecksumMode, Range, ...others } = input;
      refuseOthers(others);
      const object = objectOf(call, input);
      if (archived.includes(object.storageClass) && !object.restore?.includes('ongoing-request="false"')) {
        const message = "The operation is not valid for the object's storage class";
        throw new Refusal({ code: 'InvalidObjectState', status: 403 }, message);
      }
      const body = bodyOf(object);
      if (Range === undefined) {
        return { ...headersOf(object, ChecksumMode), ContentLength: body.byteLength, Body: streaming(body) };
      }
      const [start, end] = readRange(Range, body.byteLength);
      const part = body.subarray(start, end + 1);
      return {
        // The checksums are those of the whole.
        ...headersOf(object, undefined),
        ContentRange: `bytes ${start}-${end}/${body.byteLength}`,
        ContentLength: part.byteLength,
        Body: streaming(part),
      };
    }),

    operation(GetBucketTagging$, (input: GetBucketTaggingRequest, call): GetBucketTaggingOutput => {
      const { tags } = bucketOf(call, input);
      if (tags === undefined) throw new Refusal({ code: 'NoSuchTagSet', status: 404 }, 'The TagSet does not exist');
      return { TagSet: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
    }),

    operation(GetBucketVersioning$, (input: GetBucketVersioningRequest, call): GetBucketVersioningOutput => {
      return { Status: bucketOf(call, input).versioning };
    }),

    operation(
      GetObjectLockConfiguration$,
      (input: GetObjectLockConfigurationRequest, call): GetObjectLockConfigurationOutput => {
        const { objectLock } = bucketOf(call, input);
        if (objectLock === undefined) {
          const message = 'Object Lock configuration does not exist for this bucket';
          throw new Refusal({ code: 'ObjectLockConfigurationNotFoundError', status: 404 }, message);
        }
        return { ObjectLockConfiguration: objectLock };
      },
    ),

    operation(GetBucketReplication$, (input: GetBucketReplicationRequest, call): GetBucketReplicationOutput => {
      const { replication } = bucketOf(call, input);
      if (replication === undefined) {
        const message = 'The replication configuration was not found';
        throw new Refusal({ code: 'ReplicationConfigurationNotFoundError', status: 404 }, message);
      }
      return { ReplicationConfiguration: replication };
    }),
  ],
};

/** Returns whether any account of an estate has a bucket; names are global. */
export function hasBucket({ accounts }: EstateDocument, name: string): boolean {
  return Object.values(accounts).some((account) => bucketIn(account, name) !== undefined);
}

function bucketIn(account: AccountDocument, name: string): S3BucketDocument | undefined {
  const buckets = account.s3?.buckets ?? {};
  return Object.hasOwn(buckets, name) ? buckets[name] : undefined;
}

/** @throws Refusal when the caller has no such bucket in the region of the request. */
function bucketOf(
  call: Call,
  { Bucket: name = '', ExpectedBucketOwner: owner }: { Bucket?: string; ExpectedBucketOwner?: string },
): S3BucketDocument {
  const bucket = bucketIn(call.account, name);
  const exists = bucket !== undefined || call.otherAccounts.some((account) => bucketIn(account, name) !== undefined);
  if (!exists) throw new Refusal({ code: 'NoSuchBucket', status: 404 }, 'The specified bucket does not exist');
  if (bucket === undefined || (owner !== undefined && owner !== call.caller.account)) {
    throw new Refusal('accessDenied', 'Access Denied');
  }
  if (bucket.region !== call.region) {
    const message = `The bucket you are attempting to access must be addressed in ${bucket.region}.`;
    throw new Refusal({ code: 'PermanentRedirect', status: 301 }, message);
  }
  return bucket;
}

/** @throws Refusal when there is no such object, or another one than the caller expects. */
function objectOf(call: Call, input: GetObjectRequest): S3ObjectDocument {
  const object = findObject(bucketOf(call, input), input.Key ?? '');
  if (object === undefined) throw new Refusal({ code: 'NoSuchKey', status: 404 }, 'The specified key does not exist.');
  const { IfMatch: etag, VersionId } = input;
  if (VersionId !== undefined && VersionId !== (object.versionId ?? 'null')) {
    throw new Refusal({ code: 'NoSuchVersion', status: 404 }, 'The specified version does not exist.');
  }
  if (etag !== undefined && etag !== '*' && etag.replaceAll('"', '') !== etagOf(object).replaceAll('"', '')) {
    const message = 'At least one of the pre-conditions you specified did not hold';
    throw new Refusal({ code: 'PreconditionFailed', status: 412 }, message);
  }
  return object;
}

function headersOf(object: S3ObjectDocument, checksumMode: string | undefined): HeadObjectOutput {
  const { checksums, storageClass } = object;
  return {
    AcceptRanges: 'bytes',
    ContentType: 'binary/octet-stream',
    LastModified: object.lastModified,
    ETag: etagOf(object),
    VersionId: object.versionId,
    Restore: object.restore,
    ReplicationStatus: object.replicationStatus,
    // S3 does not say that an object is where all objects are by default.
    StorageClass: storageClass === 'STANDARD' ? undefined : storageClass,
    Metadata: object.metadata,
    ...(checksumMode !== 'ENABLED' || checksums === undefined
      ? {}
      : {
          ChecksumCRC32: checksums.crc32,
          ChecksumCRC32C: checksums.crc32c,
          ChecksumCRC64NVME: checksums.crc64nvme,
          ChecksumSHA1: checksums.sha1,
          ChecksumSHA256: checksums.sha256,
          ChecksumType: checksums.type ?? 'FULL_OBJECT',
        }),
  };
}

/** The client's type has streams only; on the wire both are bytes. */
function streaming(body: Uint8Array): GetObjectOutput['Body'] {
  return body as unknown as GetObjectOutput['Body'];
}

/** Returns the first and the last byte of a range. @throws Refusal when it is none, or begins behind the end. */
function readRange(range: string, size: number): [start: number, end: number] {
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? [];
  if (from === undefined || to === undefined || (from === '' && to === '')) {
    throw new Refusal('invalidInput', `The sandbox does not honour the range ${range}.`);
  }
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (start > end) throw new Refusal({ code: 'InvalidRange', status: 416 }, 'The requested range is not satisfiable');
  return [start, end];
}
