import { createHash } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ControlPlane, startControlPlane } from '../../../sandbox/control-plane/control-plane.ts';
import type { S3ObjectDocument } from '../../../sandbox/control-plane/services/s3-document.ts';
import { AwsClients } from '../../../shared/aws/clients.ts';
import { uncheckedReason } from '../../../shared/aws/unchecked-reason.ts';
import { CoverageLedger } from '../../../shared/coverage.ts';
import { compareKeys } from '../../../shared/objects/compare-keys.ts';
import type { WorkProgress } from '../../../shared/run-task.ts';
import { MemoryStateStore } from '../../../shared/storage/memory-state-store.ts';
import { configSchema } from '../config.ts';
import type { BackupWorkContext } from '../context.ts';
import { contextFor } from '../context-fixtures.ts';
import type { Verification } from './facts.ts';
import { verificationFacts } from './verification-facts.ts';
import { planVerifications, verificationMemoryName, workVerification } from './verification-work.ts';

const start = new Date('2026-11-01T03:00:00.000Z');
const dayMs = 86_400_000;
const account = '123456789012';
const item = { id: 'verification/masters' };
const limits = { maximumObjects: 100, maximumRetries: 10, maximumGone: 100, graceMs: 50 };

let plane: ControlPlane;
let clients: AwsClients;
let store: MemoryStateStore;
let objects: S3ObjectDocument[];
let copies: S3ObjectDocument[];
let now: Date;
const environment = { ...process.env };

beforeEach(async () => {
  objects = [];
  copies = [];
  store = new MemoryStateStore();
  now = start;
  const bucketOf = (held: () => S3ObjectDocument[]) => ({
    region: 'us-east-1',
    creationDate: new Date('2024-01-01T00:00:00.000Z'),
    objects: {
      from: (key: string) =>
        held()
          .filter((object) => compareKeys(object.key, key) >= 0)
          .sort((a, b) => compareKeys(a.key, b.key)),
    },
  });
  const buckets = { 'nycmg-masters': bucketOf(() => objects), 'nycmg-copies': bucketOf(() => copies) };
  const estate = {
    homeAccount: account,
    accounts: { [account]: { s3: { buckets }, regions: {} } },
  };
  plane = await startControlPlane({ estate });
  Object.assign(process.env, plane.environment);
  clients = new AwsClients();
});

afterEach(async () => {
  clients.destroy();
  await plane.stop();
  process.env = { ...environment };
});

function object(key: string, details: Partial<S3ObjectDocument> = {}): S3ObjectDocument {
  return {
    key,
    lastModified: new Date(start.getTime() - 100 * dayMs),
    body: Buffer.from(`bytes of ${key}`),
    ...details,
  };
}

const sha256Of = (text: string) => createHash('sha256').update(text).digest('base64');

function contextOf(verification: object = {}, details: Partial<BackupWorkContext> = {}): BackupWorkContext {
  return contextFor({
    config: configSchema.parse({ verifications: [{ id: 'masters', bucket: 'nycmg-masters', ...verification }] }),
    coverage: new CoverageLedger({ classify: uncheckedReason }),
    estate: { name: 'NYCMG', timeZone: 'America/New_York', regions: ['us-east-1'], accounts: [] },
    now,
    clients,
    store,
    ...details,
  });
}

interface RunResult {
  readonly facts: Verification | undefined;
  /** `reason` of what is unchecked. */
  readonly unchecked: string[];
  readonly steps: number;
}

/** One run, in as many steps as it takes. */
async function run(verification: object = {}, details: Partial<BackupWorkContext> = {}): Promise<RunResult> {
  const context = contextOf(verification, details);
  let progress: WorkProgress | undefined;
  let steps = 0;
  while (progress?.isDone !== true) {
    progress = await workVerification(item, progress === undefined ? undefined : clone(progress), context);
    steps += 1;
    expect(steps).toBeLessThan(50);
  }
  return { ...factsOf(progress, context), steps };
}

/** As Step Functions would hand it on. */
const clone = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

function factsOf(progress: WorkProgress | undefined, context: BackupWorkContext) {
  const coverage = new CoverageLedger({ classify: uncheckedReason });
  const work = [{ item, progress: progress === undefined ? undefined : clone(progress) }];
  const collect = contextFor({ ...context, coverage, work });
  const [facts] = verificationFacts(work, collect);
  return { facts, unchecked: coverage.summary().unchecked.map(({ reason }) => reason) };
}

