import { text } from 'node:stream/consumers';
import type { S3Client } from '@aws-sdk/client-s3';
import type { HttpRequest } from '@smithy/types';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AwsClients } from '../../../shared/aws/clients.ts';
import { uncheckedReason } from '../../../shared/aws/unchecked-reason.ts';
import { CoverageLedger } from '../../../shared/coverage.ts';
import { type FakeObject, fakeS3 } from '../../../shared/objects/fake-s3.ts';
import type { FinishedWork, WorkItem, WorkProgress } from '../../../shared/run-task.ts';
import { configSchema } from '../config.ts';
import type { Context } from '../context.ts';
import { contextFor } from '../context-fixtures.ts';
import { csvFile, type InventoryRow, inventoryObjects } from '../inventory/inventory-fixtures.ts';
import type { Replica } from './facts.ts';
import { planReplicas, replicaFacts, workReplica } from './replica-work.ts';

const now = new Date('2026-11-22T12:00:00Z');
const minutesAgo = (minutes: number) => new Date(now.getTime() - minutes * 60_000);
const dayMinutes = 1_440;

interface Options {
  readonly replica?: object;
  readonly config?: object;
  readonly scope?: Context['scope'];
  readonly signal?: AbortSignal;
}

function contextOf(
  client: S3Client,
  { replica = {}, config: given = {}, scope = {}, signal = new AbortController().signal }: Options = {},
) {
  const config = configSchema.parse({
    ...given,
    replicas: [
      {
        id: 'audio',
        source: { bucket: 'nycmg-audio', prefix: 'audio/' },
        copy: { bucket: 'nycmg-audio-copy', prefix: 'copy/', region: 'us-west-2' },
        ...replica,
      },
    ],
  });
  const coverage = new CoverageLedger({ only: scope.only, classify: uncheckedReason });
  const context = contextFor({
    config,
    estate: { name: 'nycmg', timeZone: 'UTC', regions: ['us-east-1'], accounts: [{ id: '123456789012' }] },
    scope,
    now,
    clients: { get: () => client } as unknown as AwsClients,
    signal,
    coverage,
  });
  return { context, coverage };
}

async function finish(item: WorkItem, context: Context): Promise<FinishedWork> {
  let progress: WorkProgress | undefined;
  do progress = await workReplica(item, progress, context);
  while (!progress.isDone);
  return { item, progress };
}

async function compared(
  buckets: Record<string, readonly FakeObject[]>,
  options: Options & Parameters<typeof fakeS3>[1] = {},
) {
  const { context, coverage } = contextOf(fakeS3(buckets, options), options);
  const work: FinishedWork[] = [];
  for (const item of await planReplicas(context)) work.push(await finish(item, context));
  const [replica] = replicaFacts(work, context);
  return { replica, coverage: coverage.summary(), work, written: await writtenDown(context, replica, work) };
}

/** Returns the lines of every document in which the differences are written down. */
async function writtenDown(
  { store }: Context,
  replica: Replica | undefined,
  work: readonly FinishedWork[],
): Promise<{ kind: string; key: string }[]> {
  const lines: { kind: string; key: string }[] = [];
  for (const { item, progress } of work) {
    const { part } = item as WorkItem & { part: number };
    const { documents } = (progress as WorkProgress).state as { documents: number };
    for (let document = 0; document < documents; document += 1) {
      const content = await store.read(`${replica?.listedIn}${part}/${document}`);
      if (content === undefined) throw new Error(`document ${document} of part ${part} is not there`);
      lines.push(
        ...(await text(content))
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line)),
      );
    }
  }
  return lines;
}

const old = { modifiedAt: minutesAgo(dayMinutes), sizeBytes: 100 };
const on =
  (prefix: string) =>
  (name: string, details: Partial<FakeObject> = {}): FakeObject => ({ key: `${prefix}${name}`, ...old, ...details });
const ours = on('audio/');
const theirs = on('copy/');

const twoSides = (source: readonly FakeObject[], copy: readonly FakeObject[]) => ({
  'nycmg-audio': [{ key: 'elsewhere', ...old }, ...source],
  'nycmg-audio-copy': copy,
});

const planted = twoSides(
  [
    ours('equal'),
    ours('failed', { replicationStatus: 'FAILED', modifiedAt: minutesAgo(3 * dayMinutes) }),
    ours('glacier'),
    ours('in-flight', { modifiedAt: minutesAgo(10) }),
    ours('lost', { modifiedAt: minutesAgo(2 * dayMinutes) }),
    ours('other', { sizeBytes: 101 }),
    ours('stale', { etag: 'new' }),
  ],
  [
    theirs('equal'),
    theirs('extra'),
    theirs('glacier', { storageClass: 'DEEP_ARCHIVE' }),
    theirs('other', { modifiedAt: minutesAgo(5) }),
    theirs('stale', { modifiedAt: minutesAgo(2 * dayMinutes) }),
  ],
);

