import { createHash } from 'node:crypto';
import { to } from 'pg-copy-streams';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { everyTypeOldRows, everyTypeSql, everyTypeTable } from '../../../sandbox/estate/retention-every-type.ts';
import { type RestoreServer, startRestoreServer } from './archive-fixtures.ts';

let at: RestoreServer;
beforeAll(async () => {
  at = await startRestoreServer();
  await at.client.query(`
    set timezone = 'UTC';
    create schema history; create schema "Odd ""schema";
    create type public.mood as enum ('calm', 'it''s \\ "loud"', 'Ünder, ground');
    create domain public.isrc as char(12) check (value <> 'never');
    create domain public.counted as integer not null;
    create type public.deep as (mood public.mood, "a b" text, codes public.isrc[], at timestamptz);
    create type public.deeper as (d public.deep, n numeric);
    create type public.loudness as range (subtype = numeric);
    create type "Odd ""schema"."Odd.type" as enum ('x')`);
});
afterAll(() => at?.[Symbol.asyncDispose]());

/** Values of a type, as SQL; each is a row of its own, beside one of NULL and, for what has texts, one of nothing. */
const values: readonly (readonly [type: string, ...values: string[]])[] = [
  [
    'text',
    "''",
    "e'tab\\there'",
    "e'line\\nfeed\\r\\nreturn\\ralone'",
    "e'back\\\\slash \\\\N \\\\. \\\\'",
    "e'\\\\.'",
    "e'\\\\N'",
    "e'\\b\\f\\v\\x01\\x1f\\x7f'",
    `'"quoted", (it''s) {braces}'`,
    "' leading and trailing '",
    "'Ünïcode ключ 北東 🎷 \u{10ffff} e\u0301 \u200b\u2028 \ufeff'",
    "repeat('long ', 100000)",
    "'NULL'",
    "','",
  ],
  ['varchar(5)', "'a    '", "''"],
  ['char(5)', "'ab   '", "''", "e'a\\nb'"],
  ['bpchar', "'x  '", "''"],
  ['name', "'a name'", "''"],
  ['"char"', "'x'", "''", "e'\\\\200'", "e'\\\\'"],
  ['bytea', "''", "'\\x00010aff5c2e0d'::bytea", "decode(repeat('ff00', 5000), 'hex')"],
  ['smallint', '-32768', '32767'],
  ['integer', '-2147483648', '0'],
  ['bigint', '-9223372036854775808', '9223372036854775807'],
  [
    'numeric',
    "'123456789012345678901234567890123456789012345678901234567890.098765432109876543210987654321'",
    "'NaN'",
    "'Infinity'",
    "'-Infinity'",
    "'1.2300'",
    "'0.000'",
    "'1e-1000'",
    "'-1e5000'",
  ],
  ['numeric(60,30)', "'-1.000000000000000000000000000001'"],
  ['numeric(3,-2)', '12300'],
  ['real', "'NaN'", "'-Infinity'", "'-0'", "'1.17549435e-38'", '0.1', "'3.4028235e38'"],
  ['double precision', "'NaN'", "'Infinity'", "'-0'", "'5e-324'", '0.1::float8 + 0.2', "'1.7976931348623157e308'"],
  ['money', "'-92233720368547758.08'", "'1234.5'"],
  ['boolean', 'true', 'false'],
  ['date', "'infinity'", "'-infinity'", "'4713-01-01 BC'", "'5874897-12-31'", "'0001-12-31 BC'"],
  ['time', "'24:00:00'", "'00:00:00.000001'"],
  ['time(2)', "'12:34:56.78'"],
  ['timetz', "'23:59:59.999999-15:59:59'", "'00:00+05:30'"],
  ['timestamp', "'infinity'", "'-infinity'", "'4713-01-01 BC'", "'294276-12-31 23:59:59.999999'"],
  [
    'timestamptz',
    "'infinity'",
    "'-infinity'",
    "'4713-01-01 BC'",
    "'1883-11-18 12:03:58-04:56:02'",
    "'2026-11-01 01:30:00 America/New_York'",
    "'294276-12-31 23:59:59.999999+00'",
  ],
  ['timestamptz(3)', "'2020-02-29 12:00:00.123'"],
  [
    'interval',
    "'-178000000 years'",
    "'1 mon -1 day +00:00:00.000001'",
    "'-1 year 2 mons -3 days 04:05:06.7'",
    "'infinity'",
    "'-infinity'",
    "'0'",
  ],
  ['interval year to month', "'1-2'"],
  ['uuid', "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
  ['json', `e'{"b" : 1,\\t"a":\\n"\\\\u00e9\\\\n", "b":2 }'`, "'null'", "' [ ] '", `'"\\\\ \\" é"'`],
  ['jsonb', `'{"b": 1e400, "a": "\\u00e9\\n\\\\", "c": [null, {}], "b": 2.50}'`, `'""'`, "'null'"],
  ['jsonpath', "'$.track[*] ? (@.year > 1977)'", `'strict $."a b"'`],
  ['xml', '\'<a b="c &amp; d">é\n\t</a>\'', "''", "'text only'"],
  ['inet', "'192.168.0.1/24'", "'2001:db8::1'", "'0.0.0.0/0'"],
  ['cidr', "'10.0.0.0/8'", "'2001:db8::/32'"],
  ['macaddr', "'08:00:2b:01:02:03'"],
  ['macaddr8', "'08:00:2b:01:02:03:04:05'"],
  ['bit(5)', "B'10101'"],
  ['varbit', "B''", "B'1010101010101'"],
  ['bit varying(3)', "B'1'"],
  ['tsvector', `'''it''''s'':1A,3 ''b\\\\'':2 c'`, "''"],
  ['tsquery', "'salsa & !disco:*'", `'''a b'' <2> c'`],
  ['point', "'(40.7265,-73.9815)'", "'(Infinity,NaN)'", "'(-0,5e-324)'"],
  ['line', "'{1,-1,0.1}'"],
  ['lseg', "'[(0,0),(1,1)]'"],
  ['box', "'(2,2),(0,0)'"],
  ['path', "'[(0,0),(1,1),(2,0)]'", "'((0,0),(1,1))'"],
  ['polygon', "'((0,0),(1,1),(2,0))'"],
  ['circle', "'<(0,0),5>'"],
  ['int4range', "'[1,10)'", "'empty'", "'(,)'"],
  ['int8range', "'[1,)'"],
  ['numrange', "'(0.10,1.50]'"],
  ['tsrange', "'[2020-01-01,infinity]'", `'["2020-01-01 BC","2020-01-02 12:00"]'`],
  ['tstzrange', "'[2020-01-01 00:00:00+00,)'"],
  ['daterange', "'[2020-02-29,2020-03-01)'"],
  ['int4multirange', "'{[1,3),[7,9)}'", "'{}'"],
  ['datemultirange', "'{[2020-01-01,2020-02-01)}'"],
  ['public.loudness', "'[1.50,2.0)'"],
  ['public.loudness_multirange', "'{[1.50,2.0)}'"],
  ['oid', '4294967295', '0'],
  ['regclass', "'pg_class'", "'pg_toast.pg_toast_1255'", '0'],
  ['regtype', "'timestamptz'", "'public.mood'"],
  ['regproc', "'now'"],
  ['pg_lsn', "'16/B374D848'"],
  ['xid', "'4294967295'"],
  ['xid8', "'18446744073709551615'"],
  ['cid', "'7'"],
  ['tid', "'(4294967295,65535)'"],
  ['pg_snapshot', "'10:20:10,14,15'"],
  ['public.mood', "'calm'", "'it''s \\ \"loud\"'", "'Ünder, ground'"],
  ['public.isrc', "'USRC17607839'", "''"],
  [
    'public.deep',
    `row('calm', e'a "b" (c), \\\\ \\n', array['x', null, '']::public.isrc[], 'infinity')`,
    'row(null, null, null, null)',
    "row(null, '', '{}', null)",
  ],
  ['public.deeper', `row(row('it''s \\ "loud"', '\\', null, null)::public.deep, 1.0)`, 'row(null, null)'],
  [
    'text[]',
    "'{}'",
    `array['', null, 'NULL', 'a "b"', 'c\\d', '{e,f}', e'\\n\\t', ' ']`,
    "array[['a', 'b'], ['c', null]]",
  ],
  ['integer[]', "'[0:1][-1:0]={{1,2},{3,null}}'", "'[5:5]={7}'"],
  ['bytea[]', "array['\\x00'::bytea, '', null]"],
  ['numeric(5,2)[]', 'array[1.10, null]'],
  ['timestamptz[]', "array['infinity'::timestamptz, '2020-01-01 BC']"],
  ['boolean[][]', 'array[[true], [null]]'],
  ['json[]', `array['{"a" : 1}'::json]`],
  ['public.mood[]', "array['calm', null]::public.mood[]"],
  ['public.deep[]', `array[row('calm', 'x,y', null, null)]::public.deep[]`],
  ['public.isrc[]', "array['x', null]::public.isrc[]"],
  ['daterange[]', "array['[2020-01-01,2020-02-01)', null]::daterange[]"],
  ['box[]', "'{(2,2),(0,0);(1,1),(0,0)}'"],
  ['"Odd ""schema"."Odd.type"', "'x'"],
  ['aclitem[]', "'{postgres=arwdDxt/postgres}'"],
];

/** Returns what COPY writes of a query, to be compared byte by byte. */
async function copied(query: string, format: 'text' | 'binary'): Promise<string> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of at.client.query(to(`copy (${query}) to stdout (format ${format})`))) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return `${bytes} bytes, ${hash.digest('hex')}`;
}

