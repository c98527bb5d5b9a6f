import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { configSchema } from '../config.ts';
import { type CorrectionServer, deskAt, startCorrectionServer, untitled } from './correction-fixtures.ts';

let at: CorrectionServer;
beforeAll(async () => {
  at = await startCorrectionServer();
});
afterAll(() => at[Symbol.asyncDispose]());
beforeEach(() => at.reset());

const quarantined = { ...untitled, correction: { kind: 'quarantine', table: 'quarantine' } };

const inQuarantine = () => at.column('select id from quarantine order by id');

describe('a quarantine', () => {
  it('is planned with the statements that make and fill it, and their parameters', async () => {
    const { plan, message, samples } = await deskAt(at).ask(quarantined, 'plan');
    expect(message).toBe('Copies the keys (id) of 3 violating rows into quarantine; nothing is changed or deleted.');
    expect(samples).toEqual(['id=3', 'id=4', 'id=5']);
    expect(plan?.statements.map(({ text }) => text.split(/\s/, 2).join(' '))).toEqual([
      'create table',
      'alter table',
      'create unique',
      'insert into',
    ]);
    expect(plan?.statements.at(-1)?.text).toContain(untitled.query);
    expect(plan?.statements.at(-1)?.parameters).toEqual(['titles', plan?.hash]);
    expect(await at.column("select to_regclass('quarantine')")).toEqual([null]);
  });

  it('is made with the keys in their own types, and filled with what violates, which stays where it is', async () => {
    const rule = { ...quarantined, query: 'select isrc, id from tracks where title is null', key: ['id', 'isrc'] };
    const desk = deskAt(at);
    const plan = (await desk.ask(rule, 'plan')).plan;
    expect(await desk.ask(rule, 'apply')).toMatchObject({
      outcome: 'applied',
      violations: 3,
      remaining: 3,
      message: 'quarantine has 3 keys. The rows themselves are as they were.',
    });
    const { rows } = await at.client.query(
      'select rule, id, isrc, plan, found_at <= now() as past from quarantine order by id',
    );
    expect(rows).toEqual(
      [3, 4, 5].map((id) => ({ rule: 'titles', id, isrc: `US${id}`.padEnd(12), plan: plan?.hash, past: true })),
    );
    expect(
      await at.column(`select format_type(atttypid, atttypmod) from pg_attribute
        where attrelid = 'quarantine'::regclass and attnum > 0 order by attnum`),
    ).toEqual(['text', 'integer', 'character(12)', 'timestamp with time zone', 'text']);
    expect(await at.column('select count(*)::int from tracks')).toEqual([10]);
    expect((await desk.ledger()).at(-1)).toMatchObject({
      outcome: 'done',
      facts: { table: 'quarantine', changedRows: 3, alreadyThere: 0 },
    });
  });

  it('takes each key once, however often it is applied, and counts apart what was there', async () => {
    const desk = deskAt(at);
    await desk.ask(quarantined, 'plan');
    await desk.ask(quarantined, 'apply');
    await at.client.query('update tracks set title = null where id = 7');
    await desk.ask(quarantined, 'plan');
    expect((await desk.ask(quarantined, 'apply')).message).toContain(
      'quarantine has 4 keys, of which 3 were there already.',
    );
    expect(await inQuarantine()).toEqual([3, 4, 5, 7]);
  });

  it('takes the keys of several rules, and tells them apart', async () => {
    const desk = deskAt(at);
    const other = { ...quarantined, id: 'low', query: 'select id from tracks where id < 5' };
    for (const rule of [quarantined, other]) {
      await desk.ask(rule, 'plan');
      expect((await desk.ask(rule, 'apply')).outcome).toBe('applied');
    }
    expect(await at.column('select rule || id from quarantine order by rule, id')).toEqual([
      ...[1, 2, 3, 4].map((id) => `low${id}`),
      ...[3, 4, 5].map((id) => `titles${id}`),
    ]);
  });

  it('takes a key of nulls once too, and one that is violated twice', async () => {
    const rule = { ...quarantined, query: 'select title as id from tracks where title is null' };
    const desk = deskAt(at);
    for (const there of [2, 3]) {
      await desk.ask(rule, 'plan');
      expect((await desk.ask(rule, 'apply')).message).toContain(`${there} were there already`);
    }
    expect(await inQuarantine()).toEqual([null]);
  });

  it('has names with quotes, dots and SQL in them, which are names and nothing else', async () => {
    const key = 'k"; drop table tracks; --';
    const table = 'public."q.;drop table tracks"';
    const rule = {
      ...quarantined,
      query: `select id as "k""; drop table tracks; --" from tracks where title is null`,
      key: [key],
    };
    // A comment inside of quotes is none, and the name has to survive as it is.
    const desk = deskAt(at);
    const given = { ...rule, correction: { kind: 'quarantine', table } };
    expect((await desk.ask(given, 'plan')).samples[0]).toBe(`${key}=3`);
    expect((await desk.ask(given, 'apply')).outcome).toBe('applied');
    expect(
      await at.column('select "k""; drop table tracks; --" from "public"."""q.;drop table tracks""" order by 1'),
    ).toEqual([3, 4, 5]);
    expect(await at.column('select count(*)::int from tracks')).toEqual([10]);
  });

  it.each([
    ['has other columns', 'create table quarantine (rule text, id integer)', 'has other columns than'],
    [
      'would take a key twice',
      'create table quarantine (rule text, id integer, found_at timestamptz, plan text)',
      'has no unique index on (rule, id)',
    ],
    [
      'has the key in another type',
      'create table quarantine (rule text, id text, found_at timestamptz, plan text, unique (rule, id))',
      'has other types for id',
    ],
    [
      'is a view',
      "create view quarantine as select 'x' as rule, 1 as id, now() as found_at, 'p' as plan",
      'is no table',
    ],
  ])('is refused where a table of that name %s, in the plan already', async (_, statement, fault) => {
    await at.client.query(`${statement}; grant all on quarantine to writing`);
    const desk = deskAt(at);
    const result = await desk.ask(quarantined, 'plan');
    expect(result).toMatchObject({ outcome: 'refused', code: 'not-a-quarantine' });
    expect(result.message).toContain(`public.quarantine is there already, and ${fault}`);
  });

  it('is refused, and undone, where the table has changed since the plan', async () => {
    const desk = deskAt(at);
    await desk.ask(quarantined, 'plan');
    await at.client.query('create table quarantine (rule text); grant all on quarantine to writing');
    expect(await desk.ask(quarantined, 'apply')).toMatchObject({ outcome: 'refused', code: 'not-a-quarantine' });
  });

  it('is refused, and undone, where the table does not take every key', async () => {
    const desk = deskAt(at);
    await desk.ask(quarantined, 'plan');
    await desk.ask(quarantined, 'apply');
    await at.client.query(`
      truncate quarantine; grant all on quarantine to writing;
      create rule lossy as on insert to quarantine where new.id = 4 do instead nothing`);
    await desk.ask(quarantined, 'plan');
    const result = await desk.ask(quarantined, 'apply');
    expect(result).toMatchObject({ outcome: 'refused', code: 'not-a-quarantine' });
    expect(result.message).toContain('1 key would be missing');
    expect(await inQuarantine()).toEqual([]);
  });

  it('fails, with nothing made, for a role that may not make tables, and one without the schema', async () => {
    await at.client.query('revoke create on schema public from writing, public');
    const desk = deskAt(at);
    await desk.ask(quarantined, 'plan');
    expect(await desk.ask(quarantined, 'apply')).toMatchObject({ outcome: 'failed', code: 'access-denied' });
    const elsewhere = { ...quarantined, correction: { kind: 'quarantine', table: 'absent.quarantine' } };
    await desk.ask(elsewhere, 'plan');
    expect(await desk.ask(elsewhere, 'apply')).toMatchObject({ outcome: 'failed', code: 'missing-table' });
  });

  it('is refused for keys that are called like its own columns', async () => {
    const rule = { ...quarantined, query: 'select id as plan from tracks where title is null', key: ['plan'] };
    expect(await deskAt(at).ask(rule, 'plan')).toMatchObject({ outcome: 'refused', code: 'no-key' });
  });
});

