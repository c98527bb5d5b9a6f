import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MemoryLedgerStore } from '../../../shared/ledger/memory-ledger-store.ts';
import { writeJson } from '../../../shared/storage/state-store.ts';
import { configSchema } from '../config.ts';
import { type CorrectionServer, deskAt, startCorrectionServer, untitled } from './correction-fixtures.ts';

let at: CorrectionServer;
beforeAll(async () => {
  at = await startCorrectionServer();
});
afterAll(() => at[Symbol.asyncDispose]());
beforeEach(() => at.reset());

const statement = "update tracks set title = 'Untitled' where title is null";
const retitled = { ...untitled, correction: { kind: 'sql', statement } };

const titles = () => at.column('select title from tracks order by id');
const before = ['title 1', 'title 2', null, null, null, ...[6, 7, 8, 9, 10].map((n) => `title ${n}`)];
const after = before.map((title) => title ?? 'Untitled');

describe('a plan', () => {
  it('says what violates, what would be done, how many rows that is and until when it holds, and changes nothing', async () => {
    const clock = () => new Date('2026-11-20T12:00:00.000Z');
    const desk = deskAt(at, { clock });
    const result = await desk.ask({ ...retitled, owner: 'catalogue', severity: 'high' }, 'plan');
    expect(result).toMatchObject({
      outcome: 'planned',
      owner: 'catalogue',
      severity: 'high',
      violations: 3,
      samples: ['id=3', 'id=4', 'id=5'],
      plan: {
        plannedAt: '2026-11-20T12:00:00.000Z',
        expiresAt: '2026-11-21T12:00:00.000Z',
        expectedRows: 3,
        statements: [{ text: statement, parameters: [] }],
        lacksWriter: false,
      },
    });
    expect(result.plan?.hash).toMatch(/^[0-9a-f]{16}$/);
    expect(await titles()).toEqual(before);
    expect(await desk.ledger()).toEqual([]);
  });

  it('shows no more keys than the limit, none of a personal column, and does not have the server send those', async () => {
    const config = configSchema.parse({
      databases: { main: { tables: { tracks: { personalColumns: ['isrc'] } } } },
      limits: { samples: 2 },
    });
    const rule = { ...retitled, query: 'select id, isrc from tracks where title is null', key: ['isrc', 'id'] };
    const { samples, violations } = await deskAt(at, { config }).ask(rule, 'plan');
    expect([violations, samples]).toEqual([3, ['isrc=***, id=3', 'isrc=***, id=4']]);
  });

  it('is none where nothing violates the rule', async () => {
    await at.client.query("update tracks set title = 'x'");
    expect(await deskAt(at).ask(retitled, 'plan')).toMatchObject({ outcome: 'nothing-to-correct', violations: 0 });
  });

  it('says that it cannot be applied where nobody may write', async () => {
    const desk = deskAt(at, { databases: { main: { url: at.readerUrl } } });
    expect((await desk.ask(retitled, 'plan')).plan?.lacksWriter).toBe(true);
    expect(await desk.ask(retitled, 'apply')).toMatchObject({ outcome: 'refused', code: 'no-writer' });
    expect(await titles()).toEqual(before);
  });

  it.each([
    ['a word that is none', 'updat tracks set title = 1', '42601'],
    ['a column that is not there', 'update tracks set tilte = 1', '42703'],
    ['two statements', "update tracks set title = 'x'; drop table tracks", '42601'],
    ['a change of the schema', 'alter table tracks drop column title', '42601'],
    ['the end of the transaction', 'commit', '42601'],
  ])('fails for a statement with %s, before anybody applies it', async (_, wrong, state) => {
    const rule = { ...untitled, correction: { kind: 'sql', statement: wrong } };
    const desk = deskAt(at);
    const result = await desk.ask(rule, 'plan');
    expect(result.outcome).toBe('failed');
    expect(result.message).toContain(state);
    expect(await desk.ask(rule, 'apply')).toMatchObject({ code: 'no-plan' });
  });

  it('fails with the reason where the database cannot be reached', async () => {
    const result = await deskAt({ ...at, readerUrl: 'postgres://reading:r@127.0.0.1:1/postgres' }).ask(
      retitled,
      'plan',
    );
    expect(result).toMatchObject({ outcome: 'failed', code: 'unreachable' });
  });

  it('runs no query that writes, and none that never ends', async () => {
    const config = configSchema.parse({ limits: { statementTimeoutSeconds: 0.3 } });
    const desk = deskAt(at, { config });
    const writes = 'select setval(pg_get_serial_sequence($$x$$, $$y$$), 1) as id';
    expect((await desk.ask({ ...retitled, query: writes }, 'plan')).outcome).toBe('failed');
    const sleeps = 'select 1 as id from pg_sleep(60)';
    expect(await desk.ask({ ...retitled, query: sleeps }, 'plan')).toMatchObject({
      outcome: 'failed',
      code: 'timeout',
    });
  });
});

