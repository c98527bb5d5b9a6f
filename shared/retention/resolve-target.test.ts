import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { resolveTarget, type TargetPolicy } from './resolve-target.ts';
import { type RowServer, readerFor, rowPolicy, startRowServer } from './row-fixtures.ts';

let server: RowServer;
beforeAll(async () => {
  server = await startRowServer();
  await server.admin.query("create role plain login password 'x'");
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(async () => {
  await server.admin.query(`
    create schema app;
    create table app.orders (
      id bigint generated always as identity primary key, placed_at timestamptz(3), code char(4) not null unique,
      total numeric(8, 2), gone integer, doubled numeric generated always as (total * 2) stored
    );
    alter table app.orders drop column gone;
    create table app.items (order_id bigint, position smallint, added date, primary key (order_id, position));
    create table app.notes (id integer primary key, order_id bigint, item smallint, order_code char(4), text text)`);
});
afterEach(async () => {
  await server.admin.query('drop schema app cascade');
});

const moment = { task: 'data-purge', now: new Date('2026-06-01T00:00:00Z') };

function orders(changes: Parameters<typeof rowPolicy>[0] = {}): TargetPolicy {
  return rowPolicy({
    id: 'orders',
    table: 'app.orders',
    ageColumn: 'placed_at',
    retention: { days: 30 },
    index: 'any',
    ...changes,
  });
}

const resolve = (policy: TargetPolicy, given = moment) => resolveTarget(policy, server.reader, given);

const items = {
  table: 'app.items',
  columns: ['order_id'],
  ageColumn: 'added',
  children: [{ table: 'app.notes', columns: ['item', 'order_id'], references: ['position', 'order_id'] }],
};

describe('a target', () => {
  it('has the tables, columns and types as the catalog has them', async () => {
    const target = await resolve(orders({ where: 'total > 1' }));
    expect(target).toMatchObject({
      task: 'data-purge',
      policy: 'orders',
      database: 'main',
      age: { name: 'placed_at', type: 'timestamp with time zone' },
      key: [{ name: 'id', type: 'bigint' }],
      cutoff: '2026-05-02 00:00:00+00',
      where: 'total > 1',
      children: [],
      root: { schema: 'app', name: 'orders', primaryKey: ['id'], isPartitioned: false },
    });
    expect(target.root.columns).toEqual([
      { name: 'id', type: 'bigint', isNotNull: true, isGenerated: false, isIdentity: true },
      {
        name: 'placed_at',
        type: 'timestamp(3) with time zone',
        isNotNull: false,
        isGenerated: false,
        isIdentity: false,
      },
      { name: 'code', type: 'character(4)', isNotNull: true, isGenerated: false, isIdentity: false },
      { name: 'total', type: 'numeric(8,2)', isNotNull: false, isGenerated: false, isIdentity: false },
      { name: 'doubled', type: 'numeric', isNotNull: false, isGenerated: true, isIdentity: false },
    ]);
  });

  it('has its children behind their parents, with what they refer to', async () => {
    const { children } = await resolve(orders({ children: [items] }));
    expect(children).toMatchObject([
      {
        name: 'items',
        parent: undefined,
        referringColumns: ['order_id'],
        referredColumns: ['id'],
        ageColumn: { name: 'added', type: 'date', limit: { retention: { days: 30 }, ageTimeZone: 'UTC' } },
        primaryKey: ['order_id', 'position'],
      },
      {
        name: 'notes',
        parent: 0,
        referringColumns: ['item', 'order_id'],
        referredColumns: ['position', 'order_id'],
        ageColumn: undefined,
      },
    ]);
  });

  it('takes the cutoff of a plan as it is', async () => {
    const target = await resolveTarget(orders(), server.reader, {
      task: 'data-purge',
      cutoff: '2020-01-01 00:00:00+00',
    });
    expect(target.cutoff).toBe('2020-01-01 00:00:00+00');
  });

  it('has another shape when a column is added, renamed or changed, and the same otherwise', async () => {
    const shape = async () => (await resolve(orders())).root.shapeHash;
    const first = await shape();
    await server.admin.query('create index on app.orders (total); alter table app.orders alter total set not null');
    expect(await shape()).toBe(first);
    const shapes = [first];
    const changes = ['add column extra int', 'rename column extra to other', 'alter column other type bigint'];
    for (const change of [...changes, 'drop column other']) {
      await server.admin.query(`alter table app.orders ${change}`);
      shapes.push(await shape());
    }
    expect(shapes[4]).toBe(first);
    expect(new Set(shapes).size).toBe(4);
  });

  it('may have a key of its own, where a unique index and NOT NULL say so', async () => {
    expect((await resolve(orders({ key: ['code'] }))).key).toEqual([{ name: 'code', type: 'character(4)' }]);
    expect((await resolve(orders({ key: ['code', 'id'] }))).key).toHaveLength(2);
  });

  it('finds names that have to be quoted', async () => {
    await server.admin.query(`
      create table app."Order ""x"".y" ("select" int, "A b" date not null, "é" text collate "C" not null unique);
    `);
    const target = await resolve(orders({ table: 'app.Order "x".y', ageColumn: 'A b', key: ['é'] }));
    expect(target).toMatchObject({
      root: { schema: 'app', name: 'Order "x".y' },
      age: { name: 'A b', type: 'date' },
      key: [{ name: 'é', type: 'text' }],
      cutoff: '2026-05-02',
    });
  });

  it('knows a partitioned table', async () => {
    await server.admin.query(`
      create table app.parts (id int, day date, primary key (day, id)) partition by range (day);
      create table app.parts_1 partition of app.parts default`);
    const target = await resolve(orders({ table: 'app.parts', ageColumn: 'day' }));
    expect(target).toMatchObject({ root: { isPartitioned: true, primaryKey: ['day', 'id'] } });
  });
});

describe('what is not to be resolved', () => {
  const cases: [string, string, Parameters<typeof rowPolicy>[0], string?][] = [
    ['missing-table', 'a table that is not there', { table: 'app.nothing' }],
    ['missing-table', 'a child that is not there', { children: [{ table: 'app.nothing', columns: ['id'] }] }],
    ['missing-column', 'an age column that is not there', { ageColumn: 'nothing' }],
    ['missing-column', 'a key that is not there', { key: ['nothing'] }],
    ['missing-column', 'a system column', { key: ['ctid'] }],
    ['missing-column', 'a dropped column', { key: ['gone'] }],
    ['missing-column', 'a column of a child', { children: [{ table: 'app.items', columns: ['nothing'] }] }],
    ['missing-column', 'the age of a child', { children: [{ ...items, children: [], ageColumn: 'nothing' }] }],
    ['unsupported-age-column', 'a number as age', { ageColumn: 'total' }],
    ['unsupported-age-column', 'a number as the age of a child', { children: [{ ...items, ageColumn: 'position' }] }],
    ['no-key', 'a key that can be null', { key: ['total'] }],
    ['no-key', 'a key that is not unique', { key: ['total'] }, 'alter table app.orders alter total set not null'],
    [
      'no-key',
      'a key that is unique among some rows',
      { key: ['total'] },
      'alter table app.orders alter total set not null; create unique index on app.orders (total) where total > 1',
    ],
    [
      'no-key',
      'a key of which only an expression is unique',
      { key: ['total'] },
      'alter table app.orders alter total set not null; create unique index on app.orders ((total + 0))',
    ],
    ['no-key', 'no key at all', {}, 'alter table app.orders drop constraint orders_pkey'],
    [
      'no-key',
      'a child of a table without a key',
      { key: ['code'], children: [{ table: 'app.items', columns: ['order_id'] }] },
      'alter table app.orders drop constraint orders_pkey',
    ],
    [
      'ambiguous-child',
      'a child that may go with several rows',
      { children: [{ table: 'app.items', columns: ['order_id'], references: ['total'] }] },
    ],
    [
      'bad-child',
      'a child by two columns to one',
      { children: [{ table: 'app.items', columns: ['order_id', 'position'] }] },
    ],
    [
      'bad-child',
      'a child by one column twice',
      {
        children: [
          { table: 'app.items', columns: ['order_id'], children: [{ table: 'app.notes', columns: ['id', 'id'] }] },
        ],
      },
    ],
    ['bad-child', 'a cycle', { children: [{ ...items, children: [{ table: 'app.orders', columns: ['id'] }] }] }],
    ['bad-child', 'a child of two', { children: [items, { table: 'app.notes', columns: ['order_id'] }] }],
    ['not-a-table', 'a view', { table: 'app.seen' }, 'create view app.seen as select * from app.orders'],
    ['inherited-table', 'a table that others inherit from', {}, 'create table app.heirs () inherits (app.orders)'],
  ];
  it.each(cases)('is %s for %s', async (reason, _, changes, prepare) => {
    if (prepare !== undefined) await server.admin.query(prepare);
    await expect(resolve(orders(changes))).rejects.toMatchObject({ name: 'UncheckedError', reason });
  });

  it('is a key whose NOT NULL was never validated, as rows may be without', async () => {
    await server.admin.query(`
      create table app.loose (day date, code text unique); insert into app.loose values ('2020-01-01', null);
      alter table app.loose add constraint code_there not null code not valid`);
    const loose = orders({ table: 'app.loose', ageColumn: 'day', key: ['code'] });
    await expect(resolve(loose)).rejects.toMatchObject({ reason: 'no-key' });
    await server.admin.query('delete from app.loose; alter table app.loose validate constraint code_there');
    expect((await resolve(loose)).key).toHaveLength(1);
  });
});

describe('a role', () => {
  let own: Awaited<ReturnType<typeof readerFor>>;
  beforeAll(async () => {
    const url = new URL(server.url);
    url.username = 'plain';
    url.password = 'x';
    own = await readerFor(url.href);
  });
  afterAll(() => own[Symbol.asyncDispose]());

  const asPlain = (deletes = false) => resolveTarget(orders({ children: [items] }), own, { ...moment, deletes });
  const denied = { reason: 'access-denied' };

  it('has to read every column of every table, and to delete where it is to', async () => {
    const grant = (text: string) => server.admin.query(`grant ${text} to plain`);
    await expect(asPlain()).rejects.toMatchObject(denied);
    await grant('usage on schema app');
    await grant('select on app.orders, app.items');
    await grant('select (id, order_id, item) on app.notes');
    await expect(asPlain()).rejects.toMatchObject({ ...denied, detail: expect.stringContaining('order_code, text') });
    await grant('select on app.notes');
    expect((await asPlain()).children).toHaveLength(2);
    await grant('delete on app.orders, app.items');
    await expect(asPlain(true)).rejects.toMatchObject({ ...denied, detail: expect.stringContaining('app.notes') });
    await grant('delete on app.notes');
    expect((await asPlain(true)).children).toHaveLength(2);
  });

  it('has to see all rows', async () => {
    await server.admin.query(`
      grant usage on schema app to plain; grant select on all tables in schema app to plain;
      alter table app.items enable row level security;
      create policy first on app.items using (position = 1)`);
    await expect(asPlain()).rejects.toMatchObject({
      reason: 'row-security',
      detail: expect.stringContaining('app.items'),
    });
    expect((await resolve(orders({ children: [items] }))).children).toHaveLength(2);
  });
});

it('asks with names as values, whatever is in them', async () => {
  const client = new Client({ connectionString: server.url });
  await client.connect();
  await client.query('create table public.safe (id int primary key)');
  await expect(resolve(orders({ table: "x'); drop table safe; --" }))).rejects.toMatchObject({
    reason: 'missing-table',
  });
  expect((await client.query("select to_regclass('public.safe') is not null as there")).rows).toEqual([
    { there: true },
  ]);
  await client.end();
});
