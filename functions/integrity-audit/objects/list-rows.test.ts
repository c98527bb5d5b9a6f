import fc from 'fast-check';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { compareKeys } from '../../../shared/objects/compare-keys.ts';
import { readTables, requireTable } from '../../../shared/postgres/catalog.ts';
import { openReader, type Reader } from '../../../shared/postgres/reader.ts';
import { parseTableName } from '../../../shared/postgres/sql.ts';
import { rowAccess } from './key-order.ts';
import { listRows, type RowSource, readPage } from './list-rows.ts';
import { filesRule, now } from './object-fixtures.ts';
import { countRows } from './recorded-key.ts';
import { RowQueries } from './row-queries.ts';

let server: PostgresServer;
let client: Client;
let reader: Reader;

const readerFor = (connectionString: string) =>
  openReader({
    config: { connectionString },
    connections: 1,
    statementTimeoutSeconds: 20,
    lockTimeoutSeconds: 2,
    timeZone: 'America/New_York',
    signal: new AbortController().signal,
  });

beforeAll(async () => {
  server = await startPostgres();
  client = new Client({ connectionString: server.url });
  await client.connect();
  reader = await readerFor(server.url);
});

afterAll(async () => {
  await reader?.[Symbol.asyncDispose]();
  await client?.end();
  await server?.stop();
});

interface Reading {
  readonly pageRows?: number;
  readonly stretchMs?: number;
  readonly rule?: object;
  readonly from?: Reader;
}

async function sourceOf(
  table: string,
  { pageRows = 10_000, stretchMs = 60_000, rule: details = {}, from = reader }: Reading = {},
): Promise<RowSource> {
  const rule = filesRule({ table, keyColumn: 'k', sizeColumn: undefined, createdColumn: undefined, ...details });
  const name = parseTableName(table);
  const facts = requireTable(await readTables(from, [name]), name);
  const queries = new RowQueries(rule, facts);
  const access = await rowAccess(from, queries, facts, { keyColumn: 'k', pageRows });
  return { reader: from, queries, access, graceMinutes: 60, now, pageRows, stretchMs };
}

async function keysOf(source: RowSource): Promise<[string, number][]> {
  const found: [string, number][] = [];
  for await (const batch of listRows(source)) {
    expect(batch.length).toBeGreaterThan(0);
    found.push(...batch.map(({ key, tallies }): [string, number] => [key, countRows(tallies, () => true)]));
  }
  return found;
}

/** Creates a table of these keys; `column` says more of the column. */
async function keysIn(table: string, keys: readonly (string | null)[], column = '', indexes: readonly string[] = []) {
  await client.query(`drop table if exists ${table}; create table ${table} (k text ${column})`);
  await client.query(`insert into ${table} select * from unnest($1::text[])`, [keys]);
  for (const index of indexes) await client.query(`create index on ${table} ${index}`);
  await client.query(`analyze ${table}`);
}

/** Enough rows for an index to be worth it. */
const many = Array.from({ length: 20_000 }, (_, index) => `tracks/${(index * 7_919) % 20_000}.flac`);

const accessOf = async (column: string, indexes: readonly string[], from = reader) => {
  await keysIn('ordered', many, column, indexes);
  return (await sourceOf('ordered', { pageRows: 500, from })).access;
};

