import { createHash, randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HashThread } from './hash-thread.ts';

let thread: HashThread;

beforeEach(() => {
  thread = new HashThread();
});

afterEach(() => thread.stop());

async function hashOf(bytes: Uint8Array, chunk: number, name = 'sha256'): Promise<string> {
  const digest = thread.start(name);
  for (let at = 0; at < bytes.length; at += chunk) await digest.update(new Uint8Array(bytes.subarray(at, at + chunk)));
  return digest.end();
}

const expected = (bytes: Uint8Array, name = 'sha256') => createHash(name).update(bytes).digest('base64');

test('hashes as one would in the same thread, whatever the size of the pieces', async () => {
  const bytes = randomBytes(3 * 1024 * 1024 + 17);
  for (const chunk of [65_536, 1024 * 1024, bytes.length, 999_983]) {
    expect(await hashOf(bytes, chunk)).toBe(expected(bytes));
  }
  expect(await hashOf(bytes, 100_000, 'md5')).toBe(expected(bytes, 'md5'));
  expect(await hashOf(new Uint8Array(), 1)).toBe(expected(new Uint8Array()));
});

test('hashes several at once that are together larger than what it holds, without mixing them up', async () => {
  const all = Array.from({ length: 6 }, (_, index) => randomBytes(5_000_000 + index * 1_234_567));
  expect(await Promise.all(all.map((bytes) => hashOf(bytes, 700_001)))).toEqual(all.map((bytes) => expected(bytes)));
});

test('lets whoever sends faster than it hashes wait', async () => {
  const digest = thread.start('sha256');
  const bytes = randomBytes(20_000_000);
  const wait = digest.update(new Uint8Array(bytes));
  expect(wait).toBeInstanceOf(Promise);
  await wait;
  expect(await digest.end()).toBe(expected(bytes));
});

test('takes memory over that bytes have for themselves, and copies what others may use', async () => {
  const alone = new Uint8Array(1_000_000);
  const shared = new Uint8Array(2_000_000);
  const digest = thread.start('sha256');
  await digest.update(alone);
  await digest.update(shared.subarray(0, 1_000_000));
  // A buffer's own `slice` copies nothing.
  await digest.update(Buffer.from(shared.buffer, 0, 1_000_000));
  expect(alone.byteLength).toBe(0);
  expect(shared.byteLength).toBe(2_000_000);
  expect(await digest.end()).toBe(expected(new Uint8Array(3_000_000)));
});

test('goes on with others when some are given up halfway', async () => {
  for (let round = 0; round < 40; round++) {
    const digest = thread.start('sha256');
    await digest.update(randomBytes(500_000));
    digest.abandon();
  }
  const bytes = randomBytes(15_000_000);
  expect(await hashOf(bytes, 65_536)).toBe(expected(bytes));
});

test('fails what it has not finished when it is ended', async () => {
  const digest = thread.start('sha256');
  const end = digest.end();
  const outcome = expect(end).rejects.toThrow('has ended');
  await thread.stop();
  await outcome;
  await expect(thread.start('sha256').end()).rejects.toThrow('has ended');
});

test('fails when it does not know the hash', async () => {
  await expect(thread.start('sha-nonsense').end()).rejects.toThrow();
});