describe('applying a plan', () => {
  it('does what the plan says, and writes down the intention and the end', async () => {
    const desk = deskAt(at);
    const hash = (await desk.ask(retitled, 'plan')).plan?.hash;
    expect(await desk.ask(retitled, 'apply')).toMatchObject({
      outcome: 'applied',
      violations: 3,
      remaining: 0,
      ledgerEntry: 2,
      message: 'The statement has changed 3 rows. No violation is left.',
    });
    expect(await titles()).toEqual(after);
    const entries = await desk.ledger();
    const same = {
      actor: 'ada',
      subject: 'titles',
      target: 'main',
      action: 'sql',
      planHash: hash,
      before: 3,
      after: 0,
    };
    expect(entries).toMatchObject([
      { ...same, outcome: 'intended', facts: { statement, changedRows: 3, expectedRows: 3 } },
      { ...same, outcome: 'done', settles: entries[0]?.hash },
    ]);
  });

  it('is refused without a plan, and a second time with the same', async () => {
    const desk = deskAt(at);
    expect(await desk.ask(retitled, 'apply')).toMatchObject({ outcome: 'refused', code: 'no-plan' });
    await desk.ask(retitled, 'plan');
    await desk.ask(retitled, 'apply');
    await at.client.query('update tracks set title = null where id in (3, 4, 5)');
    expect(await desk.ask(retitled, 'apply')).toMatchObject({ outcome: 'refused', code: 'already-applied' });
    expect(await titles()).toEqual(before);
  });

  it('is refused when there are more or fewer violations, and says both numbers', async () => {
    const desk = deskAt(at);
    for (const [change, now] of [
      ['update tracks set title = null where id = 7', 4],
      ["update tracks set title = 'x' where id in (7, 3)", 2],
    ] as const) {
      await at.reset();
      await desk.ask(retitled, 'plan');
      await at.client.query(change);
      const expected = await titles();
      const result = await desk.ask(retitled, 'apply');
      expect(result).toMatchObject({ outcome: 'refused', code: 'count-differs', violations: now });
      expect(result.message).toContain(`There are ${now} violations now, and 3 in the plan.`);
      expect(await titles()).toEqual(expected);
    }
    expect(await desk.ledger()).toMatchObject([
      { outcome: 'refused', before: 4, after: 4, facts: { code: 'count-differs', planned: 3 } },
      { outcome: 'refused', before: 2 },
    ]);
  });

  it('is refused when as many violations are of other rows', async () => {
    const desk = deskAt(at);
    await desk.ask(retitled, 'plan');
    await at.client.query("update tracks set title = 'x' where id = 3; update tracks set title = null where id = 7");
    expect(await desk.ask(retitled, 'apply')).toMatchObject({ outcome: 'refused', code: 'rows-differ', violations: 3 });
    expect(await at.column('select id from tracks where title is null order by id')).toEqual([4, 5, 7]);
  });

  it('is refused likewise where a column of the key has the name that rows have in the statement', async () => {
    const rule = { ...retitled, query: 'select 1 as v, id from tracks where title is null', key: ['v', 'id'] };
    const desk = deskAt(at);
    expect((await desk.ask(rule, 'plan')).samples).toContain('v=1, id=3');
    await at.client.query("update tracks set title = 'x' where id = 3; update tracks set title = null where id = 7");
    expect(await desk.ask(rule, 'apply')).toMatchObject({ outcome: 'refused', code: 'rows-differ' });
  });

  it('is not when the same rows come in another order', async () => {
    const desk = deskAt(at);
    await desk.ask(retitled, 'plan');
    await at.client.query('update tracks set album_id = 9 where id = 3');
    await at.client.query('create index by_title on tracks (id desc)');
    await at.client.query('cluster tracks using by_title');
    expect((await desk.ask(retitled, 'apply')).outcome).toBe('applied');
  });

  it('is refused after 24 hours, and not a moment before', async () => {
    let now = new Date('2026-11-20T12:00:00.000Z');
    const desk = deskAt(at, { clock: () => now });
    await desk.ask(retitled, 'plan');
    now = new Date('2026-11-21T12:00:00.001Z');
    expect(await desk.ask(retitled, 'apply')).toMatchObject({ outcome: 'refused', code: 'plan-expired' });
    expect(await titles()).toEqual(before);
    now = new Date('2026-11-21T12:00:00.000Z');
    expect((await desk.ask(retitled, 'apply')).outcome).toBe('applied');
  });

  it.each([
    ['the statement', { correction: { kind: 'sql', statement: "update tracks set title = '?' where title is null" } }],
    ['how many rows it has to change', { correction: { kind: 'sql', statement, expectedRows: 3 } }],
    ['the query', { query: 'select id from tracks where title is null and true' }],
    ['the severity', { severity: 'low' }],
  ])('is refused when %s has changed since', async (_, change) => {
    const desk = deskAt(at);
    await desk.ask(retitled, 'plan');
    expect(await desk.ask({ ...retitled, ...change }, 'apply')).toMatchObject({
      outcome: 'refused',
      code: 'rule-changed',
    });
    expect(await titles()).toEqual(before);
  });

  it('fails, with nothing changed, for a role without the right to', async () => {
    await at.client.query('revoke update on tracks from writing');
    const desk = deskAt(at);
    await desk.ask(retitled, 'plan');
    const result = await desk.ask(retitled, 'apply');
    expect(result).toMatchObject({ outcome: 'failed', code: 'access-denied' });
    expect(result.message).toContain('permission denied for table tracks. Nothing was changed.');
    expect(await titles()).toEqual(before);
    expect(await desk.ledger()).toMatchObject([{ outcome: 'failed', facts: { code: 'access-denied' } }]);
  });

  it('fails soon, with nothing changed, when somebody holds the table', async () => {
    const desk = deskAt(at);
    await desk.ask(retitled, 'plan');
    await at.client.query('begin; lock table tracks in share mode');
    try {
      expect(await desk.ask(retitled, 'apply')).toMatchObject({ outcome: 'failed', code: 'lock-timeout' });
    } finally {
      await at.client.query('rollback');
    }
    expect(await titles()).toEqual(before);
  });

  it('says which constraint stands in its way, and nothing of what is in the rows', async () => {
    await at.client.query('create unique index one_title on tracks (title)');
    const desk = deskAt(at);
    await desk.ask(retitled, 'plan');
    const result = await desk.ask(retitled, 'apply');
    expect(result).toMatchObject({ outcome: 'failed', code: 'constraint' });
    expect(result.message).toBe('SQLSTATE 23505: it would break one_title of tracks. Nothing was changed.');
    expect(await titles()).toEqual(before);
  });

  it('finds a deferred constraint broken before it is final', async () => {
    await at.client.query('alter table listens alter constraint listens_track_id_fkey deferrable initially deferred');
    const rule = {
      ...retitled,
      correction: { kind: 'sql', statement: 'update listens set track_id = 99 where id < 4' },
    };
    const desk = deskAt(at);
    await desk.ask(rule, 'plan');
    expect(await desk.ask(rule, 'apply')).toMatchObject({ outcome: 'failed', code: 'constraint' });
    expect(await desk.ledger()).toMatchObject([{ outcome: 'failed' }]);
  });

  it('lets only one of two at once through', async () => {
    const desk = deskAt(at);
    const slow = { ...retitled, correction: { kind: 'sql', statement: `${statement} and pg_sleep(0.2) is not null` } };
    await desk.ask(slow, 'plan');
    const results = await Promise.all([desk.ask(slow, 'apply'), desk.ask(slow, 'apply'), desk.ask(slow, 'apply')]);
    expect(results.map(({ outcome }) => outcome).sort()).toEqual(['applied', 'refused', 'refused']);
    expect(await titles()).toEqual(after);
    expect((await desk.ledger()).filter(({ outcome }) => outcome === 'done')).toHaveLength(1);
  });

  it('is undone when somebody else changes one of the rows meanwhile', async () => {
    const desk = deskAt(at);
    // Sees the other's change at the moment of its own: the transaction has begun long before.
    await at.client.query(`
      create function public.other() returns boolean language plpgsql as $$ begin perform pg_sleep(0.6); return true; end $$`);
    const slow = { ...retitled, correction: { kind: 'sql', statement: `${statement} and other()` } };
    await desk.ask(slow, 'plan');
    const applied = desk.ask(slow, 'apply');
    await waitUntil(
      async () => (await at.column("select 1 from pg_stat_activity where query like 'execute%'")).length > 0,
    );
    await at.client.query("update tracks set title = 'theirs' where id = 5");
    expect(await applied).toMatchObject({ outcome: 'failed', code: 'conflict' });
    expect(await at.column('select title from tracks where id in (3, 4, 5) order by id')).toEqual([
      null,
      null,
      'theirs',
    ]);
  });

  it('is refused on top of a ledger that somebody has changed, and names the entry', async () => {
    const desk = deskAt(at);
    await desk.ask(retitled, 'plan');
    await desk.ask(retitled, 'apply');
    const changed = new MemoryLedgerStore();
    for await (const name of desk.ledgers.list('')) {
      const line = (await desk.ledgers.read(name)) as string;
      await changed.add(name, name.endsWith('1.json') ? line.replace('"ada"', '"mallory"') : line);
    }
    const { ask } = deskAt(at, { store: desk.store, ledgers: changed });
    for (const kind of ['plan', 'apply'] as const) {
      const result = await ask(retitled, kind);
      expect(result).toMatchObject({ outcome: 'failed', code: 'ledger-broken' });
      expect(result.message).toContain('The ledger is broken at entry 1');
    }
  });

  it('takes a plan that cannot be read for none', async () => {
    const desk = deskAt(at);
    await writeJson(desk.store, 'plans/titles', { schemaVersion: 2 });
    expect(await desk.ask(retitled, 'apply')).toMatchObject({ code: 'no-plan' });
  });
});

