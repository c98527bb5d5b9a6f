import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, expect, test } from 'vitest';
import { HashThread } from './hash-thread.ts';
import { type ReadTools, readObject } from './read-object.ts';
import { ReadingS3Client } from './reading-client.ts';

const thread = new HashThread();

afterAll(() => thread.stop());

const open: { server: Server; client: ReadingS3Client }[] = [];

afterEach(async () => {
  for (const { server, client } of open.splice(0)) {
    client.destroy();
    server.closeAllConnections();
    server.close();
  }
});

async function toolsOf(listener: RequestListener): Promise<ReadTools & { readonly client: ReadingS3Client }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = new ReadingS3Client({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    forcePathStyle: true,
    region: 'us-east-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    maxAttempts: 1,
  });
  open.push({ server, client });
  return { client, hashThread: () => thread };
}

/** Not the same anywhere, so that a chunk in the place of another shows. */
const body = Buffer.alloc(
  3_000_000,
  Uint8Array.from({ length: 65_537 }, (_, index) => (index * 31) % 251),
);
const sha256 = createHash('sha256').update(body).digest('base64');
const object = { bucket: 'nycmg-masters', key: 'masters/a b.wav', etag: 'e1', sizeBytes: body.length };
const never = new AbortController().signal;

test('asks for this version and its checksums, and finds the bytes good', async () => {
  const asked: unknown[] = [];
  const tools = await toolsOf((request, response) => {
    const { 'if-match': ifMatch, 'x-amz-checksum-mode': mode } = request.headers;
    asked.push(request.url, ifMatch, mode);
    response.setHeader('x-amz-checksum-sha256', sha256).end(body);
  });
  expect(await readObject(tools, object, undefined, never)).toEqual({ kind: 'good', digest: `SHA256:${sha256}` });
  expect(asked).toEqual(['/nycmg-masters/masters/a%20b.wav?x-id=GetObject', '"e1"', 'ENABLED']);
});

test('reads many objects at once over connections that are used again, without mixing up their bytes', async () => {
  const bodies = Array.from({ length: 24 }, (_, index) => Buffer.alloc(400_000 + index * 7919, `${index} of 24;`));
  const tools = await toolsOf((request, response) => {
    const index = Number(/\d+/.exec(request.url ?? '')?.[0]);
    const content = bodies[index] as Buffer;
    response.setHeader('x-amz-checksum-sha256', createHash('sha256').update(content).digest('base64'));
    // In pieces, so that heads and bodies share reads.
    response.write(content.subarray(0, 70_001));
    setImmediate(() => response.end(content.subarray(70_001)));
  });
  const read = async (index: number) =>
    readObject(tools, { ...object, key: `${index}`, sizeBytes: bodies[index]?.length ?? 0 }, undefined, never);
  for (let round = 0; round < 3; round++) {
    const outcomes = await Promise.all(bodies.map((_, index) => read(index)));
    expect(outcomes.map(({ kind }) => kind)).toEqual(bodies.map(() => 'good'));
  }
});

test('reads an object again before it calls it altered', async () => {
  let requests = 0;
  const spoiled = Buffer.from(body);
  spoiled[1_234_567] = (spoiled[1_234_567] ?? 0) ^ 1;
  const tools = await toolsOf((_, response) => {
    requests += 1;
    response.setHeader('x-amz-checksum-sha256', sha256).end(requests === 1 ? spoiled : body);
  });
  expect(await readObject(tools, object, undefined, never)).toMatchObject({ kind: 'good' });
  expect(requests).toBe(2);
});

test('calls an object altered when one bit differs, twice', async () => {
  const spoiled = Buffer.from(body);
  spoiled[1_234_567] = (spoiled[1_234_567] ?? 0) ^ 1;
  const tools = await toolsOf((_, response) => {
    response.setHeader('x-amz-checksum-sha256', sha256).end(spoiled);
  });
  expect(await readObject(tools, object, undefined, never)).toEqual({
    kind: 'altered',
    algorithm: 'SHA256',
    expected: sha256,
    actual: createHash('sha256').update(spoiled).digest('base64'),
  });
});

test('calls an object altered that has lost bytes, whatever its checksum', async () => {
  const tools = await toolsOf((_, response) => response.end(body.subarray(1)));
  expect(await readObject(tools, object, undefined, never)).toMatchObject({ kind: 'altered', algorithm: 'size' });
});

test('compares with what an earlier run read where S3 keeps nothing', async () => {
  const tools = await toolsOf((_, response) => response.end(body));
  const first = await readObject(tools, object, undefined, never);
  expect(first).toEqual({ kind: 'good', digest: `SHA256:${sha256}` });
  expect(await readObject(tools, object, `SHA256:${sha256}`, never)).toEqual(first);
  expect(await readObject(tools, object, 'SHA256:other', never)).toMatchObject({
    kind: 'altered',
    algorithm: 'SHA256 of an earlier reading',
    expected: 'other',
  });
});

test('compares with what an earlier run read even where S3 agrees', async () => {
  const tools = await toolsOf((_, response) => response.setHeader('x-amz-checksum-sha256', sha256).end(body));
  expect(await readObject(tools, object, 'SHA256:other', never)).toMatchObject({ kind: 'altered' });
});

test('tries once more when the connection breaks in the middle of a body, and does not call the object altered', async () => {
  let requests = 0;
  const tools = await toolsOf((_, response) => {
    requests += 1;
    response.writeHead(200, { 'content-length': body.length, 'x-amz-checksum-sha256': sha256 });
    response.write(body.subarray(0, 1_000_000), () => response.destroy());
  });
  expect(await readObject(tools, object, undefined, never)).toMatchObject({
    kind: 'unreadable',
    reason: 'unreachable',
  });
  expect(requests).toBe(2);
});

test('finds an object good whose connection broke only once', async () => {
  let requests = 0;
  const tools = await toolsOf((_, response) => {
    requests += 1;
    response.writeHead(200, { 'content-length': body.length, 'x-amz-checksum-sha256': sha256 });
    if (requests > 1) response.end(body);
    else response.write(body.subarray(0, 1_000_000), () => response.destroy());
  });
  expect(await readObject(tools, object, undefined, never)).toMatchObject({ kind: 'good' });
});

const xml = (code: string) =>
  `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>no</Message></Error>`;

test.each([
  [412, 'PreconditionFailed', { kind: 'moved-on' }],
  [404, 'NoSuchKey', { kind: 'moved-on' }],
  [403, 'InvalidObjectState', { kind: 'archived' }],
  [403, 'AccessDenied', { kind: 'unreadable', reason: 'access-denied' }],
  [503, 'SlowDown', { kind: 'unreadable', reason: 'throttled' }],
  [500, 'InternalError', { kind: 'unreadable', reason: 'aws-error' }],
])('understands %i %s', async (status, code, expected) => {
  const tools = await toolsOf((_, response) => response.writeHead(status).end(xml(code)));
  expect(await readObject(tools, object, undefined, never)).toMatchObject(expected);
});

test('gives an object up when it is told to, before its head as in its body', async () => {
  for (const answersHead of [true, false]) {
    const abort = new AbortController();
    const tools = await toolsOf((_, response) => {
      if (answersHead) response.writeHead(200, { 'content-length': body.length }).write(body.subarray(0, 1_000_000));
      setTimeout(() => abort.abort(), 50);
    });
    expect(await readObject(tools, object, undefined, abort.signal)).toEqual({ kind: 'interrupted' });
  }
});
