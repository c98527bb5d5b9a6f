import pg from 'pg';
import sql from 'sql-template-tag';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import { type LoadGuard, type LoadLimits, openLoadGuard } from './load-guard.ts';
import { openReader, openSnapshot, type Reader, type ReaderOptions } from './reader.ts';

let server: PostgresServer;
let admin: pg.Client;
let resources: AsyncDisposableStack;

beforeAll(async () => {
  server = await startPostgres();
  admin = new pg.Client(server.url);
  await admin.connect();
  await admin.query(`create table tracks as select n as id from generate_series(1, 10) n;
    create role audit login password 'x'; grant pg_read_all_data to audit`);
  resources = new AsyncDisposableStack();
});

afterEach(async () => {
  await resources.disposeAsync();
  resources = new AsyncDisposableStack();
});

afterAll(async () => {
  await admin.end();
  await server.stop();
});

function optionsFor(options: Partial<ReaderOptions> = {}): ReaderOptions {
  const { host, port } = server;
  return {
    config: { host, port, user: 'audit', password: 'x', database: 'postgres' },
    connections: 1,
    statementTimeoutSeconds: 30,
    lockTimeoutSeconds: 2,
    timeZone: 'UTC',
    signal: new AbortController().signal,
    ...options,
  };
}

const calm: LoadLimits = { maximumReplicaLagSeconds: 30, maximumActiveSessions: 50, maximumPauseSeconds: 60 };

async function openGuard(limits: Partial<LoadLimits> = {}): Promise<LoadGuard> {
  return resources.use(await openLoadGuard(optionsFor(), { ...calm, ...limits }));
}

/** Sessions that are at work for as long as nobody ends them. */
async function startLoad(count: number): Promise<AsyncDisposable> {
  const clients = await Promise.all(
    Array.from({ length: count }, async () => {
      const client = new pg.Client(server.url);
      client.on('error', () => {});
      await client.connect();
      client.query('select pg_sleep(60)').catch(() => {});
      return client;
    }),
  );
  await vi.waitFor(async () => {
    const { rows } = await admin.query("select 1 from pg_stat_activity where query = 'select pg_sleep(60)'");
    expect(rows).toHaveLength(count);
  });
  return {
    async [Symbol.asyncDispose]() {
      await admin.query(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity where query = 'select pg_sleep(60)'",
      );
      await Promise.all(clients.map((client) => client.end()));
    },
  };
}

const never = new AbortController().signal;

describe('a role that is shown everything', () => {
  beforeAll(() => admin.query('grant pg_monitor to audit'));

  test('is let through while no more sessions are active than may be', async () => {
    await using _ = await startLoad(2);
    const guard = await openGuard({ maximumActiveSessions: 2, maximumPauseSeconds: 0 });
    await guard.waitUntilCalm(never);
    expect(guard.blindSpots).toEqual([]);
  });

  test('waits while more are active, and goes on when that is over', async () => {
    const load = await startLoad(3);
    const guard = await openGuard({ maximumActiveSessions: 2 });
    const reader = resources.use(await openReader(optionsFor({ guard })));
    let isOver = false;
    const reading = reader.query(sql`select 1 as n`).then((rows) => ({ rows, isOver }));
    await new Promise((resolve) => setTimeout(resolve, 100));
    isOver = true;
    await load[Symbol.asyncDispose]();
    expect(await reading).toEqual({ rows: [{ n: 1 }], isOver: true });
  });

  test('gives up after the pauses that it may make in total, with the numbers', async () => {
    await using _ = await startLoad(3);
    const guard = await openGuard({ maximumActiveSessions: 2, maximumPauseSeconds: 0.5 });
    for (let round = 0; round < 2; round += 1) {
      await expect(guard.waitUntilCalm(never)).rejects.toMatchObject({
        reason: 'database-busy',
        detail: '3 other sessions are active, where 2 are allowed. The audit pauses for 0.5 s at most.',
      });
    }
  });

  test('does not take its own sessions for load', async () => {
    const guard = await openGuard({ maximumActiveSessions: 0, maximumPauseSeconds: 0 });
    const reader = resources.use(await openReader(optionsFor({ guard, connections: 3 })));
    const all = [1, 2, 3].map((n) => reader.query(sql`select ${n}::int as n, pg_sleep(0.3)::text as slept`));
    expect(await Promise.all(all)).toHaveLength(3);
  });

  test('waits no longer than the run lasts', async () => {
    await using _ = await startLoad(1);
    const guard = await openGuard({ maximumActiveSessions: 0 });
    const end = new AbortController();
    const reader = resources.use(await openReader(optionsFor({ guard, signal: end.signal })));
    const waiting = expect(reader.query(sql`select 1`)).rejects.toMatchObject({ reason: 'not-reached' });
    await new Promise((resolve) => setTimeout(resolve, 100));
    end.abort();
    await waiting;
  });
});

