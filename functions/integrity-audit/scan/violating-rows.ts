import type { Sql } from 'sql-template-tag';
import type { TableFacts } from '../../../shared/postgres/catalog.ts';
import type { ColumnRule } from '../rule-kinds.ts';

/** Returns a SELECT of these columns of the rows that break the rule. */
export function rowsBreaking(_rule: ColumnRule, _table: TableFacts, _columns: readonly string[]): Sql {
  throw new Error('not built yet');
}
