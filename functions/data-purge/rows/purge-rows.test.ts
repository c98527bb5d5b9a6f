import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MemoryControlStore } from '../../../shared/control/memory-control-store.ts';
import {
  type DeletionServer,
  deletionContext,
  ledgerEntries,
  plugIn,
  startDeletionServer,
} from '../../../shared/retention/batch-loop-fixtures.ts';
import type { DeletionContext } from '../../../shared/retention/batch-loop-surroundings.ts';
import { pause } from '../../../shared/retention/pause.ts';
import { approvePlan } from '../../../shared/retention/plans.ts';
import type { PolicyOutcome } from '../../../shared/retention/policy-outcome.ts';
import type { WorkProgress } from '../../../shared/run-task.ts';
import { configSchema, type RowsPolicy } from '../config.ts';
import { purgeRows } from './purge-rows.ts';

let at: DeletionServer;
beforeAll(async () => {
  at = await startDeletionServer();
});
afterAll(() => at[Symbol.asyncDispose]());
beforeEach(() => at.reset(1_000));

const quick = { batchRows: 100, maximumBatchRows: 100, lockTimeoutSeconds: 0.05, checkEverySeconds: 0.05 };

/** Everything of 2024 and before is past its retention, unless the policy says otherwise. */
function policyOf(changes: Record<string, unknown> = {}): RowsPolicy {
  const { pace = {}, guards = {}, ...others } = changes as { pace?: object; guards?: object };
  const { policies } = configSchema.parse({
    policies: [
      {
        id: 'old-listens',
        kind: 'rows',
        mode: 'apply',
        table: 'listens',
        ageColumn: 'listened_at',
        retention: { months: 13 },
        index: 'listens_listened_at',
        children: [{ table: 'claps', columns: ['listen_id'] }],
        guards: { approval: 'never', maximumPercent: 100, ...guards },
        pace: { ...quick, ...pace },
        ...others,
      },
    ],
  });
  return policies[0] as RowsPolicy;
}

const youngFrom = 901;

/** Rows 901 and after are of today. */
async function keepTheLastHundred(): Promise<void> {
  await at.admin.query(`update listens set listened_at = now() - interval '1 day' where id >= ${youngFrom}`);
}

async function purge(
  policy: RowsPolicy,
  context: DeletionContext,
  progress?: WorkProgress,
): Promise<{ outcome: PolicyOutcome; progress: WorkProgress }> {
  const after = await purgeRows(policy, context, progress);
  return { outcome: after.state as PolicyOutcome, progress: after };
}

