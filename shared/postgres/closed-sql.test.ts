import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import { requireClosedSql } from './closed-sql.ts';

describe('SQL that is not closed in itself is refused', () => {
  test.each([
    ['', 'is empty'],
    [' \n\t', 'is empty'],
    ['1; drop table tracks', 'holds a semicolon'],
    ['1;', 'holds a semicolon'],
    ['1 -- and so on', 'holds a comment'],
    ['1 --', 'holds a comment'],
    ['1 /* and so on', 'holds a comment'],
    ['1 /* one */', 'holds a comment'],
    ['1 +-- 2', 'holds a comment'],
    ['1 +/* 2', 'holds a comment'],
    ['1) or (true', 'a ) that closes nothing'],
    ['1)', 'a ) that closes nothing'],
    ['(1', 'lacks a )'],
    ['array[1', 'lacks a ]'],
    ['array[(1])', 'a ] that closes nothing'],
    ['1]', 'a ] that closes nothing'],
    ["title = 'x", "opens a '"],
    ["title = 'x''", "opens a '"],
    ['"title', 'opens a "'],
    ['"title""', 'opens a "'],
    ["e'x\\'", "opens a '"],
    ["E'x\\\\\\'", "opens a '"],
    ['$$x', 'opens a $$'],
    ['$a$x$b$', 'opens a $a$'],
    ['$a$x$A$', 'opens a $a$'],
    ['id = $1', 'holds a $ outside of quotes'],
    ['$é$ x $é$', 'holds a $ outside of quotes'],
    ['x\0y', 'holds a NUL'],
    // The server takes these for the same string, with backslashes in it.
    ["e'x'\n'\\' ) or (true) --'", 'a string right behind a string'],
    ["'x' 'y'", 'a string right behind a string'],
    ["'x'\n$$y$$", 'a string right behind a string'],
    // To the server these are names with a string behind them in which a backslash is none.
    ["😀e'\\' ) or (true) or '", 'has a string right behind 😀e'],
    ["\u00a0e'\\' ) or ('", 'has a string right behind \u00a0e'],
    ["ae'\\' ) or ('", 'has a string right behind ae'],
    ["1e'\\' ) or ('", 'has a string right behind 1e'],
    ["0x1e'\\' ) or ('", 'has a string right behind 0x1e'],
    ["_e'\\' ) or ('", 'has a string right behind _e'],
    ["a$e'\\' ) or ('", 'has a string right behind a$e'],
    ["date'2026-03-08'", 'has a string right behind date'],
    ["1$$ ' $$ ) or ('$$", 'has a $ right behind a number'],
    ["1a$$ ' $$", 'has a $ right behind a number'],
  ])('%j', (text, fault) => {
    expect(() => requireClosedSql(text)).toThrow(SyntaxError);
    expect(() => requireClosedSql(text)).toThrow(fault);
  });
});

describe('SQL that is closed in itself is taken', () => {
  test.each([
    'select id from tracks where title is null',
    "title ~ '^[A-Z]\\d+$' and title <> ';--/*'",
    "e'it\\'s' || E'\\\\'",
    "title = 'it''s'",
    '"it""s;" = 1',
    "u&'\\0041\\' = title",
    'U&"d\\0061t" = \'1\'',
    "b'01' = B'10' or x'ff' = X'0' or N'a' = n'b'",
    "$$ it's ; -- ( $$ = $a_1$ $$ ' $a$ $a_1$",
    'a$$b$$ = 1',
    'é$1 = 1',
    'array[1, (2)][1] = 1',
    "date '2026-03-08' > released_on",
    "tags @> '{\"a\": [1]}'::jsonb -> '$.a'",
    `title in (${Array.from({ length: 5_000 }, (_, index) => `'${index}'`).join(', ')})`,
  ])('%#: %.60j', (text) => {
    expect(() => requireClosedSql(text)).not.toThrow();
  });

  test('however deep it is', () => {
    expect(() => requireClosedSql(`${'('.repeat(100_000)}1${')'.repeat(100_000)}`)).not.toThrow();
  });
});