/** Keys that were read since the last call. */
function keysRead(): string[] {
  const keys = reads.splice(0);
  return keys;
}
const reads: string[] = [];

/** An object that notes when it is read. */
function watched(key: string, bytes: number, details: Partial<S3ObjectDocument> = {}): S3ObjectDocument {
  const body = Buffer.alloc(bytes, key);
  return object(key, {
    size: bytes,
    etag: createHash('md5').update(body).digest('hex'),
    body: () => {
      reads.push(key);
      return body;
    },
    ...details,
  });
}

beforeEach(() => {
  reads.length = 0;
});

test('plans one part of work for each verification, and none for those that the run leaves out', async () => {
  expect(await planVerifications(contextOf())).toEqual([item]);
  expect(await planVerifications(contextOf({}, { scope: { only: 's3://nycmg-masters/*' } }))).toEqual([item]);
  expect(await planVerifications(contextOf({}, { scope: { only: 'rds-*' } }))).toEqual([]);
  const west = { regions: ['us-west-2'], name: 'NYCMG', timeZone: 'UTC', accounts: [] };
  const onlyWest = { estate: west, scope: { regions: ['us-west-2'] } };
  expect(await planVerifications(contextOf({ region: 'us-east-1' }, onlyWest))).toEqual([]);
});

test('verifies everything that the budget has room for, and remembers it', async () => {
  objects = [
    object('a', { checksums: { sha256: sha256Of('bytes of a') } }),
    object('b'),
    object('c', { etag: 'abc-3' }),
    object('d', { etag: 'abc-4', checksums: { sha256: `${sha256Of('parts')}-4`, type: 'COMPOSITE' } }),
  ];
  const { facts, unchecked, steps } = await run();
  expect(unchecked).toEqual([]);
  expect(steps).toBe(1);
  expect(facts).toMatchObject({
    resource: { type: 's3-verification', id: 's3://nycmg-masters/', name: 'masters', region: 'us-east-1' },
    objects: 4,
    bytes: 40,
    verifiedObjects: 4,
    verifiedBytes: 40,
    alteredCount: 0,
    oldestUnverifiedSince: start,
  });
});

test('reads the objects that have waited longest first, within the budget, and comes to each in its turn', async () => {
  objects = ['a', 'b', 'c', 'd', 'e'].map((key, index) =>
    watched(key, 10, { lastModified: new Date(start.getTime() - (10 - index) * dayMs) }),
  );
  const seen: string[][] = [];
  for (let day = 0; day < 6; day++) {
    now = new Date(start.getTime() + day * dayMs);
    const { facts } = await run({ bytesPerRun: 20 });
    seen.push(keysRead().sort());
    expect(facts?.verifiedBytes).toBe(20);
  }
  expect(seen).toEqual([
    ['a', 'b'],
    ['c', 'd'],
    ['a', 'e'],
    ['b', 'c'],
    ['a', 'd'],
    ['b', 'e'],
  ]);
});

test('tells since when the object that waited longest has waited', async () => {
  objects = ['a', 'b', 'c'].map((key, index) =>
    watched(key, 10, { lastModified: new Date(start.getTime() - (10 - index) * dayMs) }),
  );
  const { facts } = await run({ bytesPerRun: 10 });
  expect(facts?.oldestUnverifiedKey).toBe('b');
  expect(facts?.oldestUnverifiedSince).toEqual(new Date(start.getTime() - 9 * dayMs));
});

test('does not let new objects go before old ones', async () => {
  objects = [watched('old', 10)];
  await run({ bytesPerRun: 10 });
  keysRead();
  for (let day = 1; day <= 3; day++) {
    now = new Date(start.getTime() + day * dayMs);
    objects.push(watched(`new-${day}`, 10, { lastModified: now }));
    await run({ bytesPerRun: 10 });
  }
  expect(keysRead()).toEqual(['old', 'new-1', 'old']);
});

test('reads an object again that was written since, and does not compare it with what it was', async () => {
  objects = [object('a', { etag: 'abc-3' })];
  await run();
  now = new Date(start.getTime() + dayMs);
  objects = [object('a', { etag: 'abc-4', lastModified: now, body: Buffer.from('new bytes!') })];
  expect((await run()).facts).toMatchObject({ verifiedObjects: 1, alteredCount: 0 });
});

