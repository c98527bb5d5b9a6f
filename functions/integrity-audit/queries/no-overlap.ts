import sql, { join, type Sql } from 'sql-template-tag';
import { requireTable, type TableFacts } from '../../../shared/postgres/catalog.ts';
import { identifier, parseTableName } from '../../../shared/postgres/sql.ts';
import type { RuleOfKind } from '../config.ts';
import { clause, keyOrder, namesOf, numbered, selected } from '../rows/selected.ts';
import { type ShownColumn, shownAs, shownOf, shownSource } from '../rows/shown-column.ts';
import type { RowCheck } from './row-check.ts';

/**
 * Returns how rows are found whose range overlaps one that begins before it, or with it. A range ends just before `to`;
 * null has no end, or no beginning. One that ends where it begins, or before, holds nothing and overlaps nothing: it is
 * not tested, and `emptyRanges` is the number of these. Null is a group of its own in `partitionBy`.
 *
 * The rows are sorted and read once: whether a range overlaps any earlier one shows in the latest end so far.
 *
 * @throws UncheckedError when the table or a column is not there or cannot be read, or the condition cannot be sent.
 */
export function noOverlapCheck(rule: RuleOfKind<'noOverlap'>, tables: ReadonlyMap<string, TableFacts>): RowCheck {
  const { from, to, partitionBy = [] } = rule;
  const table = requireTable(tables, parseTableName(rule.table), [from, to, ...partitionBy]);
  const partition = numbered('p', partitionBy);
  const last = keyOrder(table);
  const range = { f: identifier(from), t: identifier(to) };
  const rangeOnly = (others: readonly Sql[]) => selected(table, range, rule.where, others);
  const holdsSomething = sql`(${range.f} is null or ${range.t} is null or ${range.f} < ${range.t})`;
  const marked = (shown: readonly ShownColumn[]): Sql => {
    const source = selected(table, { ...partition, ...range, ...last, ...shownSource(shown) }, rule.where, [
      holdsSomething,
    ]);
    const isOverlapping = sql`bool_or(r.t is null) over w or max(r.t) over w > r.f
      or (r.f is null and count(*) over w > 0)`;
    const list = [...shownOf(shown, 'r'), sql`(${isOverlapping}) as is_overlapping`];
    const window = [
      clause('partition by', namesOf(partition, 'r')),
      clause('order by', [sql`r.f nulls first`, sql`r.t`, ...namesOf(last, 'r')]),
      sql`rows between unbounded preceding and 1 preceding`,
    ];
    return sql`(select ${join(list)} from ${source} as r window w as (${join(window, ' ')}))`;
  };
  return {
    table,
    breaks: 'no-overlap',
    reading: {},
    count: sql`select count(*) as tested, count(*) filter (where is_overlapping) as violations from ${marked([])} as m`,
    detail: sql`select count(*) as "emptyRanges" from ${rangeOnly([sql`not ${holdsSomething}`])} as r`,
    rows: (shown) => sql`select ${join(shownAs(shown))} from ${marked(shown)} as m where is_overlapping`,
    what: `have a range from ${from} to ${to} that overlaps an earlier one`,
    remedy: 'End each range where the next begins; an exclusion constraint keeps overlaps out.',
  };
}