describe('the way to read rows in the order of their keys', () => {
  it('is page by page where an index has the order of bytes', async () => {
    const indexed = { isIndexed: true };
    expect(await accessOf('', ['(k collate "C")'])).toMatchObject(indexed);
    expect(await accessOf('collate "C"', ['(k)'])).toMatchObject(indexed);
    expect(await accessOf('collate "C"', ['(k desc)'])).toMatchObject(indexed);
    expect(await accessOf('', ['(k) where k is not null'])).toMatchObject(indexed);
    expect(await accessOf('', ['(k text_pattern_ops)'])).toEqual({ isIndexed: true, order: 'pattern' });
    expect(await accessOf('collate "unicode"', ['(k text_pattern_ops)'])).toEqual({
      isIndexed: true,
      order: 'pattern',
    });
  });

  it('is that of the default collation where that compares code points', async () => {
    // The tests' server has the builtin C.UTF-8.
    const { order, isIndexed } = await accessOf('', ['(k)']);
    expect(isIndexed).toBe(true);
    expect(order).toMatchObject({ collation: { sql: 'collate "pg_catalog"."default"' } });
  });

  it('is one sort where no index has that order', async () => {
    const sorted = { isIndexed: false };
    expect(await accessOf('', [])).toMatchObject(sorted);
    expect(await accessOf('collate "unicode"', ['(k)'])).toMatchObject(sorted);
    expect(await accessOf('', ['(lower(k))'])).toMatchObject(sorted);
    expect(await accessOf('', ["(k) where k > 'm'"])).toMatchObject(sorted);
    expect(await accessOf('', ['using hash (k)'])).toMatchObject(sorted);
    expect(await accessOf('collate "C"', ['(length(k), k)'])).toMatchObject(sorted);
  });

  it('is one sort where an index is there and another way is cheaper', async () => {
    await keysIn('few', ['b', 'a'], 'collate "C"', ['(k)']);
    expect((await sourceOf('few')).access.isIndexed).toBe(false);
  });

  it('is one sort in a database whose order is that of a language', async () => {
    await client.query(
      "create database american template template0 locale_provider icu icu_locale 'en-US' encoding 'UTF8'",
    );
    const url = server.url.replace(/postgres$/, 'american');
    await using american = await readerFor(url);
    const inAmerican = new Client({ connectionString: url });
    await inAmerican.connect();
    try {
      await inAmerican.query('create table t (k text); create index on t (k)');
      await inAmerican.query('insert into t select * from unnest($1::text[])', [
        [...many, 'a', 'B', 'é', 'z', '~', 'Z'],
      ]);
      await inAmerican.query('analyze t');
      const source = await sourceOf('t', { from: american, pageRows: 500 });
      expect(source.access).toMatchObject({ isIndexed: false });
      const found = (await keysOf(source)).map(([key]) => key);
      expect(found.filter((key) => key.length === 1)).toEqual(['B', 'Z', 'a', 'z', '~', 'é']);
    } finally {
      await inAmerican.end();
    }
  });

  it('is unknown in a database that is not encoded in UTF-8', async () => {
    await client.query("create database latin template template0 encoding 'LATIN1' locale_provider libc locale 'C'");
    await using latin = await readerFor(server.url.replace(/postgres$/, 'latin'));
    const attempt = sourceOf('pg_catalog.pg_class', { from: latin, rule: { keyColumn: 'relname' } });
    await expect(attempt).rejects.toMatchObject({ reason: 'unsupported-encoding' });
  });
});

const odd = fc.string({
  unit: fc.constantFrom('a', 'B', 'b', '/', ' ', '~', '\u0001', 'é', '\ud7ff', '\ue000', '\uffff', '😀', '\u{10ffff}'),
  maxLength: 3,
});

