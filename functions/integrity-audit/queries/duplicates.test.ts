import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { auditRule, execute } from './query-fixtures.ts';

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
});

afterAll(() => server.stop());

test('rows with the same content are duplicates of the first; what differs in a letter is not', async () => {
  await execute(
    server.url,
    'create table recordings (id integer primary key, sha256 text, title text)',
    "insert into recordings values (1, 'f00', 'A'), (2, 'f00', 'A'), (3, 'f01', 'A'), (4, null, 'A'), (5, null, 'A')",
  );
  const found = await auditRule(server.url, { kind: 'duplicates', table: 'recordings', columns: ['sha256'] });
  expect(found).toMatchObject({ breaks: 'duplicates', tested: 3, count: 1, samples: ['id=2, repeats id=1'] });
  const both = { kind: 'duplicates', table: 'recordings', columns: ['sha256', 'title'], where: 'id <> 2' };
  expect(await auditRule(server.url, both)).toMatchObject({ tested: 2, count: 0 });
});

test('case and spaces can be left out of account, whatever spaces and however letters are written', async () => {
  await execute(
    server.url,
    'create table names (id integer primary key, name text, year integer)',
    `insert into names values (1, 'Hip Hop', 1), (2, ' hip  HOP', 1), (3, E'hip\\thop\\n', 1),
       (4, E'hip\\u00a0hop\\u3000', 1),
       (5, 'HipHop', 1), (6, E'Caf\\u00e9', 1), (7, E'cafe\\u0301', 1), (8, 'cafe', 1),
       (9, 'hip hop', 2), (10, null, 1)`,
  );
  const exact = { kind: 'duplicates', table: 'names', columns: ['name', 'year'] };
  expect(await auditRule(server.url, exact)).toMatchObject({ tested: 9, count: 0 });
  const found = await auditRule(server.url, { ...exact, ignoreCaseAndSpaces: true });
  expect(found).toMatchObject({ tested: 9, count: 4, facts: { repeatedValues: 2 } });
  expect([...found.samples].sort()).toEqual([
    'id=2, repeats id=1',
    'id=3, repeats id=1',
    'id=4, repeats id=1',
    'id=7, repeats id=6',
  ]);
});

test('texts without anything but spaces are the same as each other, and as none', async () => {
  await execute(
    server.url,
    'create table blanks (id integer primary key, name varchar(9))',
    "insert into blanks values (1, ''), (2, ' '), (3, null)",
  );
  const rule = { kind: 'duplicates', table: 'blanks', columns: ['name'] };
  expect(await auditRule(server.url, rule)).toMatchObject({ tested: 2, count: 0 });
  expect(await auditRule(server.url, { ...rule, ignoreCaseAndSpaces: true })).toMatchObject({ tested: 2, count: 1 });
});

test('a database that does not speak Unicode compares without composing letters', async () => {
  await execute(
    server.url,
    "create database latin encoding 'LATIN1' template template0 locale_provider 'libc' locale 'C'",
  );
  const url = new URL(server.url);
  url.pathname = '/latin';
  await execute(
    url.href,
    'create table names (id integer primary key, name text)',
    "insert into names values (1, 'Soul'), (2, ' SOUL '), (3, 'Funk')",
  );
  const rule = { kind: 'duplicates', table: 'names', columns: ['name'], ignoreCaseAndSpaces: true };
  expect(await auditRule(url.href, rule)).toMatchObject({ tested: 3, count: 1, samples: ['id=2, repeats id=1'] });
});

test('numbers are compared as they are', async () => {
  await execute(
    server.url,
    'create table sizes (id integer primary key, size numeric)',
    "insert into sizes values (1, 1.0), (2, 1.00), (3, 'NaN'), (4, 'NaN'), (5, 2)",
  );
  const rule = { kind: 'duplicates', table: 'sizes', columns: ['size'], ignoreCaseAndSpaces: true };
  expect(await auditRule(server.url, rule)).toMatchObject({ tested: 5, count: 2 });
});
