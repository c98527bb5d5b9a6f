import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { auditRule, execute, uncheckedReason } from './query-fixtures.ts';

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
  await execute(
    server.url,
    'create table claims (id integer primary key, track_id integer, valid_from date, valid_to date)',
    'create table bookings (id integer primary key, room text, starts_at timestamptz, ends_at timestamptz)',
    'create table blocks (id integer primary key, kind integer, first integer, behind integer)',
  );
});

afterAll(() => server.stop());

const claims = { kind: 'noOverlap', table: 'claims', from: 'valid_from', to: 'valid_to', partitionBy: ['track_id'] };
const blocks = { kind: 'noOverlap', table: 'blocks', from: 'first', to: 'behind', partitionBy: ['kind'] };

type Block = readonly [kind: number | null, first: number | null, behind: number | null];

async function fillBlocks(rows: readonly Block[]): Promise<void> {
  const values = rows.map((row, index) => `(${[index + 1, ...row].map((value) => value ?? 'null').join(', ')})`);
  await execute(server.url, 'truncate blocks', `insert into blocks values ${values.join(', ')}`);
}

async function fillClaims(values: string): Promise<void> {
  await execute(server.url, 'truncate claims', `insert into claims values ${values}`);
}

test('a range may begin where another ends, and not a day before', async () => {
  await fillClaims(
    "(1, 7, '2026-01-01', '2026-02-01'), (2, 7, '2026-02-01', null), (3, 8, '2026-01-15', '2026-01-20')",
  );
  expect(await auditRule(server.url, claims)).toMatchObject({ breaks: 'no-overlap', tested: 3, count: 0 });
  await execute(server.url, "update claims set valid_to = '2026-02-02' where id = 1");
  const found = await auditRule(server.url, claims);
  expect(found).toMatchObject({ tested: 3, count: 1, samples: ['id=2'], facts: { emptyRanges: 0 } });
  expect(found.what).toBe('have a range from valid_from to valid_to that overlaps an earlier one');
});

test('a range is compared with all that begin before it, not with the one before alone', async () => {
  await fillBlocks([
    [1, 0, 100],
    [1, 1, 2],
    [1, 3, 4],
    [1, 50, 60],
    [1, 100, 101],
  ]);
  const found = await auditRule(server.url, blocks);
  expect(found.count).toBe(3);
  expect([...found.samples].sort()).toEqual(['id=2', 'id=3', 'id=4']);
});

test('null is without end, or without beginning', async () => {
  await fillBlocks([
    [1, 5, null],
    [1, 1_000_000, 1_000_001],
  ]);
  expect(await auditRule(server.url, blocks)).toMatchObject({ count: 1, samples: ['id=2'] });
  await fillBlocks([
    [1, null, 5],
    [1, 5, 6],
    [1, 6, null],
  ]);
  expect(await auditRule(server.url, blocks)).toMatchObject({ tested: 3, count: 0 });
  await fillBlocks([
    [1, null, 5],
    [1, null, -5],
  ]);
  expect(await auditRule(server.url, blocks)).toMatchObject({ count: 1 });
  await fillBlocks([
    [1, null, null],
    [1, 3, 4],
  ]);
  expect(await auditRule(server.url, blocks)).toMatchObject({ count: 1, samples: ['id=2'] });
});

test('a range that ends where it begins, or before, overlaps nothing and is told of', async () => {
  await fillBlocks([
    [1, 0, 10],
    [1, 5, 5],
    [1, 8, 2],
    [1, 20, 10],
  ]);
  expect(await auditRule(server.url, blocks)).toMatchObject({ tested: 1, count: 0 });
  await fillBlocks([
    [1, 0, 10],
    [1, 5, 5],
    [1, 8, 2],
    [1, 9, 11],
  ]);
  expect(await auditRule(server.url, blocks)).toMatchObject({
    tested: 2,
    count: 1,
    samples: ['id=4'],
    facts: { emptyRanges: 2 },
  });
});

test('rows without a group are a group, and without groups all are compared', async () => {
  await fillBlocks([
    [null, 0, 10],
    [null, 5, 6],
    [1, 5, 6],
  ]);
  expect(await auditRule(server.url, blocks)).toMatchObject({ count: 1 });
  expect(await auditRule(server.url, { ...blocks, partitionBy: undefined })).toMatchObject({ count: 2 });
});

test('infinite times end behind all others', async () => {
  await execute(
    server.url,
    `insert into bookings values (1, 'a', '-infinity', '2026-01-01'), (2, 'a', '2026-01-01', 'infinity'),
       (3, 'b', '2026-01-01 10:00', 'infinity'), (4, 'b', '9999-01-01', null),
       (5, 'c', null, null), (6, 'c', 'infinity', null)`,
  );
  const rule = { kind: 'noOverlap', table: 'bookings', from: 'starts_at', to: 'ends_at', partitionBy: ['room'] };
  const found = await auditRule(server.url, rule);
  expect([...found.samples].sort()).toEqual(['id=4', 'id=6']);
  expect(await auditRule(server.url, { ...rule, where: 'false' })).toMatchObject({ tested: 0, count: 0 });
});

test('ten thousand ranges in each other are found in one pass', async () => {
  await execute(
    server.url,
    'truncate blocks',
    'insert into blocks select i, 1, i, 200000 - i from generate_series(1, 50000) as i',
  );
  expect(await auditRule(server.url, blocks, { statementTimeoutSeconds: 10 })).toMatchObject({ count: 49_999 });
});

test('columns that are no range leave this rule unchecked', async () => {
  expect(await uncheckedReason(server.url, { ...claims, from: 'id' })).toMatchObject({ reason: 'bad-sql' });
  expect(await uncheckedReason(server.url, { ...claims, to: 'ends' })).toMatchObject({ reason: 'missing-column' });
});

test('finds what comparing every range with every other in JavaScript finds', async () => {
  const edge = fc.option(fc.integer({ min: 0, max: 12 }), { freq: 6 });
  const block = fc.tuple(fc.constantFrom(1, 2, null), edge, edge);
  await fc.assert(
    fc.asyncProperty(fc.array(block, { minLength: 1, maxLength: 20 }), async (rows) => {
      await fillBlocks(rows);
      const ranges = rows.flatMap(([kind, first, behind], index) => {
        const from = first ?? Number.NEGATIVE_INFINITY;
        const to = behind ?? Number.POSITIVE_INFINITY;
        return from < to ? [{ index, kind, from, to }] : [];
      });
      // A range counts where one overlaps it that begins before it, or as early and comes first in some order.
      const isOverlapping = (a: (typeof ranges)[number]) =>
        ranges.some(
          (b) =>
            b.kind === a.kind &&
            b.from < a.to &&
            a.from < b.to &&
            (b.from < a.from || (b.from === a.from && (b.to < a.to || (b.to === a.to && b.index < a.index)))),
        );
      const expected = ranges.filter(isOverlapping).length;
      const { tested, count } = await auditRule(server.url, blocks);
      expect({ tested, count }).toEqual({ tested: ranges.length, count: expected });
    }),
    { numRuns: 60 },
  );
});
