import sql, { join, type Sql } from 'sql-template-tag';
import type { TableFacts } from '../../../shared/postgres/catalog.ts';
import { identifier, qualified } from '../../../shared/postgres/sql.ts';
import { ownColumns, type ShownColumn } from '../rows/shown-column.ts';
import type { ColumnRule } from '../rule-kinds.ts';
import { breaksRule } from './row-condition.ts';

/** Returns a SELECT of these columns of the rows that break the rule. */
export function rowsBreaking(rule: ColumnRule, table: TableFacts, columns: readonly string[]): Sql {
  return shownRowsBreaking(rule, table, ownColumns(columns));
}

/** Returns likewise a SELECT of columns under other names. */
export function shownRowsBreaking(rule: ColumnRule, table: TableFacts, shown: readonly ShownColumn[]): Sql {
  const columns = shown.map(({ column, as }) => sql`${identifier(column)} as ${as}`);
  return sql`select ${join(columns)} from ${qualified(table)} where ${breaksRule(rule, table)}`;
}
