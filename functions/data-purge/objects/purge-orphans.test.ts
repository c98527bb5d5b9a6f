import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { accessDenied, slowDown } from '../../../sandbox/s3/server-faults.ts';
import { type PolicyOutcome, policyOutcomeSchema } from '../../../shared/retention/policy-outcome.ts';
import type { WorkProgress } from '../../../shared/run-task.ts';
import type { OrphansPolicy } from '../config.ts';
import type { PurgeContext } from '../context.ts';
import { parsePolicy } from '../context-fixtures.ts';
import { bucketName, currentKeys, daysAgo, type ObjectBench, openBench } from './object-fixtures.ts';
import { purgeOrphans } from './purge-orphans.ts';

let postgres: PostgresServer;
let client: Client;
let bench: ObjectBench;

beforeAll(async () => {
  postgres = await startPostgres();
  client = new Client({ connectionString: postgres.url });
  await client.connect();
}, 60_000);

afterAll(async () => {
  await client.end();
  await postgres.stop();
});

beforeEach(async () => {
  bench = await openBench();
  await client.query('drop schema if exists "odd schema" cascade');
  await client.query(`
    create schema "odd schema";
    create table "odd schema"."up""loads" (id integer generated always as identity primary key, "s3 key" text);
    create unique index "by key" on "odd schema"."up""loads" ("s3 key")`);
});

afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

function orphansPolicy(options: Readonly<Record<string, unknown>> = {}): OrphansPolicy {
  const { guards = {}, ...rest } = options;
  return parsePolicy({
    kind: 'orphans',
    id: 'orphaned-uploads',
    mode: 'apply',
    bucket: bucketName,
    prefix: 'uploads/',
    olderThanDays: 30,
    table: 'odd schema.up"loads',
    keyColumn: 's3 key',
    index: 'by key',
    guards: { approval: 'never', maximumPercent: 90, ...(guards as object) },
    ...rest,
  });
}

async function run(policy: OrphansPolicy, options: Partial<PurgeContext> = {}): Promise<PolicyOutcome> {
  const context = { ...bench.context, databases: { main: { url: postgres.url } }, ...options };
  let progress: WorkProgress | undefined;
  do {
    progress = await purgeOrphans(policy, context, progress);
  } while (!progress.isDone);
  return policyOutcomeSchema.parse(progress.state);
}

function put(keys: readonly string[], days = 40): void {
  for (const key of keys) bench.bucket.put(key, 'x', { lastModified: daysAgo(days) });
}

async function name(...keys: readonly string[]): Promise<void> {
  await client.query('insert into "odd schema"."up""loads" ("s3 key") select unnest($1::text[])', [keys]);
}

const deletions = () => bench.server.requests.filter(({ operation }) => operation === 'DeleteObjects').length;