describe('a quarantine of the rows of a table', () => {
  const notNull = {
    id: 'titles',
    kind: 'notNull',
    table: 'tracks',
    column: 'title',
    correction: quarantined.correction,
  };

  it.each([
    ['a rule on a column', notNull, [3, 4, 5]],
    ['a rule with parameters', { ...notNull, kind: 'range', column: 'id', min: 3, max: 8 }, [1, 2, 9, 10]],
    [
      'a rule with a statement of its own',
      {
        id: 'titles',
        kind: 'duplicates',
        table: 'tracks',
        columns: ['album_id'],
        where: 'id <= 5',
        correction: quarantined.correction,
      },
      undefined,
    ],
  ])('has the primary keys of what breaks %s', async (_, rule, keys) => {
    const desk = deskAt(at);
    const { violations } = await desk.ask(rule, 'plan');
    const result = await desk.ask(rule, 'apply');
    expect(result.message).toContain(`quarantine has ${violations} key`);
    if (keys !== undefined) expect(await inQuarantine()).toEqual(keys);
  });

  it('is refused for a table without a key, and made with the one that the configuration names', async () => {
    await at.client.query('alter table listens drop constraint listens_pkey; insert into listens values (30, null)');
    const rule = { ...notNull, table: 'listens', column: 'track_id' };
    expect(await deskAt(at).ask(rule, 'plan')).toMatchObject({ outcome: 'refused', code: 'no-key' });
    const config = configSchema.parse({
      databases: { main: { tables: { 'public.listens': { key: ['id'], personalColumns: ['id'] } } } },
    });
    const desk = deskAt(at, { config });
    expect((await desk.ask(rule, 'plan')).samples).toEqual(['id=***']);
    expect((await desk.ask(rule, 'apply')).outcome).toBe('applied');
    // It stays in the database, and has to be found again.
    expect(await inQuarantine()).toEqual([30]);
  });

  it('fails with the reason where the table or the column is not there', async () => {
    const desk = deskAt(at);
    expect(await desk.ask({ ...notNull, table: 'absent' }, 'plan')).toMatchObject({
      outcome: 'failed',
      code: 'missing-table',
    });
    expect(await desk.ask({ ...notNull, column: 'absent' }, 'plan')).toMatchObject({
      outcome: 'failed',
      code: 'missing-column',
    });
  });
});
