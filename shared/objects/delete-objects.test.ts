import type { S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type ObjectServer, startObjectServer } from '../../sandbox/s3/object-server.ts';
import { internalError, slowDown } from '../../sandbox/s3/server-faults.ts';
import { deleteObjects } from './delete-objects.ts';
import { localS3 } from './local-s3-fixtures.ts';

let server: ObjectServer;
let s3: S3Client;

beforeEach(async () => {
  server = await startObjectServer();
  s3 = localS3(server.url);
});

afterEach(async () => {
  s3.destroy();
  await server.stop();
});

const keysLeft = () => [...server.bucket('b').keysFrom()];

it('deletes what is named and tells of each in order why it was not', async () => {
  const bucket = server.bucket('b');
  for (const key of ['a', 'b', 'c', 'kept']) bucket.put(key, 'x');
  server.fail({ operation: 'DeleteObjects', key: 'c', fault: internalError });
  const etag = bucket.current('a')?.content.etag;
  const answers = await deleteObjects(s3, 'b', [
    { key: 'a', etag },
    { key: 'b', etag: 'another' },
    { key: 'c' },
    { key: 'none' },
  ]);
  expect(answers).toMatchObject([undefined, { code: 'PreconditionFailed' }, { code: 'InternalError' }, undefined]);
  expect(keysLeft()).toEqual(['b', 'c', 'kept']);
});

it('deletes versions and delete markers by their ids', async () => {
  const bucket = server.bucket('b');
  bucket.put('a', 'x');
  bucket.versioning = 'Enabled';
  const { versionId } = bucket.put('a', 'y');
  const marker = bucket.add('a', undefined);
  const answers = await deleteObjects(s3, 'b', [
    { key: 'a', versionId: marker.versionId },
    { key: 'a', versionId: 'null' },
    { key: 'a', versionId: 'unknown' },
  ]);
  expect(answers).toEqual([undefined, undefined, undefined]);
  expect(bucket.versionsOf('a').map((version) => version.versionId)).toEqual([versionId]);
});

it('deletes keys that a document of XML cannot have one by one, under the same conditions', async () => {
  const bucket = server.bucket('b');
  for (const key of ['bell\u0007', 'null\u0001', 'plain', ' spaces ', 'line\r\nfeed', '\u0085', '\uffff'])
    bucket.put(key, 'x');
  const etag = 'another';
  const answers = await deleteObjects(s3, 'b', [
    { key: 'bell\u0007' },
    { key: 'null\u0001', etag },
    { key: 'plain' },
    { key: ' spaces ' },
    { key: 'line\r\nfeed' },
    { key: '\u0085' },
    { key: '\uffff' },
  ]);
  expect(answers).toMatchObject([undefined, { code: 'PreconditionFailed' }, ...Array(5).fill(undefined)]);
  expect(keysLeft()).toEqual(['null\u0001']);
});

it('does not know what became of a request that failed as a whole', async () => {
  server.bucket('b').put('a', 'x');
  server.fail({ operation: 'DeleteObjects', times: 1, fault: slowDown });
  await expect(deleteObjects(s3, 'b', [{ key: 'a' }])).rejects.toMatchObject({ name: 'SlowDown' });
  server.fail({ operation: 'DeleteObject', times: 1, fault: 'reset' });
  await expect(deleteObjects(s3, 'b', [{ key: 'a\u0001' }])).rejects.toThrow();
});

it('refuses more than a request can hold', async () => {
  const many = Array.from({ length: 1001 }, (_, index) => ({ key: String(index) }));
  await expect(deleteObjects(s3, 'b', many)).rejects.toThrow(RangeError);
});
