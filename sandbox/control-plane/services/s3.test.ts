import { createHash } from 'node:crypto';
import {
  GetBucketAclCommand,
  GetBucketReplicationCommand,
  GetBucketTaggingCommand,
  GetBucketVersioningCommand,
  GetObjectAclCommand,
  GetObjectCommand,
  type GetObjectCommandInput,
  GetObjectLockConfigurationCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  PutObjectCommand,
  paginateListBuckets,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { startControlPlane } from '../control-plane.ts';
import { testPlane } from '../test-plane.ts';
import type { S3BucketDocument, S3ObjectDocument } from './s3-document.ts';

const home = '123456789012';
const other = '210987654321';
const lastModified = new Date('2026-10-01T03:00:00.000Z');
const creationDate = new Date('2024-01-01T00:00:00.000Z');
const body = Buffer.from('All rights of “Café” 🎵\0 reserved');
const hash = (algorithm: string, encoding: 'hex' | 'base64') => createHash(algorithm).update(body).digest(encoding);

/** In the order of S3, which is not that of JavaScript: U+FF01 has fewer UTF-8 bytes than the emoji, whose units are smaller. */
const oddKeys = [
  '/leading//double',
  'a b+c%20d&e=f?g#h',
  'a/../b',
  'control\u0001\u001f\t\n\r',
  'quote"\'<>!*()~',
  '~',
  'é — Café',
  '\uff01',
  '🎵',
];

function object(key: string, details: Partial<S3ObjectDocument> = {}): S3ObjectDocument {
  return { key, lastModified, body, ...details };
}

function bucket(objects: S3BucketDocument['objects'], details: Partial<S3BucketDocument> = {}): S3BucketDocument {
  return { region: 'us-east-1', creationDate, objects, ...details };
}

const objectLock = {
  ObjectLockEnabled: 'Enabled',
  Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 35 } },
} as const;

const replication = {
  Role: 'arn:role',
  Rules: [{ ID: 'all', Status: 'Enabled' as const, Destination: { Bucket: 'arn:aws:s3:::masters-copy' } }],
};

const tested = testPlane({
  homeAccount: home,
  accounts: {
    [home]: {
      s3: {
        buckets: {
          odd: bucket(oddKeys.toReversed().map((key) => object(key))),
          masters: bucket(
            [
              object('plain'),
              object('full', {
                storageClass: 'STANDARD_IA',
                replicationStatus: 'COMPLETED',
                checksums: { sha256: hash('sha256', 'base64') },
                metadata: { source: 'studio-1' },
                versionId: 'v1',
              }),
              object('altered', { checksums: { sha256: hash('sha1', 'base64') } }),
              object('parts', {
                etag: 'abc-3',
                checksums: { sha256: `${hash('sha256', 'base64')}-3`, type: 'COMPOSITE' },
              }),
              object('archived', { storageClass: 'DEEP_ARCHIVE' }),
              object('restoring', { storageClass: 'GLACIER', restore: 'ongoing-request="true"' }),
              object('restored', {
                storageClass: 'GLACIER',
                restore: 'ongoing-request="false", expiry-date="Fri, 25 Dec 2026 00:00:00 GMT"',
              }),
            ],
            { tags: { 'backup tier': '<&>"é🎵' }, versioning: 'Enabled', objectLock, replication },
          ),
          tree: bucket(
            ['a', 'dir/1', 'dir/2', 'dir/3', 'dir/4', 'dir/sub/5', 'e', 'é/1', 'z/1', 'z/2'].map((key) => object(key)),
          ),
          west: bucket([object('plain')], { region: 'us-west-2' }),
          huge: bucket({
            *from(key) {
              const first = Math.max(0, Math.ceil(Number(key.replace(/^\D*/, '') || 0)));
              for (let index = first; index < 1_000_000; index += 1) {
                yield object(`track-${String(index).padStart(7, '0')}`, { size: index, etag: `e${index}` });
              }
            },
          }),
        },
      },
      regions: {},
    },
    [other]: { s3: { buckets: { theirs: bucket([object('plain')]) } }, regions: {} },
  },
});

const s3 = (configuration = {}) => tested.client(S3Client, configuration);

const get = (Key: string, input: Partial<GetObjectCommandInput> = {}) =>
  s3().send(new GetObjectCommand({ Bucket: 'masters', Key, ...input }));

const head = (Key: string, input: Partial<GetObjectCommandInput> = {}) =>
  s3().send(new HeadObjectCommand({ Bucket: 'masters', Key, ...input }));

