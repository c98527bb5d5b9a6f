import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { auditRule, auditRules, execute, uncheckedReason } from './query-fixtures.ts';

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
});

afterAll(() => server.stop());

test('of each group of rows that are the same all but the first by the key break the rule', async () => {
  await execute(
    server.url,
    'create table codes (id integer primary key, code text, region text)',
    `insert into codes values (1, 'a', 'x'), (2, 'b', 'x'), (3, 'a', 'y'), (4, 'a', 'x'), (5, 'c', 'x'), (6, 'b', 'y')`,
  );
  const found = await auditRule(server.url, { kind: 'unique', table: 'codes', columns: ['code'] });
  expect(found).toMatchObject({
    breaks: 'unique',
    tested: 6,
    count: 3,
    isAtLeast: false,
    facts: { repeatedValues: 2 },
  });
  expect([...found.samples].sort()).toEqual(['id=3, repeats id=1', 'id=4, repeats id=1', 'id=6, repeats id=2']);
  expect(found.what).toBe('have the same code as another');
});

test('several columns have to agree all of them', async () => {
  const found = await auditRule(server.url, { kind: 'unique', table: 'codes', columns: ['code', 'region'] });
  expect(found).toMatchObject({ tested: 6, count: 1, samples: ['id=4, repeats id=1'] });
});

test('rows without a like break nothing, and an empty table neither', async () => {
  await execute(server.url, 'create table no_codes (id integer primary key, code text)');
  expect(await auditRule(server.url, { kind: 'unique', table: 'no_codes', columns: ['code'] })).toMatchObject({
    tested: 0,
    count: 0,
    samples: [],
  });
  const where = 'id in (1, 2, 5)';
  expect(await auditRule(server.url, { kind: 'unique', table: 'codes', columns: ['code'], where })).toMatchObject({
    tested: 3,
    count: 0,
  });
});

test('a null is like nothing, also where the other columns agree', async () => {
  await execute(
    server.url,
    'create table half_codes (id integer primary key, code text, region text)',
    "insert into half_codes values (1, null, 'x'), (2, null, 'x'), (3, 'a', null), (4, 'a', null), (5, 'a', 'x')",
  );
  const columns = ['code', 'region'];
  expect(await auditRule(server.url, { kind: 'unique', table: 'half_codes', columns })).toMatchObject({
    tested: 1,
    count: 0,
  });
});

test('no more than so many samples are read, and none of a table without a key', async () => {
  await execute(server.url, 'create table many as select i % 500 as code from generate_series(1, 5000) as i');
  expect(await auditRule(server.url, { kind: 'unique', table: 'many', columns: ['code'] })).toMatchObject({
    count: 4500,
    samples: [],
  });
  await execute(server.url, 'alter table many add column id serial primary key');
  const found = await auditRule(server.url, { kind: 'unique', table: 'many', columns: ['code'] }, { samples: 7 });
  expect(found.samples).toHaveLength(7);
  const none = await auditRule(server.url, { kind: 'unique', table: 'many', columns: ['code'] }, { samples: 0 });
  expect(none).toMatchObject({ count: 4500, samples: [] });
});

test('what is tolerated is counted and not shown', async () => {
  const rule = { kind: 'unique', table: 'codes', columns: ['code'], maxViolations: 3 };
  expect(await auditRule(server.url, rule)).toMatchObject({ count: 3, samples: [] });
  expect((await auditRule(server.url, { ...rule, maxViolations: 2 })).samples).toHaveLength(3);
});

test('a personal key is masked in either row', async () => {
  await execute(
    server.url,
    'create table people (email text primary key, phone text)',
    "insert into people values ('ada@nycmg.example', '1'), ('bob@nycmg.example', '1')",
  );
  const settings = { tables: { people: { personalColumns: ['email'] } } };
  const found = await auditRule(server.url, { kind: 'unique', table: 'people', columns: ['phone'] }, { settings });
  expect(found.samples).toEqual(['email=***, repeats email=***']);
});