/** @param columns those that have a binary form: aclitem has none. */
async function contents(table: string, order: string, columns = '*'): Promise<Record<'text' | 'binary', string>> {
  const query = (what: string) => `select ${what} from ${table} order by ${order}`;
  return { text: await copied(query('*'), 'text'), binary: await copied(query(columns), 'binary') };
}

describe('a restored row', () => {
  it('equals the original byte for byte, whatever its types', async () => {
    const column = (index: number) => `c${index}`;
    await at.client.query(`
      create table history.everything (
        id bigint generated always as identity primary key,
        dropped text,
        ${values.map(([type], index) => `${column(index)} ${type}`).join(', ')},
        counted public.counted default 1,
        made_at timestamptz not null default '2020-01-01'
      );
      create index everything_by_age on history.everything (made_at, id);
      alter table history.everything drop column dropped`);
    const most = Math.max(...values.map(([, ...given]) => given.length));
    for (let row = 0; row <= most; row += 1) {
      const given = values.map(([type, ...each]) => (each[row] === undefined ? 'null' : `(${each[row]})::${type}`));
      await at.client.query(
        `insert into history.everything (${given.map((_, index) => column(index)).join(', ')}) values (${given.join(', ')})`,
      );
    }
    const binary = ['id', ...values.flatMap(([type], index) => (type === 'aclitem[]' ? [] : column(index)))];
    const original = await contents('history.everything', 'id', binary.join(', '));
    const desk = at.desk();
    await desk.archive({ tables: [{ table: 'history.everything' }] });

    const beside = await desk.restore({ into: 'restored' });
    expect(beside).toMatchObject({ outcome: 'restored', code: null });
    expect(beside.loaded).toMatchObject([{ table: 'restored.everything', rows: most + 1, excludedRows: 0 }]);
    expect(await contents('restored.everything', 'id', binary.join(', '))).toEqual(original);

    await at.client.query('delete from history.everything');
    expect(await desk.restore({ apply: true })).toMatchObject({ outcome: 'restored', code: null });
    expect(await contents('history.everything', 'id', binary.join(', '))).toEqual(original);

    const running = at.desk();
    const outcome = await running.archiveByRun({
      id: 'listens',
      table: 'history.everything',
      ageColumn: 'made_at',
      retention: { months: 13 },
      index: 'everything_by_age',
    });
    expect(outcome).toMatchObject({ state: 'done', deleted: most + 1, faults: [], unchecked: [] });
    expect((await at.client.query('select from history.everything')).rowCount).toBe(0);
    expect(await running.restore({ apply: true })).toMatchObject({ outcome: 'restored', code: null });
    expect(await contents('history.everything', 'id', binary.join(', '))).toEqual(original);
  });

  it('equals the original in the table of the sample estate', async () => {
    await at.client.query('drop schema history cascade; create schema history');
    await at.client.query(everyTypeSql('now()'));
    const original = await contents(everyTypeTable, 'id');
    const desk = at.desk();
    await desk.archive({ tables: [{ table: everyTypeTable }] });
    expect(await desk.restore({ into: 'sample' })).toMatchObject({ outcome: 'restored', code: null });
    expect(await contents('sample.every_type', 'id')).toEqual(original);
    await at.client.query(`delete from ${everyTypeTable}`);
    expect(await desk.restore({ apply: true })).toMatchObject({ outcome: 'restored', code: null });
    expect(await contents(everyTypeTable, 'id')).toEqual(original);
  });

  it('equals the original when a run has archived it and taken it away', async () => {
    await at.client.query('drop schema history cascade; create schema history');
    await at.client.query(everyTypeSql('now()'));
    const original = await contents(everyTypeTable, 'id');
    const desk = at.desk();
    const outcome = await desk.archiveByRun({
      id: 'listens',
      table: everyTypeTable,
      ageColumn: 'made_at',
      retention: { months: 13 },
      index: 'every_type_made_at',
    });
    expect(outcome).toMatchObject({ state: 'done', deleted: everyTypeOldRows, faults: [], unchecked: [] });
    const left = `select from ${everyTypeTable} where made_at < now() - interval '13 months'`;
    expect((await at.client.query(left)).rowCount).toBe(0);
    expect(await desk.restore({ into: 'by_run' })).toMatchObject({
      outcome: 'restored',
      archive: { isInLedger: true, state: 'completed' },
    });
    expect(await desk.restore({ apply: true })).toMatchObject({ outcome: 'restored' });
    expect(await contents(everyTypeTable, 'id')).toEqual(original);
  });

  it('has its generated columns computed anew, and its identities as they were', async () => {
    await at.client.query(`
      create table public.generated (
        always integer generated always as identity (start with 100),
        "by default" integer generated by default as identity,
        n integer,
        stored text generated always as ('n' || n::text) stored,
        virtual numeric generated always as (n / 7.0) virtual,
        primary key (always)
      );
      insert into public.generated (n) select n from generate_series(1, 5) n;
      insert into public.generated ("by default", n) values (-7, null)`);
    const original = await contents('public.generated', 'always');
    const desk = at.desk();
    await desk.archive({ tables: [{ table: 'public.generated' }], key: ['always'] });
    expect(await desk.restore({ into: 'computed' })).toMatchObject({ outcome: 'restored' });
    expect(await contents('computed.generated', 'always')).toEqual(original);
    await at.client.query('delete from public.generated');
    expect(await desk.restore({ apply: true })).toMatchObject({ outcome: 'restored' });
    expect(await contents('public.generated', 'always')).toEqual(original);
    const { rows } = await at.client.query(
      "select attname, attgenerated, attidentity from pg_attribute where attrelid = 'computed.generated'::regclass and attnum > 0 order by attnum",
    );
    expect(rows.map(({ attgenerated, attidentity }) => `${attgenerated}${attidentity}`)).toEqual([
      'a',
      'd',
      '',
      's',
      'v',
    ]);
  });

  it('equals the original whatever it, its table and its schema are called, and however they are divided', async () => {
    await at.client.query(`
      create table "Odd ""schema"."Tab.le, (x) ü" (
        "t" integer, "select" text, "a ""b""" text, "s" integer, "key'" date, primary key ("t", "key'")
      ) partition by range ("key'");
      create table "Odd ""schema".early (x integer, "key'" date not null, "s" integer, "t" integer not null, "select" text, "a ""b""" text);
      alter table "Odd ""schema".early drop column x;
      alter table "Odd ""schema"."Tab.le, (x) ü" attach partition "Odd ""schema".early for values from (minvalue) to ('2021-01-01');
      create table "Odd ""schema".late partition of "Odd ""schema"."Tab.le, (x) ü" for values from ('2021-01-01') to ('2031-01-01');
      insert into "Odd ""schema"."Tab.le, (x) ü"
        select n, 'it''s \\ ' || n, null, n, date '2020-12-20' + n from generate_series(1, 30) n`);
    const odd = '"Odd ""schema"."Tab.le, (x) ü"';
    const original = await contents(odd, 't');
    const desk = at.desk();
    await desk.archive({ tables: [{ table: 'Odd "schema.Tab.le, (x) ü' }], key: ["key'", 't'] });
    expect(await desk.restore({ into: 'In "to' })).toMatchObject({ outcome: 'restored' });
    expect(await contents('"In ""to"."Tab.le, (x) ü"', 't')).toEqual(original);
    await at.client.query(`delete from ${odd}`);
    expect(await desk.restore({ apply: true })).toMatchObject({ outcome: 'restored' });
    expect(await contents(odd, 't')).toEqual(original);
    expect((await at.client.query('select from "Odd ""schema".early')).rowCount).toBe(11);
  });
});