async function listed(input: ListObjectsV2CommandInput) {
  const keys: (string | undefined)[] = [];
  const prefixes: (string | undefined)[] = [];
  for await (const page of paginateListObjectsV2({ client: s3() }, { ...input })) {
    expect((page.Contents ?? []).length + (page.CommonPrefixes ?? []).length).toBeLessThanOrEqual(3);
    keys.push(...(page.Contents ?? []).map(({ Key }) => Key));
    prefixes.push(...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix));
  }
  return { keys, prefixes };
}

test("lists the account's buckets, with regions and pages only for whoever asks for something", async () => {
  const client = s3();
  const { Buckets } = await client.send(new ListBucketsCommand({}));
  expect(Buckets).toEqual(
    ['huge', 'masters', 'odd', 'tree', 'west'].map((Name) => ({ Name, CreationDate: creationDate })),
  );
  const names: unknown[] = [];
  for await (const page of paginateListBuckets({ client }, { MaxBuckets: 2 })) {
    names.push((page.Buckets ?? []).map(({ Name, BucketRegion }) => [Name, BucketRegion]));
  }
  expect(names).toEqual([
    [
      ['huge', 'us-east-1'],
      ['masters', 'us-east-1'],
    ],
    [
      ['odd', 'us-east-1'],
      ['tree', 'us-east-1'],
    ],
    [['west', 'us-west-2']],
  ]);
  const west = await client.send(new ListBucketsCommand({ BucketRegion: 'us-west-2' }));
  expect(west.Buckets).toMatchObject([{ Name: 'west' }]);
  const underPrefix = await client.send(new ListBucketsCommand({ Prefix: 'ma' }));
  expect(underPrefix.Buckets).toMatchObject([{ Name: 'masters' }]);
});

test('lists keys of any characters over pages, in the order of their UTF-8 bytes', async () => {
  const { keys } = await listed({ Bucket: 'odd' });
  expect(keys).toEqual(oddKeys);
});

test('encodes keys for a URL as S3 does', async () => {
  const { keys } = await listed({ Bucket: 'odd', EncodingType: 'url' });
  expect(keys).toEqual([
    '/leading//double',
    'a+b%2Bc%2520d%26e%3Df%3Fg%23h',
    'a/../b',
    'control%01%1F%09%0A%0D',
    'quote%22%27%3C%3E%21*%28%29%7E',
    '%7E',
    '%C3%A9+%E2%80%94+Caf%C3%A9',
    '%EF%BC%81',
    '%F0%9F%8E%B5',
  ]);
  const page = await s3().send(
    new ListObjectsV2Command({ Bucket: 'tree', EncodingType: 'url', Prefix: 'é', Delimiter: '/', StartAfter: 'a b' }),
  );
  expect(page).toMatchObject({
    EncodingType: 'url',
    Prefix: '%C3%A9',
    Delimiter: '/',
    StartAfter: 'a+b',
    CommonPrefixes: [{ Prefix: '%C3%A9/' }],
  });
});

test.each(oddKeys)('reads the object of the key %j', async (Key) => {
  const read = await get(Key, { Bucket: 'odd' });
  expect(Buffer.from((await read.Body?.transformToByteArray()) ?? [])).toEqual(body);
});

test('says of a listed object what S3 says', async () => {
  const { Contents } = await s3().send(new ListObjectsV2Command({ Bucket: 'masters', Prefix: 'full' }));
  expect(Contents).toEqual([
    {
      Key: 'full',
      LastModified: lastModified,
      ETag: `"${hash('md5', 'hex')}"`,
      Size: body.byteLength,
      StorageClass: 'STANDARD_IA',
      ChecksumAlgorithm: ['SHA256'],
      ChecksumType: 'FULL_OBJECT',
    },
  ]);
});

test.each([
  ['under a prefix', { Prefix: 'dir/' }, ['dir/1', 'dir/2', 'dir/3', 'dir/4', 'dir/sub/5'], []],
  ['behind a key', { StartAfter: 'dir/4' }, ['dir/sub/5', 'e', 'z/1', 'z/2', 'é/1'], []],
  ['by folders', { Delimiter: '/' }, ['a', 'e'], ['dir/', 'z/', 'é/']],
  ['of one folder', { Prefix: 'dir/', Delimiter: '/' }, ['dir/1', 'dir/2', 'dir/3', 'dir/4'], ['dir/sub/']],
  ['that are not there', { Prefix: 'none' }, [], []],
])('lists objects %s', async (_, input, keys, prefixes) => {
  expect(await listed({ Bucket: 'tree', ...input })).toEqual({ keys, prefixes });
  // The smallest pages have the most seams.
  expect(await listed({ Bucket: 'tree', MaxKeys: 1, ...input })).toEqual({ keys, prefixes });
});