describe('objects that no row names', () => {
  it('are deleted when they are old enough, and no other is', async () => {
    put(['uploads/named', 'uploads/orphan', 'uploads/ü "odd" 🎵', 'elsewhere/orphan']);
    put(['uploads/young'], 2);
    await name('uploads/named', 'uploads/never uploaded');
    const outcome = await run(orphansPolicy());
    expect(outcome).toMatchObject({ state: 'done', planned: 2, deleted: 2, kept: 0 });
    expect(outcome.target).toBe('s3://uploads/uploads/ (not in odd schema.up"loads)');
    expect(currentKeys(bench.bucket)).toEqual(['elsewhere/orphan', 'uploads/named', 'uploads/young']);
  });

  it('are looked for without what stands before the column', async () => {
    put(['uploads/a', 'uploads/b']);
    await name('a');
    expect(await run(orphansPolicy({ keyPrefix: 'uploads/' }))).toMatchObject({ planned: 1, deleted: 1 });
    expect(currentKeys(bench.bucket)).toEqual(['uploads/a']);
  });

  it('are not those that no row could name', async () => {
    put(['uploads/in/a', 'uploads/in/b', 'uploads/other']);
    await name('a');
    expect(await run(orphansPolicy({ keyPrefix: 'uploads/in/' }))).toMatchObject({ planned: 1, deleted: 1 });
    expect(currentKeys(bench.bucket)).toEqual(['uploads/in/a', 'uploads/other']);
  });

  it('stay when a row names them by the time of the deletion', async () => {
    put(['uploads/a', 'uploads/b', 'uploads/c']);
    await name('uploads/c');
    expect(await run(orphansPolicy(), { mode: 'dry-run' })).toMatchObject({ state: 'planned', planned: 2 });
    await name('uploads/a');
    const outcome = await run(orphansPolicy());
    expect(outcome).toMatchObject({ planned: 2, deleted: 1, kept: 1, faults: [] });
    expect(currentKeys(bench.bucket)).toEqual(['uploads/a', 'uploads/c']);
  });

  it('are asked for again before each batch', async () => {
    const keys = Array.from({ length: 2_500 }, (_, index) => `uploads/${String(index).padStart(5, '0')}`);
    put([...keys, 'uploads/named']);
    await name('uploads/named');
    bench.server.fail({
      operation: 'DeleteObjects',
      afterRequests: 0,
      times: 1,
      fault: async () => void (await name('uploads/01000', 'uploads/02499')),
    });
    const outcome = await run(orphansPolicy({ guards: { maximumPercent: 100 } }));
    expect(outcome).toMatchObject({ planned: 2_500, deleted: 2_498, kept: 2 });
    expect(currentKeys(bench.bucket)).toEqual(['uploads/01000', 'uploads/02499', 'uploads/named']);
  });

  it('stay when a row names them while S3 is given time', async () => {
    put(['uploads/a', 'uploads/b', 'uploads/named']);
    await name('uploads/named');
    bench.server.fail({
      operation: 'DeleteObjects',
      times: 1,
      fault: async () => {
        await name('uploads/a');
        return slowDown;
      },
    });
    expect(await run(orphansPolicy())).toMatchObject({ planned: 2, deleted: 1, kept: 1, faults: [] });
    expect(currentKeys(bench.bucket)).toEqual(['uploads/a', 'uploads/named']);
  });

  it('are asked for on the writer, not on a replica', async () => {
    put(['uploads/a', 'uploads/b']);
    await name('uploads/b');
    const nobody = { url: 'postgresql://nobody@127.0.0.1:1/none' };
    const outcome = await run(orphansPolicy(), {
      databases: { main: { ...nobody, replica: nobody, writer: { url: postgres.url } } },
    });
    expect(outcome).toMatchObject({ deleted: 1, unchecked: [] });
  });
});

