import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { completionKey, exclusionsKey, fileKey, manifestKey } from '../../../shared/archive/archive-names.ts';
import { Ledger } from '../../../shared/ledger/ledger.ts';
import { MemoryLedgerStore } from '../../../shared/ledger/memory-ledger-store.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import { type Desk, type FixtureArchive, type RestoreServer, startRestoreServer } from './archive-fixtures.ts';

let at: RestoreServer;
let desk: Desk;

beforeAll(async () => {
  at = await startRestoreServer();
});
afterAll(() => at?.[Symbol.asyncDispose]());

beforeEach(async () => {
  await at.client.query(`
    drop schema public cascade; create schema public;
    drop schema if exists scratch, other, types cascade;
    create schema types; create type types.mood as enum ('calm', 'loud');
    create table listens (id integer primary key, heard timestamptz not null, title text, mood types.mood);
    create table scores (listen integer references listens, n integer, primary key (listen, n));
    create table notes (listen integer, score integer, note text, foreign key (listen, score) references scores);
    insert into listens select n, '2020-01-01', 'title ' || n, 'loud' from generate_series(1, 10) n;
    insert into scores select l, n from generate_series(1, 10) l, generate_series(1, 3) n;
    insert into notes select l, n, 'note' from generate_series(1, 10) l, generate_series(1, 3) n where (l + n) % 2 = 0`);
  desk = at.desk();
});

const listens: FixtureArchive = {
  ageColumn: 'heard',
  tables: [
    { table: 'public.listens' },
    { table: 'public.scores', parent: 0, referringColumns: ['listen'], referredColumns: ['id'] },
    { table: 'public.notes', parent: 1, referringColumns: ['listen', 'score'], referredColumns: ['listen', 'n'] },
  ],
};
const alone: FixtureArchive = { ageColumn: 'heard', tables: [{ table: 'public.listens' }] };

const takeAway = () => at.client.query('delete from notes; delete from scores; delete from listens');

async function count(table: string): Promise<number> {
  return (await at.client.query(`select count(*)::int as n from ${table}`)).rows[0].n;
}

async function tables(schema = 'scratch'): Promise<string[]> {
  const { rows } = await at.client.query(
    'select relname from pg_class where relnamespace = to_regnamespace($1) and relkind = $2 order by 1',
    [schema, 'r'],
  );
  return rows.map(({ relname }) => relname);
}

