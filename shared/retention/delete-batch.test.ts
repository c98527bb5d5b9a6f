import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { rowHash } from '../archive/row-hash-sql.ts';
import type { Writer } from '../postgres/writer.ts';
import {
  type DeletionServer,
  listensBefore,
  openTestWriter,
  plugIn,
  startDeletionServer,
} from './batch-loop-fixtures.ts';
import { BatchMismatch, ChildTooYoung, deleteBatch, TableChanged } from './delete-batch.ts';
import type { BatchFacts } from './delete-batch-facts.ts';
import { batchFailure } from './delete-batch-failure.ts';
import { deleteNextRows } from './delete-batch-next.ts';
import { BatchUnsettled } from './delete-batch-transaction.ts';
import type { RowsDigest, RowTarget } from './row-target.ts';

let at: DeletionServer;
let writer: Writer;
beforeAll(async () => {
  at = await startDeletionServer();
});
afterAll(() => at[Symbol.asyncDispose]());

beforeEach(async () => {
  await at.reset(100);
  writer = await openTestWriter(at.writerUrl);
  return () => writer[Symbol.asyncDispose]();
});

const never = '2100-01-01';
const ids = () => at.column('select id::int from listens order by id');
const claps = () => at.column('select id::int from claps order by id');
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const position = (id: number) => [new Date(Date.UTC(2024, 0, 1) + id * 10_000).toISOString(), String(id)];
const noNote = async () => {};

/** Claps have an age of their own, and all of them are past the 13 months. */
async function agedClaps(): Promise<RowTarget> {
  await at.admin.query("alter table claps add column made timestamptz default '2024-01-02'");
  return listensBefore(writer, never, {
    children: [{ table: 'claps', columns: ['listen_id'], ageColumn: 'made', children: [] }],
  });
}

/** What PostgreSQL itself says of rows. */
async function digestOf(table: string, where: string): Promise<RowsDigest> {
  const { root, children } = await listensBefore(writer, never);
  const { columns = [] } = [root, ...children].find(({ name }) => name === table) ?? {};
  const { rows } = await at.admin.query(
    `select count(*)::int as rows, coalesce(sum(${rowHash(columns).text}), 0)::text as hash
     from ${table} where ${where}`,
  );
  const { rows: count, hash } = rows[0] as { rows: number; hash: string };
  return { rows: count, hash: BigInt.asUintN(64, BigInt(hash)).toString(16).padStart(16, '0') };
}