/** Types without an order are no keys; neither is what is equal to what it is not the same as. */
const noKeys =
  /^(json|xml|point|line|lseg|box|path|polygon|circle|json\[\]|box\[\]|xid|cid|jsonpath|pg_snapshot|aclitem\[\]|regproc)$/;
const keys = values.filter(([type]) => !noKeys.test(type));

it('equals the original whatever the role and the database have set', async () => {
  const desk = at.desk();
  await at.client.query(`
    create table settings (id integer primary key, x xml, f float8, m money, i interval, t timestamptz, b bytea);
    insert into settings values (1, xmlparse(content 'no <b>document</b>'), 0.1::float8 + 0.2, 1234.56, '-1 day 2:03',
      '1800-01-01 00:00:00.000001+01', '\\x00ff')`);
  await desk.archive({ tables: [{ table: 'public.settings' }] });
  await at.client.query(`
    alter database postgres set xmloption = document; alter database postgres set datestyle = 'German, DMY';
    alter database postgres set intervalstyle = iso_8601; alter database postgres set extra_float_digits = -10;
    alter database postgres set bytea_output = escape; alter database postgres set timezone = 'Pacific/Apia'`);
  try {
    expect(await desk.restore({ into: 'settings_restored' })).toMatchObject({ outcome: 'restored' });
  } finally {
    await at.client.query('alter database postgres reset all');
  }
});

