import fc from 'fast-check';
import pg from 'pg';
import sql from 'sql-template-tag';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import { inlineValues } from './inline-values.ts';

describe('inlineValues', () => {
  let server: PostgresServer;
  let client: pg.Client;

  beforeAll(async () => {
    server = await startPostgres();
    client = new pg.Client(server.url);
    await client.connect();
  });

  afterAll(async () => {
    await client?.end();
    await server?.stop();
  });

  it('gives the server the very values that parameters would', async () => {
    const text = fc.string({ unit: fc.oneof(fc.constantFrom("'", '\\', '"', '{', '}', ',', '$1', ' ', '\n'), char) });
    await fc.assert(
      fc.asyncProperty(
        text,
        fc.array(fc.option(text)),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        async (a, b, c) => {
          const statement = sql`select ${a}::text as a, ${b}::text[] as b, ${c}::float8 as c, ${null}::text as d`;
          const { rows } = await client.query(inlineValues(statement));
          expect(rows).toEqual(
            [{ a, b, c: c === 0 ? 0 : c, d: null }].map((row) => ({ ...row, c: expect.closeTo(c, 10) })),
          );
        },
      ),
      { numRuns: 100 },
    );
  });

  it('refuses what a literal cannot hold', () => {
    expect(() => inlineValues(sql`select ${'a\0b'}`)).toThrow('NUL');
    expect(() => inlineValues(sql`select ${'\ud800'}`)).toThrow('half a character');
    expect(() => inlineValues(sql`select ${['a\0b']}`)).toThrow('NUL');
    expect(() => inlineValues(sql`select ${{}}`)).toThrow('object');
    expect(() => inlineValues(sql`select ${[{}]}`)).toThrow('array of object');
  });
});

/** Any character but a NUL, which PostgreSQL has no text with. */
const char = fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).filter((text) => text !== '\0');