describe('a function that somebody has put beside the tables', () => {
  it('is not taken for one of the server’s, and does nothing with the rights of who corrects', async () => {
    await at.client.query(`
      create function pg_try_advisory_lock(text) returns boolean language sql as 'select 1 / 0 = 1';
      create function hashtextextended(text, integer) returns bigint language sql as 'select 1 / 0::bigint';
      create function hashtextextended(varchar, integer) returns bigint language sql as 'select 1 / 0::bigint';
      create function set_config(varchar, varchar, boolean) returns text language sql as 'select (1 / 0)::text'`);
    const desk = deskAt(at);
    expect((await desk.ask(retitled, 'plan')).outcome).toBe('planned');
    expect((await desk.ask(retitled, 'apply')).outcome).toBe('applied');
  });
});

describe('what only a person can do', () => {
  const manual = { ...untitled, correction: { kind: 'manual', instructions: 'Ask the label.' } };

  it('is shown with the number of violations, and not applied', async () => {
    const desk = deskAt(at);
    expect(await desk.ask(manual, 'plan')).toMatchObject({
      outcome: 'attend',
      violations: 3,
      message: 'Ask the label.',
    });
    const result = await desk.ask(manual, 'apply');
    expect(result).toMatchObject({ outcome: 'refused', code: 'needs-a-person' });
    expect(result.message).toContain('caretaker correct titles --done');
  });

  it('is written down with who did it, and the violations before and after', async () => {
    const desk = deskAt(at);
    await desk.ask(manual, 'plan');
    await at.client.query("update tracks set title = 'x' where id in (3, 4)");
    expect(await desk.attend(manual, 'asked Blue Note')).toMatchObject({
      outcome: 'attended',
      remaining: 1,
      ledgerEntry: 1,
    });
    expect(await desk.ledger()).toMatchObject([
      { outcome: 'attended', action: 'manual', actor: 'ada', before: 3, after: 1, facts: { note: 'asked Blue Note' } },
    ]);
  });

  it('is shown without a number where violations are no rows', async () => {
    const rule = {
      id: 'fresh',
      kind: 'freshness',
      table: 'tracks',
      column: 'created_at',
      maximumAgeMinutes: 5,
      correction: { kind: 'manual', instructions: 'Restart the importer.' },
    };
    const desk = deskAt(at);
    expect(await desk.ask(rule, 'plan')).toMatchObject({ outcome: 'attend', violations: null });
    expect(await desk.attend(rule, 'restarted')).toMatchObject({ outcome: 'attended', remaining: null });
  });
});

async function waitUntil(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}