test('names that need quotes are names and nothing else', async () => {
  await execute(
    server.url,
    `create schema "s""; drop table codes; --"`,
    `create table "s""; drop table codes; --"."t'.x" ("c0" integer primary key, "k0""" text, "place" text)`,
    `insert into "s""; drop table codes; --"."t'.x" values (1, 'a', 'a'), (2, 'a', 'a')`,
  );
  const columns = ['k0"', 'place'];
  const found = await auditRule(server.url, { kind: 'unique', table: `s"; drop table codes; --.t'.x`, columns });
  expect(found).toMatchObject({ count: 1, samples: ['c0=2, repeats c0=1'] });
  expect(await execute(server.url, 'select count(*)::int as n from codes')).toEqual([{ n: 6 }]);
});

test('a unique index that is corrupt does not vouch for itself', async () => {
  await execute(
    server.url,
    // So wide that reading an index costs less.
    `create table tickets (id integer not null, seat text not null, price integer,
       filler text default repeat('x', 900))`,
    'create unique index tickets_id on tickets (id)',
    'create unique index tickets_seat on tickets (seat)',
    "insert into tickets select i, 'seat ' || i, 10 from generate_series(1, 5000) as i",
    // As a crash can leave it: rows that the index has never heard of.
    "update pg_index set indisready = false where indexrelid in ('tickets_seat'::regclass, 'tickets_id'::regclass)",
    "insert into tickets values (1, 'seat 1', 10), (7777, 'seat 2', 10), (1, 'seat 9999', 20)",
    "update pg_index set indisready = true where indexrelid in ('tickets_seat'::regclass, 'tickets_id'::regclass)",
    // Only what is on disk is known to be seen by all, so that an index alone will do.
    'checkpoint',
    'vacuum analyze tickets',
  );
  const byIndex = await execute(
    server.url,
    'set enable_seqscan = off; set enable_bitmapscan = off',
    "select count(*)::int as n from tickets where seat = 'seat 1'",
  );
  expect(byIndex).toEqual([{ n: 1 }]);
  const { outcomes, unchecked } = await auditRules(server.url, [
    { kind: 'unique', table: 'tickets', columns: ['seat'] },
    { kind: 'unique', table: 'tickets', columns: ['id'] },
    // A planner that believes in the index groups by the id alone.
    { kind: 'unique', table: 'tickets', columns: ['id', 'seat'] },
    { kind: 'duplicates', table: 'tickets', columns: ['id', 'seat'] },
    { kind: 'duplicates', table: 'tickets', columns: ['seat'], ignoreCaseAndSpaces: true },
  ]);
  expect(unchecked).toEqual([]);
  expect(outcomes.map((outcome) => outcome.kind === 'violations' && outcome.count)).toEqual([2, 2, 1, 1, 2]);
});

test('what cannot be read leaves this rule unchecked, with the reason', async () => {
  const { url } = server;
  await execute(url, 'create table shapes (id integer primary key, shape json)');
  const rule = { kind: 'unique', table: 'codes', columns: ['code'] };
  expect(await uncheckedReason(url, { ...rule, table: 'nothing' })).toMatchObject({ reason: 'missing-table' });
  expect(await uncheckedReason(url, { ...rule, columns: ['mood'] })).toMatchObject({ reason: 'missing-column' });
  expect(await uncheckedReason(url, { ...rule, where: 'mood > 1' })).toMatchObject({ reason: 'missing-column' });
  expect(await uncheckedReason(url, { ...rule, where: 'true) or (true' })).toMatchObject({ reason: 'bad-sql' });
  expect(await uncheckedReason(url, { ...rule, where: 'id / 0 = 1' })).toMatchObject({ reason: 'bad-sql' });
  expect(await uncheckedReason(url, { ...rule, table: 'shapes', columns: ['shape'] })).toMatchObject({
    reason: 'bad-sql',
    detail: expect.stringContaining('json'),
  });
  const slow = { ...rule, where: 'pg_sleep(60) is null' };
  expect(await uncheckedReason(url, slow, { statementTimeoutSeconds: 0.3 })).toMatchObject({ reason: 'timeout' });
});