describe('a restore', () => {
  it('verifies, and loads nothing unless it is asked to', async () => {
    const { manifest, hash } = await desk.archive(listens);
    await takeAway();
    const progress: [string, number, number][] = [];
    const result = await desk.restore({}, { progress: (...step) => progress.push(step) });
    expect(result).toEqual({
      outcome: 'verified',
      code: null,
      message: 'Every row is as it was archived. Nothing was loaded.',
      archive: {
        manifest: `s3://archives/${desk.prefix}listens/00000001/manifest.json`,
        manifestHash: hash,
        policy: 'listens',
        sequence: 1,
        createdAt: '2026-11-20T12:00:00.000Z',
        database: 'main',
        state: 'completed',
        isInLedger: true,
        excludedRows: 0,
        tables: manifest.tables.map(({ schema, name, rows, hash }) => ({ table: `${schema}.${name}`, rows, hash })),
      },
      loaded: [],
      ledgerEntry: null,
      settled: null,
    });
    expect(progress.at(-1)).toEqual(['verify', 55, 55]);
    expect(await count('listens')).toBe(0);
    expect(await desk.restores()).toEqual([]);
  });

  it('takes the latest archive, or the one that is named', async () => {
    await desk.archive(listens);
    await at.client.query('delete from notes where listen = 1');
    await desk.archive(listens);
    expect((await desk.restore()).archive).toMatchObject({ sequence: 2, tables: [{}, {}, { rows: 13 }] });
    expect((await desk.restore({ sequence: 1 })).archive).toMatchObject({
      sequence: 1,
      tables: [{}, {}, { rows: 15 }],
    });
    expect(await desk.restore({ sequence: 3 })).toMatchObject({
      outcome: 'failed',
      code: 'archive-missing',
      archive: null,
    });
    expect(await desk.restore({ policy: 'nothing' })).toMatchObject({ outcome: 'failed', code: 'archive-missing' });
  });

  it('makes the tables anew in a schema, and writes down who did it', async () => {
    const { hash } = await desk.archive(listens);
    await takeAway();
    const result = await desk.restore({ into: 'scratch' });
    expect(result).toMatchObject({
      outcome: 'restored',
      ledgerEntry: 2,
      loaded: [
        { archived: 'public.listens', table: 'scratch.listens', rows: 10, excludedRows: 0 },
        { table: 'scratch.scores', rows: 30 },
        { table: 'scratch.notes', rows: 15 },
      ],
    });
    expect([await count('scratch.listens'), await count('scratch.scores'), await count('scratch.notes')]).toEqual([
      10, 30, 15,
    ]);
    expect([await count('listens'), await tables('pg_temp')]).toEqual([0, []]);
    const entries = await desk.restores();
    expect(entries).toMatchObject([
      {
        actor: 'ada',
        subject: 'listens',
        target: 'main',
        action: 'restore',
        outcome: 'intended',
        manifest: hash,
        after: 55,
        facts: { timeline: '00000001', archive: 1, into: 'scratch', isRecorded: true, excludedRows: 0 },
      },
      { outcome: 'done', settles: entries[0]?.hash, after: 55 },
    ]);
  });

  it('puts rows back, parents before their children, beside rows that came since', async () => {
    await desk.archive(listens);
    await takeAway();
    await at.client.query("insert into listens values (11, now(), 'new')");
    expect(await desk.restore({ apply: true })).toMatchObject({
      outcome: 'restored',
      loaded: [
        { table: 'public.listens', rows: 10 },
        { table: 'public.scores', rows: 30 },
        { table: 'public.notes', rows: 15 },
      ],
    });
    expect([await count('listens'), await count('scores'), await count('notes')]).toEqual([11, 30, 15]);
  });

  it('leaves out rows that had changed and so stayed, and what goes with them', async () => {
    await desk.archive({ ...listens, excludedKeys: [['3'], ['4']] });
    await at.client.query(
      'delete from notes where listen not in (3, 4); delete from scores where listen not in (3, 4)',
    );
    await at.client.query("delete from listens where id not in (3, 4); update listens set title = 'changed'");
    const result = await desk.restore({ apply: true });
    expect(result).toMatchObject({
      outcome: 'restored',
      archive: { excludedRows: 2 },
      loaded: [
        { rows: 8, excludedRows: 2 },
        { rows: 24, excludedRows: 6 },
        { rows: 12, excludedRows: 3 },
      ],
    });
    expect([await count('listens'), await count('scores'), await count('notes')]).toEqual([10, 30, 15]);
    expect((await at.client.query("select id from listens where title = 'changed' order by id")).rows).toEqual([
      { id: 3 },
      { id: 4 },
    ]);
  });

  it('restores an archive of which not all has been taken away into a schema, and says that it is unfinished', async () => {
    await desk.archive({ ...alone, isUnfinished: true });
    expect(await desk.restore({ into: 'scratch' })).toMatchObject({
      outcome: 'restored',
      archive: { state: 'unfinished' },
    });
  });

  it('makes types that are gone, in their own schema, and takes an enum that has grown', async () => {
    await at.client.query(`
      create domain types.code as text default 'x' not null check (length(value) < 9);
      alter table listens add column code types.code default 'abc'`);
    await desk.archive(alone);
    await at.client.query("alter type types.mood add value 'quiet' before 'loud'");
    expect(await desk.restore({ into: 'scratch' })).toMatchObject({ outcome: 'restored' });
    await at.client.query('drop schema scratch, public, types cascade; create schema public');
    expect(await desk.restore({ into: 'scratch' })).toMatchObject({ outcome: 'restored' });
    await expect(
      at.client.query("insert into scratch.listens values (11, now(), 'x', 'loud', 'much too long')"),
    ).rejects.toThrow('code_check');
    await expect(at.client.query("insert into scratch.listens values (11, now(), 'x', 'quiet', 'x')")).rejects.toThrow(
      'enum',
    );
  });

  it('has identity columns of tables made anew go on behind their rows, and leaves those of the original ones', async () => {
    await at.client.query(`
      create table counted (
        up bigint generated always as identity (start with 7 increment by 3) primary key,
        "Down ""it""" integer generated by default as identity (increment by -2),
        large bigint generated always as identity (start with 9007199254740993),
        before integer generated by default as identity (start with 50),
        beside integer generated by default as identity (maxvalue 1000));
      create table spent (id smallint generated always as identity (maxvalue 2), up bigint references counted);
      create table unused (id integer generated always as identity (start with 5), up bigint references counted);
      insert into counted (before, beside) values (1, 99999), (2, -5), (3, 8);
      insert into counted (up, before, beside) overriding system value values (14, 4, 6);
      insert into spent (up) values (7), (7)`);
    const next = async (table: string) =>
      Object.values((await at.client.query(`insert into ${table} default values returning *`)).rows[0]).map(String);
    const child = { parent: 0, referringColumns: ['up'], referredColumns: ['up'] };
    await desk.archive({
      tables: [{ table: 'public.counted' }, { table: 'public.spent', ...child }, { table: 'public.unused', ...child }],
      key: ['up'],
    });
    expect(await desk.restore({ into: 'scratch' })).toMatchObject({ outcome: 'restored' });
    expect(await next('scratch.counted')).toEqual(['16', '-9', '9007199254740997', '50', '9']);
    expect(await next('scratch.counted')).toEqual(['19', '-11', '9007199254740998', '51', '10']);
    await expect(next('scratch.spent')).rejects.toThrow('reached maximum value');
    expect(await next('scratch.unused')).toEqual(['5', 'null']);

    await at.client.query('delete from spent; delete from counted; alter table counted alter up restart with 100');
    expect(await desk.restore({ apply: true })).toMatchObject({ outcome: 'restored' });
    expect(await next('counted')).toEqual(['100', '-9', '9007199254740997', '50', '1']);
  });

  it('goes into another database, whose types and tables are its own', async () => {
    await desk.archive(listens);
    const url = Object.assign(new URL(at.postgres.url), { pathname: '/beside' }).href;
    await at.client.query('create database beside');
    const connect = async () => ({ connectionString: url });
    expect(await desk.restore({ into: 'scratch' }, { connect })).toMatchObject({ outcome: 'restored' });
    expect(await desk.restore({ apply: true }, { connect })).toMatchObject({
      outcome: 'refused',
      code: 'table-missing',
    });
  });
});

