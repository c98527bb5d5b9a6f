import sql, { type Sql } from 'sql-template-tag';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inlineValues } from '../postgres/inline-values.ts';
import type { ReadOptions } from '../postgres/reader.ts';
import { qualified } from '../postgres/sql.ts';
import { resolveTarget, type TargetPolicy } from './resolve-target.ts';
import { type RowServer, rowPolicy, startRowServer } from './row-fixtures.ts';
import { childRows, positionOrder, positionTexts, rangeCondition, rootRows } from './row-range.ts';
import type { Position, RowRange, RowTarget } from './row-target.ts';

let server: RowServer;
beforeAll(async () => {
  server = await startRowServer();
  await server.admin.query(`
    create table listens (id bigint primary key, user_id int not null, listened_at timestamptz, status text);
    insert into listens select n, n % 50, timestamptz '2025-01-01 00:00Z' + n * interval '1 minute',
      case when n % 3 = 0 then 'kept' end from generate_series(1, 20000) n;
    create table devices (listen_id bigint not null, position int not null, status text, primary key (listen_id, position));
    insert into devices select id, p, 'on' from listens, generate_series(1, 2) p where id % 4 = 0;
    create table device_notes (id int primary key, listen_id bigint, device int, status text);
    insert into device_notes select row_number() over (), listen_id, position, 'x' from devices where listen_id % 8 = 0;
    create index on device_notes (listen_id, device);
    analyze`);
});
afterAll(() => server[Symbol.asyncDispose]());

const resolve = (policy: TargetPolicy, cutoff: string) =>
  resolveTarget(policy, server.reader, { task: 'data-purge', cutoff });

const listens = (changes: Parameters<typeof rowPolicy>[0] = {}) =>
  resolve(rowPolicy(changes), '2025-01-08 00:00:00+00');

/** Returns the positions of all rows of a target, read in batches as those that delete do. */
async function walk(target: RowTarget, rows: number): Promise<Position[]> {
  const positions: Position[] = [];
  while (true) {
    const range: RowRange = { after: positions.at(-1), upTo: undefined };
    const batch = await server.reader.query<{ position: string[] }>(sql`
      select ${positionTexts(target)} as position from ${qualified(target.root)}
      where ${rangeCondition(target, range)} order by ${positionOrder(target)} limit ${rows}::int`);
    positions.push(...batch.map(({ position }) => position));
    if (batch.length < rows) return positions;
    if (positions.length > 10_000) throw new Error('it does not end');
  }
}

/** Returns how many rows there are behind each position up to the next one, children included. */
async function counts(target: RowTarget, bounds: readonly (Position | undefined)[]): Promise<number[][]> {
  const found: number[][] = [];
  for (let index = 1; index < bounds.length; index += 1) {
    const range = { after: bounds[index - 1], upTo: bounds[index] };
    const sources = [
      sql`${rootRows(target, range)} as root`,
      ...target.children.map((_, child) => childRows(target, child, range)),
    ];
    const row: number[] = [];
    for (const source of sources) {
      const [counted] = await server.reader.query<{ n: number }>(sql`select count(*)::int as n from ${source}`);
      row.push(counted?.n ?? -1);
    }
    found.push(row);
  }
  return found;
}

const sum = (lists: readonly (readonly number[])[]) =>
  (lists[0] ?? []).map((_, column) => lists.reduce((total, list) => total + (list[column] ?? 0), 0));

