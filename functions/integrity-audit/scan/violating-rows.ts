import sql, { type Sql } from 'sql-template-tag';
import type { TableFacts } from '../../../shared/postgres/catalog.ts';
import { columnList, qualified } from '../../../shared/postgres/sql.ts';
import type { ColumnRule } from '../rule-kinds.ts';
import { breaksRule } from './row-condition.ts';

/** Returns a SELECT of these columns of the rows that break the rule. */
export function rowsBreaking(rule: ColumnRule, table: TableFacts, columns: readonly string[]): Sql {
  return sql`select ${columnList(columns)} from ${qualified(table)} where ${breaksRule(rule, table)}`;
}
