import fc from 'fast-check';
import { Client } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import type { TypedColumn } from '../retention/row-target.ts';
import { CopyTextError, CopyTextReader } from './copy-text.ts';
import { hashText } from './digest.ts';
import { columnText } from './row-columns.ts';
import { RowsHash } from './row-hash.ts';
import { rowHash } from './row-hash-sql.ts';
import { textDecoder } from './text-encoding.ts';

let server: PostgresServer;
let client: Client;
let latin: Client;

beforeAll(async () => {
  server = await startPostgres();
  client = await connect('postgres');
  await client.query(`create database latin template template0 encoding 'LATIN1' locale 'C'`);
  latin = await connect('latin');
  await latin.query(`set client_encoding = 'LATIN1'`);
  await client.query(`
    create type mood as enum ('sad', 'so so', 'it''s "fine"', 'a,b', '(c)', 'back\\slash', ' ');
    create type point3 as (x int, label text, at timestamptz, tags text[]);
    create domain short_text as varchar(40);
    create table everything (
      id bigint generated always as identity primary key,
      a_text text, a_domain short_text, a_varchar varchar(30), a_char char(12), a_name name, a_byte "char",
      a_small smallint, an_int int, a_real real, a_double double precision, a_numeric numeric, a_money numeric(12,2),
      a_bool boolean, a_bytea bytea, a_uuid uuid,
      a_date date, a_time time, a_timetz timetz, a_timestamp timestamp, a_timestamptz timestamptz, an_interval interval,
      an_array text[], a_matrix int[][], a_json json, a_jsonb jsonb, a_mood mood, moods mood[],
      a_range int4range, a_multirange datemultirange, a_composite point3, composites point3[],
      an_inet inet, a_cidr cidr, a_mac macaddr, a_bit bit varying(20), a_vector tsvector, a_point point,
      a_path jsonpath,
      is_long boolean generated always as (length(a_text) > 5) stored,
      shout text generated always as (upper(a_varchar)) virtual,
      dropped int
    );
    alter table everything drop column dropped;
  `);
});

afterAll(async () => {
  await Promise.all([client.end(), latin.end()]);
  await server.stop();
});

async function connect(database: string): Promise<Client> {
  const url = new URL(server.url);
  url.pathname = `/${database}`;
  const connected = new Client({ connectionString: url.href });
  await connected.connect();
  await connected.query(
    `set datestyle = 'ISO, MDY'; set intervalstyle = postgres; set timezone = UTC; set extra_float_digits = 1;
     set bytea_output = hex`,
  );
  return connected;
}

/** Returns what COPY writes of a query. */
async function copied(connection: Client, query: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of connection.query(copyTo(`copy (${query}) to stdout`))) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Returns the hash and the values of each row of columns of these types, having read the text in pieces. */
function read(
  text: Uint8Array,
  types: readonly string[],
  cuts: readonly number[] = [],
  encoding: BufferEncoding = 'utf8',
): { hashes: string[]; values: (string | null)[][] } {
  const hashes: string[] = [];
  const values: (string | null)[][] = [];
  const hash = new RowsHash(types);
  const decode = textDecoder(encoding === 'utf8' ? 'UTF8' : 'LATIN1');
  const reader = new CopyTextReader(types.length, (row) => {
    hash.add(row);
    hashes.push(hash.lastDigest().hash);
    values.push(types.map((_, index) => columnText(row, index, decode)));
  });
  let from = 0;
  for (const cut of [...new Set(cuts.map((value) => value % (text.length + 1)))].sort((a, b) => a - b)) {
    reader.push(text.subarray(from, cut));
    from = cut;
  }
  reader.push(text.subarray(from));
  reader.end();
  return { hashes, values };
}

async function columnsOf(connection: Client, table: string): Promise<TypedColumn[]> {
  const { rows } = await connection.query<TypedColumn>(
    `select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
     where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum`,
    [table],
  );
  return rows;
}

/** Returns the hash that the server has of each row, and its values as their types write them. */
async function serverRows(
  connection: Client,
  table: string,
): Promise<{ hashes: string[]; values: (string | null)[][] }> {
  const columns = await columnsOf(connection, table);
  const texts = columns.map(({ name }) => `case when num_nulls(t.${name}) = 0 then format('%s', t.${name}) end`);
  const { rows } = await connection.query<{ hash: string; values: (string | null)[] }>(
    `select (${rowHash(columns, 't').text})::text as hash, array[${texts.join()}] as values
     from ${table} t order by id`,
  );
  return { hashes: rows.map(({ hash }) => hashText(BigInt(hash))), values: rows.map(({ values }) => values) };
}