describe('a range', () => {
  it('has each row older than the cutoff once, whatever the size of batches', async () => {
    const target = await listens({ where: 'status is null' });
    const { rows } = await server.admin.query(`select id::text from listens
      where listened_at < '2025-01-08 00:00Z' and status is null order by listened_at, id`);
    expect(rows.length).toBeGreaterThan(6_000);
    const ids = rows.map(({ id }) => id);
    expect((await walk(target, 999)).map(([, id]) => id)).toEqual(ids);
    expect((await walk(target, ids.length)).map(([, id]) => id)).toEqual(ids);
  });

  it('is divided into ranges in which every row of the root and of its children is once', async () => {
    const target = await listens({
      where: "status is distinct from 'kept'",
      children: [
        {
          table: 'devices',
          columns: ['listen_id'],
          children: [{ table: 'device_notes', columns: ['listen_id', 'device'] }],
        },
      ],
    });
    const positions = await walk(target, 1_000);
    const bounds = [undefined, positions[0], positions[17], positions[3_000], positions.at(-2), undefined];
    const parts = await counts(target, bounds);
    expect(parts.map(([root]) => root)).toEqual([1, 17, 2_983, positions.length - 2 - 3_000, 1]);
    const { rows } = await server.admin.query(`select
      (select count(*)::int from devices d join listens l on l.id = d.listen_id and l.listened_at < '2025-01-08 00:00Z'
        and l.status is distinct from 'kept') as devices,
      (select count(*)::int from device_notes d join listens l on l.id = d.listen_id and l.listened_at < '2025-01-08 00:00Z'
        and l.status is distinct from 'kept') as notes`);
    expect(rows[0].notes).toBeGreaterThan(100);
    expect(sum(parts)).toEqual([positions.length, rows[0].devices, rows[0].notes]);
  });

  it('takes a where that names the table, and one whose names a child has too', async () => {
    const target = await listens({
      where:
        'listens.status is null or exists (select from devices d where d.listen_id = id and d.status = listens.status)',
      children: [{ table: 'devices', columns: ['listen_id'] }],
    });
    const [[root, devices] = []] = await counts(target, [undefined, undefined]);
    expect(root).toBeGreaterThan(0);
    expect(devices).toBeGreaterThan(0);
  });

  it('does not let a where end what it is put into', async () => {
    const target = await listens({ where: 'true or true' });
    expect((await counts(target, [undefined, undefined]))[0]).toEqual([10_079]);
    const open = await listens({ where: 'true) or (true' });
    expect(() => rangeCondition(open)).toThrow(SyntaxError);
  });

  it('can be written without parameters', async () => {
    const target = await listens();
    const positions = await walk(target, 5_000);
    const range = { after: positions[9], upTo: positions[19] };
    const text = inlineValues(sql`select count(*)::int as n from ${rootRows(target, range)} as root`);
    expect((await server.admin.query(text)).rows).toEqual([{ n: 10 }]);
  });

  it('has the age and the whole key as its bounds', async () => {
    const target = await listens();
    expect(() => rangeCondition(target, { after: ['2025-01-01'], upTo: undefined })).toThrow(RangeError);
  });
});

