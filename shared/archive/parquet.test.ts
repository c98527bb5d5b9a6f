import { zstdDecompressSync } from 'node:zlib';
import { parquetMetadata, parquetReadObjects, parquetSchema } from 'hyparquet';
import { Client } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import { type ArchivePlace, archiveBucket, archivePrefix, inPieces, startArchivePlace } from './archive-fixtures.ts';
import { CopyTextError } from './copy-text.ts';
import { writeParquetFile } from './parquet.ts';
import { parseTimestampMicros } from './parse-timestamp.ts';

let server: PostgresServer;
let client: Client;
let place: ArchivePlace;

beforeAll(async () => {
  server = await startPostgres();
  client = new Client({ connectionString: server.url });
  await client.connect();
  await client.query("set timezone = UTC; set datestyle = 'ISO, MDY'; set bytea_output = hex");
  place = await startArchivePlace();
});

afterAll(async () => {
  await client.end();
  await server.stop();
  await place[Symbol.asyncDispose]();
});

const column = (name: string, type: string) => ({
  name,
  type,
  isNotNull: false,
  isGenerated: false,
  isIdentity: false,
});

function stored(key: string): ArrayBuffer {
  const bytes = Buffer.concat(place.server.bucket(archiveBucket).current(archivePrefix + key)?.content.chunks ?? []);
  return new Uint8Array(bytes).buffer;
}

/** Times are given as they are stored. */
const parsers = {
  timestampFromMicroseconds: (micros: bigint) => micros,
  dateFromDays: (days: number) => days,
  uuidFromBytes: (bytes: Uint8Array) => Buffer.from(bytes).toString('hex'),
};

async function read(key: string): Promise<Record<string, unknown>[]> {
  return parquetReadObjects({
    file: stored(key),
    utf8: false,
    parsers: parsers as never,
    compressors: { ZSTD: (input) => new Uint8Array(zstdDecompressSync(input)) },
  });
}

/** Writes what a query gives, its columns as the server has them. */
async function write(key: string, query: string): Promise<{ rows: number; bytes: number }> {
  await client.query('drop view if exists asked');
  await client.query(`create temporary view asked as ${query}`);
  const { rows } = await client.query<{ name: string; type: string }>(
    `select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
     where attrelid = 'asked'::regclass and attnum > 0 order by attnum`,
  );
  const text = client.query(copyTo(`copy (${query}) to stdout`));
  const columns = rows.map(({ name, type }) => column(name, type));
  return writeParquetFile(text, { columns, encoding: 'UTF8' }, place.store, key);
}

