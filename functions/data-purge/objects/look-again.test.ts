import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clientsAt } from '../context-fixtures.ts';
import { CurrentSource } from './current-source.ts';
import type { ListEntry } from './list-entry.ts';
import { lookAgain } from './look-again.ts';
import { NoncurrentSource } from './noncurrent-source.ts';
import { bucketName, daysAgo, type ObjectBench, openBench } from './object-fixtures.ts';
import type { ObjectSource } from './object-source.ts';
import { UploadSource } from './upload-source.ts';

let bench: ObjectBench;

beforeEach(async () => {
  bench = await openBench();
});

afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

function scope() {
  const { s3 } = clientsAt(bench.server.url);
  return {
    client: s3,
    bucket: bucketName,
    prefix: '',
    cutoffMs: daysAgo(30).getTime(),
    signal: new AbortController().signal,
  };
}

async function past(source: ObjectSource): Promise<ListEntry[]> {
  const entries: ListEntry[] = [];
  for await (const { seen } of source.scan({ after: undefined })) {
    for (const { entry, isPast } of seen) if (isPast) entries.push(entry);
  }
  return entries;
}

async function looked(source: ObjectSource, entries: readonly ListEntry[]): Promise<string[]> {
  const found = await lookAgain(source, entries, undefined);
  return entries.map((entry) => `${entry.key} ${found.get(entry)}`);
}

const keyOf = (index: number) => `k${String(index).padStart(5, '0')}`;
const crowd = 5_000;

describe('entries that lie far apart', () => {
  it('are looked at one by one, not by a listing of all that is between them', async () => {
    for (let index = 0; index < crowd; index += 1) {
      const isOld = index % 1_000 === 999;
      bench.bucket.put(keyOf(index), 'x', { lastModified: daysAgo(isOld ? 40 : 1) });
    }
    bench.bucket.put(`${keyOf(1_999)}/behind it`, 'x', { lastModified: daysAgo(1) });
    const source = new CurrentSource(scope());
    const entries = await past(source);
    bench.bucket.delete(keyOf(999));
    bench.bucket.put(keyOf(2_999), 'x', { lastModified: daysAgo(0) });
    bench.bucket.put(keyOf(3_999), 'y', { lastModified: daysAgo(40) });
    const before = bench.server.requests.length;
    expect(await looked(source, entries)).toEqual([
      'k00999 gone',
      'k01999 same',
      'k02999 changed',
      'k03999 changed',
      'k04999 same',
    ]);
    // Of the page that is being read another one may be on its way.
    expect(bench.server.requests.length - before).toBeLessThanOrEqual(2 + entries.length);
    expect(bench.server.requests.length - before).toBeGreaterThan(entries.length);
  });

  it('are looked at as a whole where they are versions', async () => {
    bench.bucket.versioning = 'Enabled';
    for (let index = 0; index < crowd; index += 1) bench.bucket.put(keyOf(index), 'x', { lastModified: daysAgo(1) });
    const put = (key: string, days: number) => bench.bucket.put(key, 'x', { lastModified: daysAgo(days) }).versionId;
    for (const key of ['l', 'm', 'n']) {
      put(key, 90);
      put(key, 60);
    }
    const source = new NoncurrentSource(scope(), 0);
    const entries = await past(source);
    bench.bucket.delete('l', { versionId: entries[0]?.versionId ?? '' });
    // What has replaced it is gone: it is the object again.
    bench.bucket.delete('m', { versionId: bench.bucket.versionsOf('m')[0]?.versionId ?? '' });
    expect(await looked(source, entries)).toEqual(['l gone', 'm changed', 'n same']);
  });

  it('are looked at where they are uploads', async () => {
    const begin = (key: string, days: number) =>
      bench.bucket.uploads.set(key, {
        key,
        uploadId: key,
        initiated: daysAgo(days),
        checksum: undefined,
        content: { storageClass: 'STANDARD', metadata: {}, headers: {} },
        lock: {},
        parts: new Map(),
      });
    for (let index = 0; index < 1_500; index += 1) begin(keyOf(index), 1);
    for (const key of ['l', 'm']) begin(key, 40);
    const source = new UploadSource(scope());
    const entries = await past(source);
    bench.bucket.uploads.delete('l');
    expect(await looked(source, entries)).toEqual(['l gone', 'm same']);
  });
});