test('finds bytes that differ from the checksum of S3, from the ETag, and from what an earlier run read', async () => {
  objects = [
    object('by-checksum', { checksums: { sha256: sha256Of('other bytes') } }),
    object('by-etag', { etag: createHash('md5').update('other bytes').digest('hex') }),
    object('by-memory', { etag: 'abc-3' }),
    object('good'),
  ];
  const first = await run();
  expect(first.facts?.altered.map(({ key, algorithm }) => `${key} ${algorithm}`).sort()).toEqual([
    'by-checksum SHA256',
    'by-etag ETag',
  ]);
  now = new Date(start.getTime() + dayMs);
  objects[2] = object('by-memory', { etag: 'abc-3', body: Buffer.from('bytes of BY-memory') });
  const second = await run();
  expect(second.facts?.alteredCount).toBe(3);
  expect(second.unchecked).toEqual([]);
});

test('compares with what it read first, though the object could not be read since', async () => {
  objects = [object('a', { etag: 'abc-3' })];
  await run();
  now = new Date(start.getTime() + dayMs);
  const lift = plane.inject({ service: 's3', operation: 'GetObject', resourceId: 'a', fault: 'access-denied' });
  expect((await run()).facts).toMatchObject({ unreadableCount: 1 });
  lift();
  objects = [object('a', { etag: 'abc-3', body: Buffer.from('bytes of A') })];
  for (let day = 2; day <= 3; day++) {
    now = new Date(start.getTime() + day * dayMs);
    expect((await run()).facts).toMatchObject({ unreadableCount: 0, alteredCount: 1 });
  }
});

test('goes on telling of an altered object that is not read again, until it is written anew', async () => {
  const bytes = 1000;
  objects = [
    watched('altered', bytes, { etag: createHash('md5').update('other').digest('hex') }),
    ...['a', 'b', 'c'].map((key) => watched(key, bytes, { lastModified: new Date(start.getTime() - 50 * dayMs) })),
  ];
  expect((await run({ bytesPerRun: bytes })).facts?.alteredCount).toBe(1);
  for (let day = 1; day <= 3; day++) {
    now = new Date(start.getTime() + day * dayMs);
    expect((await run({ bytesPerRun: bytes })).facts?.alteredCount).toBe(1);
  }
  now = new Date(start.getTime() + 4 * dayMs);
  objects[0] = watched('altered', bytes, { lastModified: now });
  expect((await run({ bytesPerRun: bytes })).facts?.alteredCount).toBe(0);
});

test('leaves out what the pattern does not match', async () => {
  objects = [object('masters/a.wav'), object('masters/a.txt'), object('other/b.wav')];
  const { facts } = await run({ prefix: 'masters/', pattern: '*.wav' });
  expect(facts).toMatchObject({ objects: 1, verifiedObjects: 1, resource: { id: 's3://nycmg-masters/masters/*.wav' } });
});

test('does not count what it reads again for its trouble against the budget', async () => {
  objects = [watched('altered', 1000, { etag: createHash('md5').update('other').digest('hex') })];
  expect((await workVerification(item, undefined, contextOf())).state).toMatchObject({ bytesBegun: 1000 });
  now = new Date(start.getTime() + dayMs);
  const { state } = await workVerification(item, undefined, contextOf());
  expect(state).toMatchObject({ bytesBegun: 0, verifiedBytes: 1000 });
});

test('leaves no thread behind', async () => {
  const ports = () => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
  const before = ports();
  objects = [watched('large', 2 ** 21)];
  await run();
  expect(ports()).toBe(before);
});

test('counts archived objects and does not call them unreadable', async () => {
  objects = [
    object('a', { storageClass: 'GLACIER' }),
    object('b', { storageClass: 'DEEP_ARCHIVE' }),
    object('c', { storageClass: 'GLACIER_IR' }),
  ];
  const { facts, unchecked } = await run();
  expect(facts).toMatchObject({ objects: 3, archivedObjects: 2, verifiedObjects: 1, bytes: 10, unreadableCount: 0 });
  expect(unchecked).toEqual([]);
  expect(plane.requests.filter(({ operation }) => operation === 'GetObject')).toHaveLength(1);
});

