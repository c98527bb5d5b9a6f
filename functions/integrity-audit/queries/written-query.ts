import sql, { join, raw, type Sql } from 'sql-template-tag';
import { columnList } from '../../../shared/postgres/sql.ts';
import type { DatabaseSettings, RuleOfKind } from '../config.ts';
import type { AuditedDatabase, Context } from '../context.ts';
import type { Violations } from '../outcome.ts';
import { ifReadable } from '../rows/if-readable.ts';
import { closedSql } from '../rows/written-condition.ts';
import { sampleOf } from '../samples.ts';
import { isBroken } from '../tolerance.ts';
import { readNumbers } from './read-numbers.ts';

/** Violations are counted as far as this, and as far as they are tolerated. */
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
  const names = rule.key.map((_, index) => raw(`k${index}`));
  const most = Math.max(countLimit, rule.maxViolations + 1);
  const counted = await readNumbers(
    snapshot,
    // A row of columns is never null. Were they not read, a key that is not there, or fails, would not be known.
    sql`select count(row(${join(names)})) as violations
      from (${writtenRows(rule, rule.key, 'k')} limit ${most + 1}) as counted`,
    {},
  );
  const returned = counted.violations ?? 0;
  const isAtLeast = returned > most;
  const count = Math.min(returned, most);
  const { samples: limit } = config.limits;
  const isShown = limit > 0 && isBroken({ rule, tested: undefined, count });
  const texts = names.map((name) => sql`${name}::text`);
  const read = () =>
    snapshot.query<Record<string, string | null>>(
      sql`select ${join(texts)} from (${writtenRows(rule, rule.key, 'k')} limit ${limit}) as found`,
    );
  const rows = isShown ? await ifReadable('samples', read) : undefined;
  const shown = { columns: rule.key, masked: personalColumns(settings) };
  const samples = (rows?.value ?? []).map((row) =>
    sampleOf(Object.fromEntries(rule.key.map((column, index) => [column, row[`k${index}`]])), shown),
  );
  return {
    kind: 'violations',
    rule,
    breaks: 'sql',
    severity: rule.severity,
    tested: undefined,
    unit: 'rows of the query',
    count,
    isAtLeast,
    samples,
    what: 'are too many',
    summary: `The query returns ${isAtLeast ? 'at least ' : ''}${count.toLocaleString('en-US')} ${count === 1 ? 'row' : 'rows'}; it is to return none.`,
    remedy: 'Correct the rows, or what makes them.',
    facts: { ...rows?.whyNot },
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
