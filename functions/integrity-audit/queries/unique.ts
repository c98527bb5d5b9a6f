import { requireTable, type TableFacts } from '../../../shared/postgres/catalog.ts';
import { parseTableName } from '../../../shared/postgres/sql.ts';
import type { RuleOfKind } from '../config.ts';
import { noneIsNull, numbered } from '../rows/selected.ts';
import { countRepeated, type Repetition, repeatedRows } from './repeated-rows.ts';
import type { RowCheck } from './row-check.ts';

/**
 * Returns how rows are found that have what another row has in these columns. As in a UNIQUE constraint, a row with a
 * null in one of them is like no other and not tested. Of n rows that are the same, n - 1 break the rule.
 * https://www.postgresql.org/docs/current/ddl-constraints.html#DDL-CONSTRAINTS-UNIQUE-CONSTRAINTS
 *
 * @throws UncheckedError when the table or a column is not there or cannot be read, or the condition cannot be sent.
 */
export function uniqueCheck(rule: RuleOfKind<'unique'>, tables: ReadonlyMap<string, TableFacts>): RowCheck {
  const table = requireTable(tables, parseTableName(rule.table), rule.columns);
  const repetition: Repetition = {
    table,
    same: numbered('k', rule.columns),
    where: rule.where,
    compared: noneIsNull(rule.columns),
  };
  return {
    table,
    breaks: 'unique',
    // An index that is corrupt would say that all is well.
    reading: { fromHeap: true },
    count: countRepeated(repetition),
    rows: (shown, limit) => repeatedRows(repetition, shown, limit),
    other: 'repeats',
    what: `have the same ${rule.columns.join(', ')} as another`,
    remedy: 'Find out which row is right and remove or change the others; a unique index keeps new ones out.',
  };
}
