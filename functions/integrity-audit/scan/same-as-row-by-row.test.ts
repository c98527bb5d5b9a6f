import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { counts, scan } from './scan-fixtures.ts';

let server: PostgresServer;
let client: pg.Client;

beforeAll(async () => {
  server = await startPostgres();
  client = new pg.Client(server.url);
  await client.connect();
  await client.query('create table rows (id integer primary key, t text, n integer)');
});

afterAll(async () => {
  await client.end();
  await server.stop();
});

interface Row {
  readonly t: string | null;
  readonly n: number | null;
}

type Three = boolean | null;

/** A condition as it is written, and what it is for a row. */
const conditions: readonly (readonly [string, (row: Row) => Three])[] = [
  ['n > 0', ({ n }) => (n === null ? null : n > 0)],
  ["t <> 'a' or n = 1", ({ t, n }) => or(t === null ? null : t !== 'a', n === null ? null : n === 1)],
  ['n is null', ({ n }) => n === null],
  ['rows.n in (1, 2, null)', ({ n }) => (n === 1 || n === 2 ? true : null)],
  ['exists (select from rows as other where other.n = rows.n and other.id <> rows.id) or true', () => true],
];

/** A rule as it is written, and whether a row is as it says; null where it has nothing to say. */
const rules: readonly (readonly [Record<string, unknown>, (row: Row) => Three])[] = [
  [{ kind: 'notNull', column: 't' }, ({ t }) => t !== null],
  [{ kind: 'notNull', column: 'n' }, ({ n }) => n !== null],
  [
    { kind: 'acceptedValues', column: 't', values: ['a', 'é'] },
    ({ t }) => (t === null ? null : ['a', 'é'].includes(t)),
  ],
  [{ kind: 'acceptedValues', column: 'n', values: [1] }, ({ n }) => (n === null ? null : n === 1)],
  [{ kind: 'range', column: 'n', min: 0, max: 2 }, ({ n }) => (n === null ? null : n >= 0 && n <= 2)],
  [{ kind: 'range', column: 'n', min: 0, exclusiveMin: true }, ({ n }) => (n === null ? null : n > 0)],
  [
    { kind: 'length', column: 't', min: 1, max: 3 },
    ({ t }) => (t === null ? null : [...t].length >= 1 && [...t].length <= 3),
  ],
  [{ kind: 'length', column: 't', min: 2 }, ({ t }) => (t === null ? null : [...t].length >= 2)],
  [{ kind: 'pattern', column: 't', matches: '^[a-z]{1,3}$' }, ({ t }) => (t === null ? null : /^[a-z]{1,3}$/.test(t))],
  [{ kind: 'pattern', column: 't', matches: 'a' }, ({ t }) => (t === null ? null : t.includes('a'))],
];

test('counts what going through the rows one by one counts', async () => {
  const unit = fc.constantFrom('a', 'b', 'é', '😀', ' ', '\n');
  const row = fc.record({
    t: fc.option(fc.string({ unit, maxLength: 4 })),
    n: fc.option(fc.integer({ min: -2, max: 4 })),
  });
  const declared = fc.record({
    rule: fc.constantFrom(...rules),
    where: fc.option(fc.constantFrom(...conditions), { nil: undefined }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { maxLength: 12 }),
      fc.array(declared, { minLength: 1, maxLength: 20 }),
      async (all, given) => {
        await client.query('truncate rows');
        const texts = all.map(({ t }) => t);
        const numbers = all.map(({ n }) => n);
        await client.query(
          'insert into rows select i, t, n from unnest($1::text[], $2::integer[]) with ordinality as given (t, n, i)',
          [texts, numbers],
        );
        const written = given.map(({ rule: [rule], where }) => ({ ...rule, table: 'rows', where: where?.[0] }));
        const expected = given.map(({ rule: [, isRight], where }) => {
          const tested = all.filter((one) => where === undefined || where[1](one) === true);
          return [tested.filter((one) => isRight(one) === false).length, tested.length];
        });
        const scanned = await scan(server.url, written, { samples: 0 });
        expect(scanned.statements).toHaveLength(1);
        expect(Object.values(counts(scanned))).toEqual(expected);
      },
    ),
    { numRuns: 60 },
  );
});

function or(a: Three, b: Three): Three {
  if (a === true || b === true) return true;
  return a === null || b === null ? null : false;
}