describe('on a server', () => {
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

  const before = "select 'first' as first, (";
  const behind = "\n) as middle, 'last' as last from (select 1 as a, 'x' as e) as t where false";

  /** What the server makes of a text in parentheses. */
  async function embedded(text: string): Promise<'kept' | 'refused' | 'escaped'> {
    try {
      const { fields } = await client.query({
        text: `${before}${text}${behind}`,
        queryMode: 'extended',
      } as pg.QueryConfig);
      return fields.map(({ name }) => name).join() === 'first,middle,last' ? 'kept' : 'escaped';
    } catch (error) {
      const { message, position } = error as { message: string; position?: string };
      // What is refused is refused for what is inside of the parentheses, and all of that was understood.
      const closing = [...before, ...text].length + 2;
      return message.startsWith('unterminated') || Number(position ?? 0) > closing ? 'escaped' : 'refused';
    }
  }

  const inQuotes = fc
    .array(
      fc.constantFrom("'", "''", '\\', '\\\\', "\\'", '"', '$', '$$', ')', '(', '\n', '--', '/*', ';', 'a', 'é', '😀'),
      {
        maxLength: 5,
      },
    )
    .map((parts) => parts.join(''));
  const quoted = (open: string, close: string) => inQuotes.map((text) => `${open}${text}${close}`);
  const atom = fc.oneof(
    { weight: 3, arbitrary: quoted("'", "'") },
    { weight: 3, arbitrary: quoted("e'", "'") },
    quoted("E'", "'"),
    quoted("u&'", "'"),
    quoted("b'", "'"),
    quoted("n'", "'"),
    quoted("😀e'", "'"),
    quoted("1e'", "'"),
    quoted('$$', '$$'),
    quoted('$a$', '$a$'),
    quoted('1$$', '$$'),
    quoted('a$a$', '$a$'),
    fc.constantFrom(
      'a',
      'e',
      '1',
      '1.5',
      '"a"',
      '(a)',
      '😀',
      '\u00a0',
      '$1',
      '0x1e',
      '1_0',
      '.',
      '&',
      '::text',
      '(',
      ')',
    ),
  );
  const between = fc.constantFrom(
    ' || ',
    '||',
    '\n',
    ' ',
    '',
    ',',
    '\t',
    '\f',
    '\u00a0',
    ' = ',
    '-',
    '/',
    '*',
    ' e',
    '\r',
  );
  const sql = fc.array(fc.tuple(atom, between), { minLength: 1, maxLength: 4 }).map((parts) =>
    parts
      .flat()
      .join('')
      .replace(/(\|\|| = |,| e|[-/*])$/, ''),
  );

  test('what is taken cannot end the parentheses that it is put into, whatever it is', async () => {
    const seen = { kept: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(sql, async (text) => {
        try {
          requireClosedSql(text);
        } catch {
          return fc.pre(false);
        }
        const became = await embedded(text);
        expect(became).not.toBe('escaped');
        if (became !== 'escaped') seen[became] += 1;
      }),
      { numRuns: 3_000, maxSkipsPerRun: 1_000 },
    );
    // Else there would be no proof in it.
    expect(seen.kept).toBeGreaterThan(300);
  });

  test('what escapes is seen to', async () => {
    expect(await embedded('1) as middle, (2')).toBe('escaped');
    expect(await embedded('1) as middle, 2 as more, (3')).toBe('escaped');
    expect(await embedded("e'x'\n'\\' || ') as middle, ('")).toBe('escaped');
    expect(await embedded("😀e'\\' ) as x, ('")).toBe('escaped');
    expect(await embedded("'x")).toBe('escaped');
    expect(await embedded('1 +')).toBe('refused');
    expect(await embedded('b')).toBe('refused');
    expect(await embedded('a')).toBe('kept');
  });
});
