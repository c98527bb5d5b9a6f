import { S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accessDenied, internalError, slowDown } from '../../../sandbox/s3/server-faults.ts';
import { pause, resume } from '../../../shared/retention/pause.ts';
import { readPlan } from '../../../shared/retention/plans.ts';
import type { WorkProgress } from '../../../shared/run-task.ts';
import type { StateStore } from '../../../shared/storage/state-store.ts';
import {
  approve,
  currentKeys,
  daysAgo,
  now,
  type ObjectBench,
  objectsPolicy,
  openBench,
  textOf,
} from './object-fixtures.ts';
import { purgeObjects } from './purge-objects.ts';

let bench: ObjectBench;

beforeEach(async () => {
  bench = await openBench();
});

afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

/** Puts objects of 40 days ago; of another age, where one is given. */
function put(keys: readonly string[], days = 40): void {
  for (const key of keys) bench.bucket.put(key, `content of ${key}`, { lastModified: daysAgo(days) });
}

function keys(count: number, prefix = 'k'): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${String(index).padStart(6, '0')}`);
}

const deletions = () => bench.server.requests.filter(({ operation }) => operation === 'DeleteObjects').length;

describe('objects past their retention', () => {
  it('are deleted, and those of just the retention and younger stay', async () => {
    put(['old', 'older'], 31);
    put(['just'], 30);
    put(['young'], 1);
    const outcome = await bench.run(objectsPolicy());
    expect(outcome).toMatchObject({ state: 'done', planned: 2, deleted: 2, kept: 0, backlog: 0, backlogAgeHours: 0 });
    expect(currentKeys(bench.bucket)).toEqual(['just', 'young']);
  });

  it('are looked for in each run, whether the one before has found any or not', async () => {
    expect(await bench.run(objectsPolicy())).toMatchObject({ state: 'done', planned: 0 });
    put(['a']);
    expect(await bench.run(objectsPolicy())).toMatchObject({ state: 'done', deleted: 1 });
    put(['b']);
    expect(await bench.run(objectsPolicy(), { mode: 'dry-run' })).toMatchObject({ planned: 1 });
    put(['c']);
    const nextNight = new Date(now.getTime() + 24 * 3_600_000 - 5_000);
    expect(await bench.run(objectsPolicy(), { mode: 'dry-run', now: nextNight })).toMatchObject({ planned: 2 });
  });

  it('are taken below the prefix only, whatever their keys are', async () => {
    const odd = ['in/ a+b%20c', 'in/<&>"\'', 'in/\u0001', 'in/\uff01', 'in/🎵', 'in/é'];
    put([...odd, 'out/a', 'in']);
    const outcome = await bench.run(objectsPolicy({ prefix: 'in/' }));
    expect(outcome).toMatchObject({ planned: 6, deleted: 6, faults: [], unchecked: [] });
    expect(currentKeys(bench.bucket)).toEqual(['in', 'out/a']);
  });

  it('are only counted in a dry run of the policy or of the task, and the plan names them', async () => {
    put(['a', 'b']);
    const shown = await bench.run(objectsPolicy({ mode: 'dry-run' }));
    expect(shown).toMatchObject({
      state: 'planned',
      mode: 'dry-run',
      planned: 2,
      deleted: 0,
      backlog: 2,
      backlogAgeHours: 240,
    });
    const dry = await bench.run(objectsPolicy(), { mode: 'dry-run' });
    expect(dry).toMatchObject({ state: 'planned', mode: 'dry-run', planned: 2 });
    expect(deletions()).toBe(0);
    const { plan } = await readPlan(bench.context.control, dry.planHash ?? '');
    if (plan.kind !== 'objects') throw new TypeError('another plan');
    const lines = (await textOf(bench.context, `${plan.list}/00000001`)).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { key: 'a', size: 12, lastModified: daysAgo(40).toISOString(), etag: expect.stringMatching(/^[0-9a-f]{32}$/) },
      { key: 'b' },
    ]);
  });

  it('that were overwritten since stay, also with the same bytes, as they do when they are gone already', async () => {
    put(['same', 'same but older', 'changed', 'gone', 'kept out', 'last']);
    const { planHash } = await bench.run(objectsPolicy(), { mode: 'dry-run' });
    bench.bucket.put('same', 'content of same', { lastModified: daysAgo(0) });
    bench.bucket.put('same but older', 'content of same but older', { lastModified: daysAgo(35) });
    bench.bucket.put('changed', 'other', { lastModified: daysAgo(40) });
    bench.bucket.delete('gone');
    bench.bucket.put('l new', 'x', { lastModified: daysAgo(40) });
    const outcome = await bench.run(objectsPolicy());
    expect(outcome).toMatchObject({ planHash, planned: 6, deleted: 2, kept: 3, faults: [] });
    expect(currentKeys(bench.bucket)).toEqual(['changed', 'l new', 'same', 'same but older']);
  });

  it('that are overwritten between the look and the deletion stay', async () => {
    put(['a', 'b']);
    bench.server.fail({
      operation: 'DeleteObjects',
      fault: ({ bucket }) => void bench.server.bucket(bucket).put('a', 'just now'),
    });
    const outcome = await bench.run(objectsPolicy());
    expect(outcome).toMatchObject({ deleted: 1, kept: 1 });
    expect(bench.bucket.read('a').toString()).toBe('just now');
  });

  it('are left behind a delete marker where there are versions', async () => {
    bench.bucket.versioning = 'Enabled';
    put(['a']);
    expect(await bench.run(objectsPolicy())).toMatchObject({ deleted: 1 });
    expect(bench.bucket.versionsOf('a').map(({ content }) => content === undefined)).toEqual([true, false]);
    expect(await bench.run(objectsPolicy())).toMatchObject({ planned: 0, state: 'done' });
  });

  it('are deleted in batches of a thousand, each with an entry before and after, and a document for each', async () => {
    put(keys(2_500));
    const outcome = await bench.run(objectsPolicy());
    expect(outcome).toMatchObject({ deleted: 2_500, batches: 3, bytes: 2_500 * 18, state: 'done' });
    const entries = await bench.ledger('incoming');
    expect(entries.map(({ action, outcome: what, before, after }) => [action, what, before, after])).toEqual([
      ['delete-objects', 'intended', 2_500, 1_500],
      ['delete-objects', 'done', 2_500, 1_500],
      ['delete-objects', 'intended', 1_500, 500],
      ['delete-objects', 'done', 1_500, 500],
      ['delete-objects', 'intended', 500, 0],
      ['delete-objects', 'done', 500, 0],
      ['finish-objects', 'done', 2_500, 0],
    ]);
    const [first, second] = entries;
    expect(second).toMatchObject({ settles: first?.hash, keysHash: first?.keysHash, planHash: outcome.planHash });
    const manifest = JSON.parse(await textOf(bench.context, outcome.manifests[0] ?? ''));
    expect(manifest).toMatchObject({ planHash: outcome.planHash, batches: 3, deleted: 2_500, kept: 0, failed: 0 });
    const documents: string[] = [];
    for (const entry of entries) if (typeof entry.facts.outcomes === 'string') documents.push(entry.facts.outcomes);
    const lines = (await textOf(bench.context, documents[2] ?? '')).trim().split('\n');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ batch: 3, previous: entries[3]?.facts.outcomesHash });
    expect(JSON.parse(lines[1] ?? '')).toEqual({ key: 'k002000', size: 18, outcome: 'deleted' });
    expect(lines).toHaveLength(501);
    expect(manifest.outcomesHash).toBe(entries[5]?.facts.outcomesHash);
  });
});

describe('guards', () => {
  it.each([
    ['too-many-rows', { maximumRows: 2 }],
    ['too-large-share', { maximumPercent: 70 }],
  ])('stop at %s before anything is deleted', async (guard, guards) => {
    put(['a', 'b', 'c']);
    put(['young'], 1);
    const outcome = await bench.run(objectsPolicy({ guards }));
    expect(outcome).toMatchObject({ state: 'guarded', deleted: 0, backlog: 3, guards: [{ guard }] });
    expect(deletions()).toBe(0);
    expect(await bench.ledger('incoming')).toEqual([]);
  });

  it('stop at an unusual volume, judged by past runs', async () => {
    const guards = { minimumHistory: 2, maximumDeviation: 2, deviationFloor: 5 };
    for (const round of ['a', 'b']) {
      put(keys(3, round));
      expect((await bench.run(objectsPolicy({ guards }))).state).toBe('done');
    }
    put(keys(7, 'c'));
    const outcome = await bench.run(objectsPolicy({ guards }));
    expect(outcome).toMatchObject({ state: 'guarded', guards: [{ guard: 'unusual-volume' }] });
    expect(currentKeys(bench.bucket)).toHaveLength(7);
  });

  it('stop at a plan that takes what is still to be kept by the clock', async () => {
    put(['a']);
    await bench.run(objectsPolicy(), { mode: 'dry-run' });
    const outcome = await bench.run(objectsPolicy(), { now: daysAgo(15) });
    expect(outcome).toMatchObject({ state: 'guarded', guards: [{ guard: 'younger-than-retention' }] });
    expect(deletions()).toBe(0);
  });

  it('have a first run wait for a second person, and delete just what was approved', async () => {
    const policy = objectsPolicy({ guards: { approval: 'first-run' } });
    put(['a', 'b']);
    const waiting = await bench.run(policy);
    expect(waiting).toMatchObject({ state: 'guarded', guards: [{ guard: 'approval-missing' }] });
    put(['c']);
    const still = await bench.run(policy);
    expect(still.planHash).toBe(waiting.planHash);
    await approve(bench.context, waiting);
    expect(await bench.run(policy, { actor: 'grace' })).toMatchObject({ state: 'guarded' });
    expect(await bench.run(policy)).toMatchObject({ state: 'done', deleted: 2, planHash: waiting.planHash });
    expect(currentKeys(bench.bucket)).toEqual(['c']);
    // Of a policy that was begun each later run needs nobody.
    expect(await bench.run(policy)).toMatchObject({ state: 'done', deleted: 1 });
  });

  it('have another definition wait again', async () => {
    const guards = { approval: 'first-run' };
    put(['a/1', 'b/1']);
    const first = await bench.run(objectsPolicy({ guards, prefix: 'a/' }));
    await approve(bench.context, first);
    expect(await bench.run(objectsPolicy({ guards, prefix: 'a/' }))).toMatchObject({ deleted: 1 });
    expect(await bench.run(objectsPolicy({ guards, prefix: '' }))).toMatchObject({ state: 'guarded', deleted: 0 });
  });

  it('have a plan expire', async () => {
    const policy = objectsPolicy({ guards: { approval: 'first-run' } });
    put(['a']);
    const first = await bench.run(policy);
    await approve(bench.context, first);
    const later = await bench.run(policy, { now: daysAgo(-15) });
    expect(later.planHash).not.toBe(first.planHash);
    expect(later).toMatchObject({ state: 'guarded', guards: [{ guard: 'approval-missing' }] });
  });
});

describe('the list', () => {
  async function replaceIn(name: string, from: string, to: string): Promise<void> {
    const text = (await textOf(bench.context, name)).replace(from, to);
    await bench.context.store.write(
      name,
      (async function* () {
        yield Buffer.from(text);
      })(),
    );
  }

  it.each([
    ['a part', '00000001', '"key":"a"', '"key":"z"'],
    ['the index', 'index', '"bytes":24', '"bytes":25'],
  ])('deletes nothing when %s was changed after it was planned', async (_, document, from, to) => {
    put(['a', 'b', 'z']);
    bench.bucket.put('z', 'x', { lastModified: daysAgo(1) });
    const { planHash } = await bench.run(objectsPolicy(), { mode: 'dry-run' });
    const { plan } = await readPlan(bench.context.control, planHash ?? '');
    if (plan.kind !== 'objects') throw new TypeError('another plan');
    await replaceIn(`${plan.list}/${document}`, from, to);
    const outcome = await bench.run(objectsPolicy());
    expect(outcome).toMatchObject({ state: 'stopped', deleted: 0, unchecked: [{ reason: 'list-changed' }] });
    expect(deletions()).toBe(0);
  });

  it('has every part verified before the first deletion, and each again when its turn comes', async () => {
    put(keys(10_001));
    const { planHash } = await bench.run(objectsPolicy(), { mode: 'dry-run' });
    const { plan } = await readPlan(bench.context.control, planHash ?? '');
    if (plan.kind !== 'objects') throw new TypeError('another plan');
    const restore = await textOf(bench.context, `${plan.list}/00000002`);
    await replaceIn(`${plan.list}/00000002`, 'k010000', 'k000000');
    expect(await bench.run(objectsPolicy())).toMatchObject({ deleted: 0, unchecked: [{ reason: 'list-changed' }] });
    expect(deletions()).toBe(0);
    const next = await plannedList(await bench.run(objectsPolicy(), { mode: 'dry-run' }));
    expect(next).not.toBe(plan.list);
    expect(await textOf(bench.context, `${next}/00000002`)).toBe(restore);
    bench.server.fail({
      operation: 'DeleteObjects',
      afterRequests: 3,
      times: 1,
      fault: async () => void (await replaceIn(`${next}/00000002`, 'k010000', 'k000000')),
    });
    const outcome = await bench.run(objectsPolicy());
    expect(outcome).toMatchObject({ deleted: 10_000, state: 'stopped', unchecked: [{ reason: 'list-changed' }] });
    expect(currentKeys(bench.bucket)).toEqual(['k010000']);
    expect(await bench.run(objectsPolicy())).toMatchObject({ state: 'done', planned: 1, deleted: 1, unchecked: [] });
  });

  async function plannedList({ planHash }: { readonly planHash: string | null }): Promise<string> {
    const { plan } = await readPlan(bench.context.control, planHash ?? '');
    if (plan.kind !== 'objects') throw new TypeError('another plan');
    return plan.list;
  }

  /** The state store without some documents. */
  const without = (isLost: (name: string) => boolean): StateStore => ({
    read: async (name) => (isLost(name) ? undefined : bench.context.store.read(name)),
    write: (name, content) => bench.context.store.write(name, content),
  });

  it.each([
    ['a part of it', '/00000001'],
    ['its index', '/index'],
  ])('is made anew when %s is lost before it was begun, and waits for its own approval', async (_, document) => {
    const policy = objectsPolicy({ guards: { approval: 'first-run' } });
    put(['a', 'b']);
    const first = await bench.run(policy);
    const list = await plannedList(first);
    await approve(bench.context, first);
    put(['c']);
    const store = without((name) => name === `${list}${document}`);
    const second = await bench.run(policy, { store });
    expect(second).toMatchObject({ state: 'guarded', deleted: 0, planned: 3, unchecked: [{ reason: 'list-missing' }] });
    expect(second.guards).toMatchObject([{ guard: 'approval-missing' }]);
    expect(second.guards[0]?.detail).toContain('is not there');
    expect(deletions()).toBe(0);
    await approve(bench.context, second);
    expect(await bench.run(policy, { store })).toMatchObject({ state: 'done', deleted: 3, unchecked: [] });
  });

  it('is given up when it is lost after it was begun, and the next run makes another one', async () => {
    put(keys(2_500));
    bench.server.fail({ operation: 'DeleteObjects', afterRequests: 1, times: 1, fault: accessDenied });
    expect(await bench.run(objectsPolicy())).toMatchObject({ state: 'stopped', deleted: 1_000 });
    const store = without((name) => name.endsWith('/index'));
    const lost = await bench.run(objectsPolicy(), { store });
    expect(lost).toMatchObject({ state: 'stopped', deleted: 0, unchecked: [{ reason: 'list-missing' }] });
    expect(await bench.run(objectsPolicy())).toMatchObject({ state: 'done', planned: 1_500, deleted: 1_500 });
    const entries = await bench.ledger('incoming');
    const intended = entries.filter(({ outcome }) => outcome === 'intended').map(({ hash }) => hash);
    expect(entries.flatMap(({ settles }) => settles ?? [])).toEqual(intended);
  });
});

describe('what S3 cannot do', () => {
  it('is tried again, object by object, until it goes', async () => {
    put(['a', 'b', 'c']);
    bench.server.fail({ operation: 'DeleteObjects', key: 'b', times: 2, fault: internalError });
    const outcome = await bench.run(objectsPolicy());
    expect(outcome).toMatchObject({ deleted: 3, kept: 0, faults: [], state: 'done' });
    expect(deletions()).toBe(3);
  });

  it('is a fault when it does not go, and the others are deleted', async () => {
    put(['a', 'b', 'c']);
    bench.server.fail({ operation: 'DeleteObjects', key: 'b', fault: internalError });
    const outcome = await bench.run(objectsPolicy());
    expect(outcome).toMatchObject({
      deleted: 2,
      kept: 1,
      backlog: 1,
      backlogAgeHours: 240,
      faults: [{ rule: 'deletion-failed', evidence: { count: 1, samples: ['b'] } }],
    });
    expect(currentKeys(bench.bucket)).toEqual(['b']);
  });

  it('slows it down when S3 asks for that, and everything is deleted in the end', async () => {
    put(keys(1_000));
    bench.server.fail({ operation: 'DeleteObjects', times: 1, fault: slowDown });
    const outcome = await bench.run(objectsPolicy());
    expect(outcome).toMatchObject({ deleted: 1_000, state: 'done', faults: [] });
    expect(outcome.waitedMs).toBeGreaterThan(0);
    // After the one that was refused, smaller ones.
    expect(deletions()).toBeGreaterThan(2);
  });

  it('is asked about when the answer is lost', async () => {
    put(['a', 'b']);
    bench.server.fail({ operation: 'DeleteObjects', times: 1, fault: 'loses-answer' });
    const outcome = await bench.run(objectsPolicy());
    expect(outcome).toMatchObject({ deleted: 2, state: 'done', faults: [] });
    expect(deletions()).toBe(1);
  });

  it.each([undefined, 'Enabled'] as const)(
    'is counted as done when the SDK asks again for what it has done, versions being %s',
    async (versioning) => {
      bench.bucket.versioning = versioning;
      put(['a', 'b']);
      bench.server.fail({ operation: 'DeleteObjects', times: 1, fault: 'loses-answer' });
      const s3 = new S3Client({
        endpoint: bench.server.url,
        region: 'us-east-1',
        credentials: { accessKeyId: 'sandbox', secretAccessKey: 'sandbox' },
        maxAttempts: 3,
      });
      const clients = { get: () => s3 } as unknown as typeof bench.context.clients;
      const outcome = await bench.run(objectsPolicy(), { clients });
      s3.destroy();
      expect(deletions()).toBe(2);
      expect(outcome).toMatchObject({ state: 'done', deleted: 2, kept: 0, faults: [] });
      expect(currentKeys(bench.bucket)).toEqual([]);
    },
  );

  it('stops it when all is denied, and the next run tries the same again', async () => {
    put(keys(1_001));
    const lift = bench.server.fail({ operation: 'DeleteObjects', fault: accessDenied });
    const outcome = await bench.run(objectsPolicy());
    expect(outcome).toMatchObject({ state: 'stopped', deleted: 0, faults: [{ rule: 'deletion-failed' }] });
    expect(outcome.backlog).toBe(1_001);
    expect(deletions()).toBe(1);
    lift();
    expect(await bench.run(objectsPolicy())).toMatchObject({ state: 'done', deleted: 1_001, kept: 0 });
  });

  it('stops it when everything goes wrong object by object, and the next run goes on behind that', async () => {
    put(keys(4_001));
    const lifts = keys(3_000).map((key) => bench.server.fail({ operation: 'DeleteObjects', key, fault: accessDenied }));
    const outcome = await bench.run(objectsPolicy());
    expect(outcome).toMatchObject({ state: 'stopped', deleted: 0, kept: 3_000, backlog: 4_001, batches: 3 });
    expect(outcome.faults).toMatchObject([{ rule: 'deletion-failed', evidence: { count: 3_000 } }]);
    expect(await bench.run(objectsPolicy())).toMatchObject({ state: 'done', deleted: 1_001 });
    for (const lift of lifts) lift();
    expect(await bench.run(objectsPolicy())).toMatchObject({ state: 'done', deleted: 3_000 });
  });

  it('stops it when S3 never gets well', async () => {
    put(['a']);
    const lift = bench.server.fail({ operation: 'DeleteObjects', fault: internalError });
    expect(await bench.run(objectsPolicy())).toMatchObject({ state: 'stopped', deleted: 0, backlog: 1 });
    expect(deletions()).toBe(5);
    lift();
    expect(await bench.run(objectsPolicy())).toMatchObject({ state: 'done', deleted: 1 });
  });

  it('leaves a bucket that cannot be listed unchecked', async () => {
    bench.server.fail({ operation: 'ListObjectsV2', fault: accessDenied });
    const outcome = await bench.run(objectsPolicy());
    expect(outcome).toMatchObject({ state: 'stopped', unchecked: [{ reason: 'access-denied' }] });
  });

  it('deletes nothing of a batch that cannot be looked at again', async () => {
    put(['a']);
    bench.server.fail({ operation: 'ListObjectsV2', afterRequests: 1, fault: accessDenied });
    expect(await bench.run(objectsPolicy())).toMatchObject({ deleted: 0, unchecked: [{ reason: 'access-denied' }] });
    expect(deletions()).toBe(0);
  });
});

describe('a run', () => {
  it('is paused before its next batch, and goes on with the same list when it is resumed', async () => {
    put(keys(3_000));
    const { control } = bench.context;
    const scope = { task: 'data-purge', policy: 'incoming' };
    bench.server.fail({
      operation: 'DeleteObjects',
      afterRequests: 1,
      times: 1,
      fault: async () => void (await pause(control, scope, { by: 'grace', at: now.toISOString(), reason: 'wait' })),
    });
    const first = await bench.run(objectsPolicy());
    expect(first).toMatchObject({ state: 'paused', deleted: 2_000, backlog: 1_000, backlogAgeHours: 240 });
    expect(await bench.run(objectsPolicy())).toMatchObject({ state: 'paused', deleted: 0, backlog: 1_000 });
    put(['a new one']);
    await resume(control, scope);
    const second = await bench.run(objectsPolicy());
    expect(second).toMatchObject({ state: 'done', deleted: 1_000, planHash: first.planHash });
    expect(currentKeys(bench.bucket)).toEqual(['a new one']);
  });

  it('goes on step by step when the time is up, each with at least a batch', async () => {
    put(keys(3_500));
    let steps = 0;
    let progress: WorkProgress | undefined;
    do {
      progress = await purgeObjects(objectsPolicy(), { ...bench.context, signal: AbortSignal.abort() }, progress);
      steps += 1;
    } while (!progress.isDone);
    expect(progress.state).toMatchObject({ state: 'done', deleted: 3_500, planned: 3_500 });
    // Each sees a hundred objects at least, or deletes as many.
    expect(steps).toBe(70);
    expect(currentKeys(bench.bucket)).toEqual([]);
    const entries = await bench.ledger('incoming');
    expect(entries.at(-1)).toMatchObject({ action: 'finish-objects', facts: { deleted: 3_500, batches: 35 } });
  });

  it('keeps another one out that comes at the same time, and is not hindered by it', async () => {
    put(keys(1_500));
    let other: Awaited<ReturnType<typeof bench.run>> | undefined;
    bench.server.fail({
      operation: 'DeleteObjects',
      times: 1,
      fault: async () => {
        other = await bench.run(objectsPolicy(), { runId: 'another-run', actor: 'grace' });
        return undefined;
      },
    });
    expect(await bench.run(objectsPolicy())).toMatchObject({ state: 'done', deleted: 1_500, batches: 2 });
    expect(other).toMatchObject({ state: 'stopped', deleted: 0, unchecked: [{ reason: 'busy' }] });
    expect(await bench.run(objectsPolicy(), { runId: 'another-run' })).toMatchObject({ state: 'done', unchecked: [] });
  });

  it('makes another plan when the policy has changed while one was under way', async () => {
    put(keys(1_500, 'a'));
    put(keys(10, 'b'));
    bench.server.fail({ operation: 'DeleteObjects', afterRequests: 1, fault: accessDenied });
    expect(await bench.run(objectsPolicy())).toMatchObject({ state: 'stopped', deleted: 1_000 });
    const dry = await bench.run(objectsPolicy({ prefix: 'b' }), { mode: 'dry-run' });
    expect(dry).toMatchObject({ planned: 10 });
  });

  it('does nothing under a ledger that was changed', async () => {
    put(['a']);
    await bench.run(objectsPolicy());
    put(['b']);
    const { ledgers } = bench.context;
    const broken: typeof ledgers = {
      add: (name, line) => ledgers.add(name, line),
      read: async (name) => (await ledgers.read(name))?.replace('ada', 'eve'),
      list: (prefix, after) => ledgers.list(prefix, after),
      tampering: (prefix) => ledgers.tampering(prefix),
    };
    const outcome = await bench.run(objectsPolicy(), { ledgers: broken });
    expect(outcome).toMatchObject({ state: 'stopped', deleted: 0, faults: [{ rule: 'ledger-broken' }] });
    expect(currentKeys(bench.bucket)).toEqual(['b']);
  });
});

describe('a run that was killed', () => {
  /** What is thrown where the process would be gone. */
  class Killed extends Error {}

  /** Runs until `isMoment` comes, and then nothing that it does has any effect. */
  async function killAt(
    isMoment: (what: string) => boolean,
    lastRequest: 'reset' | 'loses-answer' = 'loses-answer',
  ): Promise<void> {
    let isDead = false;
    const moment = (what: string) => {
      if (isMoment(what)) isDead = true;
      if (isDead) throw new Killed(what);
    };
    const { control, ledgers, store } = bench.context;
    const dying: Partial<typeof bench.context> = {
      control: {
        read: async (key) => control.read(key),
        create: async (key, value) => {
          moment(`before create ${key}`);
          return control.create(key, value);
        },
        write: async (key, value) => {
          moment(`before write ${key}`);
          await control.write(key, value);
          moment(`after write ${key}`);
        },
        replace: (key, before, value) => control.replace(key, before, value),
        remove: async (key) => {
          moment(`before remove ${key}`);
          await control.remove(key);
        },
      },
      ledgers: {
        add: async (name, line) => {
          const { action, outcome } = JSON.parse(line);
          moment(`before ${action} ${outcome}`);
          const isAdded = await ledgers.add(name, line);
          moment(`after ${action} ${outcome}`);
          return isAdded;
        },
        read: (name) => ledgers.read(name),
        list: (prefix, after) => ledgers.list(prefix, after),
        tampering: (prefix) => ledgers.tampering(prefix),
      },
      store: {
        read: (name) => store.read(name),
        write: async (name, content) => {
          moment(`before document ${name}`);
          await store.write(name, content);
        },
      } satisfies StateStore,
    };
    const lift = bench.server.fail({
      operation: 'DeleteObjects',
      fault: () => {
        if (isDead) return 'reset';
        try {
          moment('in the middle of a deletion');
        } catch {
          return lastRequest;
        }
        return undefined;
      },
    });
    await expect(bench.run(objectsPolicy(), dying)).rejects.toThrow(Killed);
    lift();
  }

  it('again and again in the same batch has it counted once', async () => {
    put(keys(10));
    bench.server.fail({ operation: 'DeleteObjects', key: 'k000003', times: 1, fault: internalError });
    let requests = 0;
    await killAt((what) => what === 'in the middle of a deletion' && ++requests === 2, 'reset');
    expect(currentKeys(bench.bucket)).toEqual(['k000003']);
    await killAt((what) => what === 'after delete-objects done');
    await killAt((what) => what === 'after delete-objects intended');
    await killAt((what) => what === 'after delete-objects rolled-back');
    expect(await bench.run(objectsPolicy())).toMatchObject({ state: 'done', deleted: 1 });
    const entries = await bench.ledger('incoming');
    expect(entries.map(({ outcome, facts }) => [outcome, facts.deleted ?? null, facts.deletedBefore ?? null])).toEqual([
      ['intended', null, 0],
      ['done', 9, 9],
      ['intended', null, 9],
      ['rolled-back', 0, 9],
      ['intended', null, 9],
      ['done', 1, 9],
      ['done', 10, null],
    ]);
  });

  it('behind a batch, and again in the next one, has both counted once', async () => {
    put(keys(2_500));
    await killAt((what) => what === 'after delete-objects done');
    await killAt((what) => what === 'after delete-objects intended');
    await killAt((what) => what === 'in the middle of a deletion');
    expect(await bench.run(objectsPolicy())).toMatchObject({ state: 'done', deleted: 1_500 });
    const entries = await bench.ledger('incoming');
    expect(entries.map(({ outcome, facts }) => [outcome, facts.batch, facts.deleted ?? null])).toEqual([
      ['intended', 1, null],
      ['done', 1, 1_000],
      ['intended', 2, null],
      ['rolled-back', 2, 0],
      ['intended', 2, null],
      ['done', 2, 1_000],
      ['done', 2, 0],
      ['intended', 3, null],
      ['done', 3, 500],
      ['done', undefined, 2_500],
    ]);
  });

  it.each([
    'before create begun',
    'after write objects/data-purge/incoming',
    'before delete-objects intended',
    'after delete-objects intended',
    'in the middle of a deletion',
    'before document objects/incoming/.*/outcomes',
    'before delete-objects done',
    'after delete-objects done',
    'before document objects/incoming/.*/manifest',
    'before finish-objects done',
    'after finish-objects done',
    'before write history',
    'before remove objects/data-purge/incoming',
  ])('%s has everything brought to its end by the next one, and counted once', async (name) => {
    put(keys(1_500));
    bench.bucket.put('young', 'x', { lastModified: daysAgo(1) });
    await killAt((what) => new RegExp(`^${name}`).test(what));
    put(['l later']);
    await bench.run(objectsPolicy());
    expect(currentKeys(bench.bucket)).toEqual(expect.arrayContaining(['young']));
    await bench.run(objectsPolicy());
    expect(currentKeys(bench.bucket)).toEqual(['young']);
    const entries = await bench.ledger('incoming');
    const told = entries.filter(({ settles }) => settles !== null).map(({ settles }) => settles);
    const intended = entries.filter(({ outcome }) => outcome === 'intended').map(({ hash }) => hash);
    expect(told).toEqual(intended);
    const finished = entries.filter(({ action }) => action === 'finish-objects');
    expect(finished.map(({ facts }) => facts.deleted)).toEqual([1_500, 1]);
    const done = entries.filter(({ action, outcome }) => action === 'delete-objects' && outcome !== 'intended');
    expect(done.reduce((sum, { facts }) => sum + Number(facts.deleted ?? 0), 0)).toBe(1_501);
  });
});

it('lists and deletes 50,000 objects, in parts of 10,000 and batches of 1,000', async () => {
  for (let index = 0; index < 50_000; index += 1) {
    bench.bucket.put(`audio/${String(index % 7)}/${index}`, '', { lastModified: daysAgo(31 + (index % 100)) });
  }
  const outcome = await bench.run(objectsPolicy());
  expect(outcome).toMatchObject({ planned: 50_000, deleted: 50_000, batches: 50, state: 'done' });
  expect(bench.bucket.isEmpty).toBe(true);
}, 60_000);
