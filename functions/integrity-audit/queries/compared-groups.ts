import sql, { join, raw, type Sql } from 'sql-template-tag';
import { requireTable, type TableFacts } from '../../../shared/postgres/catalog.ts';
import { identifier, parseTableName } from '../../../shared/postgres/sql.ts';
import type { RuleOfKind } from '../config.ts';
import { clause, type Expressions, namesOf, numbered, selected } from '../rows/selected.ts';

/** A rule that compares groups. */
export type GroupRule = RuleOfKind<'equalCount' | 'sum'>;

/** What one side of the comparison is made of. */
export type GroupSide = GroupRule['left'] | RuleOfKind<'sum'>['left'];

/**
 * Returns the queries of a WITH clause, of which `compared` has a row for each group: its columns `g0`, `g1` …, what
 * the sides come to as `l` and `r`, whether it is `on_left` and `on_right`, and whether it `differs` by more than it
 * may.
 *
 * The sides are put below each other and grouped, as a full join takes no condition by which null is equal to null.
 *
 * @throws UncheckedError when a table or a column is not there or cannot be read, or a condition cannot be sent.
 */
export function comparedGroups(rule: GroupRule, tables: ReadonlyMap<string, TableFacts>): Sql {
  const by = numbered('g', rule.left.by ?? []);
  const names = namesOf(by);
  const left = grouped(rule.left, tables, 'left');
  const right = rule.right === undefined ? [] : [grouped(rule.right, tables, 'right')];
  const other =
    rule.kind === 'sum' && rule.equals !== undefined ? sql`${String(rule.equals)}::numeric` : sql`coalesce(sum(r), 0)`;
  const allowed = rule.kind === 'sum' ? sql`${String(rule.maxDifference)}::numeric` : sql`0`;
  // Infinity less itself is not a number, nor is what is not a number, and that is not 0.
  return sql`sides as (${join([left, ...right], ' union all ')}),
    sums as (
      select ${join(names)}, coalesce(sum(l), 0) as l, ${other} as r,
        bool_or(is_left) as on_left, bool_or(not is_left) as on_right
      from sides ${clause('group by', names)}
    ),
    compared as (select sums.*, l - l <> 0 or r - r <> 0 or abs(l - r) > ${allowed} as differs from sums)`;
}

/** Returns the sums of one side's groups. */
function grouped(side: GroupSide, tables: ReadonlyMap<string, TableFacts>, place: 'left' | 'right'): Sql {
  const columns = side.by ?? [];
  const column = 'column' in side ? side.column : undefined;
  const summed = column === undefined ? [] : [column];
  const table = requireTable(tables, parseTableName(side.table), [...columns, ...summed]);
  const by = numbered('g', columns);
  const value: Expressions = column === undefined ? {} : { v: sql`${identifier(column)}::numeric` };
  const total = column === undefined ? sql`count(*)::numeric` : sql`sum(v)`;
  const none = sql`null::numeric`;
  const [left, right] = place === 'left' ? [total, none] : [none, total];
  return sql`select ${join(namesOf(by))}, ${left} as l, ${right} as r, ${raw(String(place === 'left'))} as is_left
    from ${selected(table, { ...by, ...value }, side.where)} as s ${clause('group by', namesOf(by))}`;
}
