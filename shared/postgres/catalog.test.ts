import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import { UncheckedError } from '../unchecked-error.ts';
import { readTables, requireTable, type TableFacts } from './catalog.ts';
import { openReader } from './reader.ts';
import { parseTableName } from './sql.ts';

let server: PostgresServer;
let admin: pg.Client;

beforeAll(async () => {
  server = await startPostgres({ settings: { autovacuum: 'off' } });
  admin = new pg.Client(server.url);
  await admin.connect();
  await admin.query(`create role audit login password 'x'; grant pg_read_all_data to audit;
    create role poor login password 'x'`);
});

afterAll(async () => {
  await admin.end();
  await server.stop();
});

async function read(names: readonly string[], user = 'audit'): Promise<Map<string, TableFacts>> {
  const { host, port } = server;
  await using reader = await openReader({
    config: { host, port, user, password: 'x', database: 'postgres' },
    connections: 1,
    statementTimeoutSeconds: 5,
    lockTimeoutSeconds: 0.1,
    timeZone: 'UTC',
    signal: new AbortController().signal,
  });
  return await readTables(reader, names.map(parseTableName));
}

async function readOne(name: string, user?: string): Promise<TableFacts | undefined> {
  return [...(await read([name], user)).values()][0];
}

function reasonOf(look: () => unknown): string {
  try {
    look();
    return '';
  } catch (error) {
    return error instanceof UncheckedError ? `${error.reason}: ${error.detail}` : String(error);
  }
}