describe('a restore is refused', () => {
  const refused = (code: string, ...texts: string[]) => ({
    outcome: 'refused',
    code,
    message: expect.stringMatching(new RegExp(`${texts.join('.*')}.*Nothing was loaded\\.$`, 's')),
    loaded: [],
    ledgerEntry: null,
  });

  it('when a row is there already, and names the keys', async () => {
    await desk.archive(listens);
    await at.client.query('delete from notes; delete from scores where listen <> 2; delete from listens where id <> 2');
    await at.client.query("update listens set title = 'secret'");
    const result = await desk.restore({ apply: true });
    expect(result).toMatchObject(
      refused(
        'conflicts',
        'public.listens has 1 of these rows already: id=2',
        'public.scores has 3 .*: listen=2, n=1; listen=2, n=2',
      ),
    );
    expect(result.message).not.toContain('secret');
    expect([await count('listens'), await count('scores')]).toEqual([1, 3]);
    expect(await desk.restores()).toEqual([]);
  });

  it('when more rows are there already than it names', async () => {
    await desk.archive(alone);
    await at.client.query('insert into listens select n, now() from generate_series(11, 20) n');
    await desk.archive(alone);
    expect((await desk.restore({ apply: true })).message).toMatch(
      /has 20 of these rows already: id=1; .*id=10; and 10 more\./,
    );
  });

  it('when another unique index has one of them, without what is in it', async () => {
    await at.client.query('create unique index titles on listens (title)');
    await desk.archive(alone);
    await takeAway();
    await at.client.query("insert into listens values (11, now(), 'title 5')");
    const result = await desk.restore({ apply: true });
    expect(result).toMatchObject(refused('constraint', 'SQLSTATE 23505: rows would break titles of public.listens'));
    expect(result.message).not.toContain('title 5');
    expect(await count('listens')).toBe(1);
  });

  it.each([
    ['a column was added', 'add column added integer', 'the column added has been added since'],
    ['a column was dropped', 'drop column title', 'the column title is not there any more'],
    [
      'a type was changed',
      'alter column title type varchar(40)',
      'title is character varying\\(40\\) now and was text',
    ],
    [
      'a column is computed now',
      "drop column title, add column title text generated always as ('x') stored",
      'title is computed from others now',
    ],
    ['the order is another one', 'drop column title, add column title text', 'its columns are in another order now'],
  ])('when %s since, and says what and what to do', async (_, change, text) => {
    await desk.archive(alone);
    await takeAway();
    await at.client.query(`alter table listens ${change}`);
    expect(await desk.restore({ apply: true })).toMatchObject(refused('shape-differs', text, '--into <schema>'));
    expect(await count('listens')).toBe(0);
    expect(await desk.restore({ into: 'scratch' })).toMatchObject({ outcome: 'restored' });
  });

  it('when the table is not there any more, or is none', async () => {
    await desk.archive(alone);
    await at.client.query('drop table notes, scores, listens');
    expect(await desk.restore({ apply: true })).toMatchObject(refused('table-missing', 'no table public.listens'));
    await at.client.query('create view listens as select 1 as id');
    expect(await desk.restore({ apply: true })).toMatchObject(refused('shape-differs', 'is not a table any more'));
    await at.client.query('drop view listens');
    expect(await desk.restore({ into: 'public' })).toMatchObject({ outcome: 'restored' });
    expect(await count('listens')).toBe(10);
  });

  it('when the schema has something of that name', async () => {
    await desk.archive(listens);
    await at.client.query('create schema scratch; create view scratch.scores as select 1');
    expect(await desk.restore({ into: 'scratch' })).toMatchObject(
      refused('table-exists', 'scratch.scores is there already'),
    );
    expect(await tables()).toEqual([]);
    expect(await desk.restore({ into: 'public' })).toMatchObject(
      refused('table-exists', 'public.listens, public.notes, public.scores is there'),
    );
  });

  it.each(['pg_catalog', 'pg_temp', 'information_schema'])('when the schema is %s', async (into) => {
    await desk.archive(alone);
    expect(await desk.restore({ into })).toMatchObject(refused('bad-schema', into));
  });

  it('when two of its tables have one name', async () => {
    await at.client.query('create schema other; create table other.listens (id integer references public.listens)');
    await desk.archive({
      ...alone,
      tables: [...alone.tables, { table: 'other.listens', referringColumns: ['id'], referredColumns: ['id'] }],
    });
    expect(await desk.restore({ into: 'scratch' })).toMatchObject(refused('same-name', 'two tables listens'));
  });

  it('when a type has lost what rows have', async () => {
    await desk.archive(alone);
    await at.client.query("alter type types.mood rename value 'loud' to 'noisy'");
    expect(await desk.restore({ into: 'scratch' })).toMatchObject(
      refused('type-differs', 'The type types.mood is there with another definition', "'noisy'", "'loud'"),
    );
    expect(await tables()).toEqual([]);
  });

  it('when a trigger changes what is inserted, or what has been', async () => {
    await desk.archive(alone);
    await takeAway();
    await at.client.query(`
      create function change() returns trigger language plpgsql as $$ begin new.title = 'changed'; return new; end $$;
      create trigger change before insert on listens for each row execute function change()`);
    expect(await desk.restore({ apply: true })).toMatchObject(
      refused('not-equal', 'public.listens: what was inserted is 10 rows, but with another hash'),
    );
    await at.client.query(`
      drop trigger change on listens;
      create function later() returns trigger language plpgsql as $$ begin
        update listens set title = 'changed' where id = new.id and title <> 'changed'; return null; end $$;
      create constraint trigger later after insert on listens initially deferred for each row execute function later()`);
    expect(await desk.restore({ apply: true })).toMatchObject(
      refused('not-equal', 'what is in the table is 10 rows, but with another hash'),
    );
    expect(await count('listens')).toBe(0);
  });

  it('when a trigger adds rows that go with those restored, or takes away one that has no key', async () => {
    await desk.archive(listens);
    await takeAway();
    await at.client.query(`
      create function add() returns trigger language plpgsql as $$ begin
        insert into scores values (new.id, 99); return null; end $$;
      create trigger add after insert on listens for each row execute function add()`);
    expect(await desk.restore({ apply: true })).toMatchObject(
      refused('not-equal', 'public.scores: what is in the table is 40 rows instead of 30'),
    );
    await at.client.query(`
      drop trigger add on listens;
      create function take() returns trigger language plpgsql as $$ begin
        delete from notes where listen = 3; return null; end $$;
      create constraint trigger take after insert on notes initially deferred for each row execute function take()`);
    expect(await desk.restore({ apply: true })).toMatchObject(
      refused('not-equal', 'public.notes: what is in the table is 13 rows instead of 15'),
    );
    expect([await count('listens'), await count('scores')]).toEqual([0, 0]);
  });

  it('when a trigger changes rows that have a key, though not a primary one', async () => {
    await at.client.query(`
      create table logs (id integer not null unique, at date, text text);
      insert into logs values (1, '2020-01-01', 'a')`);
    await desk.archive({ tables: [{ table: 'public.logs' }] });
    await at.client.query(`
      delete from logs;
      create function later() returns trigger language plpgsql as $$ begin
        update logs set text = 'changed' where id = new.id; return null; end $$;
      create constraint trigger later after insert on logs initially deferred for each row execute function later()`);
    expect(await desk.restore({ apply: true })).toMatchObject(refused('not-equal', 'what is in the table is 1 rows'));
    await at.client.query('drop trigger later on logs');
    expect(await desk.restore({ apply: true })).toMatchObject({ outcome: 'restored' });
    expect(await desk.restore({ apply: true })).toMatchObject(refused('conflicts', 'id=1'));
  });

  it('not when rows without a parent have stayed that go with those restored', async () => {
    await at.client.query('alter table notes drop constraint notes_listen_score_fkey');
    await desk.archive(listens);
    await takeAway();
    await at.client.query("insert into notes values (1, 1, 'came late')");
    expect(await desk.restore({ apply: true })).toMatchObject({ outcome: 'restored' });
    expect(await count('notes')).toBe(16);
  });

  it('when what is computed is not what it was', async () => {
    await at.client.query(`
      create function twice(n integer) returns integer immutable language sql as 'select 2 * n';
      alter table listens add column twice integer generated always as (twice(id)) stored`);
    await desk.archive(alone);
    await at.client.query(
      "create or replace function twice(n integer) returns integer immutable language sql as 'select 3 * n'",
    );
    expect(await desk.restore({ into: 'scratch' })).toMatchObject(
      refused('not-equal', 'public.listens: what was inserted'),
    );
    expect(await tables()).toEqual([]);
  });

  it('when the tables made anew do not take the rows, and does not say to make them anew', async () => {
    await at.client.query(`
      create function is_good(n integer) returns boolean immutable language sql as 'select n > 0';
      alter table listens add constraint good check (is_good(id))`);
    await desk.archive(alone);
    await at.client.query(
      "create or replace function is_good(n integer) returns boolean immutable language sql as 'select n > 5'",
    );
    const constraint = await desk.restore({ into: 'scratch' });
    expect(constraint).toMatchObject(refused('constraint', 'SQLSTATE 23514: rows would break good', 'a function'));
    expect(constraint.message).not.toContain('--into');
    const change: FixtureArchive['change'] = (manifest) => ({
      ...manifest,
      tables: manifest.tables.map((table) => ({ ...table, ddl: ['create table "listens" ("id" integer not null)'] })),
    });
    await desk.archive({ ...alone, change });
    const shape = await desk.restore({ into: 'scratch' });
    expect(shape).toMatchObject(refused('shape-differs', 'scratch.listens', 'as the manifest says'));
    expect(shape.message).not.toContain('--into');
  });

  it('when rows refer to what is not there any more, also where that is looked at last', async () => {
    await at.client.query(`
      create table titles (title text primary key);
      insert into titles select title from listens;
      alter table listens add foreign key (title) references titles deferrable initially deferred`);
    await desk.archive(alone);
    await takeAway();
    await at.client.query('delete from titles');
    expect(await desk.restore({ apply: true })).toMatchObject(
      refused('constraint', 'SQLSTATE 23503: rows would break listens_title_fkey'),
    );
    expect(await desk.restore({ into: 'scratch' })).toMatchObject({ outcome: 'restored' });
  });

  it('when the partition is gone', async () => {
    await at.client.query(`
      create table parted (id integer, heard date, primary key (id, heard)) partition by range (heard);
      create table parted_2020 partition of parted for values from ('2020-01-01') to ('2021-01-01');
      insert into parted values (1, '2020-02-02')`);
    await desk.archive({ tables: [{ table: 'public.parted' }], key: ['heard', 'id'] });
    await at.client.query('drop table parted_2020');
    expect(await desk.restore({ apply: true })).toMatchObject(
      refused('constraint', 'does not fit into a partition', '--into <schema>'),
    );
    expect(await desk.restore({ into: 'scratch' })).toMatchObject({ outcome: 'restored' });
  });

  it('when the database is in another encoding', async () => {
    await desk.archive(alone);
    await at.client.query("create database latin encoding 'LATIN1' locale 'C' locale_provider libc template template0");
    const url = Object.assign(new URL(at.postgres.url), { pathname: '/latin' }).href;
    expect(await desk.restore({ into: 'scratch' }, { connect: async () => ({ connectionString: url }) })).toMatchObject(
      refused('other-encoding', 'UTF8', 'LATIN1'),
    );
  });

  it('when the ledger tells neither of it nor of a later one, before anything is run, unless that is allowed', async () => {
    const { hash } = await desk.archive({ ...alone, isInLedger: false });
    await takeAway();
    const connect = async () => {
      throw new Error('the database was asked');
    };
    for (const request of [{ into: 'scratch' }, { apply: true }]) {
      const result = await desk.restore(request, { connect });
      expect(result).toMatchObject({ ...refused('unrecorded', hash, '--stage', '--unrecorded'), archive: null });
    }
    expect(await desk.restore({}, { connect })).toMatchObject({
      outcome: 'verified',
      archive: { isInLedger: false, manifestHash: hash },
    });
    expect([await tables(), await count('listens'), await desk.restores()]).toEqual([[], 0, []]);

    for (const into of ['scratch', 'other']) {
      // That it was restored once does not vouch for it.
      expect(await desk.restore({ into })).toMatchObject(refused('unrecorded'));
      expect(await desk.restore({ into, allowsUnrecorded: true })).toMatchObject({ outcome: 'restored' });
    }
    expect((await desk.restores())[0]).toMatchObject({ manifest: hash, facts: { isRecorded: false } });
  });

  it.each([
    ['drops something', 'drop table listens'],
    ['has two statements behind a good beginning', 'create table "listens" (id integer); drop table listens'],
    ['makes another table', 'create table "scores" (id integer)'],
    ['makes a table in a schema of its choice', 'create table "listens"."x" (id integer)'],
    ['makes the table of a query', 'create table "listens" as select 1'],
    ['makes a type by a function', 'create type mood as enum ()'],
  ])('when a statement of the manifest %s', async (_, statement) => {
    const change: FixtureArchive['change'] = (manifest) => ({
      ...manifest,
      tables: manifest.tables.map((table) => ({ ...table, ddl: [statement] })),
    });
    await desk.archive({ ...alone, change });
    const { outcome, code } = await desk.restore({ into: 'scratch' });
    expect([outcome, code]).toEqual(statement.includes(';') ? ['failed', 'bad-sql'] : ['refused', 'statement-unknown']);
    expect(await count('listens')).toBe(10);
    expect(await tables()).toEqual([]);
  });
});