test('leaves unchecked what one denied object belongs to, and verifies the others', async () => {
  objects = [object('a'), object('denied'), object('z')];
  const lift = plane.inject({ service: 's3', operation: 'GetObject', resourceId: 'denied', fault: 'access-denied' });
  const { facts, unchecked } = await run();
  expect(unchecked).toEqual(['objects-unreadable']);
  expect(facts).toMatchObject({ verifiedObjects: 2, unreadableCount: 1, alteredCount: 0 });
  expect(facts?.unreadable[0]).toMatchObject({ key: 'denied', reason: 'access-denied' });
  expect(facts?.oldestUnverifiedKey).toBe('denied');

  now = new Date(start.getTime() + dayMs);
  expect((await run()).unchecked).toEqual(['objects-unreadable']);
  lift();
  now = new Date(start.getTime() + 2 * dayMs);
  const healed = await run();
  expect(healed.unchecked).toEqual([]);
  expect(healed.facts?.unreadableCount).toBe(0);
});

test('does not let objects that cannot be read keep others waiting', async () => {
  objects = [
    ...Array.from({ length: 8 }, (_, index) => watched(`denied-${index}`, 10)),
    watched('z', 10, { lastModified: start }),
  ];
  for (let index = 0; index < 8; index++) {
    plane.inject({ service: 's3', operation: 'GetObject', resourceId: `denied-${index}`, fault: 'access-denied' });
  }
  let facts: Verification | undefined;
  for (let day = 0; day < 5; day++) {
    now = new Date(start.getTime() + day * dayMs);
    ({ facts } = await run({ bytesPerRun: 20 }));
  }
  expect(facts?.unreadableCount).toBe(8);
  expect(keysRead()).toContain('z');
});

test('leaves everything unchecked when the listing is denied, on its first page or a later one', async () => {
  objects = ['a', 'b', 'c', 'd', 'e'].map((key) => object(key));
  for (const afterRequests of [0, 1]) {
    const lift = plane.inject({ service: 's3', operation: 'ListObjectsV2', afterRequests, fault: 'access-denied' });
    expect(await run()).toMatchObject({ facts: undefined, unchecked: ['access-denied'] });
    lift();
  }
});

test('is unchecked when the bucket does not exist', async () => {
  expect((await run({ bucket: 'nycmg-nowhere' })).unchecked).toEqual(['aws-error']);
});

test('finds nothing, and says so, in an empty place', async () => {
  expect((await run()).facts).toMatchObject({ objects: 0, verifiedObjects: 0, oldestUnverifiedSince: undefined });
});

test('takes what it cannot remember for never verified, says so, and begins anew', async () => {
  objects = ['a', 'b', 'c', 'd'].map((key) => watched(key, 10));
  await run({ bytesPerRun: 20 });
  expect(keysRead().sort()).toEqual(['a', 'b']);
  await store.write(
    verificationMemoryName({ id: 'masters', bucket: 'nycmg-masters' }),
    (async function* () {
      yield Buffer.from('not what was written');
    })(),
  );
  now = new Date(start.getTime() + dayMs);
  const { facts, unchecked } = await run({ bytesPerRun: 20 });
  expect(unchecked).toEqual(['memory-unreadable']);
  expect(keysRead().sort()).toEqual(['a', 'b']);
  expect(facts?.oldestUnverifiedSince).toEqual(new Date(start.getTime() - 100 * dayMs));
  now = new Date(start.getTime() + 2 * dayMs);
  expect((await run({ bytesPerRun: 20 })).unchecked).toEqual([]);
  expect(keysRead().sort()).toEqual(['c', 'd']);
});

test('goes on in a step of its own where the time was up, and reads nothing twice', async () => {
  objects = Array.from({ length: 12 }, (_, index) => watched(`track-${String(index).padStart(2, '0')}`, 10));
  let progress: WorkProgress | undefined;
  let steps = 0;
  while (progress?.isDone !== true) {
    const abort = new AbortController();
    const stopAt = reads.length + 3;
    const timer = setInterval(() => {
      if (reads.length >= stopAt) abort.abort();
    }, 0);
    const context = contextOf({}, { signal: abort.signal });
    progress = await workVerification(item, progress === undefined ? undefined : clone(progress), context);
    clearInterval(timer);
    steps += 1;
    expect(steps).toBeLessThan(20);
  }
  expect(keysRead().sort()).toEqual(objects.map(({ key }) => key));
  expect(factsOf(progress, contextOf()).facts).toMatchObject({ verifiedObjects: 12, verifiedBytes: 120 });
});

