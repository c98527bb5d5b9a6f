import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketAclCommand,
  GetBucketLocationCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  GetObjectLegalHoldCommand,
  GetObjectLockConfigurationCommand,
  GetObjectRetentionCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  ListPartsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectLockConfigurationCommand,
  PutObjectRetentionCommand,
  paginateListObjectsV2,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listPage } from '../../shared/objects/list-page.ts';
import { type ObjectServer, startObjectServer } from './object-server.ts';
import { accessDenied, internalError, slowDown } from './server-faults.ts';

const Bucket = 'masters';
const start = new Date('2026-11-20T12:00:00.500Z');
const partBytes = 5 * 1024 * 1024;

let now: Date;
let server: ObjectServer;
let s3: S3Client;

beforeEach(async () => {
  now = start;
  server = await startObjectServer({ clock: () => now, pageSize: 3 });
  s3 = new S3Client({
    endpoint: server.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'sandbox', secretAccessKey: 'sandbox' },
    maxAttempts: 1,
  });
  await s3.send(new CreateBucketCommand({ Bucket }));
});

afterEach(async () => {
  s3.destroy();
  await server.stop();
});

function later(days: number): Date {
  return new Date(start.getTime() + days * 86_400_000);
}

async function put(Key: string, Body: string | Uint8Array = 'x', more: object = {}) {
  return s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
}

async function read(Key: string, more: object = {}): Promise<string> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return (await Body?.transformToString()) as string;
}

async function versionsEnabled(): Promise<void> {
  await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }));
}

/** The SDK has no paginator for these. */
async function* versionPages(input: { Delimiter?: string }): AsyncGenerator<ListObjectVersionsCommandOutput> {
  let place: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } | undefined = {};
  while (place !== undefined) {
    const page: ListObjectVersionsCommandOutput = await s3.send(
      new ListObjectVersionsCommand({ Bucket, ...input, ...place }),
    );
    yield page;
    const { IsTruncated, NextKeyMarker, NextVersionIdMarker } = page;
    place = IsTruncated ? { KeyMarker: NextKeyMarker, VersionIdMarker: NextVersionIdMarker } : undefined;
  }
}

async function* uploadPages(Prefix: string): AsyncGenerator<ListMultipartUploadsCommandOutput> {
  let place: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } | undefined = {};
  while (place !== undefined) {
    const page: ListMultipartUploadsCommandOutput = await s3.send(
      new ListMultipartUploadsCommand({ Bucket, Prefix, MaxUploads: 2, ...place }),
    );
    yield page;
    const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = page;
    place = IsTruncated ? { KeyMarker: NextKeyMarker, UploadIdMarker: NextUploadIdMarker } : undefined;
  }
}

const oddKeys = ['/leading//double', 'a b+c%20d&e=f?g#h', 'a/../b', 'quote"\'<>!*()~', 'é — Café', '\uff01', '🎵'];

