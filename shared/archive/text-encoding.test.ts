import { Client } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { describe, expect, it } from 'vitest';
import { startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import { textDecoder } from './text-encoding.ts';

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

  it('is not guessed at', () => {
    for (const unknown of ['MULE_INTERNAL', 'LATIN5']) {
      expect(() => textDecoder(unknown)(Buffer.from('a\xe4', 'latin1'))).toThrow('encoding-unknown');
      expect(textDecoder(unknown)(Buffer.from('abc 2026-11-23'))).toBe('abc 2026-11-23');
    }
    expect(() => textDecoder('UTF8')(Buffer.from([0xff]))).toThrow('encoding-unknown');
    expect(() => textDecoder('SQL_ASCII')(Buffer.from([0xe4]))).toThrow('encoding-unknown');
    expect(textDecoder('SQL_ASCII')(Buffer.from('abc'))).toBe('abc');
  });
});
