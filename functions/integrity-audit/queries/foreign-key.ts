import sql, { join, raw } from 'sql-template-tag';
import { requireTable, type TableFacts } from '../../../shared/postgres/catalog.ts';
import { formatTableName, identifier, parseTableName, qualified } from '../../../shared/postgres/sql.ts';
import type { RuleOfKind } from '../config.ts';
import { type Expressions, namesOf, noneIsNull, numbered, selected } from '../rows/selected.ts';
import { type ShownColumn, shownAs, shownOf, shownSource } from '../rows/shown-column.ts';
import type { RowCheck } from './row-check.ts';

/**
 * Returns how rows are found that refer to a row that is not there. As with MATCH SIMPLE, a row with a null in one of
 * the columns refers to none and is not tested. Each row counts, however many have the same value; `missingValues` is
 * the number of these. https://www.postgresql.org/docs/current/sql-createtable.html#SQL-CREATETABLE-PARMS-REFERENCES
 *
 * @throws UncheckedError when a table or a column is not there or cannot be read, or the condition cannot be sent.
 */
export function foreignKeyCheck(rule: RuleOfKind<'foreignKey'>, tables: ReadonlyMap<string, TableFacts>): RowCheck {
  const table = requireTable(tables, parseTableName(rule.table), rule.columns);
  const parent = requireTable(tables, parseTableName(rule.references.table), rule.references.columns);
  const key = numbered('k', rule.columns);
  const child = (more: Expressions = {}) => selected(table, { ...key, ...more }, rule.where, noneIsNull(rule.columns));
  const matches = rule.references.columns.map((column, index) => sql`p.${identifier(column)} = c.${raw(`k${index}`)}`);
  const isOrphan = sql`not exists (select from ${qualified(parent)} as p where ${join(matches, ' and ')})`;
  const rows = (shown: readonly ShownColumn[]) => sql`select ${join(shownAs(shown))} from (
      select ${join(shownOf(shown, 'c'))} from ${child(shownSource(shown))} as c where ${isOrphan}
    ) as orphans`;
  return {
    table,
    breaks: 'foreign-key',
    // An index that lacks a row would make orphans of what refers to it, and one with a row too many would hide them.
    reading: { fromHeap: true },
    // The rows are read twice: that is faster than a join from which both numbers could be told.
    count: sql`select (select count(*) from ${child()} as c) as tested,
      (select count(*) from ${child()} as c where ${isOrphan}) as violations`,
    detail: sql`select count(*) as "missingValues" from (
        select distinct ${join(namesOf(key))} from ${child()} as c where ${isOrphan}
      ) as d`,
    rows,
    what: `refer by ${rule.columns.join(', ')} to no row of ${formatTableName(parent)}`,
    remedy: `Restore what is missing from ${formatTableName(parent)}, or correct or remove the rows that refer to it.`,
  };
}
