import sql, { empty, type Sql } from 'sql-template-tag';
import { type ColumnFacts, requireTable, type TableFacts } from '../../../shared/postgres/catalog.ts';
import { formatTableName, identifier, parseTableName } from '../../../shared/postgres/sql.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { DatabaseSettings, RuleOfKind } from '../config.ts';
import type { AuditedDatabase } from '../context.ts';
import { closedSql } from '../rows/written-condition.ts';
import { isColumnRule, type ScanRule } from '../rule-kinds.ts';
import { sampleColumns } from '../samples.ts';
import { breaksRule } from './row-condition.ts';

/** What a rule asks of one table: some aggregates over all of its rows. */
export interface Measure {
  readonly rule: ScanRule;
  readonly table: TableFacts;
  readonly where: string | undefined;
  /** Of one value each, which is read as text. */
  readonly aggregates: readonly Sql[];
  /** Checked once, before any row is read. */
  readonly pattern?: string | undefined;
}

const hourMs = 3_600_000;

/**
 * Returns what a rule asks of the tables that it names, in their order.
 *
 * @throws UncheckedError where a table or a column is missing, may not be read or is of a type that the rule is not about,
 *   `personal-column` where what is measured would show what is in it, and `bad-sql` for a `where` that is not closed in itself.
 */
export function measuresOf(
  rule: ScanRule,
  { tables, settings }: Pick<AuditedDatabase, 'tables' | 'settings'>,
  now: Date,
): Measure[] {
  if (rule.kind === 'equalCount') {
    return [rule.left, rule.right].map((side) => measureOf(rule, side, tables, () => [rowsTested(side.where)]));
  }
  if (rule.kind === 'sum') {
    const sides = rule.right === undefined ? [rule.left] : [rule.left, rule.right];
    return sides.map((side) => measureOf(rule, side, tables, (column, table) => [sumOf(column, table, side.where)]));
  }
  return [
    measureOf(rule, rule, tables, (column, table) => {
      if (showsValues(rule)) requireShown(column, table, settings);
      return aggregatesOf(rule, column, table, now);
    }),
  ];
}

/** What is newest is the value of a row, and so is the mean of a single one; it is shown, and that mean is kept. */
function showsValues(rule: ScanRule): boolean {
  return rule.kind === 'freshness' || (rule.kind === 'distribution' && rule.statistic === 'mean');
}

function requireShown({ name }: ColumnFacts, table: TableFacts, settings: DatabaseSettings): void {
  if (!sampleColumns(table, settings).masked.has(name)) return;
  const detail = `${name} of ${formatTableName(table)} is personal, and what the rule measures would show a value of it.`;
  throw new UncheckedError('personal-column', detail);
}

interface Side {
  readonly table: string;
  readonly where?: string | undefined;
  readonly column?: string | undefined;
}

function measureOf(
  rule: ScanRule,
  { table: name, where, column }: Side,
  tables: ReadonlyMap<string, TableFacts>,
  aggregatesFor: (column: ColumnFacts, table: TableFacts) => Sql[],
): Measure {
  const table = requireTable(tables, parseTableName(name), column === undefined ? [] : [column]);
  const facts = column === undefined ? undefined : table.columns.get(column);
  const aggregates = aggregatesFor(facts as ColumnFacts, table);
  return { rule, table, where, aggregates, pattern: rule.kind === 'pattern' ? rule.matches : undefined };
}

function aggregatesOf(
  rule: Exclude<ScanRule, { kind: 'equalCount' | 'sum' }>,
  column: ColumnFacts,
  table: TableFacts,
  now: Date,
): Sql[] {
  if (isColumnRule(rule)) return [rowsTested(rule.where), sql`count(*) filter (where ${breaksRule(rule, table)})`];
  const name = column === undefined ? undefined : identifier(column.name);
  switch (rule.kind) {
    case 'freshness':
      requireTime(column, table);
      // A row that lasts for ever says nothing of when it was made. A day begins at midnight of the session's time zone.
      return [sql`extract(epoch from max(${name})${within(rule.where, sql`isfinite(${name})`)}::timestamptz)`];
    case 'volume':
      if (column === undefined) return [rowsTested(rule.where)];
      requireTime(column, table);
      return [sql`count(*)${within(rule.where, sql`${name} > ${before(now, rule)} and ${name} <= ${before(now)}`)}`];
    case 'distribution':
      if (rule.statistic === 'null-rate') {
        return [rowsTested(rule.where), sql`count(*)${within(rule.where, sql`not (${name} is distinct from null)`)}`];
      }
      if (column.typeCategory !== 'N') throw wrongType(column, table, 'a number');
      return [sql`count(${name})${within(rule.where)}`, sql`avg(${name})${within(rule.where)}::float8`];
  }
}

/** Rows that are tested. PostgreSQL computes an aggregate once, however often it is written. */
function rowsTested(where: string | undefined): Sql {
  return sql`count(*)${within(where)}`;
}

/** Exact: as numbers of the type numeric, whatever the column's own. There is nothing in no rows. */
function sumOf(facts: ColumnFacts, table: TableFacts, where: string | undefined): Sql {
  if (facts.typeCategory !== 'N') throw wrongType(facts, table, 'a number');
  const column = identifier(facts.name);
  const isExact = /^(smallint|integer|bigint|numeric(\(.*\))?)$/.test(facts.type);
  const sum = isExact ? sql`sum(${column})${within(where)}::numeric` : sql`sum(${column}::numeric)${within(where)}`;
  return sql`coalesce(${sum}, 0)`;
}

/** Returns the part of an aggregate that says for which rows: those that `where` takes in, and for which the condition holds. */
function within(where: string | undefined, condition?: Sql): Sql {
  if (where === undefined) return condition === undefined ? empty : sql` filter (where ${condition})`;
  const taken = closedSql(where);
  return condition === undefined ? sql` filter (where ${taken})` : sql` filter (where ${taken} and (${condition}))`;
}

function before(now: Date, rule?: RuleOfKind<'volume'>): Sql {
  return sql`${new Date(now.getTime() - (rule?.windowHours ?? 0) * hourMs).toISOString()}::timestamptz`;
}

function requireTime(column: ColumnFacts, table: TableFacts): void {
  if (column.typeCategory !== 'D' || /^time\b/.test(column.type)) throw wrongType(column, table, 'a date or timestamp');
}

function wrongType({ name, type }: ColumnFacts, table: TableFacts, wanted: string): UncheckedError {
  return new UncheckedError('wrong-type', `${name} of ${formatTableName(table)} is ${type}, and has to be ${wanted}.`);
}
