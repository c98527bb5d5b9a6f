import type { Sql } from 'sql-template-tag';
import type { TableFacts } from '../../../shared/postgres/catalog.ts';
import type { ColumnRule, RowRule } from '../rule-kinds.ts';

/** Returns a SELECT of these columns of the rows that break the rule; `today` is the day in the estate's time zone. */
export function queryRowsBreaking(
  _rule: Exclude<RowRule, ColumnRule>,
  _tables: ReadonlyMap<string, TableFacts>,
  _columns: readonly string[],
): Sql {
  throw new Error('not built yet');
}