describe('deleting a batch', () => {
  it('deletes the rows of a range with all that goes with them, and says what they were', async () => {
    const target = await listensBefore(writer, never);
    const expected = [
      await digestOf('listens', 'id between 11 and 20'),
      await digestOf('claps', 'listen_id between 11 and 20'),
    ];
    let told: BatchFacts | undefined;
    const batch = { range: { after: position(10), upTo: position(20) }, expected };
    const digests = await deleteBatch(writer, target, batch, async (facts) => {
      told = facts;
      // Nothing is final yet.
      expect(await ids()).toHaveLength(100);
    });
    expect(digests).toEqual(expected);
    expect(await ids()).toEqual([...range(1, 10), ...range(21, 100)]);
    expect(await claps()).toHaveLength(2 * 33 - 6);
    const keys = await at.column('select sum(hashtextextended(id::text, 0))::text from generate_series(11, 20) id');
    expect(told).toMatchObject({
      rows: 10,
      childRows: [6],
      keysHash: BigInt.asUintN(64, BigInt(keys[0] as string))
        .toString(16)
        .padStart(16, '0'),
    });
    expect(await at.column(`select pg_xact_status('${told?.transaction}')`)).toEqual(['committed']);
  });

  it('leaves out what is excluded, with all that goes with it', async () => {
    const target = await listensBefore(writer, never);
    const where = 'id <= 20 and id not in (3, 7)';
    const expected = [
      await digestOf('listens', where),
      await digestOf('claps', `listen_id in (select id from listens where ${where})`),
    ];
    const batch = { range: { after: undefined, upTo: position(20) }, expected, excludedKeys: [['3'], ['7'], ['1000']] };
    await deleteBatch(writer, target, batch, noNote);
    expect(await ids()).toEqual([3, 7, ...range(21, 100)]);
    expect(await claps()).toContain(31);
    expect(await claps()).not.toContain(61);
  });

  it('takes nothing that is not before the cutoff, or that the condition is not true for', async () => {
    const cutoff = position(50)[0] as string;
    const target = await listensBefore(writer, cutoff, { where: 'id % 2 = 0 and listens.id <> 4' });
    const [digest] = await deleteBatch(writer, target, { range: { after: undefined, upTo: undefined } }, noNote);
    expect(digest?.rows).toBe(23);
    expect((await ids()).filter((id) => (id as number) % 2 === 0)).toEqual([4, ...range(25, 50).map((n) => 2 * n)]);
  });

  it.each([
    ['one that is missing', 'delete from listens where id = 14', 'public.listens'],
    ['one more', "insert into listens values (500, '2024-01-01 00:02:15', 'late')", 'public.listens'],
    ['one that has changed', "update listens set title = 'x' where id = 14", 'public.listens'],
    ['a child more', "insert into claps values (1, 14, 'late')", 'public.claps'],
    ['a child that has changed', "update claps set note = 'x' where listen_id = 15", 'public.claps'],
    ['a child less', 'delete from claps where id = 151', 'public.claps'],
  ])('deletes nothing where there is %s than expected', async (_, change, table) => {
    const target = await listensBefore(writer, never);
    const expected = [
      await digestOf('listens', 'id between 11 and 20'),
      await digestOf('claps', 'listen_id between 11 and 20'),
    ];
    await at.admin.query(change);
    const before = [await ids(), await claps()];
    const batch = { range: { after: position(10), upTo: position(20) }, expected };
    const failed = deleteBatch(writer, target, batch, () => Promise.reject(new Error('told')));
    await expect(failed).rejects.toBeInstanceOf(BatchMismatch);
    await expect(failed).rejects.toMatchObject({ table });
    expect(batchFailure(await failed.catch((error) => error))).toMatchObject({ kind: 'mismatch' });
    expect([await ids(), await claps()]).toEqual(before);
    // The connection is as good as before.
    await deleteBatch(writer, target, { range: batch.range }, noNote);
  });

  it.each([
    ['the root', 'alter table listens add column mood text', 'public.listens: the column mood has been added since.'],
    [
      'a child',
      'alter table claps alter note type varchar',
      'public.claps: note is character varying now and was text.',
    ],
  ])('deletes nothing where %s was altered', async (_, change, told) => {
    const target = await listensBefore(writer, never);
    await at.admin.query(change);
    const batch = { range: { after: undefined, upTo: undefined } };
    const failed = deleteBatch(writer, target, batch, () => Promise.reject(new Error('told')));
    await expect(failed).rejects.toBeInstanceOf(TableChanged);
    expect(batchFailure(await failed.catch((error) => error))).toMatchObject({
      kind: 'mismatch',
      detail: expect.stringContaining(told),
    });
    expect(await ids()).toHaveLength(100);
  });

  it('deletes nothing where a table is altered while it is waited for', async () => {
    const target = await listensBefore(writer, never);
    const other = new Client(at.url);
    await other.connect();
    await using patient = await openTestWriter(at.writerUrl, { lockTimeoutSeconds: 20 });
    await other.query('begin; alter table claps add column loud boolean default true');
    const failed = deleteBatch(patient, target, { range: { after: undefined, upTo: undefined } }, noNote);
    failed.catch(() => {});
    await at.until("select where not exists (select from pg_locks where relation = 'claps'::regclass and not granted)");
    await other.query('commit');
    await expect(failed).rejects.toBeInstanceOf(TableChanged);
    expect(await ids()).toHaveLength(100);
    // The connection is as good as before, and waits no longer than it may.
    await other.query('begin; lock table claps');
    const locked = deleteBatch(writer, target, { range: { after: undefined, upTo: undefined } }, noNote);
    expect(batchFailure(await locked.catch((error) => error))?.kind).toBe('locked');
    await other.end();
    const now = await listensBefore(writer, never);
    expect(await deleteBatch(writer, now, { range: { after: undefined, upTo: undefined } }, noNote)).toMatchObject([
      { rows: 100 },
      { rows: 66 },
    ]);
  });

  it.each([
    ['younger', "now() - interval '12 months'"],
    ['without an age', 'null'],
  ])('deletes nothing where a child is %s since', async (_, age) => {
    const target = await agedClaps();
    const before = [await ids(), await claps()];
    await at.admin.query(`update claps set made = ${age} where id = 151`);
    const failed = deleteBatch(writer, target, { range: { after: undefined, upTo: position(20) } }, () =>
      Promise.reject(new Error('told')),
    );
    const error = await failed.catch((caught) => caught);
    expect(error).toBeInstanceOf(ChildTooYoung);
    expect(batchFailure(error)).toMatchObject({
      kind: 'mismatch',
      reason: 'younger-than-retention',
      detail: expect.stringContaining('1 rows of public.claps'),
    });
    expect([await ids(), await claps()]).toEqual(before);
    // What is behind it is as it was.
    const others = { range: { after: position(15), upTo: position(20) } };
    expect(await deleteBatch(writer, target, others, noNote)).toMatchObject([{ rows: 5 }, { rows: 2 }]);
  });

  it('deletes nothing that could not be written down', async () => {
    const target = await listensBefore(writer, never);
    const batch = { range: { after: undefined, upTo: undefined } };
    await expect(deleteBatch(writer, target, batch, () => Promise.reject(new Error('no ledger')))).rejects.toThrow(
      'no ledger',
    );
    expect(await ids()).toHaveLength(100);
  });

  it('expects something of each table', async () => {
    const target = await listensBefore(writer, never);
    const batch = { range: { after: undefined, upTo: position(1) }, expected: [await digestOf('listens', 'id = 1')] };
    await expect(deleteBatch(writer, target, batch, noNote)).rejects.toThrow(RangeError);
    expect(await ids()).toHaveLength(100);
  });

  it('deletes children before what they are children of, however deep', async () => {
    await at.admin.query(`
      create table replies (id int primary key, clap_id bigint references claps, further int references replies);
      create table likes (reply_id int references replies, n int);
      create table tags (listen_id bigint references listens, tag text);
      insert into replies select id, id from claps; insert into likes select id, 1 from replies;
      insert into tags select id, 'tag' from listens;
      grant select, delete on all tables in schema public to deleting`);
    const likes = { table: 'likes', columns: ['reply_id'], children: [] };
    const replies = { table: 'replies', columns: ['clap_id'], children: [likes] };
    const target = await listensBefore(writer, never, {
      children: [
        { table: 'claps', columns: ['listen_id'], children: [replies] },
        { table: 'tags', columns: ['listen_id'], children: [] },
      ],
    });
    const digests = await deleteBatch(writer, target, { range: { after: undefined, upTo: position(30) } }, noNote);
    expect(digests.map(({ rows }) => rows)).toEqual([30, 20, 20, 20, 30]);
    expect(await at.column('select count(*)::int from likes')).toEqual([46]);
  });
});

