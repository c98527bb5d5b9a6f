import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { auditRule, execute, uncheckedReason } from './query-fixtures.ts';

let server: PostgresServer;

const rule = { kind: 'nearDuplicates', table: 'artists', column: 'name', minimumSimilarity: 0.6 };

beforeAll(async () => {
  server = await startPostgres();
  await execute(server.url, 'create table artists (id integer primary key, name text, area integer)');
});

afterAll(() => server.stop());

async function fill(...names: readonly (string | null)[]): Promise<void> {
  await fillAreas(names.map((name) => [name, 1] as const));
}

async function fillAreas(rows: readonly (readonly [string | null, number | null])[]): Promise<void> {
  await execute(
    server.url,
    'truncate artists',
    `insert into artists select id, name, area from json_to_recordset('${JSON.stringify(
      rows.map(([name, area], index) => ({ id: index + 1, name, area })),
    ).replaceAll("'", "''")}') as r (id integer, name text, area integer)`,
  );
}

test('without pg_trgm the rule is unchecked, and says what to do', async () => {
  expect(await uncheckedReason(server.url, rule)).toEqual({
    reason: 'missing-extension',
    detail: 'The database has no pg_trgm. An owner of the database creates it with: create extension pg_trgm',
  });
  // Not where anybody would look for it.
  await execute(server.url, 'create schema "ext "" x"', 'create extension pg_trgm schema "ext "" x"');
});

test('names with a letter more are found, others are not', async () => {
  await fill('Canal Street Quartet', 'Five Points Collective', 'Canal Street Quartets', 'Collect Pond', null, null);
  const found = await auditRule(server.url, rule);
  expect(found).toMatchObject({ breaks: 'near-duplicates', tested: 4, count: 1, samples: ['id=3, is like id=1'] });
  expect(found.facts).toEqual({ pairs: 1, withoutTrigrams: 0 });
});

test('as similar as the minimum is similar enough', async () => {
  // Trigrams of abc: "  a", " ab", "abc", "bc "; of abcd: "  a", " ab", "abc", "bcd", "cd ". Three of six are in both.
  await fill('abc', 'abcd');
  expect(await auditRule(server.url, { ...rule, minimumSimilarity: 0.5 })).toMatchObject({ count: 1 });
  expect(await auditRule(server.url, { ...rule, minimumSimilarity: 0.51 })).toMatchObject({ count: 0 });
});

test('case and punctuation are no difference, and of the same names each pair counts once', async () => {
  await fill('Hip Hop', 'hip-hop', 'HIP HOP!', 'Jazz', 'Hip Hops');
  const found = await auditRule(server.url, rule);
  expect(found).toMatchObject({ tested: 5, count: 3, facts: { pairs: 6 } });
  expect([...found.samples].sort()).toEqual(['id=2, is like id=1', 'id=3, is like id=1', 'id=5, is like id=1']);
  expect(await auditRule(server.url, { ...rule, minimumSimilarity: 1 })).toMatchObject({
    count: 2,
    facts: { pairs: 3 },
  });
});

test('rows of different groups are not compared, those without a group are a group', async () => {
  await fillAreas([
    ['Pond', 1],
    ['Pond', 2],
    ['Ponds', 1],
    ['Lake', null],
    ['Lake', null],
  ]);
  const found = await auditRule(server.url, { ...rule, minimumSimilarity: 0.5, partitionBy: ['area'] });
  expect(found).toMatchObject({ tested: 5, count: 2 });
  expect([...found.samples].sort()).toEqual(['id=3, is like id=1', 'id=5, is like id=4']);
  expect(await auditRule(server.url, { ...rule, minimumSimilarity: 0.5 })).toMatchObject({ count: 3 });
});

test('an empty table has none', async () => {
  await fill('Pond', 'Pond');
  expect(await auditRule(server.url, { ...rule, where: 'false' })).toMatchObject({ tested: 0, count: 0 });
});

test('texts without a trigram are told of, and are not called clean where there are no others', async () => {
  await fill('!!!', '???', 'Pond', 'Pond');
  expect(await auditRule(server.url, rule)).toMatchObject({
    tested: 2,
    count: 1,
    facts: { withoutTrigrams: 2, pairs: 1 },
  });
  await fill('!!!', '');
  expect(await uncheckedReason(server.url, rule)).toMatchObject({ reason: 'texts-not-comparable' });
});

test('two thousand names are compared without comparing each with each', async () => {
  await execute(
    server.url,
    'truncate artists',
    `insert into artists select i, md5((i % 1990)::text) || ' ' || md5((i % 1990)::text || 'x'), 1
       from generate_series(0, 1999) as i`,
  );
  const found = await auditRule(server.url, { ...rule, minimumSimilarity: 0.8 }, { statementTimeoutSeconds: 15 });
  expect(found).toMatchObject({ tested: 2_000, count: 10, facts: { pairs: 10 } });
});

test('what takes too long is given up, and the rule unchecked', async () => {
  const slow = { ...rule, where: 'pg_sleep(60) is null' };
  expect(await uncheckedReason(server.url, slow, { statementTimeoutSeconds: 0.3 })).toMatchObject({
    reason: 'timeout',
  });
});

test('finds the pairs that comparing each with each finds', async () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' '), minLength: 1, maxLength: 9 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(word, { minLength: 2, maxLength: 14 }).filter((words) => words.some((text) => /\w/.test(text))),
      fc.constantFrom(0.1, 0.3, 0.5, 0.75, 0.8, 1),
      async (names, minimumSimilarity) => {
        await fill(...names);
        const [expected] = await execute(
          server.url,
          `select count(*)::int as pairs, count(distinct b.id)::int as rows from artists a join artists b on a.id < b.id
             where "ext "" x".similarity(a.name, b.name) >= ${minimumSimilarity}::real`,
        );
        const { count, facts } = await auditRule(server.url, { ...rule, minimumSimilarity });
        expect({ pairs: facts.pairs, rows: count }).toEqual(expected);
      },
    ),
    { numRuns: 40 },
  );
});
