import { Readable } from 'node:stream';
import { S3Client } from '@aws-sdk/client-s3';
import { HttpResponse } from '@smithy/core/transport';
import type { HttpRequest } from '@smithy/types';
import { compareKeys } from './compare-keys.ts';

/** An object of a bucket that tests list and ask for. */
export interface FakeObject {
  readonly key: string;
  readonly sizeBytes?: number;
  readonly modifiedAt?: Date;
  readonly etag?: string;
  readonly storageClass?: string;
  readonly replicationStatus?: string;
  readonly body?: Uint8Array;
  /** Base64 of what S3 keeps; told only where it is asked for. */
  readonly sha256?: string;
  /** Of parts, with their number behind it, unless it is of the whole. */
  readonly isChecksumOfParts?: boolean;
  /** `x-amz-meta-…`, by lower-case name. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** There since the listings were made. */
  readonly isUnlisted?: boolean;
  /** What is different since then: who asks for the object itself is told this. */
  readonly since?: Partial<Omit<FakeObject, 'key' | 'since'>>;
}

/** What a request is answered with instead of what it asks for. */
export interface FakeAnswer {
  readonly status: number;
  readonly body: string;
}

/** Attempts of a client at a call; retries are waited for, and tests are not to wait. */
const maxAttempts = 1;

/**
 * Returns a client whose requests never leave the process: listings, HEAD and GET over the buckets given, in S3's own wire format.
 *
 * @param pageSize keys on a page.
 * @param intercept is asked first about every request; what it returns is the answer.
 */
export function fakeS3(
  buckets: Readonly<Record<string, readonly FakeObject[]>>,
  {
    pageSize = 1_000,
    intercept = () => undefined,
  }: {
    pageSize?: number;
    intercept?: (request: HttpRequest) => FakeAnswer | Error | undefined | Promise<FakeAnswer | Error | undefined>;
  } = {},
): S3Client {
  const sorted = new Map<string, readonly FakeObject[]>();
  for (const [name, objects] of Object.entries(buckets)) {
    sorted.set(
      name,
      [...objects].sort((a, b) => compareKeys(a.key, b.key)),
    );
  }
  return new S3Client({
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    endpoint: 'http://127.0.0.1:1',
    forcePathStyle: true,
    maxAttempts,
    requestHandler: {
      async handle(request: HttpRequest) {
        const instead = await intercept(request);
        if (instead instanceof Error) throw instead;
        return {
          response: instead === undefined ? answer(request, sorted, pageSize) : respond(instead.status, instead.body),
        };
      },
      destroy() {},
    } as never,
  });
}

function answer(request: HttpRequest, buckets: Map<string, readonly FakeObject[]>, pageSize: number): HttpResponse {
  const [bucket = '', ...parts] = request.path.slice(1).split('/');
  const objects = buckets.get(decodeURIComponent(bucket));
  const key = decodeURIComponent(parts.join('/'));
  if (objects === undefined) return refuse(404, 'NoSuchBucket');
  if (key === '') return respond(200, listingXml(objects, request.query as Record<string, string>, pageSize));
  const listed = objects.find((candidate) => candidate.key === key);
  const object = listed === undefined ? undefined : { ...listed, ...listed.since };
  if (object === undefined) return request.method === 'HEAD' ? respond(404, '') : refuse(404, 'NoSuchKey');
  const body = request.method === 'HEAD' ? '' : (object.body ?? '');
  const { sizeBytes = object.body?.length ?? 1, modifiedAt = new Date(0), etag = 'e', replicationStatus } = object;
  const { metadata = {} } = object;
  return respond(200, body, {
    'content-length': String(sizeBytes),
    'last-modified': modifiedAt.toUTCString(),
    etag: `"${etag}"`,
    ...(replicationStatus === undefined ? {} : { 'x-amz-replication-status': replicationStatus }),
    ...(request.headers['x-amz-checksum-mode'] === 'ENABLED' ? checksumHeaders(object) : {}),
    ...Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`x-amz-meta-${name}`, value])),
  });
}

function checksumHeaders({ sha256, isChecksumOfParts = false }: FakeObject): Record<string, string> {
  if (sha256 === undefined) return {};
  return {
    'x-amz-checksum-sha256': isChecksumOfParts ? `${sha256}-2` : sha256,
    'x-amz-checksum-type': isChecksumOfParts ? 'COMPOSITE' : 'FULL_OBJECT',
  };
}

/** Returns what S3 answers to ListObjectsV2. */
function listingXml(objects: readonly FakeObject[], query: Readonly<Record<string, string>>, pageSize: number): string {
  const prefix = query.prefix ?? '';
  const { delimiter } = query;
  const after = query['continuation-token'] ?? query['start-after'] ?? '';
  const limit = Math.min(pageSize, Number(query['max-keys'] ?? pageSize));
  const rows: string[] = [];
  let last = '';
  let isTruncated = false;
  const seen = new Set<string>();
  for (const object of objects) {
    if (object.isUnlisted || !object.key.startsWith(prefix) || compareKeys(object.key, after) <= 0) continue;
    const end = delimiter === undefined ? -1 : object.key.indexOf(delimiter, prefix.length);
    const common = end === -1 ? undefined : object.key.slice(0, end + (delimiter ?? '').length);
    if (common !== undefined && (seen.has(common) || after.startsWith(common))) continue;
    if (rows.length >= limit) {
      isTruncated = true;
      break;
    }
    last = common ?? object.key;
    if (common === undefined) rows.push(contentsXml(object));
    else {
      seen.add(common);
      rows.push(`<CommonPrefixes><Prefix>${encodeKey(common)}</Prefix></CommonPrefixes>`);
    }
  }
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
    `<Name>bucket</Name><Prefix>${encodeKey(prefix)}</Prefix>` +
    (isTruncated ? `<NextContinuationToken>${escapeXml(last)}</NextContinuationToken>` : '') +
    `<KeyCount>${rows.length}</KeyCount><MaxKeys>${limit}</MaxKeys><EncodingType>url</EncodingType>` +
    `<IsTruncated>${isTruncated}</IsTruncated>${rows.join('')}</ListBucketResult>`
  );
}

/** Returns an object as it stands in a listing. */
function contentsXml({ key, sizeBytes, modifiedAt = new Date(0), etag = 'e', storageClass, body }: FakeObject): string {
  return (
    `<Contents><Key>${encodeKey(key)}</Key><LastModified>${modifiedAt.toISOString()}</LastModified>` +
    `<ETag>&quot;${escapeXml(etag)}&quot;</ETag><Size>${sizeBytes ?? body?.length ?? 1}</Size>` +
    `<StorageClass>${storageClass ?? 'STANDARD'}</StorageClass></Contents>`
  );
}

/** Encodes a key as S3 does under `EncodingType=url`. */
export function encodeKey(key: string): string {
  return encodeURIComponent(key)
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%2F', '/')
    .replaceAll('%20', '+');
}

/** Escapes a text for XML as S3 does. */
export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function refuse(status: number, code: string): HttpResponse {
  return respond(
    status,
    `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${code}</Message></Error>`,
  );
}

function respond(statusCode: number, body: string | Uint8Array, headers: Record<string, string> = {}): HttpResponse {
  const bytes = Buffer.from(body);
  // In pieces, as answers come.
  const chunks = [bytes.subarray(0, bytes.length >> 1), bytes.subarray(bytes.length >> 1)].filter(
    ({ length }) => length > 0,
  );
  return new HttpResponse({ statusCode, headers, body: Readable.from(chunks) });
}