describe('deleting the next rows', () => {
  /** Deletes all in batches, and returns how many rows each had. */
  async function deleteAll(target: RowTarget, rows: number): Promise<number[]> {
    const counts: number[] = [];
    for (let after: readonly string[] | undefined; ; ) {
      const deleted = await deleteNextRows(writer, target, { after, rows }, noNote);
      if (deleted.rows === 0) return counts;
      counts.push(deleted.rows);
      after = deleted.upTo;
    }
  }

  it('takes the oldest first, as many as asked for, until nothing is left', async () => {
    const target = await listensBefore(writer, position(90)[0] as string);
    expect(await deleteAll(target, 40)).toEqual([40, 40, 9]);
    expect(await ids()).toEqual(range(90, 100));
  });

  it.each([
    ['younger', "now() - interval '12 months'"],
    ['without an age', 'null'],
  ])('takes none where a child is %s since, and all where none is', async (_, age) => {
    const target = await agedClaps();
    const before = [await ids(), await claps()];
    await at.admin.query(`update claps set made = ${age} where id = 151`);
    const failed = deleteNextRows(writer, target, { after: undefined, rows: 20 }, () =>
      Promise.reject(new Error('told')),
    );
    expect(batchFailure(await failed.catch((error) => error))).toMatchObject({
      kind: 'mismatch',
      reason: 'younger-than-retention',
      detail: expect.stringContaining('1 rows of public.claps'),
    });
    expect([await ids(), await claps()]).toEqual(before);
    await at.admin.query("update claps set made = now() - interval '14 months' where id = 151");
    let told: BatchFacts | undefined;
    await deleteNextRows(writer, target, { after: undefined, rows: 20 }, async (facts) => {
      told = facts;
    });
    expect(told).toMatchObject({ rows: 20, childRows: [12] });
  });

  it('hashes the keys of just those that it deletes', async () => {
    const target = await listensBefore(writer, never);
    let told: BatchFacts | undefined;
    await deleteNextRows(writer, target, { after: position(4), rows: 3 }, async (facts, upTo) => {
      told = facts;
      expect(upTo).toEqual(['2024-01-01 00:01:10+00', '7']);
    });
    const sum = (await at.column('select sum(hashtextextended(id::text, 0))::text from generate_series(5, 7) id'))[0];
    expect(told).toMatchObject({
      rows: 3,
      childRows: [2],
      keysHash: BigInt.asUintN(64, BigInt(sum as string))
        .toString(16)
        .padStart(16, '0'),
    });
  });

  it('divides rows of the same age between batches, and leaves out none', async () => {
    await at.admin.query("update listens set listened_at = '2024-01-01 12:00'");
    const target = await listensBefore(writer, never);
    expect(await deleteAll(target, 7)).toEqual([...Array.from({ length: 14 }, () => 7), 2]);
    expect(await ids()).toEqual([]);
  });

  it('knows ages that are infinite, and leaves rows without an age', async () => {
    await at.admin.query(`alter table listens alter listened_at drop not null;
      update listens set listened_at = '-infinity' where id <= 3; update listens set listened_at = 'infinity' where id = 4;
      update listens set listened_at = null where id = 5`);
    const target = await listensBefore(writer, never);
    expect(await deleteAll(target, 2)).toEqual([...Array.from({ length: 49 }, () => 2)]);
    expect(await ids()).toEqual([4, 5]);
  });

  it('takes keys of several columns, whatever they are called and hold', async () => {
    await at.admin.query(`
      create table "odd "" listens" ("at "" 1" date not null, "Key" text collate "C", "select" numeric, x bytea,
        primary key ("Key", "select"));
      create index odd_index on "odd "" listens" ("at "" 1", "Key", "select");
      insert into "odd "" listens" select '2024-01-01'::date + n / 10, (array['a', 'B', e'x\\t"\\\\', '', 'ü, (y)'])[1 + n % 5],
        n + 0.50, 'x' from generate_series(1, 60) n;
      grant select, delete on "odd "" listens" to deleting`);
    const target = await listensBefore(writer, '2024-01-05', {
      table: 'odd " listens',
      ageColumn: 'at " 1',
      index: 'odd_index',
      children: [],
    });
    expect(await deleteAll(target, 7)).toEqual([7, 7, 7, 7, 7, 4]);
    expect(await at.column('select count(*)::int from "odd "" listens"')).toEqual([21]);
  });

  it('takes them out of whatever partition they are in', async () => {
    await at.admin.query(`
      create table plays (id int, at timestamp not null, primary key (id, at)) partition by hash (id);
      create table plays_0 partition of plays for values with (modulus 2, remainder 0);
      create table plays_1 partition of plays for values with (modulus 2, remainder 1);
      create index plays_at on plays (at); insert into plays select n, timestamp '2024-01-01' + n * interval '1 s' from generate_series(1, 50) n;
      grant select, delete on plays to deleting`);
    const changes = { table: 'plays', ageColumn: 'at', index: 'plays_at', children: [] };
    const target = await listensBefore(writer, '2024-01-01 00:00:31', changes);
    expect(await deleteAll(target, 12)).toEqual([12, 12, 6]);
    expect(await at.column('select min(id) from plays')).toEqual([31]);
  });

  it('stops where a trigger keeps a row, with all undone', async () => {
    await at.admin.query(`create function keep() returns trigger language plpgsql as $$ begin return null; end $$;
      create trigger keep before delete on listens for each row when (old.id = 5) execute function keep()`);
    const target = await listensBefore(writer, never);
    await expect(deleteNextRows(writer, target, { after: undefined, rows: 10 }, noNote)).rejects.toMatchObject({
      name: 'BatchMismatch',
      expected: { rows: 10 },
      found: { rows: 9 },
    });
    expect(await ids()).toHaveLength(100);
    expect(await claps()).toHaveLength(66);
  });

  it('reads no more than it deletes, by the index', async () => {
    await at.reset(20_000);
    await at.admin.query('drop table claps');
    const target = await listensBefore(writer, never, { children: [] });
    // Sessions hand in what they have counted when they end.
    const end = async () => {
      await writer[Symbol.asyncDispose]();
      await at.until("select from pg_stat_activity where usename = 'deleting'");
    };
    await deleteNextRows(writer, target, { after: undefined, rows: 5_000 }, noNote);
    await end();
    for (const statement of ['vacuum (analyze) listens', 'select pg_stat_reset()']) await at.admin.query(statement);
    writer = await openTestWriter(at.writerUrl);
    await deleteNextRows(writer, target, { after: position(10_000), rows: 100 }, noNote);
    await end();
    const [read] = await at.column(
      "select coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) from pg_stat_user_tables where relname = 'listens'",
    );
    expect(Number(read)).toBeLessThan(300);
    const [seen] = await at.column(
      "select idx_tup_read from pg_stat_user_indexes where indexrelname = 'listens_listened_at'",
    );
    expect(Number(seen)).toBeLessThan(300);
    writer = await openTestWriter(at.writerUrl);
  });
});

