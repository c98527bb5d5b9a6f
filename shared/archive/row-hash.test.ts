import fc from 'fast-check';
import { Client } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import type { TypedColumn } from '../retention/row-target.ts';
import { CopyTextReader } from './copy-text.ts';
import { hashText } from './digest.ts';
import { RowsHash } from './row-hash.ts';
import { rowHash } from './row-hash-sql.ts';

let server: PostgresServer;
let client: Client;

beforeAll(async () => {
  server = await startPostgres();
  client = await connected('postgres');
});

afterAll(async () => {
  await client.end();
  await server.stop();
});

async function connected(database: string): Promise<Client> {
  const url = new URL(server.url);
  url.pathname = `/${database}`;
  const connection = new Client({ connectionString: url.href });
  await connection.connect();
  return connection;
}

/** Makes a table of texts, and returns the hash that the server has of each row, and that of what COPY writes of it. */
async function hashesOf(
  rows: readonly (readonly (string | null)[])[],
  connection = client,
): Promise<{ own: string[]; server: string[] }> {
  const names = Array.from(rows[0] ?? [], (_, index) => `c${index}`);
  await connection.query(
    `drop table if exists texts; create table texts (${names.map((name) => `${name} text`).join()})`,
  );
  for (const row of rows) {
    const values = row.map((value) => (value === null ? 'null' : connection.escapeLiteral(value)));
    await connection.query(`insert into texts values (${values.join()})`);
  }
  const columns = names.map((name) => ({ name, type: 'text' }));
  return {
    own: await ownHashes(connection, 'texts', columns),
    server: await serverHashes(connection, 'texts', columns),
  };
}

async function ownHashes(connection: Client, table: string, columns: readonly TypedColumn[]): Promise<string[]> {
  const own: string[] = [];
  const hash = new RowsHash(columns.map(({ type }) => type));
  const reader = new CopyTextReader(columns.length, (row) => {
    hash.add(row);
    own.push(hash.lastDigest().hash);
  });
  for await (const chunk of connection.query(copyTo(`copy ${table} to stdout`))) reader.push(chunk as Buffer);
  reader.end();
  return own;
}

async function serverHashes(connection: Client, table: string, columns: readonly TypedColumn[]): Promise<string[]> {
  const { rows } = await connection.query<{ hash: string }>(
    `select (${rowHash(columns, 't').text})::text as hash from ${table} t order by ctid`,
  );
  return rows.map(({ hash }) => hashText(BigInt(hash)));
}

