import sql, { join, type Sql } from 'sql-template-tag';
import { rowHash } from '../../../shared/archive/row-hash-sql.ts';
import { columnList, identifier, qualified } from '../../../shared/postgres/sql.ts';
import { childPath, positionOrder, positionTexts, rangeCondition } from '../../../shared/retention/row-range.ts';
import type { Position, RowRange, RowTarget, TargetChild, TypedColumn } from '../../../shared/retention/row-target.ts';

/** The first rows behind a position, in their order. */
export interface FirstRows {
  readonly after: Position | undefined;
  readonly rows: number;
}

/** Returns the statement for the position of the last row behind `after`. */
export function lastStatement(target: RowTarget, after: Position | undefined): Sql {
  const { root } = target;
  // Behind the table's name, as ORDER BY would take the name alone for the column of the answer that is called so.
  const descending = orderNames(target).map((name) => sql`${columnList([name], root.name)} desc`);
  return sql`
    select ${positionTexts(target)} as up_to from ${qualified(root)}
    where ${rangeCondition(target, { after, upTo: undefined })} order by ${join(descending, ', ')} limit 1`;
}

/** Returns the statement for the bytes that the text of the first rows takes on the average; null where there are none. */
export function widthStatement(target: RowTarget, { after, rows }: FirstRows): Sql {
  const { root } = target;
  const text = sql`pg_catalog.octet_length((${identifier(root.name)}.*)::text)`;
  return sql`
    select pg_catalog.avg(bytes)::float8 as bytes from (
      select ${text} as bytes from ${qualified(root)}
      where ${rangeCondition(target, { after, upTo: undefined })} order by ${positionOrder(target, root.name)} limit ${rows}::int8
    ) as first_rows`;
}

/** Returns the query for the root's first rows, in their order, as they are archived: each behind its hash. */
export function rootCopy(target: RowTarget, { after, rows }: FirstRows): Sql {
  const { root } = target;
  const names = root.columns.map(({ name }) => name);
  // Under the table's own name, which a policy's condition may name too.
  const table = identifier(root.name);
  return sql`select pg_catalog.to_hex(${rowHash(writtenColumns(root.columns), root.name)}), ${columnList(names)} from (
      select ${writtenList(root.columns, root.name)} from ${qualified(root)}
      where ${rangeCondition(target, { after, upTo: undefined })} order by ${positionOrder(target, root.name)} limit ${rows}::int8
    ) as ${table}`;
}

/**
 * Returns the query for the rows of a child that go with them, in the order of those and then of their own key: each behind the index of the
 * root's segment and its hash.
 */
export function childCopy(target: RowTarget, index: number, range: RowRange, segmentRows: number): Sql {
  const child = target.children[index] as TargetChild;
  const names = child.columns.map(({ name }) => name);
  const number = sql`pg_catalog.row_number() over (order by ${positionOrder(target)})`;
  const order = [sql`root.caretaker_number`];
  if (child.primaryKey.length > 0) order.push(columnList(child.primaryKey, 'child'));
  return sql`select pg_catalog.to_hex((root.caretaker_number - 1) / ${segmentRows}::int8),
      pg_catalog.to_hex(${rowHash(child.columns, 'child')}), ${columnList(names, 'child')}
    from ${joined(target, index, range, sql`${number} as caretaker_number`)} order by ${join(order, ', ')}`;
}

/** Returns the way from the root's rows, with what is added to what is referred to of them, to the child's. */
function joined(target: RowTarget, index: number, range: RowRange, added: Sql): Sql {
  const { tables, conditions } = childPath(target, index);
  const root = sql`(
      select ${columnList(topOf(target, index).referredColumns)}, ${added} from ${qualified(target.root)}
      where ${rangeCondition(target, range)}
    ) as root`;
  const joins = tables.map((table, at) => sql`join ${table} on ${conditions[at] as Sql}`).reverse();
  return join([root, ...joins], ' ');
}

/** Returns the table on the way to a child that refers to the root itself. */
function topOf(target: RowTarget, index: number): TargetChild {
  let child = target.children[index] as TargetChild;
  while (child.parent !== undefined) child = target.children[child.parent] as TargetChild;
  return child;
}

/** Names of the columns of a position, each once. */
function orderNames({ age, key }: RowTarget): string[] {
  return [...new Set([age, ...key].map(({ name }) => name))];
}

/**
 * Types whose values take long to be written as text, which is done once for the copy and the hash. A cast writes them as COPY does,
 * which it does not for every type, such as a domain over booleans, whatever that is called:
 * https://www.postgresql.org/docs/current/sql-createcast.html, under "Notes".
 */
const slowTypes = /^(timestamp(\(\d\))? with(out)? time zone(\[\])?|double precision|real|jsonb)$/;

/** Returns columns as {@link writtenList} has them. */
function writtenColumns(columns: readonly TypedColumn[]): TypedColumn[] {
  return columns.map(({ name, type }) => ({ name, type: slowTypes.test(type) ? 'text' : type }));
}

/** Returns columns for a select list, those of slow types as their text. */
function writtenList(columns: readonly TypedColumn[], alias: string): Sql {
  const list = columns.map(({ name, type }) => {
    const column = columnList([name], alias);
    return slowTypes.test(type) ? sql`${column}::text as ${identifier(name)}` : column;
  });
  return join(list, ', ');
}