describe('a batch beside others', () => {
  /** Runs `meanwhile` over another connection after the batch has seen its moment, and before the rows are deleted. */
  async function during(target: RowTarget, meanwhile: (other: Client) => Promise<unknown>, changes = {}) {
    const other = new Client(at.url);
    await other.connect();
    await using slow = await openTestWriter(at.writerUrl, changes);
    const watched: Writer = {
      begin: () => slow.begin(),
      query: (statement) => slow.query(statement),
      run: async (statement) => {
        if (statement.text.startsWith('delete from "public"."listens"')) await meanwhile(other);
        return slow.run(statement);
      },
      commit: () => slow.commit(),
      rollback: () => slow.rollback(),
      [Symbol.asyncDispose]: async () => {},
    };
    try {
      return await deleteNextRows(watched, target, { after: undefined, rows: 10 }, noNote);
    } catch (error) {
      const failure = batchFailure(error);
      if (failure === undefined) throw error;
      return failure.kind;
    } finally {
      await other.end();
    }
  }

  it('does not delete a row that somebody has changed meanwhile, nor any other of its batch', async () => {
    const target = await listensBefore(writer, never);
    const change = (other: Client) => other.query("update listens set listened_at = '2090-01-01' where id = 5");
    expect(await during(target, change)).toBe('conflict');
    expect(await ids()).toHaveLength(100);
    // Again, as things are now.
    expect(await deleteNextRows(writer, target, { after: undefined, rows: 10 }, noNote)).toMatchObject({ rows: 10 });
    expect(await ids()).toEqual([5, ...range(12, 100)]);
  });

  it('does not wait long for a row that somebody holds', async () => {
    const target = await listensBefore(writer, never);
    const hold = (other: Client) => other.query('begin; select from listens where id = 5 for update');
    expect(await during(target, hold)).toBe('locked');
    expect(await ids()).toHaveLength(100);
  });

  it('does not take what is inserted into its range meanwhile', async () => {
    const target = await listensBefore(writer, never);
    const insert = (other: Client) => other.query("insert into listens values (500, '2024-01-01 00:00:35', 'late')");
    expect(await during(target, insert)).toMatchObject({ rows: 10 });
    expect(await ids()).toEqual([...range(11, 100), 500]);
  });

  it('is undone by a child that comes meanwhile, and takes it the next time', async () => {
    const target = await listensBefore(writer, never);
    const insert = (other: Client) => other.query("insert into claps values (1, 5, 'late')");
    expect(['constraint', 'conflict']).toContain(await during(target, insert));
    expect(await ids()).toHaveLength(100);
    let told: BatchFacts | undefined;
    await deleteNextRows(writer, target, { after: undefined, rows: 10 }, async (facts) => {
      told = facts;
    });
    expect(told?.childRows).toEqual([7]);
    expect(await at.column('select count(*)::int from claps where listen_id <= 10')).toEqual([0]);
  });

  it('does not delete a child that comes meanwhile and would go with it unseen', async () => {
    await at.admin.query(`alter table claps drop constraint claps_listen_id_fkey;
      alter table claps add foreign key (listen_id) references listens on delete cascade`);
    const target = await listensBefore(writer, never);
    const insert = (other: Client) => other.query("insert into claps values (1, 5, 'late')");
    expect(await during(target, insert)).toBe('conflict');
    expect(await claps()).toContain(1);
    expect(await ids()).toHaveLength(100);
  });

  it('is given up when a statement takes too long', async () => {
    await at.admin.query(`create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.2); return old; end $$;
      create trigger slow before delete on listens for each row execute function slow()`);
    const target = await listensBefore(writer, never);
    expect(await during(target, async () => {}, { statementTimeoutSeconds: 0.3 })).toBe('slow');
    expect(await ids()).toHaveLength(100);
  });

  it('names a constraint that forbids it, and no value', async () => {
    await at.admin.query(`create table prizes (listen_id bigint references listens, note text);
      insert into prizes values (5, 'secret')`);
    const target = await listensBefore(writer, never);
    const error = await deleteNextRows(writer, target, { after: undefined, rows: 10 }, noNote).catch(
      (caught) => caught,
    );
    expect(batchFailure(error)).toEqual({
      kind: 'constraint',
      reason: 'constraint',
      detail: 'SQLSTATE 23503: prizes_listen_id_fkey of prizes forbids it.',
    });
  });
});

