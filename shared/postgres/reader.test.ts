import { once } from 'node:events';
import { connect as connectSocket, createServer, type Socket } from 'node:net';
import pg from 'pg';
import sql from 'sql-template-tag';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import { UncheckedError } from '../unchecked-error.ts';
import { openReader, openSnapshot, type Reader, type ReaderOptions } from './reader.ts';

let server: PostgresServer;
let admin: pg.Client;
const opened: Reader[] = [];

beforeAll(async () => {
  server = await startPostgres();
  admin = new pg.Client(server.url);
  await admin.connect();
  await admin.query(`create table tracks (id int primary key, title text); insert into tracks values (1, 'a');
    create role odd login superuser password 'x'; create role plain login password 'x'`);
});

afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(opened.splice(0).map((reader) => reader[Symbol.asyncDispose]()));
  await expectNoBackends();
  await admin.query('drop table if exists secrets; alter role plain connection limit -1; alter role odd reset all');
});

afterAll(async () => {
  await admin.end();
  await server.stop();
});

function optionsFor(options: Partial<ReaderOptions> = {}): ReaderOptions {
  return {
    config: { connectionString: server.url },
    connections: 2,
    statementTimeoutSeconds: 20,
    lockTimeoutSeconds: 2,
    timeZone: 'America/New_York',
    signal: new AbortController().signal,
    ...options,
  };
}

type Open = typeof openReader;

async function open(way: Open, options: Partial<ReaderOptions> = {}): Promise<Reader> {
  const reader = await way(optionsFor(options));
  opened.push(reader);
  return reader;
}

/** Our backends: application_name is that of the transaction, or of the connection. */
async function backends(where = 'true'): Promise<{ pid: number; state: string; query: string }[]> {
  const text = `select pid, state, query from pg_stat_activity where application_name = 'caretaker' and ${where}`;
  return (await admin.query(text)).rows;
}

async function expectNoBackends(): Promise<void> {
  await vi.waitFor(async () => expect(await backends()).toEqual([]), { timeout: 5_000, interval: 20 });
}

async function busy(pattern: string, count = 1): Promise<number[]> {
  return vi.waitFor(
    async () => {
      const found = await backends(`state = 'active' and query like '%${pattern}%'`);
      expect(found).toHaveLength(count);
      return found.map(({ pid }) => pid);
    },
    { timeout: 5_000, interval: 20 },
  );
}

const number = async (reader: Reader, text = 'select 1 as n') =>
  Number((await reader.query<{ n: number }>(sql([text])))[0]?.n);

const reasonOf = async (promise: Promise<unknown>): Promise<string> => {
  const error = await promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (error instanceof UncheckedError) return error.reason;
  return (error as { code?: string } | undefined)?.code ?? String(error);
};

const ways: readonly (readonly [string, Open])[] = [
  ['a reader', openReader],
  ['a snapshot', openSnapshot],
];