describe('nothing is deleted', () => {
  it('while the database cannot be reached', async () => {
    put(['uploads/a']);
    const outcome = await run(orphansPolicy(), {
      databases: { main: { url: 'postgresql://nobody@127.0.0.1:1/none' } },
    });
    expect(outcome).toMatchObject({ state: 'stopped', deleted: 0, unchecked: [{ reason: 'unreachable' }] });
    expect(deletions()).toBe(0);
  });

  it('of a batch for which the database fails', async () => {
    put(['uploads/a', 'uploads/b']);
    await name('uploads/b');
    await run(orphansPolicy(), { mode: 'dry-run' });
    bench.server.fail({
      operation: 'ListObjectsV2',
      fault: async () =>
        void (await client.query('alter table "odd schema"."up""loads" rename column "s3 key" to other')),
      times: 1,
    });
    const outcome = await run(orphansPolicy());
    expect(outcome).toMatchObject({ state: 'stopped', deleted: 0, unchecked: [{ reason: 'missing-column' }] });
    expect(deletions()).toBe(0);
    expect(await bench.ledger('orphaned-uploads')).toEqual([]);
  });

  it.each([
    ['there is no such index', 'drop index "odd schema"."by key"'],
    [
      'the index is one of another table',
      `drop index "odd schema"."by key"; create table "odd schema".o ("s3 key" text);
       create index "by key" on "odd schema".o ("s3 key")`,
    ],
    [
      'the index begins with another column',
      `drop index "odd schema"."by key"; create index "by key" on "odd schema"."up""loads" (id, "s3 key")`,
    ],
    [
      'the index has only some of the rows',
      `drop index "odd schema"."by key";
       create index "by key" on "odd schema"."up""loads" ("s3 key") where id > 1`,
    ],
    [
      'the index is of a kind that finds no single text',
      `drop index "odd schema"."by key"; create index "by key" on "odd schema"."up""loads" using brin ("s3 key")`,
    ],
  ])('when %s', async (_, change) => {
    put(['uploads/a', 'uploads/b']);
    await name('uploads/b');
    await client.query(change);
    const outcome = await run(orphansPolicy());
    expect(outcome).toMatchObject({ state: 'guarded', guards: [{ guard: 'index-missing' }], planHash: null });
    expect(deletions()).toBe(0);
  });

  it('when no row names an object', async () => {
    put(['uploads/a']);
    await client.query('insert into "odd schema"."up""loads" default values');
    expect(await run(orphansPolicy())).toMatchObject({ state: 'guarded', guards: [{ guard: 'too-large-share' }] });
    expect(deletions()).toBe(0);
  });

  it('when no row names any of the objects there, however few are old enough', async () => {
    put(['uploads/a', 'uploads/b']);
    put(
      Array.from({ length: 30 }, (_, index) => `uploads/young ${index}`),
      1,
    );
    await name('a', 'b', 'young 1');
    const outcome = await run(orphansPolicy());
    expect(outcome).toMatchObject({ state: 'guarded', planned: 2, guards: [{ guard: 'too-large-share' }] });
    expect(outcome.guards[0]?.detail).toContain('keyPrefix');
    expect(deletions()).toBe(0);
    await name('uploads/young 29');
    // The plan was made of what there was.
    expect(await run(orphansPolicy())).toMatchObject({ state: 'guarded' });
    const tomorrow = new Date(bench.context.now.getTime() + 25 * 3_600_000);
    expect(await run(orphansPolicy(), { now: tomorrow })).toMatchObject({ state: 'done', deleted: 2 });
  });

  it('of a plan that was begun, when the table has lost its rows meanwhile', async () => {
    const keys = Array.from({ length: 1_500 }, (_, index) => `uploads/${String(index).padStart(5, '0')}`);
    put([...keys, 'uploads/named']);
    await name('uploads/named');
    const policy = orphansPolicy({ guards: { maximumPercent: 100 } });
    bench.server.fail({ operation: 'DeleteObjects', afterRequests: 1, times: 1, fault: accessDenied });
    expect(await run(policy)).toMatchObject({ state: 'stopped', deleted: 1_000 });
    await client.query('truncate "odd schema"."up""loads"');
    const outcome = await run(policy);
    expect(outcome).toMatchObject({
      state: 'guarded',
      deleted: 0,
      backlog: 500,
      guards: [{ guard: 'too-large-share' }],
    });
    await name('uploads/named');
    expect(await run(policy)).toMatchObject({ state: 'done', deleted: 500 });
  });

  it('when too many are orphaned', async () => {
    put(Array.from({ length: 10 }, (_, index) => `uploads/${index}`));
    await name('uploads/0');
    const outcome = await run(orphansPolicy({ guards: { maximumPercent: 89 } }));
    expect(outcome).toMatchObject({ state: 'guarded', planned: 9, guards: [{ guard: 'too-large-share' }] });
    expect(deletions()).toBe(0);
  });

  it('when row security hides rows from the role', async () => {
    put(['uploads/a', 'uploads/b']);
    await name('uploads/a');
    await client.query(`
      drop role if exists purger; create role purger login password 'p'; grant usage on schema "odd schema" to purger;
      grant select on all tables in schema "odd schema" to purger;
      alter table "odd schema"."up""loads" enable row level security`);
    const url = `postgresql://purger:p@${postgres.host}:${postgres.port}/postgres`;
    const outcome = await run(orphansPolicy(), { databases: { main: { url } } });
    expect(outcome).toMatchObject({ state: 'stopped', unchecked: [{ reason: 'row-security' }] });
    await client.query('drop owned by purger; drop role purger');
  });

  it.each([
    ['there is no such table', { table: 'odd schema.none' }, 'missing-table'],
    ['there is no such column', { keyColumn: 'none' }, 'missing-column'],
    ['the column is no text', { keyColumn: 'id' }, 'unusable-key-column'],
  ])('when %s', async (_, options, reason) => {
    put(['uploads/a']);
    expect(await run(orphansPolicy(options))).toMatchObject({ state: 'stopped', unchecked: [{ reason }] });
  });
});
