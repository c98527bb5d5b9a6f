import { once } from 'node:events';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import { openAdvisoryLock } from './advisory-lock.ts';
import type { WriterOptions } from './writer.ts';
import { writerOptions } from './writer-fixtures.ts';

let server: PostgresServer;
let client: Client;
beforeAll(async () => {
  server = await startPostgres();
  client = new Client({ connectionString: server.url });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await server.stop();
});

const options = (changes?: Partial<WriterOptions>) => writerOptions(server.url, { lockTimeoutSeconds: 1, ...changes });

const holders = () =>
  client.query(
    `select a.pid, a.backend_xmin, a.backend_xid from pg_locks l join pg_stat_activity a using (pid)
     where locktype = 'advisory' and granted`,
  );

describe('an advisory lock', () => {
  it('is held by one at a time, and let go when it is disposed of', async () => {
    {
      await using _ = await openAdvisoryLock(options(), 'data-purge/listens');
      await expect(openAdvisoryLock(options(), 'data-purge/listens')).rejects.toMatchObject({ reason: 'busy' });
      await using __ = await openAdvisoryLock(options(), "data-purge/'; select 1 --");
    }
    expect((await holders()).rows).toEqual([]);
    await using again = await openAdvisoryLock(options(), 'data-purge/listens');
    expect(again.signal.aborted).toBe(false);
  });

  it('keeps nothing from being cleaned up', async () => {
    await using _ = await openAdvisoryLock(options(), 'data-purge/listens');
    expect((await holders()).rows).toMatchObject([{ backend_xmin: null, backend_xid: null }]);
  });

  it('says so when the connection that held it is gone', async () => {
    await using lock = await openAdvisoryLock(options(), 'data-purge/listens');
    const aborted = once(lock.signal, 'abort');
    await client.query('select pg_terminate_backend($1)', [(await holders()).rows[0]?.pid]);
    await aborted;
    expect(lock.signal.reason).toMatchObject({ reason: 'lock-lost' });
    await using next = await openAdvisoryLock(options(), 'data-purge/listens');
    expect(next.signal.aborted).toBe(false);
  });

  it('does not take its own end for a loss', async () => {
    const lock = await openAdvisoryLock(options(), 'data-purge/listens');
    await lock[Symbol.asyncDispose]();
    expect(lock.signal.aborted).toBe(false);
  });

  it('is not given to a run that has ended, and outlives the time of one that has it', async () => {
    const ended = new AbortController();
    await using lock = await openAdvisoryLock(options({ signal: ended.signal }), 'data-purge/listens');
    ended.abort();
    await expect(openAdvisoryLock(options({ signal: ended.signal }), 'other')).rejects.toMatchObject({
      reason: 'not-reached',
    });
    expect(lock.signal.aborted).toBe(false);
    expect((await holders()).rows).toHaveLength(1);
  });
});