test('reads in as many steps as it takes when one cannot hold all that the budget has room for', async () => {
  objects = Array.from({ length: 7 }, (_, index) => watched(`track-${index}`, index));
  let progress: WorkProgress | undefined;
  let steps = 0;
  while (progress?.isDone !== true) {
    progress = await workVerification(item, progress && clone(progress), contextOf(), { ...limits, maximumObjects: 3 });
    steps += 1;
    expect(steps).toBeLessThan(10);
  }
  expect(steps).toBe(3);
  expect(keysRead().sort()).toEqual(objects.map(({ key }) => key));
  expect(factsOf(progress, contextOf()).facts).toMatchObject({ verifiedObjects: 7, verifiedBytes: 21 });
});

test('gives up what does not end, and does not let it keep the others waiting in the steps to come', async () => {
  objects = [object('endless'), object('z', { lastModified: start })];
  plane.inject({ service: 's3', operation: 'GetObject', resourceId: 'endless', fault: 'hang' });
  const step = (progress: WorkProgress | undefined) =>
    workVerification(item, progress, contextOf({ bytesPerRun: 1 }, { signal: AbortSignal.timeout(300) }), limits);
  const first = await step(undefined);
  expect(first.isDone).toBe(true);
  expect(factsOf(first, contextOf())).toMatchObject({
    unchecked: ['objects-unreadable'],
    facts: { verifiedObjects: 0, unreadable: [{ key: 'endless', reason: 'too-large' }] },
  });
  now = new Date(start.getTime() + dayMs);
  expect((await step(undefined)).state).toMatchObject({ verifiedObjects: 1, unreadableCount: 1 });
});

test('is not reached when its time was up while it listed', async () => {
  objects = [object('a')];
  plane.inject({ service: 's3', operation: 'ListObjectsV2', fault: 'hang' });
  expect((await run({}, { signal: AbortSignal.timeout(100) })).unchecked).toEqual(['not-reached']);
});

test('does a step again that was killed before it had remembered anything', async () => {
  objects = ['a', 'b', 'c'].map((key) => watched(key, 10));
  const failing = { read: store.read.bind(store), write: async () => Promise.reject(new Error('killed')) };
  await expect(run({}, { store: failing })).rejects.toThrow('killed');
  keysRead();
  const { facts } = await run();
  expect(facts).toMatchObject({ verifiedObjects: 3, verifiedBytes: 30 });
  expect(keysRead().sort()).toEqual(['a', 'b', 'c']);
});

test('does not stumble over objects of no bytes, or written by a clock ahead of ours', async () => {
  objects = [
    watched('empty', 0),
    watched('folder/', 0, { lastModified: new Date(start.getTime() + 60_000) }),
    watched('ahead', 10, { lastModified: new Date(start.getTime() + 60_000) }),
  ];
  const { facts, steps } = await run();
  expect(facts).toMatchObject({ objects: 3, verifiedObjects: 3 });
  expect(steps).toBe(1);
});

test('trusts nothing that it remembers of another bucket, though key, ETag and size be the same', async () => {
  objects = [watched('a', 10)];
  copies = [watched('a', 10), watched('b', 10)];
  await run();
  expect(keysRead()).toEqual(['a']);
  now = new Date(start.getTime() + dayMs);
  const elsewhere = { bucket: 'nycmg-copies', bytesPerRun: 1 };
  expect((await run(elsewhere)).facts?.oldestUnverifiedKey).toBe('b');
  // Had it believed to have read this one, the other would be in turn.
  expect(keysRead()).toEqual(['a']);
});

test('does not believe a clock that was ahead, but goes on telling what was found then', async () => {
  objects = [watched('altered', 10, { etag: createHash('md5').update('other').digest('hex') }), watched('good', 10)];
  now = new Date(start.getTime() + 1000 * dayMs);
  await run();
  keysRead();
  now = start;
  const { facts } = await run({ bytesPerRun: 1 });
  expect([...new Set(keysRead())].sort()).toEqual(['altered', 'good']);
  expect(facts).toMatchObject({ alteredCount: 1, oldestUnverifiedSince: start });
  now = new Date(start.getTime() + 1001 * dayMs);
  await run();
  now = start;
  plane.inject({ service: 's3', operation: 'GetObject', resourceId: 'good', fault: 'access-denied' });
  expect((await run()).facts).toMatchObject({
    unreadableCount: 1,
    oldestUnverifiedSince: new Date(start.getTime() - 100 * dayMs),
  });
});