describe('a restore fails', () => {
  const failed = (code: string, text = '') => ({
    outcome: 'failed',
    code,
    message: expect.stringContaining(text),
    loaded: [],
  });

  it('when a bit of a file was flipped', async () => {
    const { manifest } = await desk.archive(alone);
    const { name } = (manifest.tables[0] as (typeof manifest.tables)[number]).file;
    const key = desk.prefix + fileKey('listens', 1, name);
    await at.replace(key, (bytes) => bytes.with(40, (bytes[40] as number) ^ 1));
    expect(await desk.restore({ into: 'scratch' })).toMatchObject({
      ...failed('archive-corrupt', name),
      archive: null,
    });
    expect(await tables()).toEqual([]);
  });

  it('when a file is exchanged between its verification and its loading', async () => {
    const { manifest } = await desk.archive(alone);
    const { name } = (manifest.tables[0] as (typeof manifest.tables)[number]).file;
    const connect = async () => {
      await at.replace(desk.prefix + fileKey('listens', 1, name), (bytes) => bytes.with(40, (bytes[40] as number) ^ 1));
      return { connectionString: at.postgres.url };
    };
    expect(await desk.restore({ into: 'scratch' }, { connect })).toMatchObject(failed('archive-corrupt', name));
    expect(await tables()).toEqual([]);
  });

  it('when the manifest was edited by hand', async () => {
    await desk.archive(alone);
    const edit = (from: string, to: string) =>
      at.replace(desk.prefix + manifestKey('listens', 1), (bytes) =>
        Buffer.from(Buffer.from(bytes).toString().replace(from, to)),
      );
    await edit('"actor":"ada"', '"actor":"bob"');
    expect(await desk.restore({ into: 'scratch' })).toMatchObject(
      failed('manifest-tampered', '00000001/manifest.json'),
    );
    at.objects.bucket('archives').delete(desk.prefix + completionKey('listens', 1));
    // Nothing but the ledger tells of the last one while it is unfinished.
    expect(await desk.restore({ into: 'scratch' })).toMatchObject(failed('chain-broken', 'The ledger tells'));
    await edit('"actor":"bob"', '"actor":"ada"');
    await desk.archive(alone);
    await edit('"actor":"ada"', '"actor":"bob"');
    expect(await desk.restore({ sequence: 1 }, { ledgers: new MemoryLedgerStore() })).toMatchObject(
      failed('chain-broken'),
    );
    await edit('"rows":10', '"rows":11');
    expect(await desk.restore()).toMatchObject(failed('chain-broken'));
  });

  it('when a document that leaves rows out was added, taken away or edited', async () => {
    const { hash } = await desk.archive({ ...listens, excludedKeys: [['3'], ['4']] });
    await takeAway();
    const write = (number: number, keys: string[][]) => {
      const key = desk.prefix + exclusionsKey('listens', 1, number);
      at.objects
        .bucket('archives')
        .put(key, JSON.stringify({ formatVersion: 1, manifest: hash, createdAt: '2026-11-20T13:00:00.000Z', keys }));
      return () => at.objects.bucket('archives').delete(key);
    };
    const remove = write(2, [['5']]);
    expect(await desk.restore()).toMatchObject(failed('manifest-tampered', 'of 2 rows that stayed'));
    remove();
    const removeThird = write(3, []);
    expect(await desk.restore()).toMatchObject(failed('manifest-tampered', 'no document with the number 2'));
    removeThird();
    write(1, [['3'], []]);
    expect(await desk.restore()).toMatchObject(failed('manifest-tampered', 'a key that is none'));
    write(1, [['3']])();
    expect(await desk.restore()).toMatchObject(failed('manifest-tampered', 'of 2 rows that stayed'));
    write(1, [['3'], ['77']]);
    expect(await desk.restore({ apply: true })).toMatchObject({ outcome: 'refused', code: 'not-equal' });
    expect(await count('listens')).toBe(0);
    write(1, [['3'], ['4']]);
    expect(await desk.restore({ apply: true })).toMatchObject({ outcome: 'restored' });
  });

  it('when the document that says that it is completed is of another archive', async () => {
    await desk.archive(listens);
    await at.replace(desk.prefix + completionKey('listens', 1), () => Buffer.from('{}'));
    expect(await desk.restore()).toMatchObject(failed('manifest-tampered', 'completed.json'));
  });

  it('when the ledger is broken', async () => {
    await desk.archive(alone);
    const ledgers = new MemoryLedgerStore();
    for await (const name of desk.ledgers.list('')) {
      await ledgers.add(name, ((await desk.ledgers.read(name)) as string).replace('"ada"', '"bob"'));
    }
    expect(await desk.restore({}, { ledgers })).toMatchObject(failed('ledger-broken'));
  });

  it('when the database cannot be reached, with its reason', async () => {
    await desk.archive(alone);
    const connect = async () => ({ connectionString: 'postgres://nobody@127.0.0.1:1/x' });
    expect(await desk.restore({ into: 'scratch' }, { connect })).toMatchObject(failed('unreachable'));
  });

  it('when it is stopped', async () => {
    await desk.archive(alone);
    const controller = new AbortController();
    const connect = async () => {
      controller.abort(new UncheckedError('stopped', 'By somebody.'));
      return { connectionString: at.postgres.url };
    };
    expect(await desk.restore({ into: 'scratch' }, { connect, signal: controller.signal })).toMatchObject(
      failed('stopped'),
    );
  });

  it('when the role may not write, and nothing is there', async () => {
    await desk.archive(alone);
    await at.client.query(
      "drop role if exists reading; create role reading login password 'r'; grant pg_read_all_data to reading",
    );
    const url = Object.assign(new URL(at.postgres.url), { username: 'reading', password: 'r' }).href;
    const connect = async () => ({ connectionString: url });
    expect(await desk.restore({ into: 'scratch' }, { connect })).toMatchObject(failed('access-denied'));
    await takeAway();
    expect(await desk.restore({ apply: true }, { connect })).toMatchObject(failed('access-denied'));
    expect(await count('listens')).toBe(0);
  });
});

