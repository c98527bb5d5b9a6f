import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accessDenied } from '../../../sandbox/s3/server-faults.ts';
import { daysAgo, type ObjectBench, objectsPolicy, openBench } from './object-fixtures.ts';

let bench: ObjectBench;

beforeEach(async () => {
  bench = await openBench({ pageSize: 7 });
  bench.bucket.versioning = 'Enabled';
});

afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

const policy = (options: Readonly<Record<string, unknown>> = {}) => objectsPolicy({ what: 'noncurrent', ...options });

function put(key: string, days: number, more: object = {}): string {
  return bench.bucket.put(key, `${key} of ${days}`, { lastModified: daysAgo(days), ...more }).versionId;
}

function mark(key: string, days: number): string {
  return bench.bucket.add(key, undefined, { lastModified: daysAgo(days) }).versionId;
}

const ids = (key: string) => bench.bucket.versionsOf(key).map(({ versionId }) => versionId);

describe('noncurrent versions', () => {
  it('are deleted for good once they were replaced long enough ago, and nothing else is', async () => {
    put('a', 300);
    const replaced = put('a', 40);
    const current = put('a', 10);
    put('b', 300);
    const latest = put('b', 31);
    const outcome = await bench.run(policy());
    expect(outcome).toMatchObject({ state: 'done', planned: 2, deleted: 2, backlog: 0 });
    expect([ids('a'), ids('b')]).toEqual([[current, replaced], [latest]]);
  });

  it('stay as many of each key as are to stay', async () => {
    const all = [90, 80, 70, 60, 50].map((days) => put('a', days));
    expect(await bench.run(policy({ keepNoncurrent: 2 }))).toMatchObject({ deleted: 2 });
    expect(ids('a')).toEqual(all.slice(2).reverse());
  });

  it('of a key with more of them than a page has are all found', async () => {
    for (let index = 0; index < 30; index += 1) put('a', 100 - index);
    put('b', 50);
    const outcome = await bench.run(policy());
    expect(outcome).toMatchObject({ planned: 29, deleted: 29 });
    expect(ids('a')).toHaveLength(1);
    expect(ids('b')).toHaveLength(1);
  });

  it('of a key with more of them than a batch has are all found to be as they were', async () => {
    await using many = await openBench();
    many.bucket.versioning = 'Enabled';
    for (let index = 0; index < 2_300; index += 1) many.bucket.put('b', '', { lastModified: daysAgo(90) });
    many.bucket.put('a', '', { lastModified: daysAgo(90) });
    many.bucket.put('a', '', { lastModified: daysAgo(90) });
    expect(await many.run(policy())).toMatchObject({ planned: 2_300, deleted: 2_300, batches: 3 });
    expect(many.bucket.versionsOf('b')).toHaveLength(1);
  });

  it('go with the delete markers behind which nothing is left, in the runs after', async () => {
    put('a', 90);
    mark('a', 80);
    put('b', 90);
    mark('b', 10);
    mark('c', 80);
    expect(await bench.run(policy())).toMatchObject({ deleted: 2 });
    expect(ids('a')).toHaveLength(1);
    expect(await bench.run(policy())).toMatchObject({ deleted: 1 });
    expect([ids('a'), ids('c')]).toEqual([[], []]);
    expect(ids('b')).toHaveLength(2);
  });

  it('that have become the object again since the plan stay', async () => {
    const first = put('a', 90);
    const second = put('a', 80);
    put('b', 90);
    put('b', 80);
    const { planned } = await bench.run(policy(), { mode: 'dry-run' });
    expect(planned).toBe(2);
    bench.bucket.delete('a', { versionId: second });
    expect(await bench.run(policy())).toMatchObject({ deleted: 1, kept: 1 });
    expect(bench.bucket.current('a')?.versionId).toBe(first);
  });

  it('go on step by step, with none of them in the list twice', async () => {
    for (const key of ['a', 'b', 'c', 'd']) for (let index = 0; index < 9; index += 1) put(key, 100 - index);
    const outcome = await bench.run(policy(), { signal: AbortSignal.abort() });
    expect(outcome).toMatchObject({ planned: 32, deleted: 32, kept: 0, state: 'done' });
    expect(['a', 'b', 'c', 'd'].map((key) => ids(key).length)).toEqual([1, 1, 1, 1]);
  });

  it('from before the bucket had versions are told by their id', async () => {
    bench.bucket.versioning = undefined;
    put('a', 90);
    bench.bucket.versioning = 'Enabled';
    const current = put('a', 80);
    expect(await bench.run(policy())).toMatchObject({ deleted: 1 });
    expect(ids('a')).toEqual([current]);
  });

  it('that an object to come would replace stay for as long as versions are suspended', async () => {
    bench.bucket.versioning = undefined;
    put('a', 90);
    bench.bucket.versioning = 'Enabled';
    put('a', 80);
    const replaced = put('b', 70);
    put('b', 60);
    expect(await bench.run(policy(), { mode: 'dry-run' })).toMatchObject({ planned: 2 });
    bench.bucket.versioning = 'Suspended';
    mark('c', 80);
    expect(await bench.run(policy())).toMatchObject({ deleted: 1, kept: 1, faults: [] });
    expect(ids('a')).toContain('null');
    expect(ids('b')).not.toContain(replaced);
    expect(await bench.run(policy())).toMatchObject({ planned: 0 });
    bench.bucket.versioning = 'Enabled';
    expect(await bench.run(policy())).toMatchObject({ deleted: 2 });
    expect(ids('a')).not.toContain('null');
  });
});