test('reads nothing twice in a run whose clock is set back', async () => {
  objects = ['a', 'b', 'c'].map((key) => watched(key, 10));
  const few = { ...limits, maximumObjects: 1 };
  let progress = await workVerification(item, undefined, contextOf(), few);
  now = new Date(start.getTime() - 60_000);
  for (let step = 1; !progress.isDone; step++) {
    progress = await workVerification(item, clone(progress), contextOf(), few);
    expect(step).toBeLessThan(5);
  }
  expect(keysRead()).toEqual(['a', 'b', 'c']);
});

test('lets what is in turn be read though all that was in trouble before hangs', async () => {
  const troubled = Array.from({ length: 6 }, (_, index) => `troubled-${index}`);
  objects = troubled.map((key) => object(key));
  const inject = (fault: 'access-denied' | 'hang') =>
    troubled.map((resourceId) => plane.inject({ service: 's3', operation: 'GetObject', resourceId, fault }));
  const lifts = inject('access-denied');
  await run();
  for (const lift of lifts) lift();
  inject('hang');
  objects.push(...['x', 'y', 'z'].map((key) => object(key, { lastModified: start })));
  now = new Date(start.getTime() + dayMs);
  const context = contextOf({}, { signal: AbortSignal.timeout(300) });
  const { state } = await workVerification(item, undefined, context, limits);
  expect(state).toMatchObject({ verifiedObjects: 3, unreadableCount: 6 });
});

test('gives up more objects than are read at a time, one by one, and comes to the others', async () => {
  const endless = Array.from({ length: 6 }, (_, index) => `endless-${index}`);
  objects = [...endless.map((key) => object(key)), object('z', { lastModified: start })];
  for (const resourceId of endless) {
    plane.inject({ service: 's3', operation: 'GetObject', resourceId, fault: 'hang' });
  }
  let state: { verifiedObjects: number } = { verifiedObjects: 0 };
  for (let day = 1; day <= 6 && state.verifiedObjects === 0; day++) {
    now = new Date(start.getTime() + day * dayMs);
    const context = contextOf({}, { signal: AbortSignal.timeout(100) });
    const progress = await workVerification(item, undefined, context, limits);
    state = progress.state as typeof state;
  }
  expect(state.verifiedObjects).toBe(1);
});

test('forgets objects that are gone', async () => {
  objects = [object('a', { etag: 'abc-3' }), object('b')];
  await run();
  objects = [object('b')];
  now = new Date(start.getTime() + dayMs);
  await run();
  objects = [object('a', { etag: 'abc-3', body: Buffer.from('bytes of A') }), object('b')];
  now = new Date(start.getTime() + 2 * dayMs);
  expect((await run()).facts).toMatchObject({ alteredCount: 0, verifiedObjects: 2 });
});

test('does not call altered what was written anew between listing and reading', async () => {
  const inBetween = object('a');
  objects = [
    {
      ...inBetween,
      // The listing sees one version, GetObject another.
      get etag() {
        return plane.requests.at(-1)?.operation === 'GetObject' ? 'newer' : 'older';
      },
    },
    object('b'),
  ];
  const { facts, unchecked } = await run();
  expect(facts).toMatchObject({ objects: 1, verifiedObjects: 1, alteredCount: 0, unreadableCount: 0 });
  expect(unchecked).toEqual([]);
});

test('is not reached when the run ended before it was begun', () => {
  expect(factsOf(undefined, contextOf()).unchecked).toEqual(['not-reached']);
});

test('is not reached when the run ended before it was done', async () => {
  objects = [object('a')];
  const progress = await workVerification(item, undefined, contextOf());
  expect(factsOf({ ...progress, isDone: false }, contextOf()).unchecked).toEqual(['not-reached']);
});

test('refuses a state that it did not write', async () => {
  await expect(workVerification(item, { isDone: false, state: { bytesBegun: 'all' } }, contextOf())).rejects.toThrow();
  await expect(workVerification({ id: 'verification/other' }, undefined, contextOf())).rejects.toThrow(RangeError);
});