describe('positions come back as they were read', () => {
  const ages = `values (1, timestamptz '2020-01-01 00:00Z'), (2, '-infinity'), (3, '0044-03-15 12:00Z BC'), (4, 'infinity'),
    (5, null), (6, '2020-01-01 00:00:00.000001Z'), (7, '2019-12-31 23:59:59.999999Z'), (8, '2020-01-01 00:00Z')`;

  it('of ages that are infinite, before Christ, alike or none', async () => {
    await server.admin.query(`create table ages (id int primary key, at timestamptz);
      insert into ages select * from (${ages}) as v (id, at)`);
    const target = await resolve(rowPolicy({ table: 'ages', ageColumn: 'at' }), '2020-01-01 00:00:00.000002+00');
    for (const batch of [1, 2, 100]) {
      expect((await walk(target, batch)).map(([, id]) => id)).toEqual(['2', '3', '7', '1', '8', '6']);
    }
    expect((await walk(target, 1))[0]).toEqual(['-infinity', '2']);
  });

  it('of ages that are timestamps and dates', async () => {
    await server.admin.query(`
      create table walls (id int primary key, at timestamp(0), day date);
      insert into walls select n, at, at::date from (${ages}) as v (n, z), lateral (select z at time zone 'UTC' as at) w`);
    const byTime = await resolve(rowPolicy({ table: 'walls', ageColumn: 'at' }), '2020-01-01 00:00:00');
    expect((await walk(byTime, 1)).map(([, id]) => id)).toEqual(['2', '3']);
    const byDay = await resolve(rowPolicy({ table: 'walls', ageColumn: 'day' }), '2020-01-02');
    expect((await walk(byDay, 1)).map(([, id]) => id)).toEqual(['2', '3', '7', '1', '6', '8']);
  });

  /** Keys that text, padding, collation or precision could make other ones. */
  const keys: [string, string, string][] = [
    ['char(6)', `'a', 'ab    ', ' b', 'B', 'é', ''`, ''],
    ['varchar(3)', `'a', 'a ', 'A', 'é', '', e'\\t\\\\'`, ''],
    ['text', `'a', 'A', 'b', 'ä', 'Z', 'z', e'q''uo"te,{}\\\\'`, 'collate "und-x-icu"'],
    ['text', `'a', 'A', 'b', 'ä', 'Z', 'z', 'null'`, 'collate "C"'],
    ['text', `'a', 'b', 'Ö', 'zz', 'Zy'`, 'collate loose'],
    ['uuid', `'00000000-0000-0000-0000-000000000001', 'ffffffff-ffff-ffff-ffff-ffffffffffff'`, ''],
    ['numeric(6,2)', `'0', '-1.50', '9999.99', 'NaN'`, ''],
    ['float8', `'0', '-infinity', '0.1', '1e300', 'NaN', '0.30000000000000004'`, ''],
    ['bytea', `'\\x', '\\x00', '\\xff00'`, ''],
    ['interval', `'1 mon', '30 days 1 second', '-1 day'`, ''],
    ['"Odd mood"', `'sad', 'a "b"', 'ok'`, ''],
    ['timestamptz', `'2020-01-01 00:00:00.000001Z', '2020-01-01 00:00Z', '-infinity', 'infinity'`, ''],
    ['inet', `'10.0.0.1', '10.0.0.1/8', '::1'`, ''],
    ['int4range', `'empty', '[1,2)', '(,5)'`, ''],
    ['text[]', `'{}', '{a,NULL}', '{"a b","\\\\"}'`, ''],
    ['jsonb', `'null', '{"a": 1}', '[1, 2]', '"x"'`, ''],
    ['boolean', `'t', 'f'`, ''],
    ['"char"', `'a', 'b', ''`, ''],
  ];
  it.each(keys)('of keys of the type %s: %s %s', async (type, values, collation) => {
    await server.admin.query(`
      do $$ begin create type "Odd mood" as enum ('ok', 'a "b"', 'sad'); exception when duplicate_object then end $$;
      create collation if not exists loose (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
      drop table if exists keyed;
      create table keyed (at date not null, "Key" ${type} ${collation} primary key);
      insert into keyed select '2020-01-01', unnest(array[${values}]::text[])::${type}`);
    const target = await resolve(rowPolicy({ table: 'keyed', ageColumn: 'at' }), '2021-01-01');
    const { rows } = await server.admin.query('select "Key"::text as key from keyed order by at, "Key"');
    for (const batch of [1, 2])
      expect((await walk(target, batch)).map(([, key]) => key)).toEqual(rows.map(({ key }) => key));
    const positions = await walk(target, 100);
    expect(await counts(target, [undefined, positions[0], undefined])).toEqual([[1], [rows.length - 1]]);
  });

  it('of composite keys, also where the age is a part of them and the table has partitions', async () => {
    await server.admin.query(`
      create table plays (day date not null, "Track ""id" int not null, place char(3) not null, n int,
        primary key ("Track ""id", day, place)) partition by range (day);
      create table plays_1 partition of plays for values from (minvalue) to ('2020-01-03');
      create table plays_2 partition of plays for values from ('2020-01-03') to ('2020-01-05');
      create table plays_3 partition of plays default;
      insert into plays select date '2020-01-01' + d, t, p from generate_series(0, 9) d, generate_series(1, 3) t,
        unnest(array['a', 'b']) p`);
    const target = await resolve(rowPolicy({ table: 'plays', ageColumn: 'day' }), '2020-01-07');
    const { rows } = await server.admin.query(`select day::text, "Track ""id"::text as track, place::text from plays
      where day < '2020-01-07' order by 1, 2, 3`);
    const expected = rows.map(({ day, track, place }) => [day, track, day, place]);
    expect(expected).toHaveLength(36);
    for (const batch of [1, 5, 100]) expect(await walk(target, batch)).toEqual(expected);
  });
});

interface Plan {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly Plans?: Plan[];
}

