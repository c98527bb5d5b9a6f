import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MemoryControlStore } from '../../../shared/control/memory-control-store.ts';
import {
  type DeletionServer,
  deletionContext,
  ledgerEntries,
  startDeletionServer,
} from '../../../shared/retention/batch-loop-fixtures.ts';
import type { DeletionContext } from '../../../shared/retention/batch-loop-surroundings.ts';
import { pause } from '../../../shared/retention/pause.ts';
import { approvePlan } from '../../../shared/retention/plans.ts';
import type { PolicyOutcome } from '../../../shared/retention/policy-outcome.ts';
import type { WorkProgress } from '../../../shared/run-task.ts';
import { configSchema, type PartitionsPolicy } from '../config.ts';
import { type DetachedMark, markText, parseMark } from './detached-mark.ts';
import { purgePartitions } from './purge-partitions.ts';

let at: DeletionServer;
beforeAll(async () => {
  at = await startDeletionServer();
});
afterAll(() => at[Symbol.asyncDispose]());

/** Months of 2015 from January to April and one of today, with ten rows each; all belong to the role that deletes. */
beforeEach(async () => {
  await at.admin.query(`
    drop schema public cascade; create schema public authorization deleting; set role deleting;
    create table plays (id bigint not null, played_at timestamptz not null, title text) partition by range (played_at)`);
  for (const [name, from, to] of [
    ...[1, 2, 3, 4].map((month) => [`plays_2015_${month}`, `2015-0${month}-01`, `2015-0${month + 1}-01`]),
    ['"plays now "" x"', '2016-01-01', '2100-01-01'],
  ]) {
    await at.admin.query(`create table ${name} partition of plays for values from ('${from}') to ('${to}')`);
    await at.admin.query(
      `insert into plays select n, timestamptz '${from}' + n * interval '1 hour' from generate_series(1, 10) n`,
    );
  }
  await at.admin.query("comment on table plays_2015_1 is 'the first'; analyze; reset role");
});

const now = new Date('2016-03-15T12:00:00Z');
/** So that nothing more is past its retention. */
const keptFor80 = { retention: { years: 80 } };
const days = (count: number) => new Date(now.getTime() + count * 86_400_000);

/** What is before 15 March 2015 is past its retention: January and February as a whole. */
function policyOf(changes: Record<string, unknown> = {}): PartitionsPolicy {
  const { guards = {}, pace = {}, ...others } = changes as { guards?: object; pace?: object };
  const { policies } = configSchema.parse({
    policies: [
      {
        id: 'old-plays',
        kind: 'partitions',
        mode: 'apply',
        table: 'plays',
        ageColumn: 'played_at',
        retention: { years: 1 },
        guards: { approval: 'never', ...guards },
        pace: { lockTimeoutSeconds: 0.05, checkEverySeconds: 0.05, ...pace },
        ...others,
      },
    ],
  });
  return policies[0] as PartitionsPolicy;
}

async function purge(
  context: DeletionContext,
  changes: Record<string, unknown> = {},
  progress?: WorkProgress,
): Promise<{ outcome: PolicyOutcome; progress: WorkProgress }> {
  const after = await purgePartitions(policyOf(changes), context, progress);
  return { outcome: after.state as PolicyOutcome, progress: after };
}

const contextAt = (moment = now, changes: Partial<DeletionContext> = {}) =>
  deletionContext(at, { now: moment, ...changes });

const attached = () =>
  at.column("select inhrelid::regclass::text from pg_inherits where inhparent = 'plays'::regclass order by 1");
const tables = () =>
  at.column(
    "select relname::text from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1",
  );
const all = ['"plays now "" x"', 'plays_2015_1', 'plays_2015_2', 'plays_2015_3', 'plays_2015_4'];
const kept = ['"plays now "" x"', 'plays_2015_3', 'plays_2015_4'];

