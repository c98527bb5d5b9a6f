import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { execute } from '../queries/query-fixtures.ts';
import { counts, scan, scanOne } from './scan-fixtures.ts';

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
});

afterAll(() => server.stop());

let tables = 0;

/** Returns how many values of a column break the rule, of how many. */
async function broken(type: string, values: readonly string[], rule: Record<string, unknown>) {
  tables += 1;
  const table = `t${tables}`;
  const rows = values.map((value, index) => `(${index}, ${value})`).join(', ');
  await execute(
    server.url,
    `create table ${table} (id integer primary key, v ${type})`,
    ...(values.length === 0 ? [] : [`insert into ${table} values ${rows}`]),
  );
  const { count, samples } = await scanOne(server.url, { table, column: 'v', ...rule });
  return { count, ids: samples.map((sample) => Number(sample.replace('id=', ''))).sort((a, b) => a - b) };
}

test('finds nulls, and nothing else, without a value', async () => {
  expect(await broken('text', ["''", 'null', "'null'"], { kind: 'notNull' })).toEqual({ count: 1, ids: [1] });
  await execute(server.url, 'create type pair as (a integer, b integer)');
  // A value of a composite type is not null because its fields are.
  expect(await broken('pair', ['(null, null)', '(1, null)', 'null'], { kind: 'notNull' })).toEqual({
    count: 1,
    ids: [2],
  });
});

test.each([
  ['text', ["'a'", "'b'", "'A'", "'a '", 'null', "''"], ['a', 'b'], [2, 3, 5]],
  // What a value of this type is filled up with is no part of it.
  ['char(4)', ["'a'", "'b'", "'A'", 'null', "''"], ['a', 'b'], [2, 4]],
  ['integer', ['1', '2', '-1', 'null'], [1, '2'], [2]],
  ['numeric', ['1', '1.0', '2'], [1], [1, 2]],
  ['boolean', ['true', 'false', 'null'], ['true'], [1]],
  ['text', ["'{'", "'a,b'", "'\"'", "'\\'", "''''"], ['{', 'a,b', '"', '\\', "'"], []],
  ['text', ["'x11'", "'x1'"], Array.from({ length: 12 }, (_, index) => `x${index}`), []],
])('compares accepted values of the type %s as text', async (type, values, accepted, ids) => {
  const rule = { kind: 'acceptedValues', values: accepted };
  expect(await broken(type, values, rule)).toEqual({ count: ids.length, ids });
});

test('tells apart texts that the collation of a column takes for the same', async () => {
  await execute(
    server.url,
    "create collation nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
  );
  const type = 'text collate nocase';
  expect((await broken(type, ["'a'", "'A'"], { kind: 'acceptedValues', values: ['a'] })).ids).toEqual([1]);
});

test.each([
  ['integer', ['0', '1', '9', '10', 'null'], { min: 1, max: 9 }, [0, 3]],
  ['integer', ['0', '1', '9', '10', 'null'], { min: 1, max: 9, exclusiveMin: true, exclusiveMax: true }, [0, 1, 2, 3]],
  ['smallint', ['0', '32767', '-32768'], { min: 0, max: 100_000 }, [2]],
  ['bigint', ['9007199254740993', '9007199254740992'], { max: '9007199254740992' }, [0]],
  ['integer', ['0', '1'], { min: 0.5 }, [0]],
  // Not rounded to what the column can hold.
  ['numeric(5,2)', ['0.00', '0.01', '999.99'], { min: 0.001, max: 1000 }, [0]],
  ['numeric', ["'NaN'", "'Infinity'", "'-Infinity'", '1'], { max: 10 }, [0, 1]],
  ['numeric', ["'NaN'", "'Infinity'", "'-Infinity'", '1'], { min: 0 }, [2]],
  ['double precision', ["'NaN'", '0.1', "'-Infinity'"], { min: 0, max: 0.1 }, [0, 2]],
  ['real', ['0.1', '0.11'], { max: 0.1 }, [1]],
  ['date', ["'2026-01-01'", "'2025-12-31'", "'infinity'", 'null'], { min: '2026-01-01', max: '2026-12-31' }, [1, 2]],
  ['timestamptz(0)', ["'2026-01-01T00:00:00-05'", "'2026-01-01T00:00:01-05'"], { max: '2026-01-01' }, [1]],
  ['interval', ["'1 day'", "'25 hours'"], { max: '24 hours' }, [1]],
  ['time', ["'08:00'", "'23:00'"], { max: '22:00' }, [1]],
  ['char(4)', ["'b'", "'a'", "'d'"], { min: 'b', max: 'c' }, [1, 2]],
  ['varchar(3)', ["'abc'", "'abd'"], { max: 'abcd' }, [1]],
] as const)('compares with a range in the type %s: %j', async (type, values, bounds, ids) => {
  expect(await broken(type, values, { kind: 'range', ...bounds })).toEqual({ count: ids.length, ids });
});