describe.each(ways)('%s', (_name, way) => {
  test('returns rows, with values sent apart from the statement', async () => {
    const reader = await open(way);
    const hostile = "'); drop table tracks; --";
    expect(await reader.query(sql`select ${hostile}::text as text, ${[1, 2]}::int[] as numbers`)).toEqual([
      { text: hostile, numbers: [1, 2] },
    ]);
  });

  test.each([
    ['insert into tracks values (2)', '25006'],
    ['delete from tracks', '25006'],
    ['update tracks set title = null returning id', '25006'],
    ['with gone as (delete from tracks returning id) select * from gone', '25006'],
    ['create table copy as select * from tracks', '25006'],
    ['truncate tracks', '25006'],
    ['drop table tracks', '25006'],
    ["select nextval('numbers')", '42P01'],
    ['select 1; delete from tracks', '42601'],
    ["select set_config('transaction_read_only', 'off', true)", '25001'],
    ["select set_config('transaction_read_only', 'off', false)", '25001'],
    ['set transaction read write', '25001'],
    ['select * from tracks for update', '25006'],
    ['commit; delete from tracks', '42601'],
  ])('refuses to run: %s', async (text, code) => {
    const reader = await open(way, { connections: 1 });
    expect(await reasonOf(reader.query(sql([text])))).toBe(code);
    expect(await number(reader, 'select count(*) as n from tracks')).toBe(1);
  });

  test.each(['commit', 'rollback', 'end', 'release savepoint caretaker', 'rollback to savepoint caretaker'])(
    'reads on, and cannot write, behind a statement that ends its transaction: %s',
    async (text) => {
      const reader = await open(way, { connections: 1 });
      await reader.query(sql([text])).catch(() => {});
      expect(await number(reader)).toBe(1);
      expect(await reasonOf(reader.query(sql`delete from tracks`))).toBe('25006');
    },
  );

  test('undoes what a statement has set for those behind it', async () => {
    const reader = await open(way, { connections: 1 });
    const settings = ['statement_timeout', 'lock_timeout', 'search_path', 'timezone', 'enable_seqscan', 'row_security'];
    const now = () =>
      Promise.all(settings.map((name) => reader.query(sql`select ${name}::text as name, current_setting(${name})`)));
    const before = await now();
    for (const isLocal of [true, false]) {
      await reader.query(sql`select set_config('statement_timeout', '0', ${isLocal}),
        set_config('lock_timeout', '0', ${isLocal}), set_config('search_path', 'pg_temp', ${isLocal}),
        set_config('timezone', 'UTC', ${isLocal}), set_config('enable_seqscan', 'off', ${isLocal}),
        set_config('row_security', 'on', ${isLocal})`);
    }
    expect(await now()).toEqual(before);
  });

  test('ends a statement that takes too long, also behind one that has lifted its own limit', async () => {
    const reader = await open(way, { connections: 1, statementTimeoutSeconds: 0.2 });
    await reader.query(sql`select set_config('statement_timeout', '0', false)`);
    expect(await reasonOf(reader.query(sql`select set_config('statement_timeout', '0', false), pg_sleep(60)`))).toBe(
      '57014',
    );
    expect(await reasonOf(reader.query(sql`select pg_sleep(60)`))).toBe('57014');
    expect(await number(reader)).toBe(1);
  });

  test('takes a limit of a statement’s own for that one alone, and never a longer one', async () => {
    const reader = await open(way, { connections: 1, statementTimeoutSeconds: 5 });
    const limit = () => reader.query(sql`select current_setting('statement_timeout') as limit`);
    const own = await reader.query(sql`select current_setting('statement_timeout') as limit`, {
      statementTimeoutSeconds: 3,
    });
    expect([own, await limit()]).toEqual([[{ limit: '3s' }], [{ limit: '5s' }]]);
    expect(
      await reader.query(sql`select current_setting('statement_timeout') as limit`, { statementTimeoutSeconds: 9 }),
    ).toEqual([{ limit: '5s' }]);
  });

  test('reads the table and not its index where that is asked for, for that statement alone', async () => {
    const config = { connectionString: server.url, options: '-c enable_seqscan=off' };
    const reader = await open(way, { connections: 1, config });
    const ways = async (fromHeap: boolean | 'but-lookups') => {
      const setting = (name: string) => sql`current_setting(${`enable_${name}`})`;
      const [row] = await reader.query(
        sql`select ${setting('seqscan')} a, ${setting('indexonlyscan')} b, ${setting('indexscan')} c,
          ${setting('bitmapscan')} d`,
        { fromHeap },
      );
      return Object.values(row ?? {});
    };
    expect(await ways(true)).toEqual(['on', 'off', 'off', 'off']);
    expect(await ways('but-lookups')).toEqual(['on', 'off', 'on', 'on']);
    expect(await ways(false)).toEqual(['off', 'on', 'on', 'on']);
  });

  test('lets go of every lock behind a statement, and takes none that keeps a writer out', async () => {
    const reader = await open(way, { connections: 1 });
    const locks = async (pid: number) =>
      (
        await admin.query<{ mode: string; relation: string | null; locktype: string }>(
          'select locktype, mode, relation::regclass::text as relation from pg_locks where pid = $1',
          [pid],
        )
      ).rows;
    const reading = reader.query(sql`select count(*), pg_sleep(0.5) from tracks`);
    const [pid = 0] = await busy('pg_sleep');
    const during = await locks(pid);
    expect(during.map(({ relation }) => relation)).toContain('tracks');
    expect([...new Set(during.map(({ locktype, mode }) => `${locktype} ${mode}`))].sort()).toEqual([
      'relation AccessShareLock',
      'virtualxid ExclusiveLock',
    ]);
    await reading;
    expect((await locks(pid)).filter(({ locktype }) => locktype !== 'virtualxid')).toEqual([]);
    await admin.query('begin; alter table tracks add column extra int; rollback');
  });

  test('lets go of locks that a statement has taken by hand, also when it fails then', async () => {
    const reader = await open(way, { connections: 1 });
    await reader.query(sql`select pg_advisory_lock(1), pg_advisory_xact_lock(2), pg_advisory_lock_shared(3)`);
    await reader.query(sql`select pg_advisory_lock(4), 1 / (select count(*) from tracks where id < 0)`).catch(() => {});
    const { rows } = await admin.query("select * from pg_locks where locktype = 'advisory'");
    expect(rows).toEqual([]);
  });

  test('waits no longer for a lock than it may', async () => {
    const reader = await open(way, { lockTimeoutSeconds: 0.1 });
    await admin.query('begin; lock table tracks in access exclusive mode');
    try {
      expect(await reasonOf(reader.query(sql`select * from tracks`))).toBe('55P03');
      expect(await number(reader)).toBe(1);
    } finally {
      await admin.query('rollback');
    }
  });

  test('refuses rather than leave out rows that a policy hides', async () => {
    await admin.query(`create table secrets (id int); insert into secrets values (1);
      alter table secrets enable row level security; grant select on secrets to plain`);
    const { host, port } = server;
    const config = { host, port, user: 'plain', password: 'x', database: 'postgres' };
    const reader = await open(way, { config });
    expect(await reasonOf(reader.query(sql`select * from secrets`))).toBe('42501');
  });

  test('has the settings that its statements rely on, whatever those of the role are', async () => {
    await admin.query(`alter role odd set standard_conforming_strings = off;
      alter role odd set datestyle = 'German'; alter role odd set search_path = 'nowhere';
      alter role odd set statement_timeout = 300; alter role odd set default_transaction_read_only = off;
      alter role odd set transaction_timeout = 300; alter role odd set idle_in_transaction_session_timeout = 300;
      alter role odd set default_transaction_isolation = 'serializable'`);
    const { host, port } = server;
    const reader = await open(way, { config: { host, port, user: 'odd', password: 'x', database: 'postgres' } });
    const [row] = await reader.query<{ at: Date; text: string }>(
      sql`select '2026-03-04'::timestamptz as at, '\\' as text, count(*)::int as tracks, pg_sleep(0.4)::text as slept
        from tracks`,
    );
    expect(row).toEqual({ at: new Date('2026-03-04T05:00:00Z'), text: '\\', tracks: 1, slept: '' });
    expect(await number(reader)).toBe(1);
  });

  test('refuses an answer that no list of violations has, and reads on', async () => {
    const reader = await open(way, { connections: 1 });
    expect(await reasonOf(reader.query(sql`select repeat('x', 1000) from generate_series(1, 10000000)`))).toBe(
      'answer-too-large',
    );
    expect(await reasonOf(reader.query(sql`select repeat('x', 100000000)`))).toBe('answer-too-large');
    expect(await number(reader)).toBe(1);
    await expectNone('repeat');
  });

  test('runs as many statements at once as it has connections, and has others wait', async () => {
    const reader = await open(way, { connections: 2 });
    const all = Promise.all([1, 2, 3, 4].map((id) => number(reader, `select ${id} as n, pg_sleep(0.3)`)));
    await busy('pg_sleep', 2);
    expect(await all).toEqual([1, 2, 3, 4]);
    expect(await backends("query not like '%pg_export_snapshot%'")).toHaveLength(2);
  });

  test('has another connection in place of one that was lost under way, and whoever waits for it goes on', async () => {
    const reader = await open(way, { connections: 1 });
    const lost = reasonOf(reader.query(sql`select pg_sleep(60)`));
    const waiting = [number(reader), number(reader)];
    const [pid] = await busy('pg_sleep');
    await admin.query('select pg_terminate_backend($1)', [pid]);
    expect(await lost).toBe('57P01');
    expect(await Promise.all(waiting)).toEqual([1, 1]);
  });

  test('has another connection in place of one that was lost while nothing was under way', async () => {
    const reader = await open(way, { connections: 1 });
    await number(reader);
    await admin.query(`select pg_terminate_backend(pid, 5000) from pg_stat_activity
      where application_name = 'caretaker' and query not like '%pg_export_snapshot%'`);
    await vi.waitFor(async () => expect(await number(reader)).toBe(1), { interval: 5 });
  });

  test('is not lost with a statement that ends its own connection', async () => {
    const reader = await open(way, { connections: 1 });
    expect(await reasonOf(reader.query(sql`select pg_terminate_backend(pg_backend_pid())`))).toBe('57P01');
    expect(await number(reader)).toBe(1);
  });

  test('tells everybody when no further connection can be had', async () => {
    await admin.query('alter role plain connection limit 2');
    const { host, port } = server;
    const config = { host, port, user: 'plain', password: 'x', database: 'postgres' };
    const reader = await open(way, { config, connections: way === openSnapshot ? 4 : 5 });
    const results = await Promise.all(
      [1, 2, 3, 4, 5, 6].map((id) => reasonOf(reader.query(sql([`select ${id}, pg_sleep(0.2)`])))),
    );
    expect(new Set(results)).toEqual(new Set(['undefined', '53300']));
    expect(await number(reader)).toBe(1);
  });

  test('ends with the signal: here, for those who wait, and on the server', async () => {
    const end = new AbortController();
    const reader = await open(way, { connections: 1, signal: end.signal });
    const reading = [reader.query(sql`select pg_sleep(60)`), number(reader), number(reader)].map(reasonOf);
    await busy('pg_sleep');
    end.abort();
    expect(await Promise.all(reading)).toEqual(['not-reached', 'not-reached', 'not-reached']);
    expect(await reasonOf(number(reader))).toBe('not-reached');
    await expectNoBackends();
  });

  test('gives the signal’s own reason where that is one', async () => {
    const end = new AbortController();
    const reader = await open(way, { signal: end.signal });
    const reading = reasonOf(reader.query(sql`select pg_sleep(60)`));
    await busy('pg_sleep');
    end.abort(new UncheckedError('snapshot-expired', 'It took too long.'));
    expect(await reading).toBe('snapshot-expired');
    expect(await reasonOf(number(reader))).toBe('snapshot-expired');
  });

  test('is not opened when the signal is aborted already, and leaves nothing when it is meanwhile', async () => {
    expect(await reasonOf(way(optionsFor({ signal: AbortSignal.abort() })))).toBe('not-reached');
    const end = new AbortController();
    const opening = reasonOf(way(optionsFor({ signal: end.signal })));
    end.abort();
    expect(await opening).toBe('not-reached');
  });

  test('ends what is under way when it is disposed of, here and on the server', async () => {
    const reader = await way(optionsFor({ connections: 1 }));
    const reading = [reader.query(sql`select pg_sleep(60)`), number(reader)].map(reasonOf);
    await busy('pg_sleep');
    await reader[Symbol.asyncDispose]();
    expect(await Promise.all(reading)).toEqual([expect.stringContaining('closed'), expect.stringContaining('closed')]);
    expect(await reasonOf(number(reader))).toContain('closed');
    await expectNoBackends();
    await reader[Symbol.asyncDispose]();
  });

  test('ends what is under way on a server that does not take cancel requests', async () => {
    await using proxy = await startProxy();
    const end = new AbortController();
    const reader = await open(way, { config: proxy.config, connections: 1, signal: end.signal });
    const reading = reasonOf(reader.query(sql`select pg_sleep(60)`));
    await busy('pg_sleep');
    proxy.refuse();
    end.abort();
    expect(await reading).toBe('not-reached');
    await expectNoBackends();
  });

  test('gives up when the server has not answered long after its own limit', async () => {
    await using proxy = await startProxy();
    const reader = await open(way, { config: proxy.config, connections: 1, statementTimeoutSeconds: 1 });
    await number(reader);
    proxy.hold();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const reading = reasonOf(number(reader));
    await vi.advanceTimersByTimeAsync(20_000);
    expect(await reading).toBe('timeout');
    vi.useRealTimers();
    proxy.release();
    expect(await number(reader)).toBe(1);
  });

  test('tells what it is that nobody answers', async () => {
    const nobody = createServer().listen(0, '127.0.0.1');
    await once(nobody, 'listening');
    const { port } = nobody.address() as { port: number };
    nobody.close();
    const config = { host: '127.0.0.1', port, user: 'x', database: 'x', password: 'geheim' };
    expect(await reasonOf(way(optionsFor({ config })))).toBe('unreachable');
  });

  describe('in batches', () => {
    const series = sql`select n from generate_series(1, ${25}::int) n`;

    test('reads all rows, a batch at a time, and none that is empty', async () => {
      const reader = await open(way, { connections: 1 });
      for (const [batchRows, sizes] of [
        [10, [10, 10, 5]],
        [25, [25]],
        [5, [5, 5, 5, 5, 5]],
        [100, [25]],
      ] as const) {
        const rows: number[] = [];
        const seen: number[] = [];
        for await (const batch of reader.batches<{ n: number }>(series, { batchRows })) {
          seen.push(batch.length);
          rows.push(...batch.map(({ n }) => n));
        }
        expect(seen).toEqual(sizes);
        expect(rows).toEqual(Array.from({ length: 25 }, (_, index) => index + 1));
      }
      for await (const batch of reader.batches(sql`select 1 where false`)) expect(batch).toBeUndefined();
    });

    test('gives the connection back when nobody wants the rest', async () => {
      const reader = await open(way, { connections: 1 });
      for await (const _ of reader.batches(series, { batchRows: 2 })) break;
      await expect(async () => {
        for await (const _ of reader.batches(series, { batchRows: 2 })) throw new Error('enough');
      }).rejects.toThrow('enough');
      expect(await number(reader)).toBe(1);
      expect(await backends('query like $$fetch%$$')).toEqual([]);
      const { rows } = await admin.query(`select l.* from pg_locks l join pg_stat_activity a using (pid)
        where application_name = 'caretaker' and locktype = 'relation'`);
      expect(rows).toEqual([]);
    });

    test('does not count the time that its reader takes', async () => {
      const reader = await open(way, { connections: 1, statementTimeoutSeconds: 0.5 });
      let count = 0;
      for await (const batch of reader.batches(sql`select pg_sleep(0.02) from generate_series(1, 40)`, {
        batchRows: 10,
      })) {
        count += batch.length;
        await new Promise((resolve) => setTimeout(resolve, 400));
      }
      expect(count).toBe(40);
    });

    test('fails where the statement does: at once, under way, and when the connection is lost', async () => {
      const reader = await open(way, { connections: 1 });
      const all = async (text: string, batchRows = 10) => {
        let count = 0;
        for await (const batch of reader.batches(sql([text]), { batchRows })) {
          count += batch.length;
          if (text.includes('terminate')) {
            await admin.query(`select pg_terminate_backend(pid, 5000) from pg_stat_activity where query like 'fetch%'`);
          }
        }
        return count;
      };
      expect(await reasonOf(all('select nothing'))).toBe('42703');
      expect(await reasonOf(all('delete from tracks'))).toBe('42601');
      expect(await reasonOf(all('with gone as (delete from tracks returning 1) select * from gone'))).toBe('0A000');
      expect(await reasonOf(all('select 1 / (15 - n) from generate_series(1, 25) n'))).toBe('22012');
      expect(await reasonOf(all('select n, $$terminate$$ from generate_series(1, 25) n'))).toMatch(
        /57P01|unreachable|ECONNRESET/,
      );
      expect(await all('select n from generate_series(1, 25) n')).toBe(25);
    });

    test('ends with the signal while its reader is busy elsewhere', async () => {
      const end = new AbortController();
      const reader = await open(way, { connections: 1, signal: end.signal });
      const batches = reader.batches(series, { batchRows: 2 });
      await batches.next();
      end.abort();
      await expectNoBackends();
      expect(await reasonOf(batches.next())).toBe('not-reached');
    });
  });
});

