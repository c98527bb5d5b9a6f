import { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startHotStandby } from '../../../shared/postgres/hot-standby-fixtures.ts';
import { type ArchivePlace, startArchivePlace } from './archive-fixtures.ts';

let at: ArchivePlace;
let standby: Awaited<ReturnType<typeof startHotStandby>>;
let replica: Client;

beforeAll(async () => {
  // As servers are: what is final is in the log that replicas are sent.
  at = await startArchivePlace({ settings: { synchronous_commit: 'on' } });
  standby = await startHotStandby(at.server);
  replica = new Client({ connectionString: standby.url });
  await replica.connect();
});

afterAll(async () => {
  await replica?.end();
  await standby?.[Symbol.asyncDispose]();
  await at?.[Symbol.asyncDispose]();
});

const databases = () => ({ main: { url: at.url, replica: { url: standby.url }, writer: { url: at.url } } });

it('copies from a replica, and takes no row again that it has still to learn is deleted', async () => {
  await at.reset(1_200);
  const context = { databases: databases() };
  expect(await at.archive({ context })).toMatchObject({ state: 'done', deleted: 1_200, faults: [], unchecked: [] });
  await at.admin.query("insert into listens select n, '2024-06-01', 'more' from generate_series(2001, 2100) n");
  await replica.query('select pg_wal_replay_pause()');
  // All of these are there for the replica from now on, whatever becomes of them.
  expect(
    await at.archive({ context: { databases: { main: { url: at.url, writer: { url: at.url } } } } }),
  ).toMatchObject({
    state: 'done',
    deleted: 100,
  });
  await at.admin.query("insert into listens select n, '2024-07-01', 'late' from generate_series(3001, 3050) n");
  const run = at.archive({ context });
  await new Promise((resolve) => setTimeout(resolve, 700));
  await replica.query('select pg_wal_replay_resume()');
  expect(await run).toMatchObject({ state: 'done', archived: 50, deleted: 50, faults: [], unchecked: [] });
  const { keys } = await at.archived();
  expect([keys.length, new Set(keys).size]).toEqual([1_350, 1_350]);
  expect(await at.ids()).toEqual([]);
});