describe('the copy as Parquet', () => {
  it('has every value exactly, of every type, and nulls', async () => {
    await write(
      'types',
      `select true as yes, (-32768)::smallint as small, 2147483647 as whole, '-9223372036854775808'::bigint as large,
         1.5::real as single, 0.1::double precision as double,
         1234567890123456.78::numeric(18,2) as price, (-0.000000000000000001)::numeric(18,18) as tiny,
         7::numeric(5,0) as round,
         123456789012345678901234567890.123456789::numeric as exact,
         12.345::numeric(30,3) as wide, 1200::numeric(3,-2) as coarse,
         date '2024-02-29' as day, date '0044-03-15 BC' as ides,
         timestamp '2024-02-29 23:59:59.123456' as at, timestamptz '1969-12-31 23:59:59.999999+00' as zoned,
         timestamptz(3) '2024-01-01 00:00:00.123+02' as coarser,
         '5f0c4a1e-0000-4000-8000-0123456789ab'::uuid as id, '\\x00ff10'::bytea as bytes,
         E'tab\\t"quote"\\\\ \\n🎵' as text, '' as nothing,
         '{"a": [1, null]}'::jsonb as json, array['a b', null] as list,
         int4range(1, 5) as range, interval '1 day' as span, time '12:00' as clock,
         null::int as no_int, null::text as no_text, null::numeric(5,2) as no_price, null::uuid as no_id`,
    );
    const [row] = await read('types');
    expect(row).toEqual({
      yes: true,
      small: -32768,
      whole: 2147483647,
      large: -9223372036854775808n,
      single: 1.5,
      double: 0.1,
      price: expect.closeTo(Number('1234567890123456.78')),
      tiny: -1e-18,
      round: 7,
      exact: '123456789012345678901234567890.123456789',
      wide: '12.345',
      coarse: '1200',
      day: 19782,
      ides: -735_160,
      at: 1709251199123456n,
      zoned: -1n,
      coarser: parseTimestampMicros('2023-12-31 22:00:00.123+00'),
      id: '5f0c4a1e0000400080000123456789ab',
      bytes: new Uint8Array([0x00, 0xff, 0x10]),
      text: 'tab\t"quote"\\ \n🎵',
      nothing: '',
      json: '{"a": [1, null]}',
      list: '{"a b",NULL}',
      range: '[1,5)',
      span: '1 day',
      clock: '12:00:00',
      no_int: null,
      no_text: null,
      no_price: null,
      no_id: null,
    });
    const elements = parquetSchema(parquetMetadata(stored('types'))).children.map(({ element }) => element);
    const typeOf = (name: string) => elements.find((element) => element.name === name);
    expect(typeOf('at')?.logical_type).toEqual({ type: 'TIMESTAMP', isAdjustedToUTC: false, unit: 'MICROS' });
    expect(typeOf('zoned')?.logical_type).toEqual({ type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' });
    expect(typeOf('price')).toMatchObject({ type: 'INT64', converted_type: 'DECIMAL', precision: 18, scale: 2 });
    expect(typeOf('exact')).toMatchObject({ type: 'BYTE_ARRAY', converted_type: 'UTF8' });
  });

  it('stores a decimal as the very integer that its digits are', async () => {
    // The reader makes a double of it; the bytes in the file do not lie.
    await write('decimals', 'select 9999999999999999.99::numeric(18,2) as price');
    const wanted = Buffer.alloc(8);
    wanted.writeBigInt64LE(999_999_999_999_999_999n);
    expect(Buffer.from(stored('decimals')).includes(wanted)).toBe(true);
  });

  it('has null for what Parquet has no value for, and says how often', async () => {
    await write(
      'infinite',
      `select at, day, price::numeric(5,2) as price from (values
         (timestamptz 'infinity', date '-infinity', 'NaN'::numeric(5,2)), ('2024-01-01', null, 1),
         ('-infinity', '2024-01-01', null)) as list (at, day, price)`,
    );
    const rows = await read('infinite');
    expect(rows.map(({ at }) => at)).toEqual([null, 1704067200000000n, null]);
    expect(rows.map(({ day }) => day)).toEqual([null, null, 19723]);
    expect(rows.map(({ price }) => price)).toEqual([null, 1, null]);
    expect(parquetMetadata(stored('infinite')).key_value_metadata).toEqual([
      { key: 'caretaker.unrepresented.at', value: '2' },
      { key: 'caretaker.unrepresented.day', value: '1' },
      { key: 'caretaker.unrepresented.price', value: '1' },
    ]);
  });

  it('has all rows, in groups of a bounded size', async () => {
    const { rows } = await write('many', `select n, 'row ' || n as name from generate_series(1, 65000) as n`);
    expect(rows).toBe(65_000);
    expect(parquetMetadata(stored('many')).row_groups.map(({ num_rows }) => num_rows)).toEqual([
      20_000n,
      20_000n,
      20_000n,
      5_000n,
    ]);
    const many = await read('many');
    expect(many.every(({ n, name }, index) => n === index + 1 && name === `row ${index + 1}`)).toBe(true);
    expect(many).toHaveLength(65_000);
    await write('wide', `select repeat(md5(n::text), 40000) as text from generate_series(1, 30) as n`);
    expect(parquetMetadata(stored('wide')).row_groups.length).toBeGreaterThan(3);
    expect(await read('wide')).toHaveLength(30);
  });

  it('is a good file also of no rows', async () => {
    expect(await write('none', 'select 1 as n where false')).toMatchObject({ rows: 0 });
    expect(await read('none')).toEqual([]);
  });

  it('is not there when the text is none', async () => {
    const columns = [column('a', 'text'), column('b', 'text')];
    const written = writeParquetFile(inPieces(Buffer.from('1\n')), { columns, encoding: 'UTF8' }, place.store, 'bad');
    await expect(written).rejects.toThrow(CopyTextError);
    expect(place.server.bucket(archiveBucket).current(`${archivePrefix}bad`)).toBeUndefined();
  });
});