describe('a batch whose connection breaks', () => {
  it.each([
    ['before the commit arrives', 'before', 'aborted', 100],
    ['when the commit is done and nobody has heard', 'after', 'committed', 90],
  ] as const)('is not known to be deleted %s, but by its transaction', async (_, when, status, left) => {
    await using cable = await plugIn(at.writerUrl);
    await using broken = await openTestWriter(cable.url);
    const target = await listensBefore(writer, never);
    let told: BatchFacts | undefined;
    const deleting = deleteNextRows(broken, target, { after: undefined, rows: 10 }, async (facts) => {
      told = facts;
      cable.cutAt('commit', when);
    });
    await expect(deleting).rejects.toBeInstanceOf(BatchUnsettled);
    expect(batchFailure(await deleting.catch((error) => error))?.kind).toBe('unsettled');
    await at.until(`select where pg_xact_status('${told?.transaction}') = 'in progress'`);
    expect(await at.column(`select pg_xact_status('${told?.transaction}')`)).toEqual([status]);
    expect(await ids()).toHaveLength(left);
  });

  it('is not deleted when the server ends the session before', async () => {
    const target = await listensBefore(writer, never);
    const deleting = deleteNextRows(writer, target, { after: undefined, rows: 10 }, async () => {
      await at.admin.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'deleting'");
      await at.until("select from pg_stat_activity where usename = 'deleting'");
    });
    const failure = batchFailure(await deleting.catch((error) => error));
    expect(failure?.kind).toMatch(/^(lost|unsettled)$/);
    expect(await ids()).toHaveLength(100);
  });

  it('is undone by a constraint that is looked at only in the end, and known to be', async () => {
    await at.admin.query(`create table prizes (listen_id bigint references listens deferrable initially deferred);
      insert into prizes values (5)`);
    const target = await listensBefore(writer, never);
    const error = await deleteNextRows(writer, target, { after: undefined, rows: 10 }, noNote).catch(
      (caught) => caught,
    );
    expect(batchFailure(error)?.kind).toBe('constraint');
    expect(await ids()).toHaveLength(100);
  });
});

describe('why a batch was not deleted', () => {
  it('is a bug where nothing else is known', () => {
    expect(batchFailure(new TypeError('x'))).toBeUndefined();
  });
});