/** Returns how a statement finds its rows: each scan with its index, and the conditions that are looked up there. */
async function scans(
  statement: Sql,
  options: ReadOptions = {},
): Promise<{ scan: string; index: string | undefined; condition: string }[]> {
  const [row] = await server.reader.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
    sql`explain (format json) ${statement}`,
    options,
  );
  const flat = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(flat)];
  return flat((row as { 'QUERY PLAN': [{ Plan: Plan }] })['QUERY PLAN'][0].Plan)
    .filter((plan) => / Scan$/.test(plan['Node Type']))
    .map((plan) => ({
      scan: plan['Node Type'].replace(' Only', ''),
      index: plan['Index Name'],
      condition: plan['Index Cond'] ?? '',
    }));
}

describe.each([
  ['the age', 'plain_age', '(at)'],
  ['the age and the key', 'age_and_key', '(at, id)'],
  ['the age, a part of the key', 'age_in_key', '(at, id)'],
])('an index on %s', (_, table, columns) => {
  let target: RowTarget;
  let positions: Position[];
  const index = `${table}_index`;
  beforeAll(async () => {
    await server.admin.query(`
      create table ${table} (id bigint not null, at timestamptz not null, filler text,
        primary key (${table === 'age_in_key' ? 'at, id' : 'id'}));
      insert into ${table} select n, timestamptz '2025-01-01 00:00Z' + n / 3 * interval '1 minute', repeat('x', 50)
        from generate_series(1, 30000) n;
      create index ${index} on ${table} ${columns};
      analyze ${table}`);
    target = await resolve(rowPolicy({ table, ageColumn: 'at', where: "filler <> 'y'" }), '2025-01-06 00:00:00+00');
    const { rows } = await server.admin.query(
      `select array[at::text, ${table === 'age_in_key' ? 'at::text, id::text' : 'id::text'}] as p from ${table} order by at, id limit 21000`,
    );
    positions = rows.map(({ p }) => p);
  });

  const batch = (range: RowRange) => sql`
    select ${positionTexts(target)} from ${qualified(target.root)} where ${rangeCondition(target, range)}
    order by ${positionOrder(target)} limit 500`;
  const remove = (range: RowRange) => sql`delete from ${qualified(target.root)} where ${rangeCondition(target, range)}`;

  it.each([
    ['the first', -1],
    ['a middle one', 10_000],
    ['the last', 20_500],
  ])('finds %s of the batches', async (__, at) => {
    const after = positions[at];
    const upTo = positions[at + 499];
    expect(positions[at + 499]).toBeDefined();
    for (const statement of [batch({ after, upTo: undefined }), remove({ after, upTo })]) {
      // Close to the end a bitmap may seem cheaper.
      const found = await scans(statement);
      expect(found.map(({ scan }) => scan)).not.toContain('Seq Scan');
      expect(found).toContainEqual(expect.objectContaining({ scan: expect.stringContaining('Index Scan'), index }));
      const [scan, ...others] = await scans(statement, { fromHeap: 'never' });
      expect(others).toEqual([]);
      expect(scan).toMatchObject({ scan: 'Index Scan', index });
      // Not only the cutoff: an index read from its beginning would be read anew by every batch.
      if (after !== undefined) expect(scan?.condition).toMatch(/ROW\(at, id\) >|at >=/);
    }
    if (after !== undefined && columns !== '(at)') {
      const [scan] = await scans(batch({ after, upTo: undefined }), { fromHeap: 'never' });
      expect(scan?.condition).toContain('ROW(at, id) > ROW(');
    }
  });
});

describe('the children', () => {
  it('are found by index from the rows that they go with', async () => {
    const target = await listens({
      children: [
        {
          table: 'devices',
          columns: ['listen_id'],
          children: [{ table: 'device_notes', columns: ['listen_id', 'device'] }],
        },
      ],
    });
    await server.admin.query('create index listens_at on listens (listened_at, id); analyze listens');
    const positions = await walk(target, 5_000);
    const range = { after: positions[100], upTo: positions[140] };
    for (const index of [0, 1]) {
      const found = await scans(sql`select child.* from ${childRows(target, index, range)}`);
      expect(found.map(({ scan }) => scan)).not.toContain('Seq Scan');
      expect(found).toContainEqual(expect.objectContaining({ index: 'listens_at' }));
    }
  });

  it('are of a child that there is', async () => {
    const target = await listens({ children: [{ table: 'devices', columns: ['listen_id'] }] });
    expect(() => childRows(target, 1)).toThrow(RangeError);
  });
});