const ids = () => at.column('select id::int from listens order by id');
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe('purging rows', () => {
  it('deletes what is past its retention with its children, in batches, each of them in the ledger', async () => {
    await keepTheLastHundred();
    const context = deletionContext(at);
    const { outcome, progress } = await purge(policyOf(), context);
    expect(outcome).toMatchObject({
      state: 'done',
      mode: 'apply',
      planned: 900,
      deleted: 900,
      batches: 9,
      kept: 0,
      backlog: 0,
      backlogAgeHours: null,
      faults: [],
      unchecked: [],
      guards: [],
    });
    expect(progress.isDone).toBe(true);
    expect(await ids()).toEqual(range(youngFrom, 1_000));
    expect(await at.column('select distinct listen_id::int from claps order by 1')).toEqual(
      range(youngFrom, 1_000).filter((id) => id % 3 === 0),
    );
    const entries = await ledgerEntries(context.ledgers, 'data-purge/old-listens');
    expect(entries.map((entry) => [entry.outcome, entry.before, entry.after, entry.facts.rows])).toEqual([
      ...range(0, 8).map((batch) => ['intended', 900 - 100 * batch, 800 - 100 * batch, 100]),
      ['done', 100, 0, 100],
    ]);
    expect(entries.every((entry) => entry.planHash === outcome.planHash && entry.actor === 'ada')).toBe(true);
    expect(entries.slice(1, 9).map(({ confirms }) => confirms)).toEqual(entries.slice(0, 8).map(({ hash }) => hash));
    expect(new Set(entries.map(({ keysHash }) => keysHash)).size).toBe(9);
  });

  it('only shows in a dry run what it would do, also with a policy that may', async () => {
    const before = await ids();
    for (const [policy, mode] of [
      [policyOf(), 'dry-run'],
      [policyOf({ mode: 'dry-run' }), 'apply'],
    ] as const) {
      const context = deletionContext(at, { mode, databases: { main: { url: at.url } } });
      const { outcome } = await purge(policy, context);
      expect(outcome).toMatchObject({ state: 'planned', mode: 'dry-run', planned: 1_000, deleted: 0, backlog: 1_000 });
      expect(outcome.backlogAgeHours).toBeGreaterThan(24);
      expect(await ledgerEntries(context.ledgers, 'data-purge/old-listens')).toEqual([]);
    }
    expect(await ids()).toEqual(before);
  });

  it('does nothing, and says so, where nothing is past its retention', async () => {
    const { outcome } = await purge(policyOf({ retention: { years: 90 } }), deletionContext(at));
    expect(outcome).toMatchObject({ state: 'done', planned: 0, deleted: 0, batches: 0, backlog: 0, faults: [] });
    expect(await ids()).toHaveLength(1_000);
  });

  it('takes a single row', async () => {
    await at.admin.query('update listens set listened_at = now() where id > 1');
    const { outcome } = await purge(policyOf(), deletionContext(at));
    expect(outcome).toMatchObject({ state: 'done', planned: 1, deleted: 1, batches: 1, backlog: 0 });
    expect(await ids()).toEqual(range(2, 1_000));
  });

  it('stops before the first deletion at a guard', async () => {
    const context = deletionContext(at);
    const { outcome } = await purge(policyOf({ guards: { maximumRows: 999 } }), context);
    expect(outcome).toMatchObject({ state: 'guarded', deleted: 0, guards: [{ guard: 'too-many-rows' }] });
    expect(await ids()).toHaveLength(1_000);
    expect(await ledgerEntries(context.ledgers, 'data-purge/old-listens')).toEqual([]);
  });

  it('waits for the approval of its first plan, and then deletes just that', async () => {
    const policy = policyOf({ guards: { approval: 'first-run' } });
    const control = new MemoryControlStore();
    const shown = await purge(policy, deletionContext(at, { control }));
    expect(shown.outcome).toMatchObject({ state: 'guarded', guards: [{ guard: 'approval-missing' }] });
    expect(await ids()).toHaveLength(1_000);
    await approvePlan(control, shown.outcome.planHash as string, 'grace', new Date());
    const { outcome } = await purge(policy, deletionContext(at, { control }));
    expect(outcome).toMatchObject({ state: 'done', planHash: shown.outcome.planHash, deleted: 1_000 });
    // Its second run needs nobody.
    await at.reset(10);
    const second = await purge(policy, deletionContext(at, { control }));
    expect(second.outcome).toMatchObject({ state: 'done', deleted: 10 });
  });

  it('is paused before the first batch without having begun its plan', async () => {
    const control = new MemoryControlStore();
    await pause(control, { task: 'data-purge' }, { by: 'grace', at: new Date().toISOString(), reason: 'a release' });
    const { outcome, progress } = await purge(policyOf(), deletionContext(at, { control }));
    expect(outcome).toMatchObject({ state: 'paused', deleted: 0, backlog: 1_000 });
    expect(progress.isDone).toBe(true);
    expect(await ids()).toHaveLength(1_000);
  });

  it('is paused also where a guard would stop it, and says which', async () => {
    const control = new MemoryControlStore();
    await pause(control, { task: 'data-purge' }, { by: 'grace', at: new Date().toISOString(), reason: 'a release' });
    const { outcome } = await purge(policyOf({ guards: { maximumRows: 999 } }), deletionContext(at, { control }));
    expect(outcome).toMatchObject({ state: 'paused', deleted: 0, guards: [{ guard: 'too-many-rows' }] });
    expect(outcome.backlog).toBeGreaterThan(0);
    expect(await ids()).toHaveLength(1_000);
  });

  it('is paused between two batches, within one', async () => {
    const control = new MemoryControlStore();
    const context = deletionContext(at, { control });
    const store = context.ledgers;
    const ledgers: typeof store = {
      // Somebody says so while the second batch is written down.
      add: async (name, line) => {
        if (name.endsWith('00000002.json')) {
          await pause(control, { task: 'data-purge', policy: 'old-listens' }, { by: 'g', at: 'now', reason: 'r' });
        }
        return store.add(name, line);
      },
      read: (name) => store.read(name),
      list: (prefix, after) => store.list(prefix, after),
      tampering: (prefix) => store.tampering(prefix),
    };
    const { outcome } = await purge(policyOf(), { ...context, ledgers });
    expect(outcome).toMatchObject({ state: 'paused', deleted: 200, batches: 2, backlog: 800 });
    expect(await ids()).toEqual(range(201, 1_000));
    const entries = await ledgerEntries(store, 'data-purge/old-listens');
    expect(entries.map((entry) => entry.outcome)).toEqual(['intended', 'intended', 'done']);
  });

  it('comes forward a batch in each step when there is no time, and goes on with the same plan', async () => {
    const control = new MemoryControlStore();
    const context = deletionContext(at, { control, signal: AbortSignal.abort() });
    let progress: WorkProgress | undefined;
    const seen: PolicyOutcome[] = [];
    do {
      ({ progress } = await purge(policyOf({ guards: { approval: 'always', planValidDays: 1 } }), context, progress));
      seen.push(progress.state as PolicyOutcome);
      if (seen.length === 1) await approvePlan(control, seen[0]?.planHash as string, 'grace', new Date());
      if (seen.length === 1) progress = undefined;
    } while (progress?.isDone !== true);
    const [first, ...others] = seen;
    expect(first?.state).toBe('guarded');
    expect(others.map(({ state, deleted }) => [state, deleted])).toEqual([
      ...range(1, 10).map((batch) => ['working', 100 * batch]),
      ['done', 1_000],
    ]);
    expect(new Set(others.map(({ planHash }) => planHash)).size).toBe(1);
  });

  it('leaves a row that somebody holds, and takes all others', async () => {
    const other = new Client(at.url);
    await other.connect();
    try {
      await other.query('begin; select from listens where id = 157 for update');
      const { outcome } = await purge(policyOf(), deletionContext(at));
      expect(outcome).toMatchObject({ state: 'done', planned: 1_000, deleted: 999, kept: 1, backlog: 1, faults: [] });
      expect(await ids()).toEqual([157]);
      await other.query('rollback');
      expect((await purge(policyOf(), deletionContext(at))).outcome).toMatchObject({ state: 'done', deleted: 1 });
    } finally {
      await other.end();
    }
  });

  it('deletes no more rows than there were in the plan, and says what came to be within it since', async () => {
    await at.admin.query('alter table claps drop constraint claps_listen_id_fkey');
    const context = deletionContext(at);
    let inserted = 0;
    const ledgers = {
      ...spread(context.ledgers),
      add: async (name: string, line: string) => {
        // Older than all that is there, and younger than what was just deleted.
        inserted += 1;
        if (inserted === 1) {
          await at.admin.query(
            "insert into listens values (5001, '2023-01-01', 'late'), (5002, '2024-01-01 02:00', 'late')",
          );
        }
        return context.ledgers.add(name, line);
      },
    };
    const { outcome } = await purge(policyOf(), { ...context, ledgers });
    expect(outcome).toMatchObject({ state: 'done', planned: 1_000, deleted: 1_000, backlog: 2 });
    expect(await ids()).toHaveLength(2);
  });

  it('stops at a trigger that keeps a row, with the batch undone', async () => {
    await at.admin.query(`
      create function keep() returns trigger language plpgsql as $$ begin return null; end $$;
      create trigger keep before delete on listens for each row when (old.id = 250) execute function keep()`);
    const context = deletionContext(at);
    const policy = policyOf({ acceptedTriggers: ['public.listens.keep'] });
    const { outcome } = await purge(policy, context);
    expect(outcome).toMatchObject({
      state: 'stopped',
      deleted: 200,
      backlog: 800,
      faults: [{ rule: 'deletion-failed', subject: 'main/public.listens', evidence: { reason: 'mismatch' } }],
    });
    expect(await ids()).toEqual(range(201, 1_000));
    // The children of the batch are there too.
    expect(await at.column('select count(*)::int from claps')).toEqual([2 * (333 - 66)]);
  });

  it('leaves a child that has become younger since the plan with its row, and is stopped by the guard the next time', async () => {
    await at.admin.query("alter table claps add column made timestamptz default '2024-01-02'");
    const children = [{ table: 'claps', columns: ['listen_id'], ageColumn: 'made' }];
    const context = deletionContext(at);
    const ledgers = {
      ...spread(context.ledgers),
      add: async (name: string, line: string) => {
        // Of the third batch, while the second is written down.
        if (name.endsWith('/00000002.json')) await at.admin.query('update claps set made = now() where id = 2491');
        return context.ledgers.add(name, line);
      },
    };
    const { outcome } = await purge(policyOf({ children }), { ...context, ledgers });
    expect(outcome).toMatchObject({
      state: 'stopped',
      deleted: 200,
      faults: [{ rule: 'deletion-failed', evidence: { reason: 'younger-than-retention' } }],
    });
    expect(outcome.faults[0]?.detail).toContain('1 rows of public.claps');
    expect(await ids()).toEqual(range(201, 1_000));
    expect((await purge(policyOf({ children }), context)).outcome).toMatchObject({
      state: 'guarded',
      guards: [{ guard: 'younger-than-retention' }],
    });
  });

  it('names what refers to a row that it was not told of, and nothing of what is in it', async () => {
    const control = new MemoryControlStore();
    let looks = 0;
    const read = async (key: string) => {
      looks += key === 'pause/data-purge' ? 1 : 0;
      if (looks === 3) {
        looks += 1;
        await at.admin.query(`create table prizes (listen_id bigint references listens, note text);
          insert into prizes values (150, 'secret')`);
      }
      return control.read(key);
    };
    const context = deletionContext(at, {
      control: {
        read,
        write: (key, value) => control.write(key, value),
        create: (key, value) => control.create(key, value),
        replace: (key, before, value) => control.replace(key, before, value),
        remove: (key) => control.remove(key),
      },
    });
    const { outcome } = await purge(policyOf(), context);
    expect(outcome).toMatchObject({
      state: 'stopped',
      faults: [{ rule: 'deletion-failed', evidence: { reason: 'constraint' } }],
    });
    expect(outcome.faults[0]?.detail).toContain('prizes_listen_id_fkey');
    expect(JSON.stringify(outcome)).not.toMatch(/secret|150/);
  });

  it('lets one run work on a policy at a time', async () => {
    const context = deletionContext(at);
    const store = context.ledgers;
    let other: PolicyOutcome | undefined;
    const ledgers = {
      ...spread(store),
      add: async (name: string, line: string) => {
        other ??= (await purge(policyOf(), deletionContext(at))).outcome;
        return store.add(name, line);
      },
    };
    expect((await purge(policyOf(), { ...context, ledgers })).outcome).toMatchObject({ state: 'done', deleted: 1_000 });
    expect(other).toMatchObject({ state: 'stopped', deleted: 0, unchecked: [{ reason: 'busy' }] });
  });

  it('says that there is no writer, that the role may not delete, and that the condition is none', async () => {
    const unable = deletionContext(at, { databases: { main: { url: at.url } } });
    expect((await purge(policyOf(), unable)).outcome.unchecked).toMatchObject([{ reason: 'no-writer' }]);
    await at.admin.query('revoke delete on claps from deleting');
    expect((await purge(policyOf(), deletionContext(at))).outcome.unchecked).toMatchObject([
      { reason: 'access-denied' },
    ]);
    const open = (await purge(policyOf({ where: 'true) or (true' }), deletionContext(at))).outcome;
    expect(open).toMatchObject({ state: 'stopped', unchecked: [{ reason: 'bad-sql' }] });
    expect(await ids()).toHaveLength(1_000);
  });

  it.each([
    ['before the server hears of the commit', 'commit', 'before'],
    ['after the commit, before anybody hears of it', 'commit', 'after'],
    ['in the middle of a batch', 'delete from "public"."listens"', 'before'],
  ] as const)('goes on when the connection breaks %s, and counts every row once', async (_, text, when) => {
    await using cable = await plugIn(at.writerUrl);
    const context = deletionContext({ url: at.url, writerUrl: cable.url });
    const store = context.ledgers;
    const ledgers = {
      ...spread(store),
      add: async (name: string, line: string) => {
        if (name.endsWith('00000003.json')) cable.cutAt(text, when);
        return store.add(name, line);
      },
    };
    const { outcome } = await purge(policyOf(), { ...context, ledgers });
    expect(cable.cuts).toBe(1);
    // The lock went with the connections: somebody else could have begun.
    expect(outcome).toMatchObject({ state: 'stopped', unchecked: [{ reason: 'lock-lost' }] });
    const left = (await ids()).length;
    const again = (await purge(policyOf(), { ...context, ledgers: store })).outcome;
    expect(again).toMatchObject({ state: 'done', deleted: left });
    const entries = await ledgerEntries(store, 'data-purge/old-listens');
    const open = entries.filter(({ outcome: end }) => end === 'intended').map(({ hash }) => hash);
    const undone = entries.filter(({ outcome: end }) => end === 'rolled-back').map(({ settles }) => settles);
    const done = new Set(
      entries.flatMap(({ settles, confirms, outcome: end }) =>
        end === 'rolled-back' ? [confirms] : [settles, confirms],
      ),
    );
    expect(open.filter((hash) => !done.has(hash))).toEqual(undone);
    const rows = entries
      .filter(({ hash, outcome: end }) => end === 'intended' && done.has(hash))
      .reduce((sum, { facts }) => sum + Number(facts.rows), 0);
    expect(rows).toBe(1_000);
  });
});

function spread(store: DeletionContext['ledgers']): DeletionContext['ledgers'] {
  return {
    add: (name, line) => store.add(name, line),
    read: (name) => store.read(name),
    list: (prefix, after) => store.list(prefix, after),
    tampering: (prefix) => store.tampering(prefix),
  };
}
