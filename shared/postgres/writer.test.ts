import { Client } from 'pg';
import sql, { raw } from 'sql-template-tag';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import { openWriter, type WriterOptions } from './writer.ts';
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
  await client.end();
  await server.stop();
});
beforeEach(async () => {
  await client.query("truncate notes; insert into notes values (1, 'a'), (2, 'b')");
});

const options = (changes?: Partial<WriterOptions>) =>
  writerOptions(server.url, { timeZone: 'America/New_York', ...changes });

const texts = async () => (await client.query('select text from notes order by id')).rows.map(({ text }) => text);

describe('a writer', () => {
  it('makes final what it did when it is told to, and says how many rows that was', async () => {
    await using writer = await openWriter(options());
    await writer.begin();
    expect(await writer.run(sql`update notes set text = ${'x'}`)).toEqual({ command: 'UPDATE', rowCount: 2 });
    expect(await texts()).toEqual(['a', 'b']);
    await writer.commit();
    expect(await texts()).toEqual(['x', 'x']);
  });

  it('leaves everything as it was when it is closed before', async () => {
    {
      await using writer = await openWriter(options());
      await writer.begin();
      await writer.run(sql`delete from notes`);
    }
    expect(await texts()).toEqual(['a', 'b']);
  });

  it('sees one state, and fails where somebody else has changed the row that it changes', async () => {
    await using writer = await openWriter(options());
    await writer.begin();
    expect(await writer.query(sql`select count(*)::int as n from notes`)).toEqual([{ n: 2 }]);
    await client.query("insert into notes values (3, 'c'); update notes set text = 'other' where id = 1");
    expect(await writer.query(sql`select count(*)::int as n from notes`)).toEqual([{ n: 2 }]);
    await expect(writer.run(sql`update notes set text = 'mine' where id = 1`)).rejects.toMatchObject({ code: '40001' });
    await expect(writer.commit()).rejects.toMatchObject({ severity: 'ERROR' });
    expect(await texts()).toEqual(['other', 'b', 'c']);
  });

  it('does not wait long for a lock, nor for a statement', async () => {
    await using writer = await openWriter(options({ statementTimeoutSeconds: 0.3 }));
    await client.query('begin; lock table notes');
    try {
      await writer.begin();
      await expect(writer.run(sql`delete from notes`)).rejects.toMatchObject({ code: '55P03' });
      await writer.rollback();
      await writer.begin();
      await expect(writer.run(sql`select pg_sleep(20)`)).rejects.toMatchObject({ code: '57014' });
    } finally {
      await client.query('rollback');
    }
  });

  it('writes also where the role is set to read only, with the time zone that it is given', async () => {
    await client.query('create role careful login password $$p$$; grant all on notes to careful');
    await client.query(
      'alter role careful set default_transaction_read_only = on; alter role careful set timezone = UTC',
    );
    const url = new URL(server.url);
    Object.assign(url, { username: 'careful', password: 'p' });
    await using writer = await openWriter(options({ config: { connectionString: url.href } }));
    await writer.begin();
    await writer.run(sql`delete from notes where id = 2`);
    expect(await writer.query(sql`show timezone`)).toEqual([{ TimeZone: 'America/New_York' }]);
    await writer.commit();
    expect(await texts()).toEqual(['a']);
  });

  it('takes one statement at a time', async () => {
    await using writer = await openWriter(options());
    await expect(writer.run(raw('delete from notes; commit'))).rejects.toMatchObject({ code: '42601' });
    expect(await texts()).toEqual(['a', 'b']);
  });

  it('ends at once when it is told to stop, with nothing changed', async () => {
    const controller = new AbortController();
    await using writer = await openWriter(options({ signal: controller.signal }));
    await writer.begin();
    await writer.run(sql`delete from notes`);
    const sleeping = writer.run(sql`select pg_sleep(20)`);
    controller.abort(new Error('stop'));
    await expect(sleeping).rejects.toThrow();
    await expect(writer.commit()).rejects.toMatchObject({ reason: 'not-reached' });
    expect(await texts()).toEqual(['a', 'b']);
  });
});
