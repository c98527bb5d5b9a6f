import type { TableFacts } from '../../../shared/postgres/catalog.ts';
import type { ColumnRule, RowRule } from '../rule-kinds.ts';
import { duplicatesCheck } from './duplicates.ts';
import { foreignKeyCheck } from './foreign-key.ts';
import { monotonicCheck } from './monotonic.ts';
import { nearDuplicatesCheck } from './near-duplicates.ts';
import { noOverlapCheck } from './no-overlap.ts';
import type { RowCheck } from './row-check.ts';
import { uniqueCheck } from './unique.ts';

/** Rules that rows break in one way each. */
export type CheckedRule = Exclude<RowRule, ColumnRule | { kind: 'rights' }>;

/**
 * Returns how the rows are found that break a rule.
 *
 * @param trigramSchema where the functions of pg_trgm are, for `nearDuplicates`.
 * @throws UncheckedError when a table or a column is not there or cannot be read, or a condition cannot be sent.
 */
export function rowCheck(rule: CheckedRule, tables: ReadonlyMap<string, TableFacts>, trigramSchema: string): RowCheck {
  switch (rule.kind) {
    case 'unique':
      return uniqueCheck(rule, tables);
    case 'foreignKey':
      return foreignKeyCheck(rule, tables);
    case 'monotonic':
      return monotonicCheck(rule, tables);
    case 'noOverlap':
      return noOverlapCheck(rule, tables);
    case 'duplicates':
      return duplicatesCheck(rule, tables);
    case 'nearDuplicates':
      return nearDuplicatesCheck(rule, tables, trigramSchema);
  }
}
