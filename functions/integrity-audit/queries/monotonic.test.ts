import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { auditRule, execute, uncheckedReason } from './query-fixtures.ts';

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
  await execute(
    server.url,
    `create table entries (id integer primary key, account text, number integer, amount numeric,
       booked_at timestamptz)`,
  );
});

afterAll(() => server.stop());

/** Fills the table with rows of account, number and amount. */
async function fill(rows: readonly (readonly [string | null, number | null, number | string | null])[]): Promise<void> {
  const values = rows.map((row, index) => `(${[index + 1, ...row].map(literal).join(', ')})`);
  await execute(server.url, 'truncate entries', `insert into entries values ${values.join(', ')}`);
}

function literal(value: string | number | null): string {
  if (value === null) return 'null';
  return typeof value === 'number' ? String(value) : `'${value}'`;
}

const rule = { kind: 'monotonic', table: 'entries', orderBy: ['number'], column: 'amount', partitionBy: ['account'] };

test('a row that is less than the one before breaks the rule, one that is the same does not', async () => {
  await fill([
    ['a', 1, 10],
    ['a', 2, 20],
    ['a', 3, 20],
    ['a', 4, 19],
    ['a', 5, 19],
  ]);
  const found = await auditRule(server.url, rule);
  expect(found).toMatchObject({ breaks: 'monotonic', tested: 5, count: 1, samples: ['id=4, behind id=3'] });
  expect(found.what).toBe('have a lower amount than the row before, by number');
});

test('strictly, one that is the same does too', async () => {
  await fill([
    ['a', 1, 10],
    ['a', 2, 20],
    ['a', 3, 20],
    ['a', 4, 21],
  ]);
  expect(await auditRule(server.url, rule)).toMatchObject({ count: 0 });
  expect(await auditRule(server.url, { ...rule, strictly: true })).toMatchObject({
    count: 1,
    samples: ['id=3, behind id=2'],
  });
});

test('one peak counts once, not for all that follows it', async () => {
  await fill([
    ['a', 1, 1],
    ['a', 2, 100],
    ['a', 3, 2],
    ['a', 4, 3],
    ['a', 5, 4],
  ]);
  expect(await auditRule(server.url, rule)).toMatchObject({ count: 1, samples: ['id=3, behind id=2'] });
});

test('each group has an order of its own, those without a name together', async () => {
  await fill([
    ['a', 1, 10],
    ['b', 2, 5],
    ['a', 3, 11],
    [null, 4, 3],
    [null, 5, 2],
  ]);
  expect(await auditRule(server.url, rule)).toMatchObject({ tested: 5, count: 1, samples: ['id=5, behind id=4'] });
  expect(await auditRule(server.url, { ...rule, partitionBy: undefined })).toMatchObject({ count: 3 });
});

test('rows at the same place are in whatever order is right; strictly, they may not be the same', async () => {
  await fill([
    ['a', 1, 5],
    ['a', 1, 3],
    ['a', 1, 4],
    ['a', 2, 5],
  ]);
  expect(await auditRule(server.url, rule)).toMatchObject({ tested: 4, count: 0 });
  expect(await auditRule(server.url, { ...rule, strictly: true })).toMatchObject({ count: 1 });
  await fill([
    ['a', 1, 5],
    ['a', 1, 3],
    ['a', 2, 4],
  ]);
  expect(await auditRule(server.url, rule)).toMatchObject({ count: 1, samples: ['id=3, behind id=1'] });
});

test('a row without a value or without a place is passed over', async () => {
  await fill([
    ['a', 1, 10],
    ['a', 2, null],
    ['a', 3, 9],
    ['a', null, 1],
    ['a', 4, 9],
  ]);
  expect(await auditRule(server.url, rule)).toMatchObject({ tested: 3, count: 1, samples: ['id=3, behind id=1'] });
});

test('what is not a number is the largest of all, and infinity behind it only', async () => {
  await fill([
    ['a', 1, '-Infinity'],
    ['a', 2, 0],
    ['a', 3, 'Infinity'],
    ['a', 4, 'NaN'],
    ['a', 5, 'NaN'],
    ['a', 6, 'Infinity'],
  ]);
  expect(await auditRule(server.url, rule)).toMatchObject({ tested: 6, count: 1, samples: ['id=6, behind id=5'] });
});

test('an empty table is in order, and times are ordered too', async () => {
  await fill([['a', 1, 1]]);
  expect(await auditRule(server.url, { ...rule, where: 'false' })).toMatchObject({ tested: 0, count: 0 });
  await execute(
    server.url,
    'update entries set booked_at = now()',
    "insert into entries values (2, 'a', 2, 2, '-infinity')",
  );
  expect(await auditRule(server.url, { ...rule, column: 'booked_at' })).toMatchObject({ tested: 2, count: 1 });
});

test('what cannot be put in order leaves this rule unchecked', async () => {
  await execute(server.url, 'create table points (id integer primary key, place point)');
  const unordered = { kind: 'monotonic', table: 'points', orderBy: ['id'], column: 'place' };
  expect(await uncheckedReason(server.url, unordered)).toMatchObject({ reason: 'bad-sql' });
  expect(await uncheckedReason(server.url, { ...rule, orderBy: ['day'] })).toMatchObject({ reason: 'missing-column' });
});

test('finds what comparing each row with the one before in JavaScript finds', async () => {
  const row = fc.tuple(
    fc.constantFrom('a', 'b', null),
    fc.option(fc.integer({ min: 0, max: 6 })),
    fc.option(fc.integer({ min: 0, max: 4 })),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 25 }), fc.boolean(), async (rows, strictly) => {
      await fill(rows);
      const { tested, count } = await auditRule(server.url, { ...rule, strictly });
      let expectedTested = 0;
      let expected = 0;
      for (const account of ['a', 'b', null]) {
        const own = rows
          .flatMap(([of, number, amount]) =>
            of === account && number !== null && amount !== null ? [{ number, amount }] : [],
          )
          .sort((a, b) => a.number - b.number || a.amount - b.amount);
        expectedTested += own.length;
        for (const [index, { amount }] of own.entries()) {
          const before = own[index - 1];
          if (before !== undefined && (strictly ? amount <= before.amount : amount < before.amount)) expected += 1;
        }
      }
      expect({ tested, count }).toEqual({ tested: expectedTested, count: expected });
    }),
    { numRuns: 60 },
  );
});
