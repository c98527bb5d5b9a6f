import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type CorrectionServer, deskAt, startCorrectionServer, untitled } from './correction-fixtures.ts';

let at: CorrectionServer;
beforeAll(async () => {
  at = await startCorrectionServer();
});
afterAll(() => at[Symbol.asyncDispose]());
beforeEach(() => at.reset());

/** Everything that there is, to tell whether anything has changed. */
async function everything(): Promise<unknown> {
  const tables = await at.column(
    "select relname from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace order by 1",
  );
  return Promise.all(
    tables.map(async (table) => [
      table,
      await at.column(`select to_jsonb(t) from ${table} t order by to_jsonb(t)::text`),
    ]),
  );
}

async function applied(statement: string, more: object = {}) {
  const rule = { ...untitled, correction: { kind: 'sql', statement, ...more } };
  const desk = deskAt(at);
  const planned = await desk.ask(rule, 'plan');
  expect(planned.outcome, planned.message).toBe('planned');
  return desk.ask(rule, 'apply');
}

describe('a statement that the owner has written', () => {
  it.each([
    ['changes more rows than are planned', "update tracks set title = 'x' where id > 2", {}, 'rows-changed-differ'],
    ['changes fewer', "update tracks set title = 'x' where id = 3", {}, 'rows-changed-differ'],
    [
      'changes more than the configuration says',
      "update tracks set title = 'x' where title is null",
      { expectedRows: 2 },
      'rows-changed-differ',
    ],
    ['deletes rows of other tables by a cascade', 'delete from tracks where title is null', {}, 'other-tables'],
    [
      'hides a change in another',
      "with gone as (delete from listens returning 1) update tracks set title = 'x' where title is null",
      {},
      'other-tables',
    ],
    [
      'hides a change of the same table in it',
      "with gone as (update tracks set album_id = 0 where id > 5 returning 1) update tracks set title = 'x' where title is null",
      {},
      'other-tables',
    ],
    ['makes it worse', 'update tracks set title = null where id in (6, 7, 8)', {}, 'worse'],
    ['changes nothing', 'select id from tracks where title is null', {}, 'changes-nothing'],
    ['makes a table of what it reads', 'select id into copied from tracks where title is null', {}, 'changes-nothing'],
  ])('is undone when it %s', async (_, statement, more, code) => {
    const before = await everything();
    expect(await applied(statement, more)).toMatchObject({ outcome: 'refused', code });
    expect(await everything()).toEqual(before);
  });

  it('may not end the transaction by whatever it calls', async () => {
    await at.client.query(`
      create procedure ending() language plpgsql as $$ begin commit; end $$;
      create function ends() returns boolean language plpgsql as $$ begin call ending(); return true; end $$`);
    const before = await everything();
    expect((await applied("update tracks set title = 'x' where title is null and ends()")).outcome).toBe('failed');
    expect(await everything()).toEqual(before);
  });

  it('may not have parameters, which nobody would fill', async () => {
    const before = await everything();
    expect(await applied('update tracks set title = $1 where title is null')).toMatchObject({
      outcome: 'failed',
      code: 'bad-sql',
    });
    expect(await everything()).toEqual(before);
  });

  it('may change rows of the tables that are named, by cascades and triggers', async () => {
    expect(await applied('delete from tracks where title is null', { alsoChanges: ['listens'] })).toMatchObject({
      outcome: 'applied',
      message: 'The statement has changed 3 rows. No violation is left.',
    });
    expect(await at.column('select count(*)::int from listens')).toEqual([14]);
  });

  it('is told of rows that a trigger changes', async () => {
    await at.client.query(`
      create table history (id integer); grant all on history to writing;
      create function remember() returns trigger language plpgsql as $$
        begin insert into history values (new.id); return new; end $$;
      create trigger remember after update on tracks for each row execute function remember()`);
    const statement = "update tracks set title = 'x' where title is null";
    const refused = await applied(statement);
    expect(refused).toMatchObject({ outcome: 'refused', code: 'other-tables' });
    expect(refused.message).toContain('public.history (3 inserted, 0 updated, 0 deleted)');
    expect((await applied(statement, { alsoChanges: ['public.history'] })).outcome).toBe('applied');
    expect(await at.column('select id from history order by 1')).toEqual([3, 4, 5]);
  });

  it('is told of rows of its own table that a trigger changes', async () => {
    await at.client.query(`
      create function more() returns trigger language plpgsql as $$
        begin update tracks set album_id = 99 where id = 10; return null; end $$;
      create trigger more after update of title on tracks execute function more()`);
    expect(await applied("update tracks set title = 'x' where title is null")).toMatchObject({ code: 'more-rows' });
    expect(await at.column('select album_id from tracks where id = 10')).toEqual([2]);
  });

  it('may leave violations, which are counted, but not as many as were expected to change otherwise', async () => {
    const statement = "update tracks set title = 'x' where id = 3";
    expect(await applied(statement, { expectedRows: 1 })).toMatchObject({
      outcome: 'applied',
      violations: 3,
      remaining: 2,
      message: 'The statement has changed 1 row. 2 of 3 violations are left.',
    });
  });

  it('may insert, merge, and have a comment and a semicolon', async () => {
    expect(
      (await applied('insert into listens select 100 + id, id from tracks where title is null; -- one each')).outcome,
    ).toBe('applied');
    expect(await at.column('select id from listens where id > 100 order by 1')).toEqual([103, 104, 105]);
    await at.reset();
    const merge = `merge into tracks t using (values (3), (4), (5)) v (id) on t.id = v.id
      when matched then update set title = 'merged'`;
    expect((await applied(merge)).outcome).toBe('applied');
  });

  it('counts the rows of a partitioned table once, also those that move', async () => {
    await at.client.query(`
      create table parts (id integer, title text) partition by list (title);
      create table untitled partition of parts for values in (null); create table titled partition of parts default;
      insert into parts select id, title from tracks; grant all on all tables in schema public to writing`);
    const desk = deskAt(at);
    const rule = {
      ...untitled,
      query: 'select id from parts where title is null',
      correction: { kind: 'sql', statement: "update parts set title = 'x' where title is null" },
    };
    await desk.ask(rule, 'plan');
    expect(await desk.ask(rule, 'apply')).toMatchObject({ outcome: 'applied', remaining: 0 });
    expect(await at.column('select count(*)::int from untitled')).toEqual([0]);
  });

  it('changes a table whose name has quotes and SQL in it', async () => {
    await at.client.query(`create table "t""; drop table tracks" (id integer primary key, title text);
      insert into "t""; drop table tracks" values (1, null); grant all on "t""; drop table tracks" to writing`);
    const desk = deskAt(at);
    const rule = {
      ...untitled,
      query: 'select id from "t""; drop table tracks" where title is null',
      correction: { kind: 'sql', statement: `update "t""; drop table tracks" set title = ''` },
    };
    await desk.ask(rule, 'plan');
    expect((await desk.ask(rule, 'apply')).outcome).toBe('applied');
  });
});
