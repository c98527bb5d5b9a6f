import { CreateMultipartUploadCommand, type S3Client, UploadPartCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type ObjectServer, startObjectServer } from '../../sandbox/s3/object-server.ts';
import { type ListedUpload, listUploads, uploadActivity } from './list-uploads.ts';
import { localS3 } from './local-s3-fixtures.ts';

let server: ObjectServer;
let s3: S3Client;
let now: Date;
const signal = new AbortController().signal;
const start = new Date('2026-11-20T12:00:00.000Z');

beforeEach(async () => {
  now = start;
  server = await startObjectServer({ pageSize: 2, clock: () => now });
  s3 = localS3(server.url);
  server.bucket('b');
});

afterEach(async () => {
  s3.destroy();
  await server.stop();
});

async function begin(key: string): Promise<ListedUpload> {
  const { UploadId = '' } = await s3.send(new CreateMultipartUploadCommand({ Bucket: 'b', Key: key }));
  return { key, uploadId: UploadId, initiatedAtMs: now.getTime() };
}

async function list(prefix = '', startAfter?: string): Promise<ListedUpload[]> {
  return (await Array.fromAsync(listUploads(s3, { bucket: 'b', prefix, startAfter }, { signal }))).flat();
}

it('lists every upload under way, also several of one key, over all pages', async () => {
  const begun: ListedUpload[] = [];
  for (const key of ['a', 'b/ +ü', 'b/ +ü', 'b/ +ü', 'b/2', 'c']) {
    begun.push(await begin(key));
    now = new Date(now.getTime() + 1000);
  }
  expect(await list()).toEqual(begun);
  expect((await list('b/')).map(({ key }) => key)).toEqual(['b/ +ü', 'b/ +ü', 'b/ +ü', 'b/2']);
  expect((await list('b/', 'b/ +ü')).map(({ key }) => key)).toEqual(['b/2']);
  expect(await list('z')).toEqual([]);
});

it('tells what has come of an upload, and when', async () => {
  const upload = await begin('a');
  expect(await uploadActivity(s3, 'b', upload, { signal })).toEqual({
    parts: 0,
    sizeBytes: 0,
    lastPartAtMs: undefined,
  });
  for (let part = 1; part <= 5; part += 1) {
    now = new Date(start.getTime() + part * 1000);
    await s3.send(
      new UploadPartCommand({
        Bucket: 'b',
        Key: 'a',
        UploadId: upload.uploadId,
        PartNumber: 6 - part,
        Body: 'x'.repeat(part),
      }),
    );
  }
  expect(await uploadActivity(s3, 'b', upload, { signal })).toEqual({
    parts: 5,
    sizeBytes: 15,
    lastPartAtMs: start.getTime() + 5000,
  });
  server.bucket('b').uploads.clear();
  expect(await uploadActivity(s3, 'b', upload, { signal })).toBeUndefined();
});