describe('a table', () => {
  test('has its columns with their types, and its key in the order of the key', async () => {
    await admin.query(`create domain isrc as char(12);
      create type mood as enum ('blue');
      create table one (title text, share numeric(5, 2) not null, b int, a bigint, at timestamptz, code isrc, mood mood,
        tags text[], dropped int, twice int generated always as (b * 2) stored,
        virtual int generated always as (b) virtual,
        number int generated always as identity, primary key (b, a) include (title));
      alter table one drop column dropped; alter table one alter column mood drop not null`);
    const facts = await readOne('one');
    expect(facts).toMatchObject({ schema: 'public', name: 'one', primaryKey: ['b', 'a'], estimatedRows: -1 });
    expect([...(facts?.columns.values() ?? [])].map((column) => Object.values(column).join(' '))).toEqual([
      'title text S false true',
      'share numeric(5,2) N true true',
      'b integer N true true',
      'a bigint N true true',
      'at timestamp with time zone D false true',
      'code isrc S false true',
      'mood mood E false true',
      'tags text[] A false true',
      'twice integer N false true',
      'virtual integer N false true',
      'number integer N true true',
    ]);
  });

  test('may have an object identifier beyond 32 bits with a sign', async () => {
    const { rows } = await admin.query('select 4294967295::oid::int8::float8 as oid');
    expect(rows).toEqual([{ oid: 4_294_967_295 }]);
    const { rows: known } = await admin.query("select 'pg_class'::regclass::oid::int8::float8 as oid");
    expect((await readOne('pg_catalog.pg_class'))?.oid).toBe(known[0].oid);
  });

  test('is told from those of the same name in other schemas, and from others by every letter', async () => {
    await admin.query(`create schema music; create schema "Music.Old"; create table tracks (a int);
      create table music.tracks (b int);
      create table "Tracks" (c int); create table music."a.b""c" (d int); create table music."it's \\ é😀 " (e int);
      create index trackers on tracks (a); create sequence counter`);
    const names = [
      'tracks',
      'music.tracks',
      'Tracks',
      'music.a.b"c',
      "music.it's \\ é😀 ",
      'TRACKS',
      'track',
      'tracks ',
      'trackers',
      'counter',
      'absent.tracks',
      "x'); drop table tracks; --",
      'a'.repeat(64),
    ];
    const tables = await read(names);
    expect([...tables].map(([name, { columns }]) => [name, ...columns.keys()].join(' ')).sort()).toEqual([
      'music.a.b"c d',
      "music.it's \\ é😀  e",
      'music.tracks b',
      'public.Tracks c',
      'public.tracks a',
    ]);
    expect(await read([])).toEqual(new Map());
    expect((await read(['tracks', 'tracks', 'public.tracks'])).size).toBe(1);
  });

  test('may have no column at all, or no key', async () => {
    await admin.query('create table bare ()');
    const facts = await readOne('bare');
    expect(facts?.columns.size).toBe(0);
    expect(facts?.primaryKey).toEqual([]);
    expect(requireTable(await read(['bare']), parseTableName('bare')).name).toBe('bare');
  });

  test('is of the size that statistics say, of all partitions together, also while it is being changed', async () => {
    await admin.query(`create table parts (id int primary key, kind int) partition by range (id);
      create table parts_1 partition of parts for values from (0) to (1000);
      create table parts_2 partition of parts for values from (1000) to (9000) partition by range (id);
      create table parts_2_1 partition of parts_2 for values from (1000) to (9000);
      create table whole as select n as id from generate_series(0, 2999) n;
      insert into parts select n, n from generate_series(0, 2999) n`);
    expect((await readOne('parts'))?.estimatedRows).toBe(-1);
    await admin.query('analyze parts_1');
    expect((await readOne('parts'))?.estimatedRows).toBe(-1);
    await admin.query('analyze whole; analyze parts');
    await admin.query('begin; lock table parts, whole, parts_2_1 in access exclusive mode');
    try {
      const tables = await read(['parts', 'parts_2', 'whole']);
      expect([...tables].map(([name, { estimatedRows }]) => [name, estimatedRows]).sort()).toEqual([
        ['public.parts', 3000],
        ['public.parts_2', 2000],
        ['public.whole', 3000],
      ]);
      expect([...tables.values()].every(({ estimatedBytes }) => estimatedBytes >= 8192 * 8)).toBe(true);
      expect(tables.get('public.parts')?.primaryKey).toEqual(['id']);
    } finally {
      await admin.query('rollback');
    }
  });

  test('may be a view, a materialized view or a foreign table', async () => {
    await admin.query(`create view seen as select 1 as a; create materialized view stored as select 1 as a;
      create foreign data wrapper nothing; create server nowhere foreign data wrapper nothing;
      create foreign table far (a int) server nowhere; analyze stored`);
    const tables = await read(['seen', 'stored', 'far']);
    expect(
      [...tables].map(([name, { estimatedRows, columns }]) => [name, estimatedRows, ...columns.keys()]).sort(),
    ).toEqual([
      ['public.far', -1, 'a'],
      ['public.seen', -1, 'a'],
      ['public.stored', 1, 'a'],
    ]);
  });

  test('is read from the catalog itself, whatever somebody has put into public', async () => {
    await admin.query(`create table honest (id int primary key);
      create function
        public.json_build_object(text, name, text, text, text, "char", text, boolean, text, boolean) returns json
        language sql as 'select null::json';
      create function public.format_type(oid, int4) returns text language sql as $$ select 'mischief' $$;
      create function public.has_column_privilege(oid, int2, varchar) returns boolean language sql as 'select true';
      create view public.pg_class as select 1 as oid; create table public.pg_attribute (attrelid oid)`);
    try {
      expect((await readOne('honest'))?.columns.get('id')).toEqual({
        name: 'id',
        type: 'integer',
        typeCategory: 'N',
        isNotNull: true,
        isReadable: true,
      });
    } finally {
      await admin.query('drop view public.pg_class; drop table public.pg_attribute');
    }
  });
});

describe('a table that a rule needs', () => {
  test('has to be there, with its columns, and the role has to be let see them', async () => {
    await admin.query(`create schema closed; create table closed.tracks (id int); grant select on closed.tracks to poor;
      create table partly (id int, name text, more text); grant select (id, name) on partly to poor;
      create table shut (id int); create table shared (id int); grant select on shared to poor`);
    const tables = await read(['closed.tracks', 'partly', 'shut', 'shared', 'absent'], 'poor');
    const need = (name: string, columns?: string[]) =>
      reasonOf(() => requireTable(tables, parseTableName(name), columns));
    expect(need('absent')).toBe('missing-table: There is no table public.absent, or the role cannot see it.');
    expect(need('partly', ['id', 'x', 'y'])).toBe('missing-column: public.partly has no column x, y.');
    expect(need('partly', ['id', 'more'])).toBe('access-denied: The role may not read more of public.partly.');
    expect(need('partly', ['id', 'name'])).toBe('');
    expect(need('partly')).toBe('');
    expect(need('shared', ['id'])).toBe('');
    expect(need('shut')).toBe('access-denied: The role may not read public.shut.');
    expect(need('closed.tracks', ['id'])).toBe('access-denied: The role may not read id of closed.tracks.');
  });
});
