import type { Sql } from 'sql-template-tag';
import { requireTable, type TableFacts } from '../../../shared/postgres/catalog.ts';
import { parseTableName } from '../../../shared/postgres/sql.ts';
import { ownColumns } from '../rows/shown-column.ts';
import type { ColumnRule, RowRule } from '../rule-kinds.ts';
import { rowsWithoutRights } from './rights.ts';
import { rowCheck } from './row-checks.ts';

/**
 * Returns a SELECT of these columns of the rows that break the rule, as many as are counted. It is to be read as the
 * audit reads it: from tables, not from indexes, where the rule is `unique`, `duplicates` or `foreignKey`; in the time
 * zone of the estate, where it is `rights`.
 *
 * @param trigramSchema where the functions of pg_trgm are, for `nearDuplicates`.
 * @throws UncheckedError when a table or a column is not there or cannot be read, or a condition cannot be sent.
 */
export function queryRowsBreaking(
  rule: Exclude<RowRule, ColumnRule>,
  tables: ReadonlyMap<string, TableFacts>,
  columns: readonly string[],
  trigramSchema = 'public',
): Sql {
  requireTable(tables, parseTableName(rule.table), columns);
  const shown = ownColumns(columns);
  if (rule.kind === 'rights') return rowsWithoutRights(rule, tables, shown);
  return rowCheck(rule, tables, trigramSchema).rows(shown);
}
