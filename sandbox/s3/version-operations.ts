import {
  type DeleteMarkerEntry,
  ListObjectVersions$,
  type ListObjectVersionsOutput,
  type ListObjectVersionsRequest,
  type ObjectVersion,
} from '@aws-sdk/client-s3';
import { refuseOthers } from '../control-plane/service.ts';
import { encodeForUrl } from '../control-plane/services/s3-listing.ts';
import { bucketOf } from './bucket-operations.ts';
import { type S3Operation, s3Operation } from './operation.ts';
import { s3Error } from './s3-error.ts';
import { isOlder, type StoredBucket } from './stored-bucket.ts';
import type { StoredVersion } from './stored-object.ts';

const maximumKeys = 1000;

/** What a page lists: a version, or all keys up to the next delimiter as one. */
type Entry = { readonly version: StoredVersion; readonly isLatest: boolean } | { readonly commonPrefix: string };

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html */
export const versionOperations: readonly S3Operation[] = [
  s3Operation(ListObjectVersions$, (input: ListObjectVersionsRequest, call): ListObjectVersionsOutput => {
    const { Bucket, ExpectedBucketOwner, Prefix = '', Delimiter, KeyMarker, VersionIdMarker, ...rest } = input;
    const { MaxKeys = maximumKeys, EncodingType, ...others } = rest;
    refuseOthers(others);
    if (VersionIdMarker !== undefined && KeyMarker === undefined) {
      throw s3Error('InvalidArgument', 'A version-id marker cannot be specified without a key marker.');
    }
    const encode = (text: string) => (EncodingType === 'url' ? encodeForUrl(text) : text);
    const limit = Math.min(MaxKeys, maximumKeys, call.pageSize);
    const bucket = bucketOf(call, input);
    const entries: Entry[] = [];
    let isTruncated = false;
    for (const entry of entriesBehind(bucket, Prefix, Delimiter, KeyMarker, VersionIdMarker)) {
      if (entries.length === limit) {
        isTruncated = limit > 0;
        break;
      }
      entries.push(entry);
    }
    const versions: ObjectVersion[] = [];
    const markers: DeleteMarkerEntry[] = [];
    const prefixes: { Prefix: string }[] = [];
    for (const entry of entries) {
      if ('commonPrefix' in entry) {
        prefixes.push({ Prefix: encode(entry.commonPrefix) });
        continue;
      }
      const { key, versionId, lastModified, content } = entry.version;
      const common = {
        Key: encode(key),
        VersionId: versionId,
        IsLatest: entry.isLatest,
        LastModified: new Date(Math.floor(lastModified.getTime() / 1000) * 1000),
      };
      if (content === undefined) markers.push(common);
      else {
        const { etag, size, storageClass } = content;
        versions.push({ ...common, ETag: `"${etag}"`, Size: size, StorageClass: storageClass as 'STANDARD' });
      }
    }
    const last = entries.at(-1);
    const next = last === undefined || !isTruncated ? undefined : last;
    return {
      Name: Bucket,
      Prefix: encode(Prefix),
      Delimiter: Delimiter && encode(Delimiter),
      KeyMarker: encode(KeyMarker ?? ''),
      VersionIdMarker,
      MaxKeys,
      EncodingType,
      IsTruncated: isTruncated,
      NextKeyMarker: next && encode('version' in next ? next.version.key : next.commonPrefix),
      NextVersionIdMarker: next && 'version' in next ? next.version.versionId : undefined,
      Versions: versions,
      DeleteMarkers: markers,
      CommonPrefixes: prefixes,
    };
  }),
];

function* entriesBehind(
  bucket: StoredBucket,
  prefix: string,
  delimiter: string | undefined,
  keyMarker: string | undefined,
  versionIdMarker: string | undefined,
): Generator<Entry, void, undefined> {
  // A common prefix as a marker stands for all that is below it.
  let commonPrefix = delimiter && keyMarker?.endsWith(delimiter) ? keyMarker : undefined;
  for (const key of bucket.keysFrom(keyMarker !== undefined && keyMarker > prefix ? keyMarker : prefix)) {
    if (!key.startsWith(prefix)) return;
    if (commonPrefix !== undefined && key.startsWith(commonPrefix)) continue;
    const end = delimiter ? key.indexOf(delimiter, prefix.length) : -1;
    if (end !== -1 && delimiter) {
      commonPrefix = key.slice(0, end + delimiter.length);
      yield { commonPrefix };
      continue;
    }
    const versions = bucket.versionsOf(key);
    if (key === keyMarker && versionIdMarker === undefined) continue;
    const first = key === keyMarker && versionIdMarker !== undefined ? indexBehind(versions, versionIdMarker) : 0;
    for (const [index, version] of versions.entries()) {
      if (index >= first) yield { version, isLatest: index === 0 };
    }
  }
}

/** Index of the first version that is older than one that may be gone by now. */
function indexBehind(versions: readonly StoredVersion[], marker: string): number {
  const index = versions.findIndex(({ versionId }) => versionId === marker);
  if (index !== -1) return index + 1;
  const older = versions.findIndex(({ versionId }) => versionId !== 'null' && isOlder(versionId, marker));
  return older === -1 ? versions.length : older;
}
