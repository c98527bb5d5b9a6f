import sql, { join, raw, type Sql } from 'sql-template-tag';
import type { TableFacts } from '../../../shared/postgres/catalog.ts';
import { identifier, qualified } from '../../../shared/postgres/sql.ts';
import { whereClause } from './written-condition.ts';

/**
 * Expressions over a table's columns, by the names that they have from there on: ours, which no column's name can be
 * taken for.
 */
export type Expressions = Readonly<Record<string, Sql>>;

/** Returns columns as expressions that are named `prefix0`, `prefix1` and so on. */
export function numbered(prefix: string, columns: readonly string[]): Expressions {
  return Object.fromEntries(columns.map((column, index) => [`${prefix}${index}`, identifier(column)]));
}

/** Returns the names of expressions, each behind `alias.` where one is given. */
export function namesOf(expressions: Expressions, alias?: string): Sql[] {
  return Object.keys(expressions).map((name) => raw(alias === undefined ? name : `${alias}.${name}`));
}

/** Returns `introduction a, b, c`, as in `order by a, b, c`; nothing where there is nothing to list. */
export function clause(introduction: string, ...lists: readonly (readonly Sql[])[]): Sql {
  const all = lists.flat();
  return all.length === 0 ? raw('') : sql`${raw(introduction)} ${join(all, ', ')}`;
}

/**
 * Returns, in parentheses, a SELECT of expressions over the rows of a table for which the written condition holds, and
 * all others do. The condition sees nothing but this table, under its own name.
 *
 * @throws UncheckedError `bad-sql` for a condition that is not closed in itself.
 */
export function selected(
  table: TableFacts,
  expressions: Expressions,
  where: string | undefined,
  others: readonly Sql[] = [],
): Sql {
  const list = Object.entries(expressions).map(([name, expression]) => sql`${expression} as ${raw(name)}`);
  return sql`(${clause('select', list)} from ${qualified(table)} ${whereClause(where, others)})`;
}

/** Returns conditions that none of these columns is null. */
export function noneIsNull(columns: readonly string[]): Sql[] {
  return columns.map((column) => sql`${identifier(column)} is not null`);
}

/** Returns what puts rows into one order whenever they are read: the primary key, as far as it can be read. */
export function keyOrder(table: TableFacts): Expressions {
  return numbered(
    'o',
    table.primaryKey.filter((column) => table.columns.get(column)?.isReadable),
  );
}