describe('comparing a replica', () => {
  it('finds each kind of difference', async () => {
    const { replica, coverage, written } = await compared(planted, { replica: { mayHaveExtra: false } });
    expect(replica).toMatchObject({
      configId: 'audio',
      sourceArn: 'arn:aws:s3:::nycmg-audio',
      copy: { bucket: 'nycmg-audio-copy', account: '123456789012', region: 'us-west-2' },
      isWholeBucket: false,
      isPartial: false,
      compared: 7,
      inFlight: 1,
      oldestInFlight: minutesAgo(10),
      differences: {
        missing: { count: 2, unconfirmed: 0, examples: ['failed', 'lost'], oldest: minutesAgo(3 * dayMinutes) },
        'replication-failed': { count: 1, examples: ['failed'] },
        differs: { count: 1, examples: ['other'], oldest: minutesAgo(dayMinutes) },
        stale: { count: 1, examples: ['stale'] },
        extra: { count: 1, unconfirmed: 0, examples: ['extra'], oldest: undefined },
      },
    });
    expect(written).toEqual([
      { kind: 'extra', key: 'extra' },
      { kind: 'missing', key: 'failed' },
      { kind: 'replication-failed', key: 'failed' },
      { kind: 'missing', key: 'lost' },
      { kind: 'differs', key: 'other' },
      { kind: 'stale', key: 'stale' },
    ]);
    expect(coverage).toMatchObject({ checked: 1, unchecked: [] });
    expect(replica?.resource).toMatchObject({
      type: 's3-replica',
      id: 's3://nycmg-audio/audio/ > s3://nycmg-audio-copy/copy/',
      name: 'audio',
    });
  });

  it('asks the objects before it accuses: what has come or gone meanwhile is no difference', async () => {
    const buckets = twoSides([ours('arrived'), ours('gone')], []);
    const intercept = ({ method, path }: HttpRequest) => {
      if (method !== 'HEAD') return undefined;
      // Meanwhile the one has been copied, and the other deleted.
      return path.endsWith('gone') ? { status: 404, body: '' } : undefined;
    };
    const listed = fakeS3(buckets, { intercept });
    const later = fakeS3(twoSides([ours('arrived')], [theirs('arrived')]), { intercept });
    const client = {
      ...listed,
      config: listed.config,
      send: (command: { constructor: { name: string } }, options: object) =>
        (command.constructor.name === 'HeadObjectCommand' ? later : listed).send(command as never, options),
    } as unknown as S3Client;
    const { context } = contextOf(client);
    const [item] = await planReplicas(context);
    const [replica] = replicaFacts([await finish(item as WorkItem, context)], context);
    expect(replica?.differences.missing.count).toBe(0);
  });

  it('reports what it could not ask about, and says so', async () => {
    const denied = { status: 403, body: '' };
    const intercept = ({ method }: HttpRequest) => (method === 'HEAD' ? denied : undefined);
    const { replica, coverage } = await compared(planted, { intercept });
    expect(replica?.differences.missing).toMatchObject({ count: 2, unconfirmed: 2 });
    expect(coverage.unchecked).toEqual([]);
  });

  it('asks about a thousand differences of a range and counts the others as they are listed', async () => {
    const source = Array.from({ length: 1_005 }, (_, index) => ours(`${index}`));
    let heads = 0;
    const intercept = ({ method }: HttpRequest) => {
      if (method === 'HEAD') heads += 1;
      return undefined;
    };
    const { replica } = await compared(twoSides(source, []), { intercept, pageSize: 2_000 });
    expect(replica?.differences.missing).toMatchObject({ count: 1_005, unconfirmed: 5 });
    expect(heads).toBe(2_000);
  });

  it('compares in parts what does not fit a page, with the same result', async () => {
    const whole = await compared(planted);
    const parts = await compared(planted, { pageSize: 2 });
    expect(parts.work.length).toBeGreaterThan(1);
    expect(parts.replica).toEqual(whole.replica);
  });

  it('gives the same result however often it is interrupted', async () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '/', '\ue000', '😀'), minLength: 1, maxLength: 3 });
    const names = fc.uniqueArray(name, { maxLength: 25 });
    const sizes = fc.integer({ min: 1, max: 3 });
    await fc.assert(
      fc.asyncProperty(
        names,
        names,
        sizes,
        fc.array(fc.boolean(), { minLength: 1 }),
        async (left, right, pageSize, stops) => {
          const buckets = twoSides(
            left.map((key) => ours(key)),
            right.map((key, index) => theirs(key, { sizeBytes: 100 + (index % 2) })),
          );
          const expected = await compared(buckets, { pageSize });
          const client = fakeS3(buckets, { pageSize });
          const { context } = contextOf(client);
          let step = 0;
          const work: FinishedWork[] = [];
          for (const item of await planReplicas(context)) {
            let progress: WorkProgress | undefined;
            do {
              const stop = new AbortController();
              // Time that is up before anything has begun must not keep the work from coming forward.
              if (stops[step++ % stops.length]) stop.abort();
              const before = JSON.stringify(progress?.state);
              const sent: WorkProgress | undefined =
                progress === undefined ? undefined : JSON.parse(JSON.stringify(progress));
              progress = await workReplica(item, sent, { ...context, signal: stop.signal });
              if (!progress.isDone) expect(JSON.stringify(progress.state)).not.toBe(before);
            } while (!progress.isDone);
            work.push({ item, progress });
          }
          expect(replicaFacts(work, context)).toEqual([expected.replica]);
          // In as many documents as there were steps, and no key twice.
          expect(await writtenDown(context, expected.replica, work)).toEqual(expected.written);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('writes every key down, however many differ, and none where none does', async () => {
    const lost = Array.from({ length: 12_345 }, (_, index) => ours(`track-${String(index).padStart(6, '0')} 🎷`));
    const { written, replica } = await compared(twoSides(lost, []), { pageSize: 1_000 });
    expect(written.map(({ key }) => `audio/${key}`)).toEqual(lost.map(({ key }) => key));
    expect(replica?.listedIn).toMatch(/^runs\/differences\/\d{8}T\d{9}Z\/audio\/$/);
    expect((await compared(twoSides([ours('a')], [theirs('a')]))).replica?.listedIn).toBeUndefined();
  });

  it('writes down no extra keys that a copy may have', async () => {
    const { written, replica } = await compared(twoSides([], [theirs('extra')]));
    expect([written, replica?.listedIn]).toEqual([[], undefined]);
  });

  it('keeps its state within 16 KiB whatever the keys are', async () => {
    const nasty = (index: number, kind: string) => `${kind}${'\u0001'.repeat(900)}${index}`;
    const all = Array.from({ length: 12 }, (_, index) => index);
    const buckets = twoSides(
      [
        ...all.map((index) => ours(nasty(index, 'a'), { replicationStatus: 'FAILED' })),
        ...all.map((index) => ours(nasty(index, 'b'))),
        ...all.map((index) => ours(nasty(index, 'c'), { etag: 'f' })),
      ],
      [
        ...all.map((index) => theirs(nasty(index, 'b'), { sizeBytes: 1 })),
        ...all.map((index) => theirs(nasty(index, 'c'), { modifiedAt: minutesAgo(9 * dayMinutes) })),
        ...all.map((index) => theirs(nasty(index, 'd'))),
      ],
    );
    const { work, replica } = await compared(buckets);
    expect(Buffer.byteLength(JSON.stringify(work[0]?.progress?.state))).toBeLessThan(16 * 1024);
    expect(Object.values(replica?.differences ?? {}).map(({ count }) => count)).toEqual([12, 12, 12, 12, 12]);
  });
});

describe('what could not be compared', () => {
  const deny =
    (bucket: string) =>
    ({ path, method }: HttpRequest) =>
      method === 'GET' && path.startsWith(`/${bucket}`) && (path[bucket.length + 1] ?? '/') === '/'
        ? { status: 403, body: '<Error><Code>AccessDenied</Code><Message>no</Message></Error>' }
        : undefined;

  it.each(['nycmg-audio', 'nycmg-audio-copy'])('is a replica when the listing of %s is denied', async (bucket) => {
    const { replica, coverage } = await compared(planted, { intercept: deny(bucket) });
    expect(replica?.isPartial).toBe(true);
    expect(coverage.checked).toBe(0);
    expect(coverage.unchecked).toMatchObject([{ reason: 'access-denied', resource: { type: 's3-replica' } }]);
  });

  it('is the rest of a replica when a later page is denied: what was seen before counts', async () => {
    let pages = 0;
    const intercept = (request: HttpRequest) => {
      if (request.query?.['continuation-token'] === undefined) return undefined;
      pages += 1;
      return pages > 3 ? { status: 503, body: '<Error><Code>SlowDown</Code></Error>' } : undefined;
    };
    const source = Array.from({ length: 40 }, (_, index) => ours(`${10 + index}`));
    const { context, coverage } = contextOf(fakeS3(twoSides(source, []), { pageSize: 4, intercept }));
    const item = { id: 'replica/audio/0', replicaId: 'audio', plannedAt: now.toISOString(), part: 0 };
    const [replica] = replicaFacts([await finish(item, context)], context);
    expect(replica?.differences.missing.count).toBeGreaterThan(0);
    expect(replica?.isPartial).toBe(true);
    expect(coverage.summary().unchecked).toMatchObject([{ reason: 'throttled' }]);
  });

  it('is a replica that the run did not come to, in part or at all', async () => {
    const { context, coverage } = contextOf(fakeS3(planted, { pageSize: 2 }));
    const [first, second] = (await planReplicas(context)) as [WorkItem, WorkItem];
    const [replica] = replicaFacts([await finish(first, context), { item: second, progress: undefined }], context);
    expect(replica?.isPartial).toBe(true);
    expect(coverage.summary().unchecked).toMatchObject([{ reason: 'not-reached' }]);
    const none = contextOf(fakeS3(planted));
    replicaFacts([], none.context);
    expect(none.coverage.summary().unchecked).toMatchObject([{ reason: 'not-reached' }]);
  });

  it('is nothing that a narrowed run leaves out', async () => {
    for (const scope of [{ only: 'other' }, { regions: ['us-west-2'] }]) {
      const { context, coverage } = contextOf(fakeS3(planted), { scope });
      expect(await planReplicas(context)).toEqual([]);
      expect(replicaFacts([], context)).toEqual([]);
      expect(coverage.summary().expected).toBe(0);
    }
  });

  it('does not hide a bug', async () => {
    const { context } = contextOf(fakeS3(planted));
    await expect(workReplica({ id: 'replica/other/0' }, undefined, context)).rejects.toThrow();
    await expect(
      workReplica(
        { id: 'replica/audio/0', replicaId: 'gone', plannedAt: now.toISOString(), part: 0 } as WorkItem,
        undefined,
        context,
      ),
    ).rejects.toThrow(/no replica gone/);
  });
});

describe('comparing a replica by inventories', () => {
  const inventories = (
    source: readonly InventoryRow[],
    copy: readonly InventoryRow[],
    createdAt = minutesAgo(600),
  ) => ({
    inventories: [
      ...inventoryObjects([csvFile(source)], { source: 'nycmg-audio', prefix: 'source/daily/', createdAt }),
      ...inventoryObjects([csvFile(copy)], { source: 'nycmg-audio-copy', prefix: 'copy/daily/', createdAt }),
    ],
  });
  const row = (key: string, details: Partial<InventoryRow> = {}): InventoryRow => ({
    key,
    sizeBytes: 100,
    modifiedAt: minutesAgo(2 * dayMinutes),
    etag: 'e',
    ...details,
  });
  const config = (maximumAgeHours = 48) => ({
    inventories: [
      { bucket: 'nycmg-audio', manifests: { bucket: 'inventories', prefix: 'source/daily/' }, maximumAgeHours },
      { bucket: 'nycmg-audio-copy', manifests: { bucket: 'inventories', prefix: 'copy/daily/' }, maximumAgeHours },
    ],
  });
  const refuseListing = ({ method, path, query }: HttpRequest) =>
    method === 'GET' && !path.includes('inventories') && query?.['list-type'] !== undefined
      ? { status: 403, body: '<Error><Code>AccessDenied</Code></Error>' }
      : undefined;

  it('lists neither bucket and finds the same', async () => {
    const buckets = {
      ...planted,
      ...inventories(
        [row('audio/equal'), row('audio/lost'), row('audio/since', { modifiedAt: minutesAgo(590) }), row('elsewhere')],
        [row('copy/equal')],
      ),
    };
    const { replica, coverage, work } = await compared(buckets, { intercept: refuseListing, config: config() });
    expect(coverage.unchecked).toEqual([]);
    expect(work).toHaveLength(1);
    expect(replica).toMatchObject({ compared: 3, inFlight: 1 });
    expect(replica?.differences.missing).toMatchObject({ count: 1, unconfirmed: 0, examples: ['lost'] });
  });

  it('compares in one part what has an inventory on either side: each part would read it all', async () => {
    const many = Array.from({ length: 40 }, (_, index) => `track-${String(index).padStart(2, '0')}`);
    const buckets = {
      ...twoSides(
        many.map((key) => ours(key)),
        many.map((key) => theirs(key)),
      ),
      ...inventories(
        [],
        many.map((key) => row(`copy/${key}`)),
      ),
    };
    const ofCopy = { inventories: config().inventories.slice(1) };
    expect((await compared(buckets, { pageSize: 5 })).work.length).toBeGreaterThan(1);
    const { work, replica, coverage } = await compared(buckets, { pageSize: 5, config: ofCopy });
    expect([work.length, replica?.compared, coverage.unchecked]).toEqual([1, 40, []]);
  });

  it('leaves it unchecked when they are too old', async () => {
    const buckets = { ...planted, ...inventories([row('audio/equal')], [row('copy/equal')]) };
    const { replica, coverage } = await compared(buckets, { config: config(9) });
    expect(replica?.isPartial).toBe(true);
    expect(coverage.unchecked).toMatchObject([{ reason: 'inventory-too-old' }]);
  });
});
