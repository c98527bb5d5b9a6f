import { join } from 'sql-template-tag';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import type { RuleOfKind } from '../config.ts';
import { openAuditedDatabase, parseRules } from '../context-fixtures.ts';
import { foreignKeyCheck } from './foreign-key.ts';
import { auditRule, execute, uncheckedReason } from './query-fixtures.ts';

let server: PostgresServer;

const rule = {
  kind: 'foreignKey',
  table: 'lines',
  columns: ['track_id'],
  references: { table: 'shop.tracks', columns: ['id'] },
};

beforeAll(async () => {
  server = await startPostgres();
  await execute(
    server.url,
    'create schema shop',
    'create table shop.tracks (id integer primary key, region text, isrc text)',
    "insert into shop.tracks select i, 'us', 'isrc ' || i from generate_series(1, 100) as i",
    'create table lines (id integer primary key, track_id bigint, region text, isrc varchar(20), email text)',
    "insert into lines select i, i, 'us', 'isrc ' || i from generate_series(1, 100) as i",
  );
});

afterAll(() => server.stop());

test('rows that refer to what is there break nothing, if the types differ but compare', async () => {
  expect(await auditRule(server.url, rule)).toMatchObject({
    breaks: 'foreign-key',
    tested: 100,
    count: 0,
    samples: [],
  });
  const byText = { ...rule, columns: ['isrc'], references: { table: 'shop.tracks', columns: ['isrc'] } };
  expect(await auditRule(server.url, byText)).toMatchObject({ tested: 100, count: 0 });
});

test('each row counts that refers to nothing, also those that refer to the same nothing', async () => {
  await execute(server.url, "insert into lines values (201, 900, 'us'), (202, 900, 'us'), (203, 901, 'us')");
  const found = await auditRule(server.url, rule);
  expect(found).toMatchObject({ tested: 103, count: 3, facts: { missingValues: 2 } });
  expect([...found.samples].sort()).toEqual(['id=201', 'id=202', 'id=203']);
  expect(found.what).toBe('refer by track_id to no row of shop.tracks');
  const narrowed = await auditRule(server.url, { ...rule, where: 'lines.id < 202' });
  expect(narrowed).toMatchObject({ tested: 101, count: 1, samples: ['id=201'] });
});

test('a null refers to nothing and breaks nothing, in one column of several too', async () => {
  await execute(
    server.url,
    "insert into lines values (301, null, 'us'), (302, 1, null), (303, 999, null), (304, 1, 'eu')",
    "insert into shop.tracks values (998, null, 'x')",
    "insert into lines values (305, 998, 'us')",
  );
  const columns = ['track_id', 'region'];
  const references = { table: 'shop.tracks', columns: ['id', 'region'] };
  const found = await auditRule(server.url, { ...rule, where: 'id > 300', columns, references });
  expect(found).toMatchObject({ tested: 2, count: 2, facts: { missingValues: 2 } });
  expect([...found.samples].sort()).toEqual(['id=304', 'id=305']);
  expect(await auditRule(server.url, { ...rule, where: 'id in (301, 302)' })).toMatchObject({ tested: 1, count: 0 });
});

test('an empty table refers to nothing, and all that refers to an empty one is without', async () => {
  await execute(server.url, 'create table nothing (id integer)');
  expect(await auditRule(server.url, { ...rule, where: 'false' })).toMatchObject({ tested: 0, count: 0 });
  const references = { table: 'nothing', columns: ['id'] };
  expect(await auditRule(server.url, { ...rule, where: 'id <= 10', references })).toMatchObject({
    tested: 10,
    count: 10,
  });
});

test('a table may refer to itself, and to what is there twice', async () => {
  await execute(
    server.url,
    'create table nodes (id integer primary key, parent integer, code text)',
    "insert into nodes values (1, null, 'a'), (2, 1, 'a'), (3, 4, 'b')",
  );
  const references = { table: 'nodes', columns: ['id'] };
  const toItself = { ...rule, table: 'nodes', columns: ['parent'], references };
  expect(await auditRule(server.url, toItself)).toMatchObject({ tested: 2, count: 1, samples: ['id=3'] });
  const toTwo = { ...toItself, columns: ['code'], references: { table: 'nodes', columns: ['code'] } };
  expect(await auditRule(server.url, toTwo)).toMatchObject({ tested: 3, count: 0 });
});

test('a hundred thousand rows that refer to nothing are a number and ten samples', async () => {
  await execute(
    server.url,
    'create table orphans (id integer primary key, track_id integer)',
    'insert into orphans select i, 1000 + i % 50 from generate_series(1, 111455) as i',
  );
  const found = await auditRule(server.url, { ...rule, table: 'orphans' });
  expect(found).toMatchObject({ tested: 111_455, count: 111_455, facts: { missingValues: 50 } });
  expect(found.samples).toHaveLength(10);
});

test('an index that lacks a row makes no orphan of what refers to it', async () => {
  await execute(
    server.url,
    'create table albums (id integer not null)',
    'create unique index albums_id on albums (id)',
    "update pg_index set indisready = false where indexrelid = 'albums_id'::regclass",
    'insert into albums select generate_series(1, 20000)',
    "update pg_index set indisready = true where indexrelid = 'albums_id'::regclass",
    'create table songs as select i as id, i as album_id from generate_series(1, 3) as i',
    'vacuum analyze albums',
    'analyze songs',
  );
  const references = { table: 'albums', columns: ['id'] };
  const found = await auditRule(server.url, { ...rule, table: 'songs', columns: ['album_id'], references });
  expect(found).toMatchObject({ tested: 3, count: 0 });
});

test('the server looks for orphans with one hash, not row by row', async () => {
  const [parsed] = parseRules({ id: 'rule', ...rule }) as RuleOfKind<'foreignKey'>[];
  if (parsed === undefined) throw new Error('no rule');
  await using database = await openAuditedDatabase(server.url, { rules: [parsed] });
  const { count } = foreignKeyCheck(parsed, database.tables);
  const plan = await database.snapshot.query<Record<string, string>>(join([count], '', 'explain '), { fromHeap: true });
  const text = plan.map((line) => line['QUERY PLAN']).join('\n');
  expect(text).toMatch(/Hash (Right )?Anti Join/);
  expect(text).not.toMatch(/SubPlan|Nested Loop|Index/);
});

test('what cannot be read leaves this rule unchecked, with the reason', async () => {
  const { url } = server;
  const to = (table: string, column: string) => ({ ...rule, references: { table, columns: [column] } });
  expect(await uncheckedReason(url, to('shop.nothing', 'id'))).toMatchObject({ reason: 'missing-table' });
  expect(await uncheckedReason(url, to('shop.tracks', 'number'))).toMatchObject({ reason: 'missing-column' });
  expect(await uncheckedReason(url, { ...rule, columns: ['number'] })).toMatchObject({ reason: 'missing-column' });
  expect(await uncheckedReason(url, to('shop.tracks', 'isrc'))).toEqual({
    reason: 'bad-sql',
    detail: expect.stringContaining('text = bigint'),
  });
  await execute(url, "create role auditor login password 'auditor'", 'grant select on lines to auditor');
  const asAuditor = new URL(url);
  asAuditor.username = 'auditor';
  asAuditor.password = 'auditor';
  expect(await uncheckedReason(asAuditor.href, rule)).toMatchObject({ reason: 'access-denied' });
});
