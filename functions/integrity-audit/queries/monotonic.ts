import sql, { join, type Sql } from 'sql-template-tag';
import { requireTable, type TableFacts } from '../../../shared/postgres/catalog.ts';
import { identifier, parseTableName } from '../../../shared/postgres/sql.ts';
import type { RuleOfKind } from '../config.ts';
import { clause, keyOrder, namesOf, noneIsNull, numbered, selected } from '../rows/selected.ts';
import { type ShownColumn, shownAs, shownOf, shownSource } from '../rows/shown-column.ts';
import type { RowCheck } from './row-check.ts';

/**
 * Returns how rows are found whose value is less than that of the row before; with `strictly`, not greater. Rows that
 * the order leaves where they are come in the order of their values, so that of those alone none is less than another.
 * A row with a null in the column or in what the order is by has no place in it and is not tested; null is a group of
 * its own in `partitionBy`.
 *
 * @throws UncheckedError when the table or a column is not there or cannot be read, or the condition cannot be sent.
 */
export function monotonicCheck(rule: RuleOfKind<'monotonic'>, tables: ReadonlyMap<string, TableFacts>): RowCheck {
  const { column, orderBy, partitionBy = [], strictly } = rule;
  const table = requireTable(tables, parseTableName(rule.table), [column, ...orderBy, ...partitionBy]);
  const partition = numbered('p', partitionBy);
  const order = { ...numbered('b', orderBy), v: identifier(column) };
  const last = keyOrder(table);
  const marked = (shown: readonly ShownColumn[]): Sql => {
    const source = selected(table, { ...partition, ...order, ...last, ...shownSource(shown) }, rule.where, [
      ...noneIsNull([column, ...orderBy]),
    ]);
    const isLess = strictly ? sql`r.v <= lag(r.v) over w` : sql`r.v < lag(r.v) over w`;
    const list = [...shownOf(shown, 'r', (name) => sql`lag(r.${name}) over w`), sql`${isLess} as is_less`];
    const window = [
      clause('partition by', namesOf(partition, 'r')),
      clause('order by', namesOf({ ...order, ...last }, 'r')),
    ];
    return sql`(select ${join(list)} from ${source} as r window w as (${join(window, ' ')}))`;
  };
  return {
    table,
    breaks: 'monotonic',
    reading: {},
    count: sql`select count(*) as tested, count(*) filter (where is_less) as violations from ${marked([])} as m`,
    rows: (shown) => sql`select ${join(shownAs(shown))} from ${marked(shown)} as m where is_less`,
    other: 'behind',
    what: `have ${strictly ? 'no higher' : 'a lower'} ${column} than the row before, by ${[...orderBy].join(', ')}`,
    remedy: 'Find out what writes out of order: a clock that was set back, a retry, or a correction by hand.',
  };
}
