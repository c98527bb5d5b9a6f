import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import { openAuditedDatabase, parseRules } from '../context-fixtures.ts';
import type { ColumnRule, RowRule } from '../rule-kinds.ts';
import { auditRules, execute } from './query-fixtures.ts';
import { queryRowsBreaking } from './violating-rows.ts';

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
  await execute(
    server.url,
    'create extension pg_trgm',
    // Names as a statement might give to what is its own.
    `create table items ("k0" integer primary key, "c1" text, "s0" date, "t" text, "r" integer, "place" integer,
       "fault" integer, "where" integer)`,
    `insert into items values (1, 'Canal Street', '2026-01-01', 'a', 1, 1, 10, 1),
       (2, 'canal street', '2026-01-02', 'a', 1, 2, 20, 2),
       (3, 'Canal Streets', '2026-01-03', 'b', 9, 3, 15, 3), (4, 'Pond', '2026-01-04', null, null, 4, 25, 4)`,
    'create table claims (item integer, since date, until date)',
    'insert into claims values (1, null, null), (2, null, current_date - 5), (3, null, current_date + 3)',
  );
});

afterAll(() => server.stop());

const kinds: readonly (Record<string, unknown> & { readonly expected: readonly number[] })[] = [
  { kind: 'unique', columns: ['t', 'r'], expected: [2] },
  { kind: 'foreignKey', columns: ['r'], references: { table: 'items', columns: ['k0'] }, expected: [3] },
  { kind: 'monotonic', orderBy: ['place'], column: 'fault', expected: [3] },
  { kind: 'noOverlap', from: 'where', to: 'fault', expected: [2, 3, 4] },
  { kind: 'duplicates', columns: ['c1'], ignoreCaseAndSpaces: true, expected: [2] },
  { kind: 'nearDuplicates', column: 'c1', minimumSimilarity: 0.7, expected: [2, 3] },
  {
    kind: 'rights',
    key: 'k0',
    claims: { table: 'claims', itemColumn: 'item', validFrom: 'since', validTo: 'until' },
    expiringWithinDays: 30,
    expected: [2, 4],
  },
];

test.each(kinds)('returns the columns asked for of the rows that break $kind', async ({ expected, ...given }) => {
  const rules = parseRules({ id: 'rule', table: 'items', ...given });
  await using database = await openAuditedDatabase(server.url, { rules });
  const rule = rules[0] as Exclude<RowRule, ColumnRule>;
  const rows = await database.snapshot.query<Record<string, unknown>>(
    queryRowsBreaking(rule, database.tables, ['k0', 'c1', 'place']),
  );
  expect(rows.map(({ k0 }) => k0).sort()).toEqual(expected);
  for (const row of rows) expect(row).toEqual({ k0: row.place, c1: expect.any(String), place: row.k0 });
  const { outcomes } = await auditRules(server.url, [{ table: 'items', ...given }]);
  const counts = outcomes.map((outcome) =>
    outcome.kind === 'violations' && outcome.breaks !== 'rights-expiring' ? outcome.count : 0,
  );
  expect(counts.reduce((a, b) => a + b, 0)).toBe(expected.length);
});

test('a column that is not there is named', async () => {
  const rules = parseRules({ id: 'rule', kind: 'unique', table: 'items', columns: ['r'] });
  await using database = await openAuditedDatabase(server.url, { rules });
  const rule = rules[0] as Exclude<RowRule, ColumnRule>;
  expect(() => queryRowsBreaking(rule, database.tables, ['mood'])).toThrow(UncheckedError);
});