describe('the ledger', () => {
  it('says nothing of an archive that it does not know, or one before those that it knows', async () => {
    await desk.archive({ ...alone, isInLedger: false });
    expect((await desk.restore()).archive).toMatchObject({ isInLedger: false });
    await desk.archive(alone);
    expect((await desk.restore({ sequence: 1 })).archive).toMatchObject({ isInLedger: true });
    expect((await desk.restore({}, { ledgers: new MemoryLedgerStore() })).archive).toMatchObject({ isInLedger: false });
  });

  it('is told by the next restore what became of one that was cut off', async () => {
    await desk.archive(alone);
    const cutOff = async (statement: string) => {
      const { rows } = await at.client.query(`${statement} returning pg_current_xact_id()::text as id`);
      return rows[0].id as string;
    };
    const intend = async (transaction: string, target = 'main', timeline?: string) => {
      // The first entries that there were have no timeline.
      const facts: Record<string, string> = timeline === undefined ? { transaction } : { transaction, timeline };
      const entry = {
        actor: 'bob',
        task: 'data-archival',
        subject: 'listens',
        target,
        action: 'restore',
        outcome: 'intended',
        planHash: null,
        manifest: null,
        keysHash: null,
        before: null,
        after: 10,
        facts,
        settles: null,
        confirms: null,
      } as const;
      return (await Ledger.open(desk.ledgers, 'data-archival/listens.restores', () => new Date())).append(entry);
    };
    await intend(await cutOff('delete from notes where listen = 1'));
    const first = await desk.restore({ into: 'scratch' });
    expect([first.settled?.outcome, first.outcome]).toEqual(['done', 'restored']);

    await at.client.query('begin');
    const undone = await cutOff('delete from notes where listen = 2');
    await intend(undone);
    expect(await desk.restore({ into: 'other' })).toMatchObject({ outcome: 'failed', code: 'busy' });
    await at.client.query('rollback');
    const third = await desk.restore({ into: 'other' });
    expect([third.settled?.outcome, third.outcome]).toEqual(['rolled-back', 'restored']);
    expect((await desk.restores()).map(({ actor, outcome, after }) => `${actor} ${outcome} ${after}`)).toEqual([
      'bob intended 10',
      'bob done 10',
      'ada intended 10',
      'ada done 10',
      'bob intended 10',
      'bob rolled-back null',
      'ada intended 10',
      'ada done 10',
    ]);

    // The policy was about another database then, of whose transactions this one knows nothing.
    await intend(await cutOff('delete from notes where listen = 4'), 'before');
    await at.client.query('drop schema other cascade');
    expect((await desk.restore({ into: 'other' })).settled?.outcome).toBe('unknown');

    // The server was restored from before, and has given the same number to another transaction since.
    await intend(await cutOff('delete from notes where listen = 5'), 'main', '0000000F');
    await at.client.query('drop schema other cascade');
    expect((await desk.restore({ into: 'other' })).settled?.outcome).toBe('unknown');

    // The server was restored from before: it has not had that many transactions yet.
    await intend('99999999');
    await at.client.query('drop schema other cascade');
    const last = await desk.restore({ into: 'other' });
    expect([last.settled?.outcome, last.outcome]).toEqual(['unknown', 'restored']);
  });

  it('has the intention before anything is final, and the restore says so when the connection breaks then', async () => {
    await desk.archive(alone);
    const ledgers: MemoryLedgerStore = desk.ledgers;
    const breaking = Object.assign(Object.create(ledgers) as MemoryLedgerStore, {
      read: (name: string) => ledgers.read(name),
      list: (prefix: string, after?: string) => ledgers.list(prefix, after),
      tampering: () => ledgers.tampering(),
      async add(name: string, line: string) {
        const added = await ledgers.add(name, line);
        await at.client.query(
          "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and state = 'idle in transaction'",
        );
        return added;
      },
    });
    const result = await desk.restore({ into: 'scratch' }, { ledgers: breaking });
    expect(result).toMatchObject({ outcome: 'unknown', ledgerEntry: 1 });
    expect(await tables()).toEqual([]);
    const next = await desk.restore({ into: 'scratch' });
    expect([next.settled?.outcome, next.outcome]).toEqual(['rolled-back', 'restored']);
  });
});

it('restores as a role that may make a schema, and nothing else', async () => {
  await desk.archive(alone);
  await at.client.query(`
    drop role if exists making; create role making login password 'm'; grant create on database postgres to making;
    grant usage on schema types to making`);
  const url = Object.assign(new URL(at.postgres.url), { username: 'making', password: 'm' }).href;
  const result = await desk.restore({ into: 'scratch' }, { connect: async () => ({ connectionString: url }) });
  expect(result).toMatchObject({ outcome: 'restored' });
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query('drop schema scratch cascade');
  await client.end();
  await at.client.query('drop owned by making; drop role making');
});