async function expectNone(pattern: string): Promise<void> {
  await vi.waitFor(async () => expect(await backends(`state = 'active' and query like '%${pattern}%'`)).toEqual([]), {
    timeout: 5_000,
  });
}

describe('a reader', () => {
  test('gives up when whoever listens says nothing', async () => {
    const sockets = new Set<Socket>();
    const mute = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as { port: number };
    try {
      const config = { host: '127.0.0.1', port, user: 'x', database: 'x', password: 'geheim' };
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const opening = openReader(optionsFor({ config })).catch((cause: unknown) => cause);
      await vi.advanceTimersByTimeAsync(10_000);
      expect(await opening).toMatchObject({
        reason: 'unreachable',
        detail: `127.0.0.1:${port}: no answer within 10 s.`,
      });
    } finally {
      for (const socket of sockets) socket.destroy();
      mute.close();
    }
  });
});

describe('a snapshot', () => {
  test('is of one moment, on all connections, those too that come later', async () => {
    const snapshot = await open(openSnapshot, { connections: 3 });
    const live = await open(openReader, { connections: 1 });
    const counts = () =>
      Promise.all([1, 2, 3].map(() => number(snapshot, 'select count(*) as n, pg_sleep(0.1) from tracks')));
    expect(await number(snapshot, 'select count(*) as n from tracks')).toBe(1);
    await admin.query('insert into tracks values (50)');
    try {
      expect(await counts()).toEqual([1, 1, 1]);
      const lost = reasonOf(snapshot.query(sql`select pg_terminate_backend(pg_backend_pid())`));
      expect(await lost).toBe('57P01');
      expect(await counts()).toEqual([1, 1, 1]);
      expect(await number(live, 'select count(*) as n from tracks')).toBe(2);
    } finally {
      await admin.query('delete from tracks where id = 50');
    }
  });

  test('is never another one: who would have to join it when its holder is gone is told', async () => {
    const snapshot = await open(openSnapshot, { connections: 2 });
    await number(snapshot);
    const [keeper] = await backends("query like '%pg_export_snapshot%'");
    await admin.query('select pg_terminate_backend($1, 5000)', [keeper?.pid]);
    // The connection that has joined goes on, also for those who wait for it.
    const going = [number(snapshot), number(snapshot), number(snapshot, 'select 1 as n, pg_sleep(0.1)')];
    await Promise.allSettled(going);
    expect(await reasonOf(snapshot.query(sql`select pg_terminate_backend(pg_backend_pid())`))).toBe('57P01');
    expect(await Promise.all([number(snapshot), number(snapshot)].map(reasonOf))).toEqual([
      'snapshot-lost',
      'snapshot-lost',
    ]);
  });
});

/** A proxy in front of the server that can stop passing anything on, and refuse connections. */
async function startProxy() {
  const sockets = new Set<Socket>();
  let isRefusing = false;
  let isHeld = false;
  const proxy = createServer((near) => {
    near.on('error', () => {});
    if (isRefusing) return near.destroy();
    const far = connectSocket(server.port, server.host);
    far.on('error', () => {});
    sockets.add(near).add(far);
    const pass = (from: Socket, to: Socket) => {
      from.on('data', (data) => isHeld || to.write(data));
      from.on('close', () => to.destroy());
    };
    pass(near, far);
    pass(far, near);
    return near;
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const { port } = proxy.address() as { port: number };
  const { username, password } = new URL(server.url);
  return {
    config: { host: '127.0.0.1', port, user: username, password, database: 'postgres' },
    refuse: () => {
      isRefusing = true;
    },
    hold: () => {
      isHeld = true;
    },
    release: () => {
      isHeld = false;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    },
  };
}