describe('the hash of a row', () => {
  it('is what PostgreSQL makes of it, at every length and with every byte in the last place', async () => {
    const texts = Array.from({ length: 101 }, (_, length) =>
      'abcdefghijklmnopqrstuvwxyz0123'.repeat(4).slice(0, length),
    );
    for (const high of ['é', '\u07ff', '\uffff', '\u{10ffff}']) {
      texts.push(...Array.from({ length: 25 }, (_, length) => 'x'.repeat(length) + high));
    }
    for (const before of [[], ['a'], ['', null]]) {
      const { own, server: expected } = await hashesOf(texts.map((text) => [...before, text, 'after']));
      expect(own).toEqual(expected);
      expect(new Set(own).size).toBe(texts.length);
    }
  });

  it('is what PostgreSQL makes of any texts', async () => {
    const text = fc
      .string({ unit: 'binary', maxLength: 60 })
      .filter((value) => value.isWellFormed() && !value.includes('\0'));
    const rows = fc.integer({ min: 1, max: 5 }).chain((columns) =>
      fc.array(fc.array(fc.option(text, { freq: 4 }), { minLength: columns, maxLength: columns }), {
        minLength: 1,
        maxLength: 20,
      }),
    );
    await fc.assert(
      fc.asyncProperty(rows, async (some) => {
        const { own, server: expected } = await hashesOf(some);
        expect(own).toEqual(expected);
      }),
      { numRuns: 30 },
    );
  });

  it('tells NULL from nothing, and which column a text is in', async () => {
    const rows = [
      ['', ''],
      [null, ''],
      ['', null],
      [null, null],
      ['a', ''],
      ['', 'a'],
      ['a', null],
      [null, 'a'],
      ['t', ''],
      ['tf', ''],
    ];
    const { own, server: expected } = await hashesOf(rows);
    expect(own).toEqual(expected);
    expect(new Set(own).size).toBe(rows.length);
  });

  it('tells a composite value without any field from NULL', async () => {
    await client.query(`create type pair as (a int, b text);
      create table pairs (id int, p pair); insert into pairs values (1, null), (1, row(null, null)), (1, row(1, null)), (null, null), (null, row(null, null))`);
    const columns = [
      { name: 'id', type: 'integer' },
      { name: 'p', type: 'public.pair' },
    ];
    const own = await ownHashes(client, 'pairs', columns);
    expect(own).toEqual(await serverHashes(client, 'pairs', columns));
    expect(new Set(own).size).toBe(5);
  });

  it('is of integers as numbers, of any size, and of what is none as text', async () => {
    const numbers = fc.oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc
        .integer({ min: 0, max: 63 })
        .chain((bits) => fc.bigInt({ min: -(2n ** BigInt(bits)), max: 2n ** BigInt(bits) - 1n })),
      fc.integer({ min: 0, max: 18 }).map((digits) => 10n ** BigInt(digits)),
      fc.integer({ min: 0, max: 18 }).map((digits) => 1n - 10n ** BigInt(digits)),
    );
    const edges = [15, 16, 31, 32, 48, 53, 62, 63]
      .flatMap((bits) => [-2n, -1n, 0n, 1n].flatMap((by) => [2n ** BigInt(bits) + by, -(2n ** BigInt(bits)) - by]))
      .concat(0n, 1n, -1n)
      .filter((edge) => BigInt.asIntN(64, edge) === edge);
    const values = [...edges, ...fc.sample(numbers, 2_000)];
    await client.query(`create table numbers (small smallint, plain integer, big bigint, word text)`);
    await client.query(
      `insert into numbers select nullif(n % 7, 3) - 2, nullif(n * 1000003 % 65537, 3) * -32767, big, 'x'
       from unnest($1::bigint[]) with ordinality as given(big, n) union all select null, null, null, null
       union all values (32767, 2147483647, 0, 'y'), (-32768, -2147483648, 0, 'y')`,
      [values.map(String)],
    );
    const columns = ['smallint', 'integer', 'bigint', 'text'].map((type, index) => {
      return { name: ['small', 'plain', 'big', 'word'][index] as string, type };
    });
    const own = await ownHashes(client, 'numbers', columns);
    expect(own).toEqual(await serverHashes(client, 'numbers', columns));
    const alone = (text: string) => {
      const hash = new RowsHash(['bigint']);
      const reader = new CopyTextReader(1, (row) => hash.add(row));
      reader.push(Buffer.from(`${text}\n`));
      return hash.digest().hash;
    };
    const alike = [
      '0',
      '00',
      '-0',
      '',
      '\\N',
      '7',
      '07',
      '+7',
      '-7',
      '7 ',
      '1:',
      '20',
      '70',
      '18446744073709551616',
      '9223372036854775807',
      '-9223372036854775808',
      '9223372036854775808',
      '-9223372036854775809',
      '9999999999999999999',
      '-8446744073709551617',
    ];
    expect(new Set(alike.map(alone)).size).toBe(alike.length);
  });

  it('is of as many columns as a table can have', async () => {
    for (const count of [99, 100, 101, 200, 1_600]) {
      const columns = Array.from({ length: count }, (_, index) => ({ name: `c${index}`, type: 'integer' }));
      await client.query(`drop table if exists wide;
        create table wide (${columns.map(({ name }) => `${name} int`).join()});
        insert into wide (c0) values (1), (null); insert into wide (c${count - 1}) values (1);
        insert into wide values (${columns.map((_, index) => index % 7).join()})`);
      const own = await ownHashes(client, 'wide', columns);
      expect(own).toEqual(await serverHashes(client, 'wide', columns));
      expect(new Set(own).size).toBe(4);
    }
  });

  it('is of the bytes that a server of another encoding has', async () => {
    await client.query(`create database latin template template0 encoding 'LATIN1' locale 'C'`);
    const latin = await connected('latin');
    try {
      await latin.query(`set client_encoding = 'UTF8'`);
      const rows = Array.from({ length: 96 }, (_, index) => [`naïve ${String.fromCharCode(160 + index)}`]);
      await hashesOf(rows, latin);
      await latin.query(`set client_encoding = 'LATIN1'`);
      const columns = [{ name: 'c0', type: 'text' }];
      const own = await ownHashes(latin, 'texts', columns);
      expect(own).toEqual(await serverHashes(latin, 'texts', columns));
      expect(own[0]).not.toBe((await hashesOf(rows.slice(0, 1))).own[0]);
    } finally {
      await latin.end();
    }
  });

  it('adds up as sum() does, modulo 2^64, with each row by itself too', async () => {
    await client.query('create table many as select n, n * 7919 as m from generate_series(1, 5000) n');
    const columns = [
      { name: 'n', type: 'integer' },
      { name: 'm', type: 'integer' },
    ];
    const { rows } = await client.query<{ sum: string }>(`select sum(${rowHash(columns).text})::text as sum from many`);
    const hash = new RowsHash(['integer', 'integer']);
    let alone = 0n;
    const reader = new CopyTextReader(2, (row) => {
      hash.add(row);
      alone += BigInt(`0x${hash.lastDigest().hash}`);
    });
    for await (const chunk of client.query(copyTo('copy many to stdout'))) reader.push(chunk as Buffer);
    expect(hash.digest()).toEqual({ rows: 5_000, hash: hashText(BigInt(rows[0]?.sum ?? 0)) });
    expect(hashText(alone)).toBe(hash.digest().hash);
    hash.reset();
    expect(hash.digest()).toEqual({ rows: 0, hash: '0'.repeat(16) });
  });
});
