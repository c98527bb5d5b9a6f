import type { _Object, ChecksumAlgorithm, ListObjectsV2Output, ListObjectsV2Request } from '@aws-sdk/client-s3';
import { Refusal } from '../refusal.ts';
import { compareKeys, etagOf, objectsOf, type S3BucketDocument, type S3ObjectDocument, sizeOf } from './s3-document.ts';

const maxMaxKeys = 1000;

/** What a page lists: an object, or all objects up to the next delimiter as one. */
type Entry = { readonly object: S3ObjectDocument } | { readonly commonPrefix: string };

/**
 * Returns one page of a bucket's objects as S3 lists them (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html).
 *
 * @param pageSize what no page may exceed, whatever the client asks for.
 * @throws Refusal where S3 refuses a parameter.
 */
export function listObjects(
  bucket: S3BucketDocument,
  input: Pick<
    ListObjectsV2Request,
    'Bucket' | 'Prefix' | 'Delimiter' | 'StartAfter' | 'ContinuationToken' | 'MaxKeys' | 'EncodingType'
  >,
  pageSize: number,
): ListObjectsV2Output {
  const { Bucket = '', Prefix = '', Delimiter, StartAfter, ContinuationToken, EncodingType } = input;
  const { MaxKeys = maxMaxKeys } = input;
  if (MaxKeys < 0) throw new Refusal('invalidInput', 'Argument maxKeys must be an integer between 0 and 2147483647');
  if (EncodingType !== undefined && EncodingType !== 'url') {
    throw new Refusal('invalidInput', 'Invalid Encoding Method specified in Request');
  }
  const encode = (text: string) => (EncodingType === 'url' ? encodeForUrl(text) : text);
  const limit = Math.min(MaxKeys, maxMaxKeys, pageSize);
  const after = ContinuationToken === undefined ? { key: StartAfter ?? '' } : readToken(ContinuationToken, Bucket);

  const entries: Entry[] = [];
  let isTruncated = false;
  for (const entry of entriesAfter(bucket, after, Prefix, Delimiter)) {
    if (entries.length === limit) {
      isTruncated = limit > 0;
      break;
    }
    entries.push(entry);
  }
  const last = entries.at(-1);
  return {
    Name: Bucket,
    Prefix: encode(Prefix),
    Delimiter: Delimiter && encode(Delimiter),
    StartAfter: StartAfter && encode(StartAfter),
    EncodingType,
    MaxKeys: Math.min(MaxKeys, maxMaxKeys),
    KeyCount: entries.length,
    IsTruncated: isTruncated,
    ContinuationToken,
    NextContinuationToken: isTruncated && last !== undefined ? writeToken(last, Bucket) : undefined,
    Contents: entries.flatMap((entry) => ('object' in entry ? listed(entry.object, encode) : [])),
    CommonPrefixes: entries.flatMap((entry) => ('object' in entry ? [] : { Prefix: encode(entry.commonPrefix) })),
  };
}

/** Where a page begins: behind a key, and behind everything that a common prefix stands for. */
interface Position {
  readonly key: string;
  readonly commonPrefix?: string;
}

function* entriesAfter(
  bucket: S3BucketDocument,
  after: Position,
  prefix: string,
  delimiter: string | undefined,
): Iterable<Entry> {
  let { commonPrefix } = after;
  for (const object of objectsOf(bucket).from(compareKeys(after.key, prefix) < 0 ? prefix : after.key)) {
    const { key } = object;
    if (!key.startsWith(prefix)) return;
    if (key === after.key || (commonPrefix !== undefined && key.startsWith(commonPrefix))) continue;
    const end = delimiter ? key.indexOf(delimiter, prefix.length) : -1;
    if (end === -1) yield { object };
    else {
      commonPrefix = key.slice(0, end + (delimiter?.length ?? 0));
      yield { commonPrefix };
    }
  }
}

const algorithms: readonly (readonly [keyof NonNullable<S3ObjectDocument['checksums']>, ChecksumAlgorithm])[] = [
  ['crc32', 'CRC32'],
  ['crc32c', 'CRC32C'],
  ['crc64nvme', 'CRC64NVME'],
  ['sha1', 'SHA1'],
  ['sha256', 'SHA256'],
];

function listed(object: S3ObjectDocument, encode: (text: string) => string): _Object {
  const { checksums } = object;
  return {
    Key: encode(object.key),
    // Whole seconds, as in the header of the object itself.
    LastModified: new Date(Math.floor(object.lastModified.getTime() / 1000) * 1000),
    ETag: etagOf(object),
    Size: sizeOf(object),
    StorageClass: object.storageClass ?? 'STANDARD',
    ...(checksums === undefined
      ? {}
      : {
          ChecksumAlgorithm: algorithms.flatMap(([name, algorithm]) =>
            checksums[name] === undefined ? [] : algorithm,
          ),
          ChecksumType: checksums.type ?? 'FULL_OBJECT',
        }),
  };
}

/** The form encoding of Java's `URLEncoder`, in which a space is a plus, but slashes stay: so S3 answers. */
export function encodeForUrl(text: string): string {
  return encodeURIComponent(text)
    .replaceAll('%2F', '/')
    .replaceAll('%20', '+')
    .replace(/[!'()~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

function writeToken(last: Entry, bucket: string): string {
  const position: Position =
    'object' in last ? { key: last.object.key } : { key: last.commonPrefix, commonPrefix: last.commonPrefix };
  return Buffer.from(JSON.stringify({ bucket, position })).toString('base64');
}

function readToken(token: string, bucket: string): Position {
  try {
    const read = JSON.parse(Buffer.from(token, 'base64').toString()) as { bucket: string; position: Position };
    if (read.bucket === bucket) return read.position;
  } catch {
    // Not one of ours: refused below, like one of another bucket.
  }
  throw new Refusal('invalidInput', 'The continuation token provided is incorrect');
}
