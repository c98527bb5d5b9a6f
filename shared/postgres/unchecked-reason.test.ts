import pg from 'pg';
import sql from 'sql-template-tag';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import { UncheckedError } from '../unchecked-error.ts';
import { openReader, type Reader } from './reader.ts';
import { postgresUncheckedReason } from './unchecked-reason.ts';

let server: PostgresServer;
let admin: pg.Client;
let reader: Reader;

beforeAll(async () => {
  server = await startPostgres({ settings: { max_connections: 8, superuser_reserved_connections: 4 } });
  admin = new pg.Client(server.url);
  await admin.connect();
  await admin.query(`create role audit login password 'x';
    create schema hidden;
    create table hidden.tracks (id int);
    grant select on hidden.tracks to audit;
    create table secrets (id int, name text);
    insert into secrets values (1, 'Ana Colón'), (2, '17');
    create table private (id int, name text);
    grant select (id) on private to audit;
    grant select on secrets to audit;
    create table locked (id int);
    grant select on locked to audit;
    create sequence numbers;
    grant all on sequence numbers to audit;
    create materialized view empty as select 1 with no data;
    grant select on empty to audit;
    create function fail() returns int language plpgsql as
      $$ begin raise 'of % and more', (select name from secrets limit 1); end $$;
    create function damage() returns int language plpgsql as
      $$ begin raise 'invalid page in block 5' using errcode = 'data_corrupted'; end $$;`);
  const { host, port } = server;
  reader = await openReader({
    config: { host, port, user: 'audit', password: 'x', database: 'postgres' },
    connections: 1,
    statementTimeoutSeconds: 1,
    lockTimeoutSeconds: 0.1,
    timeZone: 'UTC',
    signal: new AbortController().signal,
  });
});

afterAll(async () => {
  await reader[Symbol.asyncDispose]();
  await admin.end();
  await server.stop();
});

async function reasonOf(reading: Promise<unknown>) {
  const error: unknown = await reading.catch((cause: unknown) => cause);
  return error instanceof UncheckedError ? error : postgresUncheckedReason(error);
}

describe('a statement that the server refuses is left unchecked with the reason', () => {
  test.each([
    ['select * from private', 'access-denied', 'SQLSTATE 42501: permission denied for table private'],
    ['select name from private', 'access-denied', 'SQLSTATE 42501: permission denied for table private'],
    ['select * from hidden.tracks', 'access-denied', 'SQLSTATE 42501: permission denied for schema hidden'],
    ['select * from absent', 'missing-table', 'SQLSTATE 42P01: relation "absent" does not exist'],
    ['select * from absent.tracks', 'missing-table', 'SQLSTATE 42P01: relation "absent.tracks" does not exist'],
    ['select absent from secrets', 'missing-column', 'SQLSTATE 42703: column "absent" does not exist'],
    ['select absent.f()', 'missing-table', 'SQLSTATE 3F000: schema "absent" does not exist'],
    ['select absent(1)', 'missing-function', 'SQLSTATE 42883: function absent(integer) does not exist'],
    ['select id from secrets where name = 1', 'bad-sql', /^SQLSTATE 42883: operator does not exist/],
    [
      "select from (values ('1'::json)) as t (v) group by v",
      'bad-sql',
      'SQLSTATE 42883: could not identify an equality operator for type json',
    ],
    ['selct 1', 'bad-sql', 'SQLSTATE 42601: syntax error at or near "selct"'],
    ['select 1 from secrets where id', 'bad-sql', /^SQLSTATE 42804: argument of WHERE must be type boolean/],
    ["select * from secrets where name ~ '('", 'bad-sql', 'SQLSTATE 2201B: a regular expression is not valid'],
    ['select 1 / (id - id) from secrets', 'bad-sql', 'SQLSTATE 22012: division by zero'],
    ['select name::int from secrets', 'bad-sql', /^SQLSTATE 22P02: a text is no value of the type/],
    ['select name::date from secrets', 'bad-sql', 'SQLSTATE 22007: a text is no date or time'],
    ['select (id + 70000)::smallint from secrets', 'bad-sql', 'SQLSTATE 22003: a number is out of range'],
    ['select (select name from secrets)', 'bad-sql', 'SQLSTATE 21000: a subquery returns more than one row'],
    ["select json_array_length(('\"' || name || '\"')::json) from secrets", 'bad-sql', /the message is withheld/],
    ['select fail()', 'database-error', 'SQLSTATE P0001: a function has raised an error of its own'],
    ['delete from secrets', 'write-refused', 'SQLSTATE 25006: cannot execute DELETE in a read-only transaction'],
    [
      'create table copy as select 1',
      'write-refused',
      /^SQLSTATE 25006: cannot execute CREATE TABLE AS in a read-only/,
    ],
    ["select nextval('numbers')", 'write-refused', /^SQLSTATE 25006/],
    ["select set_config('transaction_read_only', 'off', true)", 'write-refused', /^SQLSTATE 25001/],
    ['select * from empty', 'not-supported', /^SQLSTATE 55000: materialized view "empty" has not been populated/],
    ['select count(*) over () from secrets for update', 'not-supported', /^SQLSTATE 0A000/],
    ['select damage()', 'data-corrupted', 'SQLSTATE XX001: invalid page in block 5'],
    ['select pg_sleep(60)', 'timeout', 'SQLSTATE 57014: canceling statement due to statement timeout'],
    ['select * from locked', 'lock-timeout', 'SQLSTATE 55P03: canceling statement due to lock timeout'],
    ['select pg_cancel_backend(pg_backend_pid())', 'canceled', /^SQLSTATE 57014: .*due to user request/],
    ['select pg_terminate_backend(pg_backend_pid())', 'unreachable', /^SQLSTATE 57P01: terminating connection/],
  ])('%s', async (text, reason, detail) => {
    await admin.query('begin; lock table locked in access exclusive mode');
    try {
      const result = await reasonOf(reader.query(sql([text])));
      expect(result).toMatchObject({
        reason,
        detail: typeof detail === 'string' ? detail : expect.stringMatching(detail),
      });
      expect(result?.detail).not.toMatch(/Ana|Colón|\b17\b/);
    } finally {
      await admin.query('rollback');
    }
    expect(await reader.query(sql`select 1 as n`)).toEqual([{ n: 1 }]);
  });

  test('also when somebody else ends it', async () => {
    const end = async (how: string) => {
      const reading = reasonOf(reader.query(sql`select pg_sleep(60)`));
      await vi.waitFor(async () => {
        const text = `select ${how}(pid) from pg_stat_activity where usename = 'audit' and query like '%pg_sleep%'
          and state = 'active'`;
        expect((await admin.query(text)).rows).toHaveLength(1);
      });
      return reading;
    };
    expect(await end('pg_terminate_backend')).toMatchObject({
      reason: 'unreachable',
    });
    expect(await end('pg_cancel_backend')).toMatchObject({
      reason: 'canceled',
    });
  });
});

