import sql, { raw, type Sql } from 'sql-template-tag';
import { identifier } from '../../../shared/postgres/sql.ts';

/** A column that a statement returns of each row that breaks a rule. */
export interface ShownColumn {
  readonly column: string;
  /** Of the row that it breaks the rule with; null where there is none. */
  readonly isOfOther: boolean;
  /** What the statement calls it in the end, as SQL. */
  readonly as: Sql;
}

/** Returns columns of violating rows under their own names. */
export function ownColumns(columns: readonly string[]): ShownColumn[] {
  return columns.map((column) => ({ column, isOfOther: false, as: identifier(column) }));
}

/** Returns what is shown as expressions over a table, named `s0`, `s1` … */
export function shownSource(shown: readonly ShownColumn[]): Record<string, Sql> {
  return Object.fromEntries(shown.map(({ column }, index) => [`s${index}`, identifier(column)]));
}

/** Returns `s0`, `s1` … as `c0`, `c1` …: of `row` itself, or what `other` says they are in the other row. */
export function shownOf(shown: readonly ShownColumn[], row: string, other?: (name: Sql) => Sql): Sql[] {
  return shown.map(({ isOfOther }, index) => {
    const value = isOfOther && other !== undefined ? other(raw(`s${index}`)) : raw(`${row}.s${index}`);
    return sql`${value} as ${raw(`c${index}`)}`;
  });
}

/** Returns `c0`, `c1` … under the names that they have in the end. */
export function shownAs(shown: readonly ShownColumn[]): Sql[] {
  return shown.map(({ as }, index) => sql`${raw(`c${index}`)} as ${as}`);
}
