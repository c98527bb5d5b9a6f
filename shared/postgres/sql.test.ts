import fc from 'fast-check';
import pg from 'pg';
import sql from 'sql-template-tag';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import { columnList, formatTableName, identifier, parseTableName, qualified, writtenSql } from './sql.ts';

let server: PostgresServer;
let client: pg.Client;

beforeAll(async () => {
  server = await startPostgres();
  client = new pg.Client(server.url);
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await server.stop();
});

const name = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
    fc.string({
      unit: fc.constantFrom('"', "'", ';', '.', '\\', '-', '/', '*', '$', ' ', '\n', '%', 'A', 'é', '😀', '\u0000'),
      minLength: 1,
      maxLength: 70,
    }),
  )
  .filter((text) => {
    try {
      identifier(text);
      return true;
    } catch {
      return false;
    }
  });

describe('a name', () => {
  test('names just that object, whatever is in it', async () => {
    await fc.assert(
      fc.asyncProperty(name, name, async (table, column) => {
        await client.query('begin');
        try {
          const what = qualified({ schema: 'public', name: table });
          await client.query(`create table ${what.sql} (${identifier(column).sql} int)`);
          await client.query(`insert into ${what.sql} values (1)`);
          const { rows } = await client.query(`select ${columnList([column]).sql} from ${what.sql}`);
          expect(rows).toEqual([{ [column]: 1 }]);
          const aliased = await client.query(`select ${columnList([column], table).sql} from ${what.sql}`);
          expect(aliased.rows).toEqual(rows);
          const catalog = await client.query(
            "select relname from pg_class where relnamespace = 'public'::regnamespace",
          );
          expect(catalog.rows).toEqual([{ relname: table }]);
        } finally {
          await client.query('rollback');
        }
      }),
      { numRuns: 300, examples: [['x"; drop table y; --', 'a" int); --']] },
    );
  });

  test.each([
    ['a'.repeat(63), true],
    ['a'.repeat(64), false],
    ['é'.repeat(31), true],
    ['é'.repeat(32), false],
    ['', false],
    ['a\0b', false],
    ['\ud83d', false],
  ])('has at most 63 bytes of whole characters and no NUL: %j', (text, isName) => {
    if (isName) expect(identifier(text).sql).toBe(`"${text}"`);
    else expect(() => identifier(text)).toThrow(RangeError);
  });

  test('of a table is written with its schema, or is in public', () => {
    expect(parseTableName('tracks')).toEqual({ schema: 'public', name: 'tracks' });
    expect(parseTableName('music.tracks')).toEqual({ schema: 'music', name: 'tracks' });
    expect(parseTableName('music.old.tracks')).toEqual({ schema: 'music', name: 'old.tracks' });
    expect(formatTableName({ schema: 'music', name: 'old.tracks' })).toBe('music.old.tracks');
    expect(qualified(parseTableName('music.old"tracks')).sql).toBe('"music"."old""tracks"');
  });

  test('in a list has each its alias', () => {
    expect(columnList(['id', 'a.b']).sql).toBe('"id", "a.b"');
    expect(columnList(['id', 'a.b'], 't"').sql).toBe('"t"""."id", "t"""."a.b"');
  });
});

describe('written SQL', () => {
  test('is in parentheses, and has its place among values', () => {
    const statement = sql`select ${1}::int where ${writtenSql("'$2' <> 'x'")} and ${2} > 0`;
    expect(statement.text).toBe("select $1::int where ('$2' <> 'x'\n) and $2 > 0");
    expect(statement.values).toEqual([1, 2]);
  });

  test('is refused when it is not closed', () => {
    expect(() => writtenSql('true) or (true')).toThrow(SyntaxError);
  });
});