describe('a connection that is refused is left unchecked with the reason', () => {
  const open = (config: pg.ClientConfig) => {
    const { host, port } = server;
    return openReader({
      config: { host, port, user: 'audit', password: 'x', database: 'postgres', ...config },
      connections: 1,
      statementTimeoutSeconds: 1,
      lockTimeoutSeconds: 1,
      timeZone: 'UTC',
      signal: new AbortController().signal,
    });
  };

  test.each([
    [{ password: 'geheim' }, 'bad-credentials', 'SQLSTATE 28P01: password authentication failed for user "audit"'],
    [{ user: 'absent', password: 'geheim' }, 'bad-credentials', /^SQLSTATE 28P01/],
    [{ database: 'absent' }, 'missing-database', 'SQLSTATE 3D000: database "absent" does not exist'],
  ])('%j', async (config, reason, detail) => {
    expect(await reasonOf(open(config))).toMatchObject({
      reason,
      detail: typeof detail === 'string' ? detail : expect.stringMatching(detail),
    });
  });

  test('because there are too many', async () => {
    await using opened = new AsyncDisposableStack();
    const result = await reasonOf(
      (async () => {
        for (let count = 0; count < 8; count += 1) opened.use(await open({}));
      })(),
    );
    expect(result).toMatchObject({ reason: 'database-busy', detail: expect.stringMatching(/^SQLSTATE 53300/) });
  });

  test('of a host with several addresses, with what became of each', () => {
    const each = ['::1', '127.0.0.1'].map((address) => new Error(`connect ECONNREFUSED ${address}:5432`));
    expect(postgresUncheckedReason(Object.assign(new AggregateError(each), { code: 'ECONNREFUSED' }))).toEqual({
      reason: 'unreachable',
      detail: 'Error: connect ECONNREFUSED ::1:5432; Error: connect ECONNREFUSED 127.0.0.1:5432',
    });
  });

  test('of a socket in the file system that is not there', async () => {
    expect(await reasonOf(open({ host: '/absent' }))).toMatchObject({ reason: 'unreachable' });
  });
});

describe('what is no error of a server’s is none of ours', () => {
  test.each([
    undefined,
    'text',
    new Error('a bug'),
    new TypeError('undefined is not a function'),
    Object.assign(new Error('no such file'), { code: 'ENOENT', syscall: 'open' }),
    Object.assign(new Error('looks like one'), { code: '42501' }),
  ])('%s', (error) => {
    expect(postgresUncheckedReason(error)).toBeUndefined();
  });
});