describe('a role that is shown little', () => {
  beforeAll(() => admin.query('revoke pg_monitor from audit'));

  test('goes on, and says what it is not shown', async () => {
    await using _ = await startLoad(1);
    const guard = await openGuard({ maximumActiveSessions: 0, maximumPauseSeconds: 0 });
    await guard.waitUntilCalm(never);
    await guard.waitUntilCalm(never);
    expect(guard.blindSpots).toEqual([
      'Whether other sessions are active is not shown to the role, which is no member of pg_monitor.',
    ]);
  });
});

const ways: readonly (readonly [string, (options: ReaderOptions) => Promise<Reader>])[] = [
  ['a reader', openReader],
  ['a snapshot', openSnapshot],
];

describe.each(ways)('%s stands aside', (_name, open) => {
  test('for whoever waits for what its statement has locked, at work or between batches', async () => {
    const guard = await openGuard();
    const reader = resources.use(await open(optionsFor({ guard })));
    const writer = new pg.Client(server.url);
    await writer.connect();
    try {
      const reading = reader.query(sql`select pg_sleep(60), count(*) from tracks`);
      const refused = expect(reading).rejects.toMatchObject({ reason: 'stood-aside' });
      await isReading('pg_sleep');
      await writer.query('alter table tracks add column extra int');
      await refused;

      const batches = reader.batches<{ id: number }>(sql`select id from tracks`, { batchRows: 2 });
      expect((await batches.next()).value).toHaveLength(2);
      await writer.query('alter table tracks drop column extra');
      await expect(batches.next()).rejects.toMatchObject({ reason: 'stood-aside' });

      expect(await reader.query(sql`select count(*)::int as n from tracks`)).toEqual([{ n: 10 }]);
    } finally {
      await writer.end();
    }
  });

  test('for whoever waits for a lock that it has taken by hand', async () => {
    const guard = await openGuard();
    const reader = resources.use(await open(optionsFor({ guard })));
    const reading = reader.query(sql`select pg_advisory_lock(7), pg_sleep(60)`);
    const refused = expect(reading).rejects.toMatchObject({
      reason: 'stood-aside',
      detail: 'Another session was waiting for a lock that this read held, so it was given up.',
    });
    await isReading('pg_sleep');
    await admin.query('select pg_advisory_lock(7), pg_advisory_unlock(7)');
    await refused;
  });

  test('for nobody who waits for somebody else', async () => {
    const guard = await openGuard();
    const reader = resources.use(await open(optionsFor({ guard })));
    const other = new pg.Client(server.url);
    await other.connect();
    try {
      await admin.query('select pg_advisory_lock(8)');
      const waiting = other.query('select pg_advisory_lock(8)');
      expect(await reader.query(sql`select count(*)::int as n, pg_sleep(2.5)::text as slept from tracks`)).toEqual([
        { n: 10, slept: '' },
      ]);
      await admin.query('select pg_advisory_unlock(8)');
      await waiting;
    } finally {
      await other.end();
    }
  });
});

test('a guard asks the server itself, whatever somebody has put into public', async () => {
  await admin.query(`create function public.unnest(int[]) returns setof int language sql as 'select 0 where false';
    create function public.pg_blocking_pids(int) returns int[] language sql as $$ select '{}'::int[] $$`);
  try {
    const guard = await openGuard();
    const reader = resources.use(await openReader(optionsFor({ guard })));
    const refused = expect(reader.query(sql`select pg_advisory_lock(9), pg_sleep(4)`)).rejects.toMatchObject({
      reason: 'stood-aside',
    });
    await isReading('pg_sleep');
    await admin.query('select pg_advisory_lock(9), pg_advisory_unlock(9)');
    await refused;
  } finally {
    await admin.query('drop function public.unnest(int[]), public.pg_blocking_pids(int)');
  }
});

test('a guard that cannot see who waits says so, and goes on', async () => {
  await admin.query('revoke execute on function pg_blocking_pids from public');
  try {
    const guard = await openGuard();
    using _ = guard.watch(1, () => {});
    await vi.waitFor(
      () =>
        expect(guard.blindSpots).toContain('Whether others waited for locks of this audit could not always be told.'),
      { timeout: 5_000 },
    );
    await guard.waitUntilCalm(never);
  } finally {
    await admin.query('grant execute on function pg_blocking_pids to public');
  }
});

async function isReading(pattern: string): Promise<void> {
  await vi.waitFor(
    async () => {
      const text = `select 1 from pg_stat_activity
        where application_name = 'caretaker' and state = 'active' and query like $1`;
      expect((await admin.query(text, [`%${pattern}%`])).rows).toHaveLength(1);
    },
    { timeout: 5_000, interval: 20 },
  );
}