test('compares with a range in the type that a domain is made of, and not with what a column can hold', async () => {
  await execute(
    server.url,
    'create domain price as numeric(6, 2)',
    'create domain share as integer check (value between 0 and 100)',
    'create domain days as interval day',
    'create extension citext',
  );
  const range = (bounds: object) => ({ kind: 'range', ...bounds });
  // Not rounded to 1.00.
  expect((await broken('price', ['1.00', '0.99'], range({ max: 0.995 }))).ids).toEqual([0]);
  // Out of the domain, but in its type.
  expect((await broken('share', ['100', '99'], range({ min: -5, max: 99 }))).ids).toEqual([0]);
  expect((await broken('share', ['100', '0'], range({ max: 5_000_000_000 }))).ids).toEqual([]);
  expect((await broken('days', ["'1 day'", "'2 days'"], range({ max: '36 hours' }))).ids).toEqual([1]);
  expect((await broken('bit varying(3)', ["B'101'", "B'111'"], range({ max: '11011' }))).ids).toEqual([1]);
  expect((await broken('money', ["'5.00'", "'5.01'"], range({ max: 5 }))).ids).toEqual([1]);
  expect((await broken('citext', ["'B'", "'c'"], range({ min: 'a', max: 'b' }))).ids).toEqual([1]);
});

test.each([
  ['text', ["''", "'a'", "'abc'", "'abcd'", 'null'], { min: 1, max: 3 }, [0, 3]],
  // Three characters in twelve bytes, and in nine.
  ['text', ["'😀😀😀'", "'日本語'", "'日本語日'", "'é'"], { min: 2, max: 3 }, [2, 3]],
  ['text', ["'ab'", "'é'", "'😀'", "'abcd'"], { min: 2 }, [1, 2]],
  ['text', ["'abcd'", "'😀😀'"], { max: 3 }, [0]],
  ['char(5)', ["'abc'", "'abcd'", "''"], { min: 1, max: 3 }, [1, 2]],
  ['integer', ['12', '123'], { max: 2 }, [1]],
  ['text', ["'a'", 'null'], { min: 9_007_199_254_740_991 }, [0]],
] as const)('counts the characters of the type %s: %j', async (type, values, bounds, ids) => {
  expect(await broken(type, values, { kind: 'length', ...bounds })).toEqual({ count: ids.length, ids });
});

test('matches patterns with what is in a column, whatever its type', async () => {
  const isrc = { kind: 'pattern', matches: '^[A-Z]{2}[A-Z0-9]{3}[0-9]{7}$' };
  expect((await broken('char(12)', ["'USNY12600001'", "'usny12600001'", "'USNY1'", 'null'], isrc)).ids).toEqual([1, 2]);
  expect((await broken('integer', ['12', '123', 'null'], { kind: 'pattern', matches: '^[0-9]{2}$' })).ids).toEqual([1]);
  expect((await broken('text', ["E'a\\nb'", "'ab'"], { kind: 'pattern', matches: '^[ab]+$' })).ids).toEqual([0]);
});

test('says nothing of a table without rows', async () => {
  await execute(server.url, 'create table empty_table (v text)');
  const rules = [
    { kind: 'notNull' },
    { kind: 'acceptedValues', values: ['a'] },
    { kind: 'range', min: 'a' },
    { kind: 'length', min: 1 },
    { kind: 'pattern', matches: 'x' },
  ].map((rule) => ({ ...rule, table: 'empty_table', column: 'v' }));
  const scanned = await scan(server.url, rules);
  expect(Object.values(counts(scanned))).toEqual(Array(5).fill([0, 0]));
  expect(scanned.checked).toBe(5);
});

test('tests no row for which the condition does not hold, or is null', async () => {
  await execute(
    server.url,
    `create table conditional (id integer primary key, status text, v text);
     insert into conditional values (1, 'released', null), (2, 'draft', null), (3, null, null), (4, 'released', 'x')`,
  );
  const rule = { kind: 'notNull', table: 'conditional', column: 'v' };
  const scanned = await scan(server.url, [
    { ...rule, where: "status = 'released'" },
    { ...rule, where: "status <> 'draft' or status is null and v is null" },
    { ...rule, where: 'null' },
    { ...rule, where: 'not (conditional.status = $$released$$)' },
    rule,
  ]);
  expect(counts(scanned)).toEqual({
    'rule-1': [1, 2],
    'rule-2': [2, 3],
    'rule-3': [0, 0],
    'rule-4': [1, 1],
    'rule-5': [3, 4],
  });
});
