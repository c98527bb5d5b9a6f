import type { S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type ObjectServer, startObjectServer } from '../../sandbox/s3/object-server.ts';
import { compareKeys } from './compare-keys.ts';
import { type ListedVersion, listVersions } from './list-versions.ts';
import { localS3 } from './local-s3-fixtures.ts';

let server: ObjectServer;
let s3: S3Client;
const signal = new AbortController().signal;

beforeEach(async () => {
  server = await startObjectServer({ pageSize: 4 });
  s3 = localS3(server.url);
  server.bucket('b').versioning = 'Enabled';
});

afterEach(async () => {
  s3.destroy();
  await server.stop();
});

async function list(prefix = '', startAfter?: string): Promise<ListedVersion[]> {
  const batches = await Array.fromAsync(listVersions(s3, { bucket: 'b', prefix, startAfter }, { signal }));
  expect(batches.every(({ length }) => length > 0)).toBe(true);
  return batches.flat();
}

const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds));

it('lists versions and delete markers of each key, the newest first, over all pages', async () => {
  const bucket = server.bucket('b');
  const keys = ['a', 'é — Café', 'quote"\'<>&', 'in/ a+b%20', '\uff01', '🎵'].sort(compareKeys);
  for (const key of keys) {
    bucket.put(key, 'one', { lastModified: at(1) });
    bucket.add(key, undefined, { lastModified: at(2) });
    bucket.put(key, 'three', { lastModified: at(3) });
  }
  const listed = await list();
  expect(listed.map(({ key }) => key)).toEqual(keys.flatMap((key) => [key, key, key]));
  const [third, second, first] = listed;
  expect(third).toMatchObject({ isLatest: true, isDeleteMarker: false, sizeBytes: 5, modifiedAtMs: at(3).getTime() });
  expect(second).toMatchObject({ isLatest: false, isDeleteMarker: true, sizeBytes: 0, etag: undefined });
  expect(first).toMatchObject({
    isLatest: false,
    isDeleteMarker: false,
    etag: expect.stringMatching(/^[0-9a-f]{32}$/),
  });
  expect(listed.map(({ versionId }) => versionId)).toEqual(
    keys.flatMap((key) => bucket.versionsOf(key).map(({ versionId }) => versionId)),
  );
});

it('puts a delete marker of the same second behind a version, unless it is the latest', async () => {
  const bucket = server.bucket('b');
  bucket.add('a', undefined, { lastModified: at(1) });
  bucket.put('a', 'x', { lastModified: at(1) });
  bucket.add('a', undefined, { lastModified: at(1) });
  expect((await list()).map(({ isDeleteMarker }) => isDeleteMarker)).toEqual([true, false, true]);
});

it('lists what is below a prefix and behind a key', async () => {
  for (const key of ['a/1', 'b/1', 'b/2', 'c/1']) server.bucket('b').put(key, 'x');
  expect((await list('b/')).map(({ key }) => key)).toEqual(['b/1', 'b/2']);
  expect((await list('b/', 'b/1')).map(({ key }) => key)).toEqual(['b/2']);
  expect(await list('z')).toEqual([]);
});

it('does not take half an answer for a whole one', async () => {
  server.bucket('b').put('a', 'x');
  s3.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      return { ...result, output: { ...(result.output as object), IsTruncated: true } } as typeof result;
    },
    { step: 'initialize' },
  );
  await expect(list()).rejects.toMatchObject({ reason: 'aws-error' });
});