describe('versions that are locked', () => {
  it('stay, are counted apart and named, and the others go', async () => {
    bench.bucket.hasObjectLock = true;
    put('free', 90);
    put('free', 80);
    put('governed', 90, { retention: { mode: 'GOVERNANCE', until: daysAgo(-5) } });
    put('governed', 80);
    put('complied', 90, { retention: { mode: 'COMPLIANCE', until: daysAgo(-5) } });
    put('complied', 80);
    put('held', 90, { legalHold: 'ON' });
    put('held', 80);
    put('over', 90, { retention: { mode: 'COMPLIANCE', until: daysAgo(5) } });
    put('over', 80);
    const outcome = await bench.run(policy());
    expect(outcome).toMatchObject({ state: 'done', planned: 5, deleted: 2, kept: 3, backlog: 0, backlogAgeHours: 0 });
    expect(outcome.faults).toMatchObject([
      { rule: 'object-kept', evidence: { count: 2, samples: ['complied', 'governed'] } },
      { rule: 'object-kept', evidence: { count: 1, samples: ['held'] } },
    ]);
    expect(ids('governed')).toHaveLength(2);
    // The same again, until the locks are over.
    expect(await bench.run(policy())).toMatchObject({ planned: 3, deleted: 0, kept: 3 });
    expect(await bench.run(policy(), { now: daysAgo(-6) })).toMatchObject({ deleted: 0 });
  });

  it('are told apart from those that a permission is missing for', async () => {
    bench.bucket.hasObjectLock = true;
    put('denied', 90);
    put('denied', 80);
    put('free', 90);
    put('free', 80);
    put('held', 90, { legalHold: 'ON' });
    put('held', 80);
    bench.server.fail({ operation: 'DeleteObjects', key: 'denied', fault: accessDenied });
    const outcome = await bench.run(policy());
    expect(outcome.faults.map(({ rule, evidence }) => [rule, evidence.samples])).toEqual([
      ['object-kept', ['held']],
      ['deletion-failed', ['denied']],
    ]);
    expect(outcome).toMatchObject({ deleted: 1, kept: 2, backlog: 1 });
  });

  it('are a failure where it may not be asked why', async () => {
    bench.bucket.hasObjectLock = true;
    put('held', 90, { legalHold: 'ON' });
    put('held', 80);
    put('free', 90);
    put('free', 80);
    bench.server.fail({ operation: 'GetObjectLegalHold', fault: accessDenied });
    const outcome = await bench.run(policy());
    expect(outcome).toMatchObject({ deleted: 1, kept: 1, faults: [{ rule: 'deletion-failed' }] });
  });

  it('by a second factor are not tried at all', async () => {
    put('a', 90);
    put('a', 80);
    bench.bucket.hasMfaDelete = true;
    const outcome = await bench.run(policy());
    expect(outcome).toMatchObject({ state: 'stopped', deleted: 0, unchecked: [{ reason: 'mfa-delete' }] });
    expect(bench.server.requests.map(({ operation }) => operation)).toEqual(['GetBucketVersioning']);
  });

  it('do not keep an object from being put behind a delete marker', async () => {
    bench.bucket.hasObjectLock = true;
    const id = put('a', 90, { retention: { mode: 'COMPLIANCE', until: daysAgo(-5) } });
    expect(await bench.run(objectsPolicy())).toMatchObject({ deleted: 1, kept: 0 });
    expect(ids('a')[1]).toBe(id);
  });
});
