import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import sql from 'sql-template-tag';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import { openReader, openSnapshot, type ReaderOptions } from './reader.ts';

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
  const admin = new pg.Client(server.url);
  await admin.connect();
  await admin.query(`create table accounts (id int primary key, amount int not null);
    create table totals (amount int not null);
    insert into accounts select n, 0 from generate_series(1, 50) n; insert into totals values (0)`);
  await admin.end();
});

afterAll(() => server.stop());

function optionsFor(connections: number): ReaderOptions {
  return {
    config: { connectionString: server.url },
    connections,
    statementTimeoutSeconds: 20,
    lockTimeoutSeconds: 2,
    timeZone: 'UTC',
    signal: new AbortController().signal,
  };
}

/** Writes without a pause: an account and the total, which always agree outside of a transaction. */
async function startWriter(): Promise<{ readonly transactions: number; readonly pid: number } & AsyncDisposable> {
  const client = new pg.Client(server.url);
  await client.connect();
  const { rows } = await client.query('select pg_backend_pid() as pid');
  let transactions = 0;
  let isEnded = false;
  const written = (async () => {
    while (!isEnded) {
      await client.query('begin');
      await client.query('update accounts set amount = amount + 1 where id = $1', [1 + (transactions % 50)]);
      await client.query('update totals set amount = amount + 1');
      await client.query('commit');
      transactions += 1;
    }
  })();
  return {
    get transactions() {
      return transactions;
    },
    pid: rows[0].pid,
    async [Symbol.asyncDispose]() {
      isEnded = true;
      await written;
      await client.end();
    },
  };
}

/** Looks again and again at the locks that a backend waits for, and at those that ours hold. */
async function startWatcher(
  writer: number,
): Promise<{ readonly rounds: number; readonly waits: number; readonly held: ReadonlySet<string> } & AsyncDisposable> {
  const client = new pg.Client(server.url);
  await client.connect();
  let isEnded = false;
  const seen = { rounds: 0, waits: 0, held: new Set<string>() };
  const watched = (async () => {
    while (!isEnded) {
      const { rows } = await client.query<{ pid: number; granted: boolean; what: string }>(`
        select pid, granted, locktype || ' ' || mode as what from pg_locks
        where (pid = ${writer} or pid in (select pid from pg_stat_activity where application_name = 'caretaker'))
          -- What every session holds while it connects.
          and not (locktype = 'object' and classid = 'pg_database'::regclass)`);
      seen.rounds += 1;
      seen.waits += rows.filter(({ pid, granted }) => pid === writer && !granted).length;
      for (const { pid, what } of rows) if (pid !== writer) seen.held.add(what);
      await delay(1);
    }
  })();
  return Object.assign(seen, {
    async [Symbol.asyncDispose]() {
      isEnded = true;
      await watched;
      await client.end();
    },
  });
}

const accounts = sql`select sum(amount)::int as n, pg_sleep(0.002)::text from accounts`;
const totals = sql`select amount as n, pg_sleep(0.002)::text from totals`;

describe('while a writer changes two tables together without a pause', () => {
  test('a snapshot sees them agree, on all of its connections, and keeps nobody waiting', async () => {
    await using writer = await startWriter();
    await using watcher = await startWatcher(writer.pid);
    const moments = new Set<number>();
    for (let round = 0; round < 5; round += 1) {
      const before = writer.transactions;
      await using snapshot = await openSnapshot(optionsFor(4));
      const seen = new Set<number>();
      for (let again = 0; again < 5; again += 1) {
        const reads = Array.from({ length: 8 }, (_, index) =>
          snapshot.query<{ n: number }>(index % 2 === 0 ? accounts : totals),
        );
        for (const [row] of await Promise.all(reads)) seen.add(row?.n ?? Number.NaN);
        for await (const batch of snapshot.batches<{ n: number }>(sql`select amount as n from accounts`, {
          batchRows: 7,
        }))
          expect(batch.length).toBeGreaterThan(0);
      }
      expect(seen.size).toBe(1);
      moments.add([...seen][0] ?? Number.NaN);
      // Else nothing was written that could have been seen.
      expect(writer.transactions).toBeGreaterThan(before);
    }
    expect(moments.size).toBe(5);
    expect(watcher.rounds).toBeGreaterThan(5);
    expect(watcher.waits).toBe(0);
    expect([...watcher.held].sort()).toEqual(['relation AccessShareLock', 'virtualxid ExclusiveLock']);
  });

  test('statements that each see their own moment see them differ', async () => {
    await using writer = await startWriter();
    await using watcher = await startWatcher(writer.pid);
    await using live = await openReader(optionsFor(1));
    const seen = new Set<number>();
    for (let again = 0; again < 20; again += 1) {
      for (const statement of [accounts, totals]) {
        const [row] = await live.query<{ n: number }>(statement);
        seen.add(row?.n ?? Number.NaN);
      }
    }
    expect(seen.size).toBeGreaterThan(1);
    expect(watcher.waits).toBe(0);
    expect([...watcher.held].sort()).toEqual(['relation AccessShareLock', 'virtualxid ExclusiveLock']);
  });
});
