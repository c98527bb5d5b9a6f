import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { openAuditedDatabase, parseRules } from '../context-fixtures.ts';
import { execute } from '../queries/query-fixtures.ts';
import { isColumnRule } from '../rule-kinds.ts';
import { rowsBreaking } from './violating-rows.ts';

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
  await execute(
    server.url,
    `create table tracks (id integer primary key, "odd ""name" text, status text);
     insert into tracks values (1, 'x', 'released'), (2, null, 'released'), (3, 'long', 'released'), (4, 'long', null)`,
  );
});

afterAll(() => server.stop());

test('are returned with the columns that are asked for, as they are', async () => {
  const column = 'odd "name';
  const rules = parseRules(
    { id: 'length', kind: 'length', table: 'tracks', column, max: 1, where: "status = 'released'" },
    { id: 'not-null', kind: 'notNull', table: 'tracks', column },
    { id: 'range', kind: 'range', table: 'tracks', column: 'id', max: 4 },
  );
  await using database = await openAuditedDatabase(server.url, { rules });
  const table = database.tables.get('public.tracks');
  if (table === undefined) throw new Error('there is no such table');
  const found = await Promise.all(
    rules.filter(isColumnRule).map((rule) => database.snapshot.query(rowsBreaking(rule, table, ['id', column]))),
  );
  expect(found).toEqual([[{ id: 3, [column]: 'long' }], [{ id: 2, [column]: null }], []]);
});
