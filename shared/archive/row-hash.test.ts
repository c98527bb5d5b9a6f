import fc from 'fast-check';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import { hashText } from './digest.ts';
import { RowsHash } from './row-hash.ts';

let server: PostgresServer;
let client: Client;

beforeAll(async () => {
  server = await startPostgres();
  client = new Client({ connectionString: server.url });
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await server.stop();
});

/** What the server says of texts. */
async function serverHashes(texts: readonly string[], connection = client): Promise<string[]> {
  const { rows } = await connection.query<{ hash: string }>(
    `select hashtextextended(text collate "C", 0)::text as hash
     from unnest($1::text[]) with ordinality as list (text, place) order by place`,
    [texts],
  );
  return rows.map(({ hash }) => hashText(BigInt(hash)));
}

function ownHash(bytes: Uint8Array): string {
  const hash = new RowsHash();
  hash.add(bytes, bytes.length);
  return hash.digest().hash;
}

/** Memory of its own, which begins where four bytes are read at once. */
function bytesOf(text: string, encoding: BufferEncoding = 'utf8'): Uint8Array {
  return new Uint8Array(Buffer.from(text, encoding));
}

describe('the hash of a row', () => {
  it('is what PostgreSQL makes of a text, at every length and with every byte in the last place', async () => {
    const texts = Array.from({ length: 101 }, (_, length) =>
      'abcdefghijklmnopqrstuvwxyz0123'.repeat(4).slice(0, length),
    );
    for (const high of ['é', '\u07ff', '\uffff', '\u{10ffff}']) {
      texts.push(...Array.from({ length: 25 }, (_, length) => 'x'.repeat(length) + high));
    }
    expect(texts.map((text) => ownHash(bytesOf(text)))).toEqual(await serverHashes(texts));
  });

  it('is what PostgreSQL makes of any text', async () => {
    const text = fc
      .string({ unit: 'binary', maxLength: 200 })
      .filter((value) => value.isWellFormed() && !value.includes('\0'));
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 20, maxLength: 60 }), async (texts) => {
        expect(texts.map((value) => ownHash(bytesOf(value)))).toEqual(await serverHashes(texts));
      }),
      { numRuns: 30 },
    );
  });

  it('is of the bytes that a server of another encoding has', async () => {
    await client.query(`create database latin template template0 encoding 'LATIN1' locale 'C'`);
    const url = new URL(server.url);
    url.pathname = '/latin';
    const latin = new Client({ connectionString: url.href });
    await latin.connect();
    try {
      const texts = Array.from({ length: 96 }, (_, index) => `naïve ${String.fromCharCode(160 + index)}`);
      expect(texts.map((text) => ownHash(bytesOf(text, 'latin1')))).toEqual(await serverHashes(texts, latin));
      expect(ownHash(bytesOf('é', 'latin1'))).not.toBe((await serverHashes(['é']))[0]);
    } finally {
      await latin.end();
    }
  });

  it('adds up as sum() does, modulo 2^64, with each row by itself too', async () => {
    const texts = Array.from({ length: 5_000 }, (_, index) => `(${index},"row ${index * 7919}")`);
    const { rows } = await client.query<{ sum: string }>(
      'select sum(hashtextextended(text collate "C", 0))::text as sum from unnest($1::text[]) as list (text)',
      [texts],
    );
    const hash = new RowsHash();
    let alone = 0n;
    for (const text of texts) {
      const bytes = bytesOf(text);
      hash.add(bytes, bytes.length);
      alone += BigInt(`0x${hash.lastDigest().hash}`);
    }
    expect(hash.digest()).toEqual({ rows: 5_000, hash: hashText(BigInt(rows[0]?.sum ?? 0)) });
    expect(hashText(alone)).toBe(hash.digest().hash);
    hash.reset();
    expect(hash.digest()).toEqual({ rows: 0, hash: '0'.repeat(16) });
  });

  it('refuses memory in which it could not read four bytes at once', () => {
    const bytes = new Uint8Array(new ArrayBuffer(64), 1, 32);
    expect(() => new RowsHash().add(bytes, 32)).toThrow(RangeError);
  });
});