const nullable = <T>(values: fc.Arbitrary<T>) => fc.option(values, { freq: 5 });
const awkward = fc.constantFrom(
  ...[
    '',
    ' ',
    '\\N',
    '\\',
    '\\\\',
    'a\\Nb',
    '\t',
    '\n',
    '\r\n',
    '\v',
    '\f',
    '\b',
    '"',
    '""',
    '(',
    ')',
    ',',
    '{}',
    'NULL',
  ],
  ...['\u0085', '\u00a0', '\u2028', 'é', '日本', '🎵', '\u0001', '\u007f', '\\.', "'"],
);
const text = fc
  .array(fc.oneof(awkward, fc.string({ unit: 'binary', maxLength: 20 })), { maxLength: 6 })
  .map((parts) => parts.join(''))
  .filter((value) => value.isWellFormed() && !value.includes('\0'));
const shortText = text.map((value) => [...value].slice(0, 12).join(''));
const day = fc.oneof(
  fc.constantFrom('infinity', '-infinity', '0044-03-15 BC', '4713-01-01 BC', '294276-12-31', '1970-01-01'),
  fc.integer({ min: -2_400_000, max: 2_000_000 }).map((days) => ({ days })),
);
const moods = ['sad', 'so so', `it's "fine"`, 'a,b', '(c)', 'back\\slash', ' '];
const arrayOf = (values: fc.Arbitrary<string | null>) => fc.array(values, { maxLength: 4 });

const row = fc.record({
  a_text: nullable(text),
  a_domain: nullable(shortText),
  a_varchar: nullable(shortText),
  a_char: nullable(fc.constantFrom('', ' ', 'a b', 'tab\there', '"quoted"')),
  a_name: nullable(fc.constantFrom('', 'plain', 'two words', 'back\\slash')),
  a_byte: nullable(fc.constantFrom('', 'x', '"', '\\', ' ', ',', '\n')),
  a_small: nullable(fc.integer({ min: -32_768, max: 32_767 })),
  an_int: nullable(fc.integer()),
  a_real: nullable(fc.float()),
  a_double: nullable(fc.double()),
  a_numeric: nullable(
    fc.oneof(
      fc.constantFrom('NaN', 'Infinity', '-Infinity', '0.00', `${'9'.repeat(60)}.${'1'.repeat(40)}`, `1e-300`),
      fc.bigInt({ min: -(10n ** 50n), max: 10n ** 50n }).map(String),
    ),
  ),
  a_money: nullable(fc.constantFrom('NaN', '0.01', '-9999999999.99')),
  a_bool: nullable(fc.boolean()),
  a_bytea: nullable(fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))),
  a_uuid: nullable(fc.uuid()),
  a_date: nullable(day),
  a_time: nullable(fc.constantFrom('00:00', '24:00', '23:59:59.999999')),
  a_timetz: nullable(fc.constantFrom('00:00+14', '23:59:59.1-05:30')),
  a_timestamp: nullable(day),
  a_timestamptz: nullable(day),
  an_interval: nullable(fc.constantFrom('0', '-1 year -2 mons +3 days -04:05:06.789', '178000000 years', 'infinity')),
  an_array: nullable(arrayOf(nullable(text))),
  a_matrix: nullable(fc.constantFrom('{}', '{{1,2},{3,null}}', '[0:1]={1,2}')),
  a_json: nullable(fc.json().filter((json) => !json.includes('\\u0000'))),
  a_jsonb: nullable(fc.constantFrom('{}', '[]', 'null', '"a\\tb"', '{"b": [1, {"a": "x\\\\y\\"z"}], "a": 1e400}')),
  a_mood: nullable(fc.constantFrom(...moods)),
  moods: nullable(arrayOf(nullable(fc.constantFrom(...moods)))),
  a_range: nullable(fc.constantFrom('empty', '[1,5)', '(,)', '[3,)')),
  a_multirange: nullable(fc.constantFrom('{}', '{[2024-01-01,2024-02-01),[2025-01-01,infinity)}')),
  an_inet: nullable(fc.constantFrom('10.0.0.1', '::1/64')),
  a_cidr: nullable(fc.constantFrom('10.0.0.0/8')),
  a_mac: nullable(fc.constantFrom('08:00:2b:01:02:03')),
  a_bit: nullable(fc.constantFrom('', '0', '10101')),
  a_vector: nullable(fc.constantFrom('', `'it''s' 'back\\\\slash':1A 'two words':3`)),
  a_point: nullable(fc.constantFrom('(1.5,-2)', '(infinity,nan)')),
  a_path: nullable(fc.constantFrom('$."a b"[*] ? (@ > "x")')),
});

