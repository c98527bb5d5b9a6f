import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { counts, scan } from './scan-fixtures.ts';

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
  const client = new Client({ connectionString: server.url });
  await client.connect();
  await client.query(`
    create table tracks (id integer primary key, label text, notes text); create index tracks_label on tracks (label);
    insert into tracks select n, 'label ' || n, repeat('x', 500) from generate_series(1, 5000) n`);
  // An index that has lost a row, as after a crash or a change of the collation.
  const setReady = (is: boolean) =>
    client.query(`update pg_index set indisready = ${is} where indexrelid = 'tracks_label'::regclass`);
  await setReady(false);
  await client.query("insert into tracks values (5001, null, '')");
  await setReady(true);
  // Nothing but the index has to be read for this column, and the server prefers that.
  await client.query('vacuum (freeze, analyze) tracks');
  await client.query('alter role current_user set enable_seqscan = off');
  await client.end();
});

afterAll(() => server.stop());

const noLabel = { kind: 'notNull', table: 'tracks', column: 'label' };

test.each([
  ['by itself', [noLabel]],
  ['beside a rule with a condition', [noLabel, { ...noLabel, id: 'other', where: 'length(label) > 3' }]],
  ['with a condition', [{ ...noLabel, where: "coalesce(label, '') <> 'label 1'" }]],
  [
    'with a condition that looks up other rows',
    [{ ...noLabel, where: 'exists (select from tracks t where t.id = 1)' }],
  ],
])('a row that the index has lost is counted, for a rule %s', async (_, rules) => {
  expect(counts(await scan(server.url, rules))['rule-1']?.[0]).toBe(1);
});