describe('listing rows', () => {
  it('gives each key once, with all its rows, in the order of bytes, whatever the index and the pages', async () => {
    const ways: readonly [string, readonly string[]][] = [
      ['', []],
      ['', ['(k collate "C")']],
      ['', ['(k)']],
      ['collate "unicode"', ['(k text_pattern_ops)']],
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.option(odd, { freq: 10 }), { maxLength: 30 }),
        fc.constantFrom(...ways),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom(-1, 60_000),
        fc.boolean(),
        async (keys, [column, indexes], pageRows, stretchMs, isForced) => {
          await keysIn('odd', keys, column, indexes);
          const expected = new Map<string, number>();
          for (const key of keys) if (key !== null) expected.set(key, (expected.get(key) ?? 0) + 1);
          const source = await sourceOf('odd', { pageRows, stretchMs });
          // So few rows are never read by an index.
          const access = isForced ? { ...source.access, isIndexed: true } : source.access;
          const sorted = [...expected].sort(([a], [b]) => compareKeys(a, b));
          expect(await keysOf({ ...source, access })).toEqual(sorted);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('reads all of a table with an index, page by page', async () => {
    await keysIn('ordered', [...many, ...many.slice(0, 700)], '', ['(k)']);
    const source = await sourceOf('ordered', { pageRows: 333 });
    expect(source.access.isIndexed).toBe(true);
    const found = await keysOf(source);
    expect(found.map(([key]) => key)).toEqual([...many].sort(compareKeys));
    expect(found.reduce((sum, [, count]) => sum + count, 0)).toBe(20_700);
  });

  it('goes on behind what it has read when a statement has been read for long enough', async () => {
    await keysIn('ordered', many);
    const source = await sourceOf('ordered', { pageRows: 1_500, stretchMs: -1 });
    expect(source.access.isIndexed).toBe(false);
    expect((await keysOf(source)).map(([key]) => key)).toEqual([...many].sort(compareKeys));
  });

  it('goes on behind a key that fills more than a page, and that many rows share', async () => {
    const keys = ['a', ...Array.from({ length: 5_000 }, () => 'default.jpg'), 'z'];
    await keysIn('ordered', keys, 'collate "C"', ['(k)']);
    const source = await sourceOf('ordered', { pageRows: 10 });
    const expected = [['a', 1], ['default.jpg', 5_000], ['z', 1]]; // biome-ignore format: one line
    expect(await keysOf({ ...source, access: { ...source.access, isIndexed: true } })).toEqual(expected);
    const sorted = { ...source, stretchMs: -1, access: { ...source.access, isIndexed: false } };
    expect(await keysOf(sorted)).toEqual(expected);
  });

  it('sees rows that are written behind the place where it is, and leaves the connection to others', async () => {
    await keysIn('ordered', many, '', ['(k)']);
    const source = await sourceOf('ordered', { pageRows: 1_000 });
    expect(source.access.isIndexed).toBe(true);
    const found: string[] = [];
    for await (const batch of listRows(source)) {
      // There is but one connection.
      if (found.length === 0) {
        await source.reader.query(source.queries.keyCounts());
        await client.query("insert into ordered values ('tracks/zzz')");
      }
      found.push(...batch.map(({ key }) => key));
    }
    expect(found.at(-1)).toBe('tracks/zzz');
  });

  it('closes its statement when it is not read to its end', async () => {
    await keysIn('ordered', many);
    const source = await sourceOf('ordered', { pageRows: 100 });
    expect(source.access.isIndexed).toBe(false);
    for await (const _ of listRows(source)) break;
    expect(await source.reader.query(source.queries.keyCounts())).toHaveLength(1);
  });

  it('reads keys of other types, and columns of varying length by their index', async () => {
    await client.query(`
      create table typed (k integer);
      insert into typed select * from generate_series(8, 12);
      create table fixed (k char(5));
      insert into fixed values ('b'), ('a');
      create table varying (k varchar(50));
      insert into varying select i::text from generate_series(1, 20000) i;
      create index on varying (k);
      analyze varying`);
    expect((await keysOf(await sourceOf('typed'))).map(([key]) => key)).toEqual(['10', '11', '12', '8', '9']);
    expect((await keysOf(await sourceOf('fixed'))).map(([key]) => key)).toEqual(['a', 'b']);
    expect((await sourceOf('varying', { pageRows: 100 })).access.isIndexed).toBe(true);
  });

  it('reads a partitioned table by the indexes of its partitions', async () => {
    await client.query(`
      create table parted (k text collate "C", region integer) partition by list (region);
      create table parted_1 partition of parted for values in (1);
      create table parted_2 partition of parted for values in (2);
      create index on parted (k);
      insert into parted select i::text, 1 + i % 2 from generate_series(1, 20000) i;
      analyze parted`);
    const source = await sourceOf('parted', { pageRows: 400 });
    expect(source.access.isIndexed).toBe(true);
    expect(await keysOf(source)).toHaveLength(20_000);
  });
});

describe('a page of rows with checksums', () => {
  const bytes = 'ab'.repeat(32);

  it('holds those that the rule is about and that record one, from one key to another', async () => {
    await client.query('drop table if exists summed; create table summed (k text, sum text, ok boolean)');
    await client.query(
      "insert into summed select k, case when k = 'c' then null else $1 end, k <> 'd' from unnest($2::text[]) k",
      [bytes, ['a', 'b', 'c', 'd', 'e', 'f']],
    );
    await client.query("update summed set ok = null where k = 'e'");
    const source = await sourceOf('summed', { rule: { sha256Column: 'sum', where: 'ok' } });
    const keys = async (range: object) =>
      (await readPage(source, { limit: 10, withChecksum: true, ...range })).keys.map(({ key }) => key);
    expect(await keys({})).toEqual(['a', 'b', 'f']);
    expect(await keys({ after: 'a' })).toEqual(['b', 'f']);
    expect(await keys({ upTo: 'b' })).toEqual(['a', 'b']);
    expect(await keys({ limit: 2 })).toEqual(['a', 'b']);
    const [first] = (await readPage(source, { limit: 1, withChecksum: true })).keys;
    expect(first?.tallies).toMatchObject([{ sha256: bytes, isTested: true }]);
  });

  it('reads checksums that are kept as bytes, whatever the role has them shown as', async () => {
    await client.query("create table raw_sums (k text, sum bytea); insert into raw_sums values ('a', '\\xabff')");
    await client.query("alter role postgres set bytea_output = 'escape'");
    await using own = await readerFor(server.url);
    const source = await sourceOf('raw_sums', { rule: { sha256Column: 'sum' }, from: own });
    const { keys } = await readPage(source, { limit: 1, withChecksum: true });
    expect(keys[0]?.tallies[0]?.sha256).toBe('abff');
  });
});

describe('the age of a row', () => {
  it('is that of its time in the estate’s zone, and of the end of its day', async () => {
    await client.query('create table aged (k text, at timestamptz, local timestamp, day date)');
    // 12:00 UTC is 7:00 in New York.
    await client.query(`insert into aged values
      ('a new', '2026-11-22 11:00:01Z', '2026-11-22 06:00:01', '2026-11-22'),
      ('b old', '2026-11-22 11:00:00Z', '2026-11-22 06:00:00', '2026-11-21'),
      ('c none', null, null, null), ('d ever', 'infinity', 'infinity', 'infinity'),
      ('e never', '-infinity', '-infinity', '-infinity')`);
    for (const createdColumn of ['at', 'local', 'day']) {
      const source = await sourceOf('aged', { rule: { createdColumn } });
      const { keys } = await readPage(source, { limit: 10 });
      const youth = keys.map(({ tallies }) => tallies[0]?.isYoung);
      expect(youth, createdColumn).toEqual([true, false, false, true, false]);
    }
  });
});
