import sql, { join, type Sql } from 'sql-template-tag';
import type { TableFacts } from '../../../shared/postgres/catalog.ts';
import { clause, type Expressions, keyOrder, namesOf, selected } from '../rows/selected.ts';
import { type ShownColumn, shownAs, shownOf, shownSource } from '../rows/shown-column.ts';

/** Rows of a table, and what makes two of them the same. */
export interface Repetition {
  readonly table: TableFacts;
  /** Named `k0`, `k1` and so on. */
  readonly same: Expressions;
  readonly where: string | undefined;
  /** Rows that are not compared fail one of these. */
  readonly compared: readonly Sql[];
}

/**
 * Returns a statement that counts the rows that repeat another: of each group of rows that are the same, all but one.
 * `repeatedValues` is the number of such groups.
 */
export function countRepeated(repetition: Repetition): Sql {
  const { same } = repetition;
  return sql`select sum(n) as tested, sum(n - 1) as violations, count(*) filter (where n > 1) as "repeatedValues"
    from (select count(*) as n from ${fenced(repetition)} as r ${clause('group by', namesOf(same))}) as g`;
}

/**
 * Returns a SELECT of the rows that repeat another: of each group all but the first by the primary key, which is the
 * other one; all but any one of them in a table without. With a limit it looks at no more groups than that.
 */
export function repeatedRows(repetition: Repetition, shown: readonly ShownColumn[], limit?: number): Sql {
  const { table, same, where, compared } = repetition;
  const order = keyOrder(table);
  const source = selected(table, { ...same, ...order, ...shownSource(shown) }, where, compared);
  const most = limit === undefined ? [] : [sql`${limit}`];
  // Only these groups have to be put in order.
  const groups = sql`(select ${join(namesOf(same))} from ${fenced(repetition)} as r
    ${clause('group by', namesOf(same))} having count(*) > 1 ${clause('limit', most)})`;
  const matches = namesOf(same).map((name) => sql`g.${name} = r.${name}`);
  const list = [
    ...shownOf(shown, 'r', (name) => sql`first_value(r.${name}) over w`),
    sql`row_number() over w as place`,
  ];
  return sql`select ${join(shownAs(shown))} from (
      select ${join(list)} from ${source} as r join ${groups} as g on ${join(matches, ' and ')}
      window w as (${clause('partition by', namesOf(same, 'r'))} ${clause('order by', namesOf(order, 'r'))})
    ) as ranked where place > 1`;
}

/**
 * Keeps the planner from grouping by fewer columns where an index says that these are unique: whether they are is what
 * is asked. It does so with several columns only, and what keeps it from that keeps it from sharing the work too.
 */
function fenced({ table, same, where, compared }: Repetition): Sql {
  const source = selected(table, same, where, compared);
  return Object.keys(same).length === 1 ? source : sql`(select * from ${source} as s offset 0)`;
}
