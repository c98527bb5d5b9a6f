import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import sql, { raw } from 'sql-template-tag';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import { UncheckedError } from '../unchecked-error.ts';
import { openCopySession } from './copy-session.ts';
import type { WriterOptions } from './writer.ts';
import { writerOptions } from './writer-fixtures.ts';

let server: PostgresServer;
let client: Client;

beforeAll(async () => {
  server = await startPostgres();
  client = new Client({ connectionString: server.url });
  await client.connect();
  await client.query('create table notes (id integer primary key, text text)');
});

afterAll(async () => {
  await client?.end();
  await server?.stop();
});

beforeEach(async () => {
  await client.query("truncate notes; insert into notes values (1, E'a\\tb'), (2, null), (3, '')");
});

const options = (changes?: Partial<WriterOptions>) => writerOptions(server.url, changes);

async function textOf(source: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

async function* chunksOf(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

const tenBytes = "repeat('x', 9)";

describe('a copy session', () => {
  it('copies the rows of a query out as text, and goes on with the same moment', async () => {
    await using session = await openCopySession(options());
    await session.begin();
    expect(await textOf(await session.copyOut(sql`select * from notes where id < ${3} order by id`))).toBe(
      '1\ta\\tb\n2\t\\N\n',
    );
    await client.query("insert into notes values (4, 'later')");
    expect(await textOf(await session.copyOut(sql`select text from notes order by id`))).toBe('a\\tb\n\\N\n\n');
    expect(await session.query(sql`select count(*)::int as n from notes`)).toEqual([{ n: 3 }]);
    await session.commit();
  });

  it('copies out more than an answer may have, and then still limits answers', async () => {
    await using session = await openCopySession(options());
    await session.begin();
    let bytes = 0;
    for await (const chunk of await session.copyOut(
      sql`select ${raw("repeat('x', 99)")} from pg_catalog.generate_series(1, 800000)`,
    )) {
      bytes += chunk.length;
    }
    expect(bytes).toBe(80_000_000);
    const tooMuch = sql`select ${raw("repeat('x', 1000)")} from pg_catalog.generate_series(1, 80000)`;
    await expect(session.query(tooMuch)).rejects.toMatchObject({ reason: 'answer-too-large' });
  });

  it('waits for whoever reads slowly, for longer than a statement may take', async () => {
    await using session = await openCopySession(options({ statementTimeoutSeconds: 0.3 }));
    await session.begin();
    let bytes = 0;
    const rows = sql`select ${raw(tenBytes)} from pg_catalog.generate_series(1, 1000000)`;
    for await (const chunk of await session.copyOut(rows)) {
      if (bytes === 0) await delay(1_000);
      bytes += chunk.length;
    }
    expect(bytes).toBe(10_000_000);
    const slow = session.query(sql`select pg_catalog.pg_sleep(3)`);
    await expect(slow).rejects.toMatchObject({ code: '57014' });
  });

  it('says what the server says when a COPY fails, and can be rolled back and used again', async () => {
    await using session = await openCopySession(options());
    await session.begin();
    const failing = await session.copyOut(sql`select 1 / (n - 50000) from pg_catalog.generate_series(1, 100000) n`);
    await expect(textOf(failing)).rejects.toMatchObject({ code: '22012' });
    await session.rollback();
    await session.begin();
    await expect(textOf(await session.copyOut(sql`select * from nowhere`))).rejects.toMatchObject({ code: '42P01' });
    await session.rollback();
    await session.begin();
    expect(await textOf(await session.copyOut(sql`select 7`))).toBe('7\n');
  });

  it('is broken, and the server idle, when a COPY is not read to its end', async () => {
    await using session = await openCopySession(options());
    await session.begin();
    const stream = await session.copyOut(sql`select pg_catalog.generate_series(1, 100000000)`);
    for await (const _ of stream) break;
    await expect(session.query(sql`select 1`)).rejects.toThrow('not read to its end');
    await expect.poll(busyServers).toBe(0);
  });

  it('ends a COPY with the reason when its signal is aborted', async () => {
    const controller = new AbortController();
    await using session = await openCopySession(options({ signal: controller.signal }));
    await session.begin();
    const reading = textOf(await session.copyOut(sql`select pg_catalog.pg_sleep(60)`));
    await expect.poll(busyServers).toBe(1);
    controller.abort(new UncheckedError('stopped', 'by somebody'));
    await expect(reading).rejects.toMatchObject({ reason: 'stopped' });
    await expect.poll(busyServers).toBe(0);
  });

  it('ends a COPY when its connection is lost', async () => {
    await using session = await openCopySession(options());
    await session.begin();
    const reading = textOf(await session.copyOut(sql`select pg_catalog.pg_sleep(60)`));
    const ended = expect(reading).rejects.toThrow();
    await expect.poll(busyServers).toBe(1);
    await client.query("select pg_terminate_backend(pid) from pg_stat_activity where query like 'copy (%'");
    await ended;
    await expect(session.query(sql`select 1`)).rejects.toThrow();
  });

  it('takes the numbers that rows begin with, and gives the rest of a row that is wanted', async () => {
    await using session = await openCopySession(options());
    await session.begin();
    const rows = 100_000;
    const numbers: bigint[] = [];
    const wanted: string[] = [];
    const leading = {
      count: 2,
      onRow([aHigh, aLow, bHigh, bLow]: Int32Array) {
        const [a, b] = [
          [aHigh, aLow],
          [bHigh, bLow],
        ].map(([high, low]) => (BigInt(high as number) << 32n) | BigInt((low as number) >>> 0)) as [bigint, bigint];
        numbers.push(a, b);
        return a % 10_000n === 0n;
      },
      onWanted: (text: Uint8Array) => wanted.push(Buffer.from(text).toString()),
    };
    const query = sql`
      select pg_catalog.to_hex(n::int8), pg_catalog.to_hex(-n * 1234567890123), n, E'a\tb' || n
      from pg_catalog.generate_series(1, ${rows}::int8) n`;
    const text = await textOf(await session.copyOut(query, leading));
    const expected = Array.from({ length: rows }, (_, index) => BigInt(index + 1));
    expect(numbers).toEqual(expected.flatMap((n) => [n, -n * 1_234_567_890_123n]));
    const lines = expected.map((n) => `${n}\ta\\tb${n}\n`);
    expect(text).toBe(lines.join(''));
    expect(wanted.join('')).toBe(lines.filter((_, index) => (index + 1) % 10_000 === 0).join(''));
  });

  it('copies rows in, which are there once they are final', async () => {
    await using session = await openCopySession(options());
    await session.begin('read write');
    const rows = await session.copyIn(
      { schema: 'public', name: 'notes' },
      ['id', 'text'],
      chunksOf('4\tx', '\n5\t', '', '\\N\n'),
    );
    expect(rows).toBe(2);
    expect((await client.query('select id from notes')).rowCount).toBe(3);
    await session.commit();
    expect((await client.query('select * from notes where id > 3 order by id')).rows).toEqual([
      { id: 4, text: 'x' },
      { id: 5, text: null },
    ]);
  });

  it('copies nothing in when the source fails, and says why', async () => {
    await using session = await openCopySession(options());
    await session.begin('read write');
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('4\tx\n');
      throw new Error('the source is broken');
    }
    const copying = session.copyIn({ schema: 'public', name: 'notes' }, ['id', 'text'], failing());
    await expect(copying).rejects.toThrow('the source is broken');
    await expect(session.commit()).rejects.toThrow('ROLLBACK');
    expect((await client.query('select id from notes')).rowCount).toBe(3);
  });

  it('says what the server says of rows that it does not take, and cannot write where it only reads', async () => {
    await using session = await openCopySession(options());
    const copy = () => session.copyIn({ schema: 'public', name: 'notes' }, ['id', 'text'], chunksOf('1\tagain\n'));
    await session.begin('read write');
    await expect(copy()).rejects.toMatchObject({ code: '23505' });
    await session.rollback();
    await session.begin();
    await expect(copy()).rejects.toMatchObject({ code: '25006' });
    await session.rollback();
    expect(await session.query(sql`select 1 as one`)).toEqual([{ one: 1 }]);
  });

  it('says what the server says also when it says so while the source is waited for', async () => {
    await using session = await openCopySession(options());
    const rows = async function* (first: string, meanwhile: () => Promise<unknown>): AsyncGenerator<Uint8Array> {
      for (const id of [first, '5', '6', '7']) {
        yield Buffer.from(`${id}\t${'x'.repeat(100_000)}\n`);
        await meanwhile();
      }
    };
    const copy = (first: string, meanwhile: () => Promise<unknown>) =>
      session.copyIn({ schema: 'public', name: 'notes' }, ['id', 'text'], rows(first, meanwhile));
    await session.begin('read write');
    await expect(copy('none', () => delay(100))).rejects.toMatchObject({ code: '22P02' });
    await session.rollback();
    await session.begin('read write');
    const end = async () => {
      await client.query(
        'select pg_terminate_backend(pid, 5000) from pg_stat_activity where query like \'copy "public"%\'',
      );
      await delay(100);
    };
    await expect(copy('4', end)).rejects.toMatchObject({ severity: 'FATAL', code: '57P01' });
    await expect(session.query(sql`select 1`)).rejects.toThrow();
  });

  it('ends copying in when its signal is aborted while the source has nothing', async () => {
    const controller = new AbortController();
    await using session = await openCopySession(options({ signal: controller.signal }));
    await session.begin('read write');
    async function* hanging(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('4\tx\n');
      controller.abort(new UncheckedError('stopped', 'by somebody'));
      await delay(60_000, undefined, { ref: false });
    }
    const copying = session.copyIn({ schema: 'public', name: 'notes' }, ['id', 'text'], hanging());
    await expect(copying).rejects.toMatchObject({ reason: 'stopped' });
  });
});

async function busyServers(): Promise<number> {
  const { rows } = await client.query(
    `select count(*)::int as n from pg_stat_activity where state = 'active' and query ilike 'copy (%'`,
  );
  return rows[0].n;
}
