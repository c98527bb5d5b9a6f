import fc from 'fast-check';
import pg from 'pg';
import sql, { type Sql } from 'sql-template-tag';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { patternCondition } from './pattern-condition.ts';

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

/** Returns, for each text, what the condition says and what PostgreSQL's own says. */
async function both(pattern: string, texts: readonly (string | null)[], type = 'text') {
  const condition = (of: Sql) => sql`select ${of} as answer from (
    select x::text::${{ text: sql`text`, 'character(4)': sql`character(4)`, 'character(3)': sql`character(3)` }[type] ?? sql`text`} as v
    from unnest(${texts}::text[]) with ordinality as t (x, n) order by n) as s`;
  const read = async (of: Sql) => {
    const { text, values } = condition(of);
    return (await client.query<{ answer: boolean | null }>(text, [...values])).rows.map(({ answer }) => answer);
  };
  return { ours: await read(patternCondition('v', type, pattern)), theirs: await read(sql`v::text ~ ${pattern}`) };
}

const hash = 'a1'.repeat(32);
const uuid = '123e4567-e89b-12d3-a456-426614174000';

test.each([
  ['^[0-9a-f]{64}$', [hash, `${hash}0`, hash.slice(1), hash.toUpperCase(), `${hash.slice(2)}é`, `${hash}\n`, '', null]],
  ['^[a-z]+$', ['abc', '', 'aBc', 'ab\n', 'ä', null]],
  ['^[a-z]*$', ['', 'abc', 'a b', '\n']],
  ['^[a-z]?$', ['', 'a', 'ab', 'é']],
  ['^[a-z_-]{2,3}$', ['a', '-_', 'a-b', 'abcd', 'éa', 'é']],
  ['^[A-Z]{2,}$', ['A', 'AB', 'ABCDEFG', 'AÀ']],
  [
    '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
    [uuid, uuid.replace('-', 'a'), uuid.slice(1), `${uuid.slice(2)}é`, `é${uuid.slice(2)}`, `${uuid}a`, null],
  ],
  [
    '^tracks/[0-9]{4}/[0-9a-f]{32}\\.flac$',
    [`tracks/0001/${hash.slice(32)}.flac`, `tracks/0001/${hash.slice(32)}xflac`, `Tracks/0001/${hash.slice(32)}.flac`],
  ],
  ['^[A-Z]{2}[A-Z0-9]{3}[0-9]{7}$', ['USNY12600001', 'usny12600001', 'USNY1260000', 'USNY1260000Á', '']],
  ['^a|b$', ['a', 'xb', 'x']],
  ['^.{3}$', ['abc', 'äöü', 'ab']],
  ['^\\d{2}$', ['12', '1a', '١٢']],
  ['^(ab)$', ['ab', 'abc']],
  ['^[[:alpha:]]{2}$', ['ab', 'äb', 'a1']],
  ['^[^a-z]{3}$', ['ABC', 'abc', '\n\n\n']],
  ['^a{2}$', ['aa', 'a', 'aaa']],
  ['^[ab]{2}?$', ['ab', 'a', '']],
  ['[0-9a-f]{64}', [hash, 'x']],
  ['^$', ['', 'a']],
  ['^a\\$', ['a$', 'a']],
  ['^a\\.b$', ['a.b', 'axb']],
])('says of %s what PostgreSQL says', async (pattern, texts) => {
  const { ours, theirs } = await both(pattern, texts);
  expect(ours).toEqual(theirs);
  expect(new Set(theirs).size).toBeGreaterThan(1);
});

test('takes a value of the type char without the blanks behind it', async () => {
  for (const pattern of ['^[a-z]{4}$', '^[a-z ]{4}$', '^[a-z]{3}$', '^[a-z]{2}[0-9]{2}$', '^[a-z]{2}[0-9 ]{2}$']) {
    const { ours, theirs } = await both(
      pattern,
      ['abcd', 'abc', 'ab12', 'ab1', 'a', '', 'ab 1', 'éabc', null],
      'character(4)',
    );
    expect([pattern, ours]).toEqual([pattern, theirs]);
  }
});

test('leaves a pattern that is none to PostgreSQL', async () => {
  for (const pattern of ['^[z-a]{4}$', '^[a-z]{256}$', '^[a-z]{3,2}$', '^[a-z$', '^a{2}{3}+$', '^(a$']) {
    await expect(both(pattern, ['a'])).rejects.toMatchObject({ code: '2201B' });
  }
});

test('takes long patterns apart, and no others', () => {
  const isApart = (pattern: string) => !patternCondition('v', 'text', pattern).values.includes(pattern);
  expect(['^[0-9a-f]{64}$', '^[a-z]+$', '^tracks/[0-9]{4}/[0-9a-f]{32}\\.flac$'].filter(isApart)).toHaveLength(3);
  expect(['^[A-Z]{2}[A-Z0-9]{3}[0-9]{7}$', '^a+b+$', '^[0-9]{2}[a-z]*$', '^\\w{64}$'].filter(isApart)).toEqual([]);
});

test('says of any simple pattern and any text what PostgreSQL says', async () => {
  const characters = fc.constantFrom('a-z', '0-9', 'A-F0-9', 'ab', 'a-c_', 'x.', 'a-z-', 'a ');
  const quantifier = fc.constantFrom('', '{1}', '{2}', '{3}', '{9}', '{12}', '{1,2}', '{2,}', '+', '*', '?');
  const atom = fc.oneof(
    fc.tuple(characters, quantifier).map(([set, times]) => `[${set}]${times}`),
    fc.constantFrom('a', '-', '/', '\\.', 'ab{2}', '.', ' '),
  );
  const pattern = fc.array(atom, { minLength: 1, maxLength: 5 }).map((atoms) => `^${atoms.join('')}$`);
  const unit = fc.constantFrom('a', 'b', 'x', 'z', '0', '9', 'F', '_', '-', '.', '/', ' ', 'é', '\n', '日');
  const text = fc.string({ unit, maxLength: 5 });
  // Texts at random hardly ever match.
  const repeated = fc.tuple(unit, fc.integer({ min: 0, max: 40 }), text).map(([c, n, tail]) => c.repeat(n) + tail);
  const texts = fc.array(fc.oneof(text, repeated, fc.stringMatching(/^[a-c0-9_./-]{0,40}$/)), {
    minLength: 20,
    maxLength: 40,
  });
  await fc.assert(
    fc.asyncProperty(
      pattern,
      texts,
      fc.constantFrom('text', 'character(4)', 'character(3)'),
      async (given, all, type) => {
        const matching = given.length < 8 ? [] : [exampleOf(given)];
        const { ours, theirs } = await both(given, [...all, ...matching, null], type);
        expect(ours).toEqual(theirs);
      },
    ),
    { numRuns: 150 },
  );
});

/** Returns a text that a pattern of those above matches. */
function exampleOf(pattern: string): string {
  return pattern
    .slice(1, -1)
    .replace(/\[(.)[^\]]*\](?:\{(\d+),?\d*\}|[+*?])?/g, (_, first: string, times = '1') => first.repeat(Number(times)))
    .replace(/b\{2\}/g, 'bb')
    .replaceAll('\\', '');
}

test('is one condition, however it is taken apart', () => {
  expect(patternCondition('v', 'text', '^[a-z]{1,2}$').text).toMatch(/^\(.*\)$/);
});
