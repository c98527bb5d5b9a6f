import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { internalError } from '../../../sandbox/s3/server-faults.ts';
import { bucketName, daysAgo, type ObjectBench, objectsPolicy, openBench } from './object-fixtures.ts';

let bench: ObjectBench;

beforeEach(async () => {
  bench = await openBench({ pageSize: 3 });
});

afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

const policy = objectsPolicy({ what: 'uploads', guards: { maximumPercent: 1 } });

let uploads = 0;

/** Begins an upload so many days ago, with a part for each number of days. */
function begin(key: string, days: number, parts: readonly number[] = []): string {
  uploads += 1;
  const uploadId = `upload-${String(uploads).padStart(6, '0')}`;
  bench.server.bucket(bucketName).uploads.set(uploadId, {
    key,
    uploadId,
    initiated: daysAgo(days),
    checksum: undefined,
    content: { storageClass: 'STANDARD', metadata: {}, headers: {} },
    lock: {},
    parts: new Map(
      parts.map((partDays, index) => [
        index + 1,
        { chunks: [], size: 100, md5: 'm', checksums: {}, lastModified: daysAgo(partDays) },
      ]),
    ),
  });
  return uploadId;
}

const left = () => [...bench.bucket.uploads.values()].map(({ key }) => key);

describe('uploads that were never completed', () => {
  it('are aborted when neither they nor their parts are younger than the retention', async () => {
    begin('old', 40, [39, 38]);
    begin('without parts', 31);
    begin('active', 40, [39, 2]);
    begin('young', 29);
    bench.bucket.put('an object', 'x', { lastModified: daysAgo(90) });
    const outcome = await bench.run(policy);
    expect(outcome).toMatchObject({ state: 'done', planned: 2, deleted: 2, bytes: 200, backlog: 0 });
    expect(left().sort()).toEqual(['active', 'young']);
    expect([...bench.bucket.keysFrom()]).toEqual(['an object']);
  });

  it('are all found, also many of one key, page by page and step by step', async () => {
    for (const key of ['a', 'b', 'b', 'b', 'b', 'b', 'c', 'd', 'd']) begin(key, 40);
    const outcome = await bench.run(policy, { signal: AbortSignal.abort() });
    expect(outcome).toMatchObject({ planned: 9, deleted: 9 });
    expect(left()).toEqual([]);
  });

  it('that have gone on or ended since the plan are left', async () => {
    const active = begin('a', 40);
    const completed = begin('b', 40);
    begin('c', 40);
    expect((await bench.run(policy, { mode: 'dry-run' })).planned).toBe(3);
    const upload = bench.bucket.uploads.get(active);
    upload?.parts.set(1, { chunks: [], size: 1, md5: 'm', checksums: {}, lastModified: daysAgo(0) });
    bench.bucket.uploads.delete(completed);
    expect(await bench.run(policy)).toMatchObject({ deleted: 1, kept: 1 });
    expect(left()).toEqual(['a']);
  });

  it('are tried again when S3 cannot, and count as failed when it never can', async () => {
    begin('a', 40);
    begin('b', 40);
    bench.server.fail({ operation: 'AbortMultipartUpload', key: 'a', times: 1, fault: internalError });
    bench.server.fail({ operation: 'AbortMultipartUpload', key: 'b', fault: internalError });
    const outcome = await bench.run(policy);
    expect(outcome).toMatchObject({ deleted: 1, kept: 1, faults: [{ rule: 'deletion-failed' }] });
    expect(left()).toEqual(['b']);
  });

  it('are known to be aborted when only the answer is lost', async () => {
    begin('a', 40);
    bench.server.fail({ operation: 'AbortMultipartUpload', times: 1, fault: 'loses-answer' });
    expect(await bench.run(policy)).toMatchObject({ deleted: 1, faults: [] });
  });
});
