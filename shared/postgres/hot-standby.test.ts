import pg from 'pg';
import sql from 'sql-template-tag';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import { UncheckedError } from '../unchecked-error.ts';
import { readTables } from './catalog.ts';
import { startHotStandby } from './hot-standby-fixtures.ts';
import { openLoadGuard } from './load-guard.ts';
import { openReader, openSnapshot, type ReaderOptions } from './reader.ts';
import { serverLoad } from './server-load.ts';
import { postgresUncheckedReason } from './unchecked-reason.ts';

let primary: PostgresServer;
let writer: pg.Client;
let standby: Awaited<ReturnType<typeof startHotStandby>>;
let watcher: pg.Client;

beforeAll(async () => {
  primary = await startPostgres();
  writer = new pg.Client(primary.url);
  await writer.connect();
  await writer.query('create table tracks (id int primary key); insert into tracks values (1)');
  standby = await startHotStandby(primary);
  watcher = new pg.Client(standby.url);
  await watcher.connect();
});

afterAll(async () => {
  await watcher?.end();
  await standby?.[Symbol.asyncDispose]();
  await writer.end();
  await primary.stop();
});

function optionsFor(url: string): ReaderOptions {
  return {
    config: { connectionString: url },
    connections: 2,
    statementTimeoutSeconds: 20,
    lockTimeoutSeconds: 2,
    timeZone: 'UTC',
    signal: new AbortController().signal,
  };
}

const count = sql`select count(*)::int as n from tracks`;

describe('a hot standby', () => {
  test('is read as of one moment, and live, with what its statements lock and set undone', async () => {
    await using snapshot = await openSnapshot(optionsFor(standby.url));
    await using live = await openReader(optionsFor(standby.url));
    expect(await snapshot.query(count)).toEqual([{ n: 1 }]);
    await writer.query('insert into tracks values (2)');
    try {
      await vi.waitFor(async () => expect(await live.query(count)).toEqual([{ n: 2 }]));
      expect(await Promise.all([snapshot.query(count), snapshot.query(count)])).toEqual([[{ n: 1 }], [{ n: 1 }]]);
      for (const reader of [snapshot, live]) {
        await reader.query(sql`select pg_advisory_lock(1), set_config('statement_timeout', '1', false)`);
        const rows: unknown[] = [];
        for await (const batch of reader.batches(sql`select n from generate_series(1, 5) n`, { batchRows: 2 })) {
          rows.push(...batch);
        }
        expect(rows).toHaveLength(5);
        expect(
          (await readTables(reader, [{ schema: 'public', name: 'tracks' }])).get('public.tracks')?.primaryKey,
        ).toEqual(['id']);
        await expect(reader.query(sql`delete from tracks`)).rejects.toMatchObject({ code: '25006' });
      }
      expect((await watcher.query("select * from pg_locks where locktype = 'advisory'")).rows).toEqual([]);
    } finally {
      await writer.query('delete from tracks where id = 2');
    }
  });

  test('is not behind when it has replayed all that it was sent, however long ago that was', async () => {
    await using reader = await openReader(optionsFor(standby.url));
    await vi.waitFor(async () => expect(await serverLoad(reader)).toMatchObject({ isStandby: true, lagSeconds: 0 }));
    await using guard = await openLoadGuard(optionsFor(standby.url), {
      maximumReplicaLagSeconds: 0,
      maximumActiveSessions: 50,
      maximumPauseSeconds: 10,
    });
    await guard.waitUntilCalm(new AbortController().signal);
    expect(guard.blindSpots).toEqual([]);
  });

  test('is behind when it does not replay what it was sent, and its primary says so too', async () => {
    await watcher.query('select pg_wal_replay_pause()');
    await vi.waitFor(async () => {
      const { rows } = await watcher.query('select pg_get_wal_replay_pause_state() as state');
      expect(rows).toEqual([{ state: 'paused' }]);
    });
    await writer.query('insert into tracks values (3)');
    try {
      const limits = { maximumReplicaLagSeconds: 0.001, maximumActiveSessions: 50, maximumPauseSeconds: 0 };
      for (const [url, who] of [
        [standby.url, 'The replica is'],
        [primary.url, 'A replica is'],
      ] as const) {
        await using guard = await openLoadGuard(optionsFor(url), limits);
        await vi.waitFor(
          () =>
            expect(guard.waitUntilCalm(new AbortController().signal)).rejects.toMatchObject({
              reason: 'database-busy',
              detail: expect.stringMatching(new RegExp(`^${who} \\d+\\.\\d s behind, where 0.001 s are allowed`)),
            }),
          { timeout: 15_000, interval: 200 },
        );
      }
    } finally {
      await watcher.query('select pg_wal_replay_resume()');
      await writer.query('delete from tracks where id = 3');
    }
  });

  test.each([
    ['is not kept from replaying: the read stands aside', '-1', 'stood-aside'],
    [
      'that ends a read for the sake of what it replays leaves that read unchecked, and no other',
      '0',
      'recovery-conflict',
    ],
  ])('%s', async (_title, delay, reason) => {
    await watcher.query(`alter system set max_standby_streaming_delay = ${delay}`);
    await watcher.query('select pg_reload_conf()');
    await using guard = await openLoadGuard(optionsFor(standby.url), {
      maximumReplicaLagSeconds: 30,
      maximumActiveSessions: 50,
      maximumPauseSeconds: 10,
    });
    await using reader = await openReader({ ...optionsFor(standby.url), guard });
    const reading = reader
      .query(sql`select count(*), pg_sleep(60) from tracks`)
      .catch((error: unknown) => (error instanceof UncheckedError ? error : postgresUncheckedReason(error)));
    await vi.waitFor(async () => {
      const text =
        "select 1 from pg_stat_activity where query like '%pg_sleep%' and state = 'active' and pid <> pg_backend_pid()";
      expect((await watcher.query(text)).rows).toHaveLength(1);
    });
    await writer.query(`alter table tracks add column "${reason}" int`);
    expect(await reading).toMatchObject({ reason });
    await vi.waitFor(async () => expect(await reader.query(count)).toEqual([{ n: 1 }]));
  });
});
