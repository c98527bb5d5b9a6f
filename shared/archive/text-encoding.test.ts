import { Client } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { describe, expect, it } from 'vitest';
import { startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import { type DecodeText, textDecoder } from './text-encoding.ts';

/** Every encoding that is read, but for those of which all is read alike by whatever reads UTF-8. */
const encodings = [
  ...['1', '2', '3', '4', '5', '6', '7', '8', '9', '10'].map((number) => `LATIN${number}`),
  ...['5', '6', '7', '8'].map((number) => `ISO_8859_${number}`),
  ...['KOI8R', 'KOI8U', 'WIN866', 'WIN874'],
  ...Array.from({ length: 9 }, (_, number) => `WIN125${number}`),
  ...['EUC_JP', 'EUC_KR', 'EUC_CN'],
];

/** Returns what may be a character beyond ASCII: a byte, or up to three where an encoding has such. */
function sequences(encoding: string): Buffer[] {
  const trailing = encoding.startsWith('EUC') ? Array.from({ length: 0x5e }, (_, at) => 0xa1 + at) : [];
  return Array.from({ length: 0x80 }, (_, at) => 0x80 + at).flatMap((first) => [
    Buffer.from([first]),
    ...trailing.flatMap((second) => [
      Buffer.from([first, second]),
      // The three-byte characters of EUC_JP, and no others, begin with this one.
      ...(first === 0x8f ? trailing.map((third) => Buffer.from([first, second, third])) : []),
    ]),
  ]);
}

function readOrRefused(decode: DecodeText, bytes: Buffer): string | null {
  try {
    return decode(bytes);
  } catch {
    return null;
  }
}

describe('the text of a server', () => {
  it('is read alike in each of its encodings', { timeout: 120_000 }, async () => {
    const server = await startPostgres();
    try {
      // What the encodings have in common with their alphabet, by its letters.
      const samples: Record<string, string> = {
        LATIN1: 'äÿ¼ \u0085',
        LATIN2: 'łőž',
        LATIN9: '€Šœ',
        ISO_8859_5: 'Жя№',
        ISO_8859_7: 'Ωλά',
        KOI8R: 'Жя',
        WIN1251: 'Жя№€',
        WIN1252: '€Šœ…',
        EUC_JP: '日本語カナ',
        EUC_KR: '한국어',
        UTF8: '🎵\ufeff',
      };
      for (const [encoding, sample] of Object.entries(samples)) {
        const database = encoding.toLowerCase();
        const admin = new Client({ connectionString: server.url });
        await admin.connect();
        await admin.query(`create database ${database} template template0 encoding '${encoding}' locale 'C'`);
        await admin.end();
        const url = new URL(server.url);
        url.pathname = `/${database}`;
        const client = new Client({ connectionString: url.href });
        await client.connect();
        await client.query('create table texts (value text)');
        await client.query('insert into texts values ($1)', [sample]);
        await client.query(`set client_encoding = '${encoding}'`);
        const chunks: Buffer[] = [];
        for await (const chunk of client.query(copyTo('copy texts to stdout'))) chunks.push(chunk as Buffer);
        await client.end();
        expect(textDecoder(encoding)(Buffer.concat(chunks).subarray(0, -1)), encoding).toBe(sample);
      }
    } finally {
      await server.stop();
    }
  });

  it('is of no other characters than the server makes of it, or refused', { timeout: 120_000 }, async () => {
    const server = await startPostgres();
    const client = new Client({ connectionString: server.url });
    try {
      await client.connect();
      await client.query(`create function pg_temp.said(bytes bytea, encoding name) returns text language plpgsql as $$
        begin return convert_from(bytes, encoding); exception when others then return null; end $$`);
      for (const encoding of encodings) {
        const bytes = sequences(encoding);
        const { rows } = await client.query<{ said: string | null }>(
          'select pg_temp.said(b, $2::name) as said from unnest($1::bytea[]) with ordinality as given(b, n) order by n',
          [bytes, encoding],
        );
        const decode = textDecoder(encoding);
        const wrong = rows.flatMap(({ said }, at) => {
          const read = said === null ? null : readOrRefused(decode, bytes[at] as Buffer);
          return read === null || read === said ? [] : [{ encoding, bytes: bytes[at]?.toString('hex'), read, said }];
        });
        expect(wrong).toEqual([]);
        expect(rows.filter(({ said }) => said !== null).length).toBeGreaterThan(30);
      }
    } finally {
      await client.end();
      await server.stop();
    }
  });

  it('is not guessed at', () => {
    for (const unknown of ['MULE_INTERNAL', 'EUC_TW']) {
      expect(() => textDecoder(unknown)(Buffer.from('a\xe4', 'latin1'))).toThrow('encoding-unknown');
      expect(textDecoder(unknown)(Buffer.from('abc 2026-11-23'))).toBe('abc 2026-11-23');
    }
    expect(() => textDecoder('UTF8')(Buffer.from([0xff]))).toThrow('encoding-unknown');
    expect(() => textDecoder('SQL_ASCII')(Buffer.from([0xe4]))).toThrow('encoding-unknown');
    expect(textDecoder('SQL_ASCII')(Buffer.from('abc'))).toBe('abc');
  });
});