describe('a key', () => {
  it.each(keys)('of the type %s tells which rows are left out, and which are there already', async (type, ...given) => {
    await at.client.query('drop table if exists public.keyed');
    await at.client.query(`create table public.keyed (k ${type} primary key, n integer)`);
    // A value that is long does not fit into an index.
    const fitting = given.filter((value) => !value.startsWith('repeat') && !value.startsWith('decode'));
    for (const [n, value] of fitting.entries()) {
      await at.client.query(`insert into public.keyed values ((${value})::${type}, ${n}) on conflict do nothing`);
    }
    const { rows } = await at.client.query('select k::text, n from public.keyed order by n');
    // As archiving and restoring take their time, two of them.
    for (const { k, n } of rows.filter((_, index) => index < 1 || index === rows.length - 1)) {
      const desk = at.desk();
      await desk.archive({ tables: [{ table: 'public.keyed' }], key: ['k'], excludedKeys: [[k]] });
      await at.client.query('drop schema if exists keyed cascade');
      const { outcome, message, loaded } = await desk.restore({ into: 'keyed' });
      expect([outcome, message, loaded[0]?.excludedRows]).toEqual(['restored', expect.stringContaining('equal'), 1]);
      const others = rows.map((row) => row.n).filter((other) => other !== n);
      expect((await at.client.query('select n from keyed.keyed order by n')).rows.map((row) => row.n)).toEqual(others);
    }
    const desk = at.desk();
    await desk.archive({ tables: [{ table: 'public.keyed' }], key: ['k'] });
    await at.client.query('delete from public.keyed where n <> 0');
    const refused = await desk.restore({ apply: true });
    expect(refused).toMatchObject({ outcome: 'refused', code: 'conflicts' });
    expect(refused.message).toContain(`public.keyed has 1 of these rows already: k=${rows[0]?.k}`);
    await at.client.query('delete from public.keyed');
    expect(await desk.restore({ apply: true })).toMatchObject({ outcome: 'restored' });
  });
});