test('lists every object once, in order, whatever the keys and the size of pages', async () => {
  const key = fc.string({ unit: fc.constantFrom('a', 'b', '/', ' ', 'é', '\uff01', '🎵'), minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(key, { maxLength: 12 }), fc.integer({ min: 1, max: 4 }), async (keys, pageSize) => {
      const buckets = { any: bucket(keys.map((each) => object(each))) };
      const estate = { homeAccount: home, accounts: { [home]: { s3: { buckets }, regions: {} } } };
      const plane = await startControlPlane({ estate, pageSize });
      try {
        const credentials = { accessKeyId: plane.environment.AWS_ACCESS_KEY_ID, secretAccessKey: 'sandbox' };
        const client = s3({ endpoint: plane.url, credentials });
        const found: (string | undefined)[] = [];
        for await (const page of paginateListObjectsV2({ client }, { Bucket: 'any' })) {
          found.push(...(page.Contents ?? []).map(({ Key }) => Key));
        }
        expect(found).toEqual(keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
      } finally {
        await plane.stop();
      }
    }),
    { numRuns: 30 },
  );
});

test('makes the objects of a huge bucket as they are listed', async () => {
  const { Contents, IsTruncated } = await s3().send(
    new ListObjectsV2Command({ Bucket: 'huge', StartAfter: 'track-0999996', MaxKeys: 1000 }),
  );
  expect(Contents).toMatchObject([
    { Key: 'track-0999997', Size: 999_997, ETag: '"e999997"' },
    { Key: 'track-0999998' },
    { Key: 'track-0999999' },
  ]);
  expect(IsTruncated).toBe(false);
});

test('lists nothing for a limit of nothing, and refuses a token of another bucket', async () => {
  const client = s3();
  const nothing = await client.send(new ListObjectsV2Command({ Bucket: 'tree', MaxKeys: 0 }));
  expect(nothing).toMatchObject({ KeyCount: 0, IsTruncated: false });
  const { NextContinuationToken } = await client.send(new ListObjectsV2Command({ Bucket: 'tree' }));
  const elsewhere = new ListObjectsV2Command({ Bucket: 'odd', ContinuationToken: NextContinuationToken });
  await expect(client.send(elsewhere)).rejects.toMatchObject({ name: 'InvalidArgument' });
});

test('tells of an object what is known, and checksums only to whoever asks for them', async () => {
  const full = await head('full', { ChecksumMode: 'ENABLED' });
  expect(full).toMatchObject({
    ContentLength: body.byteLength,
    LastModified: lastModified,
    ETag: `"${hash('md5', 'hex')}"`,
    StorageClass: 'STANDARD_IA',
    ReplicationStatus: 'COMPLETED',
    Metadata: { source: 'studio-1' },
    VersionId: 'v1',
    ChecksumSHA256: hash('sha256', 'base64'),
    ChecksumType: 'FULL_OBJECT',
  });
  const plain = await head('full');
  expect(plain.ChecksumSHA256).toBeUndefined();
  expect((await head('plain', { ChecksumMode: 'ENABLED' })).StorageClass).toBeUndefined();
  const parts = await head('parts', { ChecksumMode: 'ENABLED' });
  expect(parts).toMatchObject({ ETag: '"abc-3"', ChecksumType: 'COMPOSITE' });
});

test('lets the SDK find out that content is not what its checksum says', async () => {
  const good = await get('full', { ChecksumMode: 'ENABLED' });
  await expect(good.Body?.transformToByteArray()).resolves.toBeDefined();
  const altered = await get('altered', { ChecksumMode: 'ENABLED' });
  await expect(altered.Body?.transformToByteArray()).rejects.toThrow('Checksum mismatch');
});

test.each([
  ['bytes=0-3', 0, 4],
  ['bytes=5-', 5, body.byteLength],
  ['bytes=-6', body.byteLength - 6, body.byteLength],
  ['bytes=4-99999', 4, body.byteLength],
])('reads the range %s', async (Range, start, end) => {
  const read = await get('full', { Range });
  expect(read.$metadata.httpStatusCode).toBe(206);
  expect(read).toMatchObject({
    ContentRange: `bytes ${start}-${end - 1}/${body.byteLength}`,
    ContentLength: end - start,
  });
  expect(Buffer.from((await read.Body?.transformToByteArray()) ?? [])).toEqual(body.subarray(start, end));
});

test('reads an object only as long as it is the one that the client knows', async () => {
  await expect(get('plain', { IfMatch: `"${hash('md5', 'hex')}"` })).resolves.toBeDefined();
  await expect(get('plain', { IfMatch: '"other"' })).rejects.toMatchObject({ name: 'PreconditionFailed' });
  await expect(get('full', { VersionId: 'v1' })).resolves.toBeDefined();
  await expect(get('full', { VersionId: 'v0' })).rejects.toMatchObject({ name: 'NoSuchVersion' });
});

test('gives no content of an archived object before it is restored', async () => {
  await expect(get('archived')).rejects.toMatchObject({ name: 'InvalidObjectState' });
  await expect(get('restoring')).rejects.toMatchObject({ name: 'InvalidObjectState' });
  expect(await head('restoring')).toMatchObject({ StorageClass: 'GLACIER', Restore: 'ongoing-request="true"' });
  await expect(get('restored')).resolves.toBeDefined();
});

test("tells a bucket's tags, versioning, lock and replication", async () => {
  const client = s3();
  const { TagSet } = await client.send(new GetBucketTaggingCommand({ Bucket: 'masters' }));
  expect(TagSet).toEqual([{ Key: 'backup tier', Value: '<&>"é🎵' }]);
  expect((await client.send(new GetBucketVersioningCommand({ Bucket: 'masters' }))).Status).toBe('Enabled');
  expect((await client.send(new GetBucketVersioningCommand({ Bucket: 'tree' }))).Status).toBeUndefined();
  const { ObjectLockConfiguration } = await client.send(new GetObjectLockConfigurationCommand({ Bucket: 'masters' }));
  expect(ObjectLockConfiguration).toEqual(objectLock);
  const { ReplicationConfiguration } = await client.send(new GetBucketReplicationCommand({ Bucket: 'masters' }));
  expect(ReplicationConfiguration).toEqual(replication);
});

test.each([
  ['NoSuchTagSet', 404, () => s3().send(new GetBucketTaggingCommand({ Bucket: 'tree' }))],
  [
    'ObjectLockConfigurationNotFoundError',
    404,
    () => s3().send(new GetObjectLockConfigurationCommand({ Bucket: 'tree' })),
  ],
  ['ReplicationConfigurationNotFoundError', 404, () => s3().send(new GetBucketReplicationCommand({ Bucket: 'tree' }))],
  ['NoSuchKey', 404, () => get('none')],
  ['NotFound', 404, () => head('none')],
  ['NoSuchBucket', 404, () => get('plain', { Bucket: 'none' })],
  ['AccessDenied', 403, () => get('plain', { Bucket: 'theirs' })],
  ['AccessDenied', 403, () => get('plain', { ExpectedBucketOwner: other })],
  ['PermanentRedirect', 301, () => get('plain', { Bucket: 'west' })],
  ['InvalidRange', 416, () => get('plain', { Range: 'bytes=1000-' })],
  ['InvalidArgument', 400, () => get('plain', { PartNumber: 1 })],
  ['NotImplemented', 501, () => s3().send(new GetBucketAclCommand({ Bucket: 'tree' }))],
  ['NotImplemented', 501, () => s3().send(new GetObjectAclCommand({ Bucket: 'tree', Key: 'a' }))],
  ['NotImplemented', 501, () => s3().send(new PutObjectCommand({ Bucket: 'tree', Key: 'a', Body: 'x' }))],
])('answers %s with the status %i', async (name, httpStatusCode, send) => {
  await expect(send()).rejects.toMatchObject({ name, $metadata: { httpStatusCode } });
});

test('reads a bucket in its own region', async () => {
  const read = await s3({ region: 'us-west-2' }).send(new GetObjectCommand({ Bucket: 'west', Key: 'plain' }));
  expect(read.ContentLength).toBe(body.byteLength);
});

test.each([
  ['access-denied', 'AccessDenied', 403],
  ['throttled', 'SlowDown', 503],
  ['internal-error', 'InternalError', 500],
] as const)('strikes the requests about one bucket or key with %s', async (fault, name, httpStatusCode) => {
  tested.plane.inject({ service: 's3', resourceId: 'tree', fault });
  tested.plane.inject({ service: 's3', operation: 'GetObject', resourceId: 'plain', fault });
  const listing = s3().send(new ListObjectsV2Command({ Bucket: 'tree' }));
  await expect(listing).rejects.toMatchObject({ name, $metadata: { httpStatusCode } });
  await expect(get('plain')).rejects.toMatchObject({ name });
  await expect(head('plain')).resolves.toBeDefined();
  await expect(get('full')).resolves.toBeDefined();
  expect(tested.plane.requests).toMatchObject([
    { service: 's3', operation: 'ListObjectsV2', region: 'us-east-1', account: home },
    { service: 's3', operation: 'GetObject' },
    { service: 's3', operation: 'HeadObject' },
    { service: 's3', operation: 'GetObject' },
  ]);
});

test('strikes a request for headers, which has no body to say so', async () => {
  tested.plane.inject({ service: 's3', operation: 'HeadObject', fault: 'access-denied' });
  await expect(head('plain')).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
});
