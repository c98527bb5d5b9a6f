import { ListObjectVersionsCommand, type ListObjectVersionsCommandOutput, type S3Client } from '@aws-sdk/client-s3';
import { UncheckedError } from '../unchecked-error.ts';
import { compareKeys } from './compare-keys.ts';
import { type ListedObject, unquoted } from './listed-object.ts';
import { decodeUrl } from './scan-listing.ts';

/** A version of an object, or a delete marker. */
export interface ListedVersion extends ListedObject {
  /** `null`, in these letters, for one from before the bucket had versions. */
  readonly versionId: string;
  readonly isLatest: boolean;
  /** It has no content, and hides what is behind it. */
  readonly isDeleteMarker: boolean;
}

/** Where to list versions. */
export interface VersionRange {
  readonly bucket: string;
  readonly prefix: string;
  /** Keys behind this one only. */
  readonly startAfter?: string | undefined;
}

/**
 * Yields the versions and delete markers of a range in the order of their keys' UTF-8 bytes, of one key the newest first, in batches
 * that are never empty; of a key with many versions a batch may have only some.
 *
 * S3 tells versions and delete markers apart, and the SDK hands them over as two lists: how they lie between each other is told by
 * their times, which are whole seconds. Of a version and a delete marker of one second it is not known which came first.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
 *
 * @throws UncheckedError `aws-error` when an answer contradicts itself; and the SDK's errors.
 */
export async function* listVersions(
  client: S3Client,
  { bucket, prefix, startAfter }: VersionRange,
  { signal }: { readonly signal: AbortSignal },
): AsyncGenerator<readonly ListedVersion[], void, undefined> {
  let place: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } = { KeyMarker: startAfter };
  while (true) {
    const command = new ListObjectVersionsCommand({ Bucket: bucket, Prefix: prefix, EncodingType: 'url', ...place });
    const page = await client.send(command, { abortSignal: signal });
    const versions = versionsOf(page);
    if (versions.length > 0) yield versions;
    if (page.IsTruncated === undefined)
      throw contradiction(`whether the listing of ${bucket} goes on, it does not say`);
    if (!page.IsTruncated) return;
    if (page.NextKeyMarker === undefined || versions.length === 0) {
      throw contradiction(`the listing of ${bucket} goes on, but not where`);
    }
    place = { KeyMarker: decoderOf(page)(page.NextKeyMarker), VersionIdMarker: page.NextVersionIdMarker };
  }
}

function versionsOf(page: ListObjectVersionsCommandOutput): ListedVersion[] {
  const decode = decoderOf(page);
  const versions = (page.Versions ?? []).map((version) => versionOf(version, decode, version));
  const markers = (page.DeleteMarkers ?? []).map((marker) => versionOf(marker, decode, undefined));
  const merged: ListedVersion[] = [];
  let next = 0;
  for (const version of versions) {
    while (next < markers.length && isBefore(markers[next] as ListedVersion, version)) {
      merged.push(markers[next++] as ListedVersion);
    }
    merged.push(version);
  }
  return merged.concat(markers.slice(next));
}

/** Both lists are in their order: only one of each is compared. */
function isBefore(a: ListedVersion, b: ListedVersion): boolean {
  const order = compareKeys(a.key, b.key);
  if (order !== 0) return order < 0;
  if (a.isLatest !== b.isLatest) return a.isLatest;
  return a.modifiedAtMs > b.modifiedAtMs;
}

function versionOf(
  entry: {
    readonly Key?: string | undefined;
    readonly VersionId?: string | undefined;
    readonly IsLatest?: boolean | undefined;
    readonly LastModified?: Date | undefined;
  },
  decode: (text: string) => string,
  content: { readonly Size?: number; readonly ETag?: string; readonly StorageClass?: string } | undefined,
): ListedVersion {
  const { Key, VersionId, IsLatest, LastModified } = entry;
  const isWhole = content === undefined || content.Size !== undefined;
  if (
    typeof Key !== 'string' ||
    VersionId === undefined ||
    IsLatest === undefined ||
    LastModified === undefined ||
    !isWhole
  ) {
    throw contradiction('it has a version without key, id, size or time');
  }
  return {
    key: decode(Key),
    versionId: VersionId,
    isLatest: IsLatest,
    isDeleteMarker: content === undefined,
    sizeBytes: content?.Size ?? 0,
    modifiedAtMs: LastModified.getTime(),
    etag: content?.ETag === undefined ? undefined : unquoted(content.ETag),
    storageClass: content?.StorageClass,
  };
}

function decoderOf({ EncodingType }: ListObjectVersionsCommandOutput): (text: string) => string {
  return EncodingType === 'url' ? decodeUrl : (text) => text;
}

function contradiction(what: string): UncheckedError {
  return new UncheckedError('aws-error', `s3:ListObjectVersions answered with half a listing: ${what}`);
}