describe('objects', () => {
  it('come back with everything that was said of them', async () => {
    const { ETag } = await put('a/b', 'Café 🎵', {
      Metadata: { sha256: 'abc' },
      ContentType: 'text/plain',
      StorageClass: 'STANDARD_IA',
      ServerSideEncryption: 'aws:kms',
      SSEKMSKeyId: 'arn:aws:kms:us-east-1:123456789012:key/k',
      ChecksumAlgorithm: 'SHA256',
    });
    expect(ETag).toBe(`"${createHash('md5').update('Café 🎵').digest('hex')}"`);
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'a/b', ChecksumMode: 'ENABLED' }));
    expect(head).toMatchObject({
      ContentLength: 10,
      ETag,
      LastModified: new Date('2026-11-20T12:00:00Z'),
      Metadata: { sha256: 'abc' },
      ContentType: 'text/plain',
      StorageClass: 'STANDARD_IA',
      ServerSideEncryption: 'aws:kms',
      SSEKMSKeyId: 'arn:aws:kms:us-east-1:123456789012:key/k',
      ChecksumSHA256: createHash('sha256').update('Café 🎵').digest('base64'),
      ChecksumType: 'FULL_OBJECT',
    });
    expect(await read('a/b')).toBe('Café 🎵');
    expect(await read('a/b', { Range: 'bytes=2-4' })).toBe('fé');
    expect(await read('a/b', { Range: 'bytes=-4' })).toBe('🎵');
    await expect(read('a/b', { Range: 'bytes=10-' })).rejects.toMatchObject({ name: 'InvalidRange' });
    await expect(read('none')).rejects.toMatchObject({ name: 'NoSuchKey' });
    await expect(s3.send(new HeadObjectCommand({ Bucket, Key: 'none' }))).rejects.toMatchObject({ name: 'NotFound' });
    await expect(put('a', 'x', { Tagging: 'a=b' })).rejects.toMatchObject({
      message: expect.stringContaining('Tagging'),
    });
  });

  it('are taken as a stream, in chunks with the checksum behind them', async () => {
    const pieces = Array.from({ length: 40 }, (_, index) => Buffer.alloc(50_001, index));
    const whole = Buffer.concat(pieces);
    const Body = Readable.from(pieces);
    const { ChecksumCRC32 } = await put('stream', Body as never, { ContentLength: whole.length });
    expect(ChecksumCRC32).toMatch(/^.{6}==$/);
    expect(server.bucket(Bucket).read('stream').equals(whole)).toBe(true);
    const { Body: answer } = await s3.send(new GetObjectCommand({ Bucket, Key: 'stream' }));
    expect(Buffer.from((await answer?.transformToByteArray()) ?? []).equals(whole)).toBe(true);
  });

  it('are refused when they are not what their checksums say', async () => {
    await expect(
      put('a', 'x', { ChecksumSHA256: createHash('sha256').update('y').digest('base64') }),
    ).rejects.toMatchObject({
      name: 'BadDigest',
    });
    await expect(put('a', 'x', { ChecksumCRC32: 'AAAAAA==' })).rejects.toMatchObject({ name: 'BadDigest' });
    await expect(put('a', 'x', { ContentMD5: createHash('md5').update('y').digest('base64') })).rejects.toMatchObject({
      name: 'BadDigest',
    });
    expect(server.bucket(Bucket).isEmpty).toBe(true);
  });

  it('are written only under the conditions that the writer names', async () => {
    await put('a', 'one', { IfNoneMatch: '*' });
    await expect(put('a', 'two', { IfNoneMatch: '*' })).rejects.toMatchObject({ name: 'PreconditionFailed' });
    await expect(put('a', 'two', { IfMatch: '"other"' })).rejects.toMatchObject({ name: 'PreconditionFailed' });
    await expect(put('b', 'two', { IfMatch: '"other"' })).rejects.toMatchObject({ name: 'NoSuchKey' });
    const { ETag } = await s3.send(new HeadObjectCommand({ Bucket, Key: 'a' }));
    await put('a', 'two', { IfMatch: ETag });
    expect(await read('a')).toBe('two');
    await expect(read('a', { IfMatch: ETag })).rejects.toMatchObject({ name: 'PreconditionFailed' });
  });

  it('are refused under conditions that S3 does not know where something is written', async () => {
    const refused = {
      name: 'NotImplemented',
      message: 'A header you provided implies functionality that is not implemented',
      $metadata: { httpStatusCode: 501 },
    };
    await expect(put('a', 'one', { IfNoneMatch: '"other"' })).rejects.toMatchObject(refused);
    await put('b');
    const copy = { Bucket, Key: 'a', CopySource: `${Bucket}/b`, IfNoneMatch: '"other"' };
    await expect(s3.send(new CopyObjectCommand(copy))).rejects.toMatchObject(refused);
    expect([...server.bucket(Bucket).keysFrom()]).toEqual(['b']);
  });

  it('are refused with a checksum that is not computed here, rather than taken without', async () => {
    const refused = { name: 'NotImplemented', message: 'The sandbox does not compute CRC32C.' };
    const upload = new CreateMultipartUploadCommand({ Bucket, Key: 'a', ChecksumAlgorithm: 'CRC32C' });
    await expect(s3.send(upload)).rejects.toMatchObject(refused);
    const { Uploads } = await s3.send(new ListMultipartUploadsCommand({ Bucket }));
    expect(Uploads).toBeUndefined();
    const response = await fetch(`${server.url}/${Bucket}/a`, {
      method: 'PUT',
      headers: { 'x-amz-checksum-crc32c': 'AAAAAA==' },
      body: 'x',
    });
    expect([response.status, await response.text()]).toEqual([501, expect.stringContaining(refused.message)]);
    expect(server.bucket(Bucket).isEmpty).toBe(true);
  });

  it('are copied', async () => {
    await put('a b/🎵', 'text', { Metadata: { one: '1' } });
    await s3.send(
      new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/${encodeURIComponent('a b/🎵')}` }),
    );
    expect(await read('copy')).toBe('text');
    expect((await s3.send(new HeadObjectCommand({ Bucket, Key: 'copy' }))).Metadata).toEqual({ one: '1' });
  });

  it('are listed in the order of their UTF-8 bytes, page by page, as the scanner of listings reads them', async () => {
    for (const key of oddKeys.toReversed()) await put(key, key);
    const listed: (string | undefined)[] = [];
    for await (const { Contents } of paginateListObjectsV2({ client: s3 }, { Bucket })) {
      listed.push(...(Contents ?? []).map(({ Key }) => Key));
    }
    expect(listed).toEqual(oddKeys);
    const page = await listPage(s3, { Bucket, StartAfter: 'é' }, { signal: new AbortController().signal });
    expect(page.objects.map(({ key }) => key)).toEqual(oddKeys.slice(4));
    const { CommonPrefixes, Contents } = await s3.send(
      new ListObjectsV2Command({ Bucket, Delimiter: '/', StartAfter: '/z', Prefix: '' }),
    );
    expect(CommonPrefixes).toEqual([{ Prefix: 'a/' }]);
    expect(Contents).toHaveLength(2);
  });

  it('are gone from listings when they are deleted, and there again when they are written again', async () => {
    const bucket = server.bucket(Bucket);
    for (let index = 0; index < 5000; index += 1) bucket.put(`k${String(index).padStart(5, '0')}`, 'x');
    for (let index = 0; index < 4000; index += 1) bucket.delete(`k${String(index).padStart(5, '0')}`);
    bucket.put('k00001', 'again');
    expect([...bucket.keysFrom()].slice(0, 3)).toEqual(['k00001', 'k04000', 'k04001']);
    expect([...bucket.keysFrom('k04998')]).toEqual(['k04998', 'k04999']);
  });
});

describe('buckets', () => {
  it('are made, found, listed and deleted when they are empty', async () => {
    await expect(s3.send(new CreateBucketCommand({ Bucket }))).rejects.toMatchObject({
      name: 'BucketAlreadyOwnedByYou',
    });
    await s3.send(new HeadBucketCommand({ Bucket }));
    await expect(s3.send(new HeadBucketCommand({ Bucket: 'none' }))).rejects.toMatchObject({ name: 'NotFound' });
    expect((await s3.send(new GetBucketLocationCommand({ Bucket }))).LocationConstraint).toBeUndefined();
    await put('a');
    await expect(s3.send(new DeleteBucketCommand({ Bucket }))).rejects.toMatchObject({ name: 'BucketNotEmpty' });
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'a' }));
    await s3.send(new DeleteBucketCommand({ Bucket }));
    expect((await s3.send(new ListBucketsCommand({}))).Buckets ?? []).toEqual([]);
    await expect(put('a')).rejects.toMatchObject({ name: 'NoSuchBucket' });
  });

  it('are not asked for what is not answered here, each time by the request that it was', async () => {
    for (const name of [Bucket, 'demos']) {
      await expect(s3.send(new GetBucketAclCommand({ Bucket: name }))).rejects.toMatchObject({
        name: 'NotImplemented',
        message: `The sandbox does not answer GET /${name}/?acl=.`,
      });
    }
    expect(server.requests.slice(-2).map(({ operation }) => operation)).toEqual(['GET /masters/', 'GET /demos/']);
  });

  it('of another account than is expected are refused', async () => {
    await expect(
      s3.send(new ListObjectsV2Command({ Bucket, ExpectedBucketOwner: '999999999999' })),
    ).rejects.toMatchObject({ name: 'AccessDenied' });
  });
});

describe('deletion', () => {
  it('of many tells of each', async () => {
    await put('a');
    await put('b');
    const { Deleted, Errors } = await s3.send(
      new DeleteObjectsCommand({
        Bucket,
        Delete: { Objects: [{ Key: 'a' }, { Key: 'b', ETag: '"other"' }, { Key: 'none' }] },
      }),
    );
    expect(Deleted).toEqual([{ Key: 'a' }, { Key: 'none' }]);
    expect(Errors).toMatchObject([{ Key: 'b', Code: 'PreconditionFailed' }]);
    expect(await read('b')).toBe('x');
    const tooMany = Array.from({ length: 1001 }, (_, index) => ({ Key: String(index) }));
    await expect(s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: tooMany } }))).rejects.toMatchObject({
      name: 'MalformedXML',
    });
  });

  it('of keys that need escaping deletes these and no others', async () => {
    for (const key of oddKeys) await put(key);
    await put('kept');
    const Objects = oddKeys.map((Key) => ({ Key }));
    await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
    expect([...server.bucket(Bucket).keysFrom()]).toEqual(['kept']);
  });

  it('leaves a marker where there are versions, and takes a version that is named', async () => {
    await put('a', 'before');
    await versionsEnabled();
    const { VersionId } = await put('a', 'after');
    const { DeleteMarker, VersionId: marker } = await s3.send(new DeleteObjectCommand({ Bucket, Key: 'a' }));
    expect(DeleteMarker).toBe(true);
    await expect(read('a')).rejects.toMatchObject({ name: 'NoSuchKey' });
    expect(await read('a', { VersionId })).toBe('after');
    expect(await read('a', { VersionId: 'null' })).toBe('before');
    const { Versions, DeleteMarkers } = await s3.send(new ListObjectVersionsCommand({ Bucket }));
    expect(Versions?.map((version) => [version.VersionId, version.IsLatest, version.Size])).toEqual([
      [VersionId, false, 5],
      ['null', false, 6],
    ]);
    expect(DeleteMarkers).toMatchObject([{ Key: 'a', VersionId: marker, IsLatest: true }]);
    const { Deleted } = await s3.send(
      new DeleteObjectsCommand({
        Bucket,
        Delete: {
          Objects: [
            { Key: 'a', VersionId: marker },
            { Key: 'a', VersionId: 'null' },
          ],
        },
      }),
    );
    expect(Deleted).toEqual([
      { Key: 'a', VersionId: marker, DeleteMarker: true, DeleteMarkerVersionId: marker },
      { Key: 'a', VersionId: 'null' },
    ]);
    expect(await read('a')).toBe('after');
  });

  it('needs a second factor where versions are protected by one', async () => {
    await versionsEnabled();
    const { VersionId } = await put('a');
    server.bucket(Bucket).hasMfaDelete = true;
    expect(await s3.send(new GetBucketVersioningCommand({ Bucket }))).toMatchObject({ MFADelete: 'Enabled' });
    const one = new DeleteObjectCommand({ Bucket, Key: 'a', VersionId });
    await expect(s3.send(one)).rejects.toMatchObject({ name: 'AccessDenied' });
    const many = { Bucket, Delete: { Objects: [{ Key: 'a', VersionId }] } };
    await expect(s3.send(new DeleteObjectsCommand(many))).rejects.toMatchObject({ name: 'AccessDenied' });
    await s3.send(new DeleteObjectsCommand({ ...many, MFA: 'serial 123456' }));
    expect(server.bucket(Bucket).isEmpty).toBe(true);
  });
});

describe('versions', () => {
  it('are listed newest first, page by page, also behind one that was deleted meanwhile', async () => {
    await versionsEnabled();
    for (const key of ['a', 'b', 'c']) for (const body of ['1', '2', '3', '4']) await put(key, body);
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'b' }));
    const seen: string[] = [];
    for await (const page of versionPages({})) {
      for (const { Key, VersionId, IsLatest } of [...(page.DeleteMarkers ?? []), ...(page.Versions ?? [])]) {
        seen.push(`${Key}${IsLatest}`);
        server.bucket(Bucket).delete(Key as string, { versionId: VersionId });
      }
    }
    expect(seen).toHaveLength(13);
    expect(server.bucket(Bucket).isEmpty).toBe(true);
  });

  it('are listed up to the next delimiter as one', async () => {
    await versionsEnabled();
    for (const key of ['a/1', 'a/2', 'b', 'c/1', 'd/1']) await put(key);
    const found: (string | undefined)[] = [];
    for await (const page of versionPages({ Delimiter: '/' })) {
      found.push(
        ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix),
        ...(page.Versions ?? []).map(({ Key }) => Key),
      );
    }
    expect(found.sort()).toEqual(['a/', 'b', 'c/', 'd/']);
  });
});

describe('Object Lock', () => {
  const locked = 'ledger';
  beforeEach(async () => {
    await s3.send(new CreateBucketCommand({ Bucket: locked, ObjectLockEnabledForBucket: true }));
  });

  async function putLocked(Key: string, more: object = {}): Promise<string> {
    const { VersionId } = await s3.send(new PutObjectCommand({ Bucket: locked, Key, Body: 'x', ...more }));
    return VersionId as string;
  }

  function deleteVersion(Key: string, VersionId: string, more: object = {}) {
    return s3.send(new DeleteObjectCommand({ Bucket: locked, Key, VersionId, ...more }));
  }

  it('keeps a version until its time has come, and in governance from those who do not bypass it', async () => {
    const governed = await putLocked('g', { ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: later(10) });
    const complied = await putLocked('c', { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: later(10) });
    await expect(deleteVersion('g', governed)).rejects.toMatchObject({ name: 'AccessDenied' });
    const bypass = { BypassGovernanceRetention: true };
    await expect(deleteVersion('c', complied, bypass)).rejects.toMatchObject({ name: 'AccessDenied' });
    await deleteVersion('g', governed, bypass);
    now = later(11);
    await deleteVersion('c', complied);
    expect(server.bucket(locked).isEmpty).toBe(true);
  });

  it('keeps a version under a legal hold, whatever the time', async () => {
    const id = await putLocked('h', { ObjectLockLegalHoldStatus: 'ON' });
    await expect(deleteVersion('h', id, { BypassGovernanceRetention: true })).rejects.toMatchObject({
      name: 'AccessDenied',
    });
    const of = { Bucket: locked, Key: 'h', VersionId: id };
    expect((await s3.send(new GetObjectLegalHoldCommand(of))).LegalHold).toEqual({ Status: 'ON' });
    await expect(s3.send(new GetObjectRetentionCommand(of))).rejects.toMatchObject({
      name: 'NoSuchObjectLockConfiguration',
    });
    await s3.send(new PutObjectLegalHoldCommand({ ...of, LegalHold: { Status: 'OFF' } }));
    await deleteVersion('h', id);
  });

  it('gives each object the retention of its bucket', async () => {
    const Rule = { DefaultRetention: { Mode: 'COMPLIANCE', Days: 30 } } as const;
    await s3.send(
      new PutObjectLockConfigurationCommand({
        Bucket: locked,
        ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled', Rule },
      }),
    );
    expect((await s3.send(new GetObjectLockConfigurationCommand({ Bucket: locked }))).ObjectLockConfiguration).toEqual({
      ObjectLockEnabled: 'Enabled',
      Rule,
    });
    const id = await putLocked('d');
    const { Retention } = await s3.send(new GetObjectRetentionCommand({ Bucket: locked, Key: 'd', VersionId: id }));
    expect(Retention).toEqual({ Mode: 'COMPLIANCE', RetainUntilDate: later(30) });
    const shorter = { Mode: 'COMPLIANCE', RetainUntilDate: later(20) } as const;
    await expect(
      s3.send(new PutObjectRetentionCommand({ Bucket: locked, Key: 'd', Retention: shorter })),
    ).rejects.toMatchObject({ name: 'AccessDenied' });
    // A marker in front of a locked version is allowed.
    await s3.send(new DeleteObjectCommand({ Bucket: locked, Key: 'd' }));
    await expect(deleteVersion('d', id)).rejects.toMatchObject({ name: 'AccessDenied' });
  });

  it('is refused where the bucket has none', async () => {
    await expect(put('a', 'x', { ObjectLockLegalHoldStatus: 'ON' })).rejects.toMatchObject({ name: 'InvalidRequest' });
    await expect(s3.send(new GetObjectLockConfigurationCommand({ Bucket }))).rejects.toMatchObject({
      name: 'ObjectLockConfigurationNotFoundError',
    });
    await put('a');
    await expect(s3.send(new GetObjectRetentionCommand({ Bucket, Key: 'a' }))).rejects.toMatchObject({
      name: 'InvalidRequest',
    });
  });
});

describe('multipart uploads', () => {
  it('become an object with the checksum of its parts', async () => {
    const body = Buffer.alloc(partBytes * 2 + 7, 'abc');
    const upload = new Upload({
      client: s3,
      params: { Bucket, Key: 'big', Body: Readable.from([body]), Metadata: { a: 'b' } },
      partSize: partBytes,
      queueSize: 2,
    });
    const { ETag } = (await upload.done()) as { ETag?: string };
    expect(ETag).toMatch(/-3"$/);
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'big', ChecksumMode: 'ENABLED' }));
    expect(head).toMatchObject({
      ChecksumCRC32: expect.stringMatching(/-3$/),
      ChecksumType: 'COMPOSITE',
      Metadata: { a: 'b' },
    });
    expect(Buffer.from(await read('big')).equals(body)).toBe(true);
    expect(await read('big', { Range: `bytes=${partBytes - 1}-${partBytes + 1}` })).toBe(
      body.subarray(partBytes - 1, partBytes + 2).toString(),
    );
    expect(server.bucket(Bucket).uploads.size).toBe(0);
  });

  it('are completed only with the parts that are there, and under the condition that is named', async () => {
    const { UploadId } = await s3.send(
      new CreateMultipartUploadCommand({ Bucket, Key: 'm', ChecksumAlgorithm: 'SHA256' }),
    );
    const of = { Bucket, Key: 'm', UploadId };
    const Body = Buffer.alloc(10, 'x');
    const part = { ...of, PartNumber: 1, Body, ChecksumAlgorithm: 'SHA256' } as const;
    const { ETag, ChecksumSHA256 } = await s3.send(new UploadPartCommand(part));
    const complete = (Parts: object[], more: object = {}) =>
      s3.send(new CompleteMultipartUploadCommand({ ...of, MultipartUpload: { Parts }, ...more }));
    await expect(complete([{ PartNumber: 1, ETag: '"other"' }])).rejects.toMatchObject({ name: 'InvalidPart' });
    await expect(complete([{ PartNumber: 2, ETag }])).rejects.toMatchObject({ name: 'InvalidPart' });
    await put('m', 'somebody else');
    const named = [{ PartNumber: 1, ETag, ChecksumSHA256 }];
    await expect(complete(named, { IfNoneMatch: '*' })).rejects.toMatchObject({ name: 'PreconditionFailed' });
    expect((await s3.send(new ListPartsCommand(of))).Parts).toMatchObject([{ PartNumber: 1, Size: 10, ETag }]);
    const done = await complete(named);
    expect(done.ChecksumSHA256).toBe(
      `${createHash('sha256').update(createHash('sha256').update(Body).digest()).digest('base64')}-1`,
    );
    await expect(complete(named)).rejects.toMatchObject({ name: 'NoSuchUpload' });
  });

  it('have parts of five mebibytes but for the last', async () => {
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'm' }));
    const of = { Bucket, Key: 'm', UploadId };
    const Parts: { PartNumber: number; ETag: string | undefined; ChecksumCRC32: string | undefined }[] = [];
    for (const PartNumber of [1, 2]) {
      const { ETag, ChecksumCRC32 } = await s3.send(
        new UploadPartCommand({ ...of, PartNumber, Body: Buffer.alloc(10) }),
      );
      Parts.push({ PartNumber, ETag, ChecksumCRC32 });
    }
    const complete = (parts: typeof Parts) =>
      s3.send(new CompleteMultipartUploadCommand({ ...of, MultipartUpload: { Parts: parts } }));
    await expect(complete(Parts)).rejects.toMatchObject({ name: 'EntityTooSmall' });
    await expect(complete(Parts.toReversed())).rejects.toMatchObject({ name: 'InvalidPartOrder' });
  });

  it('are listed page by page and aborted', async () => {
    for (const key of ['p/1', 'p/2', 'p/2', 'p/3', 'q']) {
      await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: key }));
      now = new Date(now.getTime() + 1000);
    }
    const found: (string | undefined)[] = [];
    for await (const { Uploads = [] } of uploadPages('p/')) found.push(...Uploads.map(({ Key }) => Key));
    expect(found).toEqual(['p/1', 'p/2', 'p/2', 'p/3']);
    const { Uploads } = await s3.send(new ListMultipartUploadsCommand({ Bucket, Prefix: 'q' }));
    const abort = new AbortMultipartUploadCommand({ Bucket, Key: 'q', UploadId: Uploads?.[0]?.UploadId });
    await s3.send(abort);
    await expect(s3.send(abort)).rejects.toMatchObject({ name: 'NoSuchUpload' });
  });
});

describe('faults', () => {
  it('answer instead of what is asked for, for as long as they last', async () => {
    server.fail({ operation: 'PutObject', afterRequests: 1, times: 1, fault: slowDown });
    const lift = server.fail({ operation: 'GetObject', key: 'a', fault: accessDenied });
    await put('a');
    await expect(put('b')).rejects.toMatchObject({ name: 'SlowDown', $metadata: { httpStatusCode: 503 } });
    await put('b');
    await expect(read('a')).rejects.toMatchObject({ name: 'AccessDenied' });
    expect(await read('b')).toBe('x');
    lift();
    expect(await read('a')).toBe('x');
    expect(server.requests.map(({ operation }) => operation)).toContain('GetObject');
  });

  it('strike single objects of a request for many', async () => {
    for (const key of ['a', 'b']) await put(key);
    server.fail({ operation: 'DeleteObjects', key: 'a', times: 1, fault: internalError });
    const Delete = { Objects: [{ Key: 'a' }, { Key: 'b' }] };
    const { Deleted, Errors } = await s3.send(new DeleteObjectsCommand({ Bucket, Delete }));
    expect([Deleted, Errors]).toMatchObject([[{ Key: 'b' }], [{ Key: 'a', Code: 'InternalError' }]]);
  });

  it('break connections before and after the work is done, and bodies in the middle', async () => {
    server.fail({ operation: 'PutObject', key: 'a', fault: 'reset' });
    server.fail({ operation: 'PutObject', key: 'b', fault: 'loses-answer' });
    await expect(put('a')).rejects.toThrow();
    await expect(put('b', 'written')).rejects.toThrow();
    expect([...server.bucket(Bucket).keysFrom()]).toEqual(['b']);
    server.fail({ operation: 'GetObject', key: 'b', fault: { breaksOffAfterBytes: 3 } });
    await expect(read('b')).rejects.toThrow();
  });

  it('may be decided, and waited for, by the test', async () => {
    server.fail({
      operation: 'HeadBucket',
      fault: async ({ bucket }) => void server.bucket(bucket).put('meanwhile', 'x'),
    });
    await s3.send(new HeadBucketCommand({ Bucket }));
    expect(await read('meanwhile')).toBe('x');
  });

  it('change bytes behind everybody’s back, with checksums that tell or that do not', async () => {
    await put('a', 'right');
    const before = await s3.send(new HeadObjectCommand({ Bucket, Key: 'a', ChecksumMode: 'ENABLED' }));
    server.bucket(Bucket).corrupt('a', () => Buffer.from('wrong'));
    expect(await read('a')).toBe('wrong');
    const after = await s3.send(new HeadObjectCommand({ Bucket, Key: 'a', ChecksumMode: 'ENABLED' }));
    expect([after.ETag, after.LastModified]).toEqual([before.ETag, before.LastModified]);
    expect(after.ChecksumCRC32).not.toBe(before.ChecksumCRC32);
    server.bucket(Bucket).corrupt('a', () => Buffer.from('worse'), { checksums: 'kept' });
    await expect(read('a')).rejects.toThrow(/checksum/i);
  });
});
