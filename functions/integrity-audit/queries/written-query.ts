import sql, { join, raw, type Sql } from 'sql-template-tag';
import { columnList } from '../../../shared/postgres/sql.ts';
import type { DatabaseSettings, RuleOfKind } from '../config.ts';
import type { AuditedDatabase, Context } from '../context.ts';
import type { Violations } from '../outcome.ts';
import { sampleOf } from '../samples.ts';
import { isBroken } from '../tolerance.ts';
import { readNumbers } from './read-numbers.ts';
import { closedSql } from './written-condition.ts';

/** Violations are counted as far as this. */
const countLimit = 1_000_000;

/**
 * Counts the rows that a query returns which somebody has written, up to a million, and shows its key columns of some.
 * What it returns beside these is not read, and what it returns in all is not held.
 *
 * @throws UncheckedError `bad-sql` for what is not closed in itself. What is not one SELECT, or lacks a key column, the
 *   server refuses.
 */
export async function auditWrittenQuery(
  rule: RuleOfKind<'sql'>,
  { snapshot, settings }: AuditedDatabase,
  { config }: Context,
): Promise<Violations> {
  // Whether the key is there is known before anything is read.
  await snapshot.query(sql`${writtenRows(rule, rule.key)} limit 0`);
  const counted = await readNumbers(
    snapshot,
    sql`select count(*) as violations
      from (select from ${closedSql(rule.query)} as v limit ${countLimit + 1}) as counted`,
    {},
  );
  const returned = counted.violations ?? 0;
  const isAtLeast = returned > countLimit;
  const count = Math.min(returned, countLimit);
  const { samples: limit } = config.limits;
  const isShown = limit > 0 && isBroken({ rule, tested: undefined, count });
  const texts = rule.key.map((_, index) => raw(`k${index}::text`));
  const read = isShown
    ? await snapshot.query<Record<string, string | null>>(
        sql`select ${join(texts)} from (${writtenRows(rule, rule.key, 'k')} limit ${limit}) as found`,
      )
    : [];
  const shown = { columns: rule.key, masked: personalColumns(settings) };
  const samples = read.map((row) =>
    sampleOf(Object.fromEntries(rule.key.map((column, index) => [column, row[`k${index}`]])), shown),
  );
  return {
    kind: 'violations',
    rule,
    breaks: 'sql',
    severity: rule.severity,
    tested: undefined,
    unit: 'rows',
    count,
    isAtLeast,
    samples,
    what: 'are returned by the query, which is to return none',
    remedy: 'Correct the rows, or what makes them.',
    facts: {},
  };
}

/**
 * Returns a SELECT of columns of what a rule's query returns, under their names, or as `prefix0`, `prefix1` and so on.
 *
 * A column is nothing but a column: written as `alias.name`, a name that the query lacks might be a function's, which
 * would be called with the whole row; and a name that is the alias itself would be the whole row.
 *
 * @throws UncheckedError `bad-sql` for a query that is not closed in itself.
 */
export function writtenRows({ query }: RuleOfKind<'sql'>, columns: readonly string[], prefix?: string): Sql {
  let alias = 'violations';
  while (columns.includes(alias)) alias += '_';
  const list =
    prefix === undefined
      ? columnList(columns)
      : join(columns.map((column, index) => sql`${columnList([column])} as ${raw(`${prefix}${index}`)}`));
  return sql`select ${list} from ${closedSql(query)} as ${raw(alias)}`;
}

/** Which table a column of a query is from is not known: what is personal in one is taken to be so in all. */
function personalColumns({ tables }: DatabaseSettings): Set<string> {
  return new Set(Object.values(tables).flatMap(({ personalColumns = [] }) => personalColumns));
}
