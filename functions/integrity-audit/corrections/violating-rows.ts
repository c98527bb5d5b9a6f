import type { Sql } from 'sql-template-tag';
import { requireTable, type TableFacts } from '../../../shared/postgres/catalog.ts';
import { parseTableName } from '../../../shared/postgres/sql.ts';
import type { Rule } from '../config.ts';
import { queryRowsBreaking } from '../queries/violating-rows.ts';
import { writtenRows } from '../queries/written-query.ts';
import { isColumnRule, type RowRule } from '../rule-kinds.ts';
import { rowsBreaking } from '../scan/violating-rows.ts';

/** Kinds of which no statement returns what violates them: they compare numbers, or look outside of the database. */
const kindsWithoutRows: readonly Rule['kind'][] = [
  'equalCount',
  'sum',
  'freshness',
  'volume',
  'distribution',
  'geotag',
  'objects',
];

/** Returns whether a rule's violations are rows that one statement returns. */
export function hasViolatingRows(rule: Rule): rule is RowRule | Extract<Rule, { kind: 'sql' }> {
  return !kindsWithoutRows.includes(rule.kind);
}

/**
 * Returns a SELECT of these columns, one row for each violation; `undefined` for a rule whose violations are no rows.
 *
 * @param tables those that the rule names.
 * @param trigramSchema where the functions of pg_trgm are, for `nearDuplicates`.
 * @throws UncheckedError where a table or a column is missing, or the rule cannot be read so.
 */
export function violatingRows(
  rule: Rule,
  tables: ReadonlyMap<string, TableFacts>,
  columns: readonly string[],
  trigramSchema: string,
): Sql | undefined {
  if (!hasViolatingRows(rule)) return undefined;
  if (rule.kind === 'sql') return writtenRows(rule, columns);
  if (isColumnRule(rule)) {
    const table = requireTable(tables, parseTableName(rule.table), [rule.column, ...columns]);
    return rowsBreaking(rule, table, columns);
  }
  return queryRowsBreaking(rule, tables, columns, trigramSchema);
}

/**
 * Returns whether the rows are to be found in the tables themselves, as the audit finds them: where a rule says what an index should
 * have kept out, the index may be what is wrong.
 */
export function readsFromHeap(rule: Rule): boolean {
  if (rule.kind === 'unique' || rule.kind === 'duplicates' || rule.kind === 'foreignKey') return true;
  return isColumnRule(rule) && rule.where === undefined;
}