/** Returns a value as SQL has it; days of any calendar are counted by the server. */
function expression(column: string, value: unknown, values: unknown[]): string {
  if (typeof value === 'object' && value !== null && 'days' in value) {
    values.push(value.days);
    return `(date '2000-01-01' + $${values.length}::int)`;
  }
  if (typeof value === 'number' && column === 'a_real') values.push(String(Math.fround(value)));
  else values.push(typeof value === 'number' ? String(value) : value);
  return `$${values.length}`;
}

async function fill(rows: readonly Record<string, unknown>[]): Promise<void> {
  await client.query('truncate everything');
  for (const entry of rows) {
    const values: unknown[] = [];
    const columns = Object.keys(entry);
    const list = Object.entries(entry).map(([column, value]) => expression(column, value, values));
    const label = values.push((entry as { a_text?: unknown }).a_text);
    await client.query(
      `insert into everything (${columns.join()}, a_composite, composites) select ${list.join()},
         case when n % 3 > 0 then row(n, $${label}::text, now(), array['a b', null, '"'])::point3 end,
         case when n % 3 > 1 then array[row(null, '', 'infinity', null)::point3, null] end
       from (select count(*)::int as n from everything) as counted`,
      values,
    );
  }
}

describe('reading what COPY writes', () => {
  it('makes of every row, of every type and cut anywhere, the values and the hash that the server has', async () => {
    const columns = await columnsOf(client, 'everything');
    const types = columns.map(({ type }) => type);
    const query = `select ${columns.map(({ name }) => name).join()} from everything order by id`;
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 1, maxLength: 12 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        async (rows, cuts) => {
          await fill(rows);
          const found = read(await copied(client, query), types, cuts);
          expect(found).toEqual(await serverRows(client, 'everything'));
        },
      ),
      { numRuns: 40 },
    );
  });

  it('gives back each value of text as it is, NULL apart from nothing', async () => {
    await client.query('create table texts (id int, value text, other text)');
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(nullable(text), nullable(text)), { minLength: 1, maxLength: 30 }),
        async (pairs) => {
          await client.query('truncate texts');
          await client.query(
            `insert into texts select place, value, other
           from unnest($1::text[], $2::text[]) with ordinality as list (value, other, place)`,
            [pairs.map(([value]) => value), pairs.map(([, other]) => other)],
          );
          const { values } = read(await copied(client, 'select value, other from texts order by id'), ['text', 'text']);
          expect(values).toEqual(pairs);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('reads every character of a server in LATIN1', async () => {
    await latin.query('create table letters (id int primary key, value text, pair text[])');
    await latin.query(
      `insert into letters
       select n, 'a' || chr(n) || 'b', array[chr(n), ' ' || chr(n)] from generate_series(1, 255) as n
       union all select n + 1000, chr(n), null from generate_series(1, 255) as n`,
    );
    const { values, hashes } = read(
      await copied(latin, 'select * from letters order by id'),
      ['integer', 'text', 'text[]'],
      [1, 50, 51, 52, 53],
      'latin1',
    );
    expect(hashes).toEqual((await serverRows(latin, 'letters')).hashes);
    const letters = Array.from({ length: 255 }, (_, index) => String.fromCharCode(index + 1));
    expect(values.map(([, value]) => value)).toEqual([...letters.map((letter) => `a${letter}b`), ...letters]);
  });

  it('holds a row that is larger than what it works on at once', async () => {
    await client.query(`create table large (id int, value text);
      insert into large values (1, 'x'), (2, repeat(E'a"\\\\\\t ', 400000)), (3, repeat('y', 1000000)), (4, '')`);
    const { hashes } = read(
      await copied(client, 'select * from large order by id'),
      ['integer', 'text'],
      [100_000, 100_001, 3_000_000],
    );
    expect(hashes).toEqual((await serverRows(client, 'large')).hashes);
  });

  it('reads nothing as no rows', () => {
    expect(read(new Uint8Array(), ['integer']).hashes).toEqual([]);
  });

  it('refuses what PostgreSQL does not write', () => {
    const faults = [
      'a\tb',
      'a\tb\tc\n',
      'a\n',
      '\n',
      'a\tb\\',
      'a\tb\\x\n',
      '\\Nx\tb\n',
      '\\N \tb\n',
      'x\\N\tb\n',
      '\\N\\N\tb\n',
      '\\N\\t\tb\n',
      'a\rb\tc\n',
      'a\0\tc\n',
      'a\tb\nc',
      '\\N',
      '"',
    ];
    for (const fault of faults) {
      for (const cuts of [[], [1], [2], [3]]) {
        expect(() => read(Buffer.from(fault), ['text', 'text'], cuts), JSON.stringify(fault)).toThrow(CopyTextError);
      }
    }
  });
});