describe('purging partitions', () => {
  it('detaches those that are wholly past the retention, marks them, and drops them when that was long enough ago', async () => {
    const context = contextAt();
    const { outcome } = await purge(context);
    expect(outcome).toMatchObject({
      state: 'done',
      planned: 20,
      deleted: 20,
      batches: 2,
      kept: 0,
      backlog: 0,
      backlogAgeHours: null,
      faults: [],
      unchecked: [],
    });
    expect(await attached()).toEqual(kept);
    expect(await at.column('select count(*)::int from plays_2015_1')).toEqual([10]);
    const [comment] = await at.column("select obj_description('plays_2015_1'::regclass, 'pg_class')");
    expect(parseMark(comment as string)).toMatchObject({
      parent: 'public.plays',
      policy: 'old-plays',
      plan: outcome.planHash,
      upTo: '2015-02-01 00:00:00+00',
      comment: 'the first',
    });
    // Too early.
    const { control, ledgers } = context;
    expect((await purge(contextAt(new Date(), { control, ledgers }), keptFor80)).outcome).toMatchObject({ planned: 0 });
    for (const name of ['plays_2015_1', 'plays_2015_2']) {
      const [said] = await at.column(`select obj_description('${name}'::regclass, 'pg_class')`);
      const mark = parseMark(said as string) as DetachedMark;
      const earlier = markText({ ...mark, at: new Date(Date.now() - 7 * 86_400_000).toISOString() });
      await at.admin.query(`comment on table ${name} is '${earlier}'`);
    }
    const late = await purge(contextAt(new Date(), { control, ledgers }), keptFor80);
    expect(late.outcome).toMatchObject({ state: 'done', planned: 20, deleted: 20, faults: [], unchecked: [] });
    expect(await tables()).toEqual(['plays now " x', 'plays_2015_3', 'plays_2015_4']);
    const entries = await ledgerEntries(ledgers, 'data-purge/old-plays');
    expect(entries.map(({ action, outcome: end, facts }) => [action, end, facts.partition])).toEqual([
      ['detach', 'intended', 'public.plays_2015_1'],
      ['detach', 'done', 'public.plays_2015_1'],
      ['detach', 'intended', 'public.plays_2015_2'],
      ['detach', 'done', 'public.plays_2015_2'],
      ['drop', 'intended', 'public.plays_2015_1'],
      ['drop', 'done', 'public.plays_2015_1'],
      ['drop', 'intended', 'public.plays_2015_2'],
      ['drop', 'done', 'public.plays_2015_2'],
    ]);
  });

  it('only shows what it would do in a dry run', async () => {
    const { outcome } = await purge(contextAt(now, { mode: 'dry-run', databases: { main: { url: at.url } } }));
    expect(outcome).toMatchObject({ state: 'planned', planned: 20, deleted: 0, backlog: 20 });
    // The first of February is a year and 42 days and a half before.
    expect(outcome.backlogAgeHours).toBe(42.5 * 24);
    expect(await attached()).toEqual(all);
  });

  it('takes a partition only when its upper bound is not behind the cutoff', async () => {
    const moment = (text: string) => contextAt(new Date(text), { mode: 'dry-run' });
    expect((await purge(moment('2016-02-28T23:59:59.999Z'))).outcome.planned).toBe(10);
    expect((await purge(moment('2016-03-01T00:00:00Z'))).outcome.planned).toBe(20);
  });

  it('never takes the last partition, however old it is', async () => {
    await at.admin.query('drop table "plays now "" x"');
    const { outcome } = await purge(contextAt(new Date('2016-11-01T00:00:00Z')), { guards: { maximumPercent: 100 } });
    expect(outcome).toMatchObject({ state: 'done', deleted: 30 });
    expect(await attached()).toEqual(['plays_2015_4']);
  });

  it('detaches beside a default partition too, and tells of what is old in that', async () => {
    await at.admin.query(`create table plays_other partition of plays default;
      insert into plays values (1, '2010-01-01'), (2, '2015-03-20'); alter table plays_other owner to deleting`);
    const { outcome } = await purge(contextAt());
    expect(outcome).toMatchObject({ state: 'done', deleted: 20, backlog: 1 });
    expect(outcome.backlogAgeHours).toBeGreaterThan(5 * 365 * 24);
    expect(await attached()).toEqual([...kept, 'plays_other']);
  });

  it('takes partitions that are divided further as a whole', async () => {
    await at.admin.query(`set role deleting; drop table plays_2015_1;
      create table plays_2015_1 partition of plays for values from ('2015-01-01') to ('2015-02-01') partition by hash (id);
      create table plays_2015_1a partition of plays_2015_1 for values with (modulus 2, remainder 0);
      create table plays_2015_1b partition of plays_2015_1 for values with (modulus 2, remainder 1);
      insert into plays select n, '2015-01-05' from generate_series(1, 30) n; analyze; reset role`);
    const context = contextAt();
    expect((await purge(context, { keepDetachedDays: 0, guards: { maximumPercent: 90 } })).outcome).toMatchObject({
      planned: 40,
      deleted: 40,
    });
    const { control, ledgers } = context;
    const later = contextAt(new Date(Date.now() + 1000), { control, ledgers });
    const { outcome } = await purge(later, { keepDetachedDays: 0, ...keptFor80, guards: { maximumPercent: 90 } });
    expect(outcome).toMatchObject({ state: 'done', deleted: 40, faults: [], unchecked: [] });
    expect(await tables()).toEqual(['plays now " x', 'plays_2015_3', 'plays_2015_4']);
  });

  it('is stopped by a foreign key that refers to the table', async () => {
    await at.admin.query(`alter table plays add primary key (id, played_at);
      create table claps (id bigint, at timestamptz, foreign key (id, at) references plays)`);
    const { outcome } = await purge(contextAt());
    expect(outcome).toMatchObject({
      state: 'guarded',
      guards: [{ guard: 'undeclared-dependents', evidence: { dependents: ['public.claps.claps_id_at_fkey'] } }],
    });
    expect(await attached()).toEqual(all);
  });

  it.each([
    ['too-many-rows', { maximumRows: 19 }],
    ['too-large-share', { maximumPercent: 39 }],
  ])('is stopped by the guard %s', async (guard, guards) => {
    const { outcome } = await purge(contextAt(), { guards });
    expect(outcome).toMatchObject({ state: 'guarded', guards: [{ guard }], deleted: 0 });
    expect(await attached()).toEqual(all);
  });

  it('is stopped by a clock that is ahead of the server', async () => {
    const { outcome } = await purge(contextAt(new Date(Date.now() + 86_400_000)), {
      guards: { maximumPercent: 100 },
    });
    expect(outcome).toMatchObject({ state: 'guarded', guards: [{ guard: 'younger-than-retention' }], deleted: 0 });
    expect(await attached()).toEqual(all);
  });

  it('waits for the approval of its first plan, which stays the same while it can be carried out', async () => {
    const control = new MemoryControlStore();
    const changes = { guards: { approval: 'first-run' } };
    const first = await purge(contextAt(now, { control }), changes);
    expect(first.outcome).toMatchObject({ state: 'guarded', guards: [{ guard: 'approval-missing' }] });
    // March is past its retention by then; the plan that was approved has January and February.
    const hash = first.outcome.planHash as string;
    await approvePlan(control, hash, 'grace', now);
    const { outcome } = await purge(contextAt(days(13), { control }), changes);
    expect(outcome).toMatchObject({ state: 'done', planHash: hash, deleted: 20, backlog: 0 });
    expect(await attached()).toEqual(kept);
  });

  it('is paused before anything is done', async () => {
    const control = new MemoryControlStore();
    await pause(control, { task: 'data-purge', policy: 'old-plays' }, { by: 'g', at: 'now', reason: 'r' });
    expect((await purge(contextAt(now, { control }))).outcome).toMatchObject({
      state: 'paused',
      deleted: 0,
      backlog: 20,
    });
    expect(await attached()).toEqual(all);
  });

  it('is paused also where a guard would stop it, and says which', async () => {
    const control = new MemoryControlStore();
    await pause(control, { task: 'data-purge' }, { by: 'g', at: 'now', reason: 'r' });
    const ahead = contextAt(new Date(Date.now() + 86_400_000), { control });
    const { outcome } = await purge(ahead, { guards: { maximumPercent: 100 } });
    expect(outcome).toMatchObject({ state: 'paused', guards: [{ guard: 'younger-than-retention' }], deleted: 0 });
    expect(await attached()).toEqual(all);
  });

  it('comes forward in each step when there is no time', async () => {
    const control = new MemoryControlStore();
    const context = contextAt(now, { control, signal: AbortSignal.abort() });
    const first = await purge(context);
    expect(first.progress.isDone).toBe(false);
    expect(first.outcome).toMatchObject({ state: 'working', deleted: 10 });
    const second = await purge(context, {}, first.progress);
    expect(second.outcome).toMatchObject({ state: 'done', deleted: 20, planHash: first.outcome.planHash });
    expect(await attached()).toEqual(kept);
  });

  it('does not go on with a plan that no step has begun, without its guards and its approval', async () => {
    const control = new MemoryControlStore();
    const changes = { guards: { approval: 'first-run', maximumRows: 19 } };
    const first = await purge(contextAt(now, { control }), changes);
    const guards = [{ guard: 'too-many-rows' }, { guard: 'approval-missing' }];
    expect(first.outcome).toMatchObject({ state: 'guarded', guards });
    const killed: WorkProgress = { isDone: false, state: { ...first.outcome, state: 'working', guards: [] } };
    const { outcome } = await purge(contextAt(now, { control }), changes, killed);
    expect(outcome).toMatchObject({ state: 'guarded', planHash: first.outcome.planHash, guards, deleted: 0 });
    expect(await attached()).toEqual(all);
  });

  it('gives up where somebody reads for long, and ends the detachment the next time', async () => {
    const context = contextAt();
    const other = new Client(at.url);
    await other.connect();
    try {
      await other.query('begin isolation level repeatable read; select count(*) from plays');
      const { outcome } = await purge(context);
      expect(outcome).toMatchObject({
        state: 'stopped',
        deleted: 0,
        faults: [{ rule: 'deletion-failed', subject: 'public.plays_2015_1', evidence: { reason: 'lock-timeout' } }, {}],
      });
      expect(await at.column('select inhrelid::regclass::text from pg_inherits where inhdetachpending')).toEqual([
        'plays_2015_1',
      ]);
      // Those who were there see all of it.
      expect((await other.query('select count(*)::int as n from plays')).rows).toEqual([{ n: 50 }]);
      await other.query('commit');
    } finally {
      await other.end();
    }
    const { outcome } = await purge(context);
    expect(outcome).toMatchObject({ state: 'done', deleted: 10, faults: [], unchecked: [] });
    expect(await attached()).toEqual(kept);
    const entries = await ledgerEntries(context.ledgers, 'data-purge/old-plays');
    const last = entries.filter(({ facts }) => facts.partition === 'public.plays_2015_1').at(-1);
    expect(last).toMatchObject({ action: 'detach', outcome: 'rolled-back' });
  });

  it('leaves alone what somebody else has begun to detach', async () => {
    const other = new Client(at.url);
    await other.connect();
    await other.query('begin; select count(*) from plays');
    await at.admin.query("set lock_timeout = '50ms'");
    await at.admin.query('alter table plays detach partition plays_2015_4 concurrently').catch(() => {});
    await at.admin.query('reset lock_timeout');
    await other.query('commit');
    await other.end();
    const { outcome } = await purge(contextAt());
    expect(outcome).toMatchObject({ state: 'stopped', deleted: 0, unchecked: [{ reason: 'foreign-detach' }] });
    expect(await attached()).toEqual(all);
  });

  it('does not drop what was written to since, what the ledger does not know, and what has other columns', async () => {
    const context = contextAt();
    await purge(context, { keepDetachedDays: 0 });
    const { control, ledgers } = context;
    const [comment] = await at.column("select obj_description('plays_2015_1'::regclass, 'pg_class')");
    const mark = parseMark(comment as string);
    const [oid] = await at.column("select 'plays_2015_3'::regclass::oid::int8::float8");
    await at.admin.query(`alter table plays_2015_1 drop constraint plays_2015_1_played_at_check;
      insert into plays_2015_1 values (99, '2016-01-01');
      alter table plays_2015_2 add column more text;
      alter table plays detach partition plays_2015_3;
      comment on table plays_2015_3 is 'Detached by Caretaker: ${JSON.stringify({ ...mark, oid })}';
      create table copy as table plays_2015_4; alter table copy owner to deleting;
      comment on table copy is 'Detached by Caretaker: ${JSON.stringify(mark)}'`);
    const later = contextAt(new Date(Date.now() + 1000), { control, ledgers });
    const { outcome } = await purge(later, { keepDetachedDays: 0, ...keptFor80 });
    expect(outcome).toMatchObject({ state: 'stopped', deleted: 0 });
    expect(outcome.faults.map(({ subject }) => subject).sort()).toEqual([
      'public.copy',
      'public.plays_2015_1',
      'public.plays_2015_2',
      'public.plays_2015_3',
    ]);
    expect(await tables()).toEqual([
      'copy',
      'plays now " x',
      'plays_2015_1',
      'plays_2015_2',
      'plays_2015_3',
      'plays_2015_4',
    ]);
  });

  it('does not drop what others depend on', async () => {
    const context = contextAt();
    await purge(context, { keepDetachedDays: 0 });
    await at.admin.query('create view first_plays as select * from plays_2015_1');
    const { control, ledgers } = context;
    const later = contextAt(new Date(Date.now() + 1000), { control, ledgers });
    const { outcome } = await purge(later, { keepDetachedDays: 0, ...keptFor80 });
    expect(outcome).toMatchObject({ state: 'stopped', deleted: 10, faults: [{ subject: 'public.plays_2015_1' }] });
    expect(await at.column('select count(*)::int from first_plays')).toEqual([10]);
  });

  it('says what it is not for', async () => {
    const unreadable = async (table: string) => (await purge(contextAt(), { table })).outcome.unchecked[0]?.reason;
    await at.admin.query(`set role deleting; create table plain (played_at timestamptz);
      create table listed (played_at timestamptz, kind text) partition by list (kind);
      create table both_ways (played_at timestamptz, kind text) partition by range (played_at, kind); reset role`);
    expect(await unreadable('plain')).toBe('not-by-range');
    expect(await unreadable('listed')).toBe('not-by-range');
    expect(await unreadable('both_ways')).toBe('not-by-range');
    expect(await unreadable('nowhere')).toBe('missing-table');
    expect((await purge(contextAt(), { ageColumn: 'nothing' })).outcome.unchecked[0]?.reason).toBe('missing-column');
    await at.admin.query('alter table plays owner to postgres; grant select on plays to deleting');
    const { outcome } = await purge(contextAt());
    expect(outcome).toMatchObject({ state: 'stopped', deleted: 0 });
    expect(outcome.faults.map(({ evidence }) => evidence.reason)).toEqual(['access-denied', 'access-denied']);
  });
});
