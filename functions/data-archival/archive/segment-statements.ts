import sql, { join, type Sql } from 'sql-template-tag';
import { rowHash } from '../../../shared/archive/row-hash-sql.ts';
import { columnList, identifier, qualified } from '../../../shared/postgres/sql.ts';
import { childPath, positionOrder, positionTexts, rangeCondition } from '../../../shared/retention/row-range.ts';
import type { Position, RowRange, RowTarget, TargetChild } from '../../../shared/retention/row-target.ts';

/** A segment as the database has it; sums are `numeric`. */
export interface SegmentRow {
  /** From 0 on. */
  readonly segment: number;
  readonly rows: string;
  readonly hash: string;
  /** Of its last row; null in a last one that is not full, and for rows of children. */
  readonly up_to: string[] | null;
}

/** The first rows behind a position, in their order. */
export interface FirstRows {
  readonly after: Position | undefined;
  readonly rows: number;
}

/** Returns the statement for the position of the last row behind `after`. */
export function lastStatement(target: RowTarget, after: Position | undefined): Sql {
  const descending = orderNames(target).map((name) => sql`${columnList([name])} desc`);
  return sql`
    select ${positionTexts(target)} as up_to from ${qualified(target.root)}
    where ${rangeCondition(target, { after, upTo: undefined })} order by ${join(descending, ', ')} limit 1`;
}

/** Returns the statement for the bytes that the text of the first rows takes on the average; null where there are none. */
export function widthStatement(target: RowTarget, { after, rows }: FirstRows): Sql {
  const root = identifier(target.root.name);
  const text = sql`pg_catalog.octet_length((${root}.*)::text)`;
  return sql`
    select pg_catalog.avg(bytes)::float8 as bytes from (
      select ${text} as bytes from ${qualified(target.root)}
      where ${rangeCondition(target, { after, upTo: undefined })} order by ${positionOrder(target)} limit ${rows}::int8
    ) as first_rows`;
}

/** Returns the statement that counts and hashes the root's first rows, in segments of so many rows. */
export function rootSegments(target: RowTarget, { after, rows }: FirstRows, segmentRows: number): Sql {
  const order = positionOrder(target);
  const number = sql`pg_catalog.row_number() over (order by ${order})`;
  const hash = rowHash(target.root.columns, target.root.name);
  // Rows are hashed before they are numbered, and only the hashes carried on: the limit keeps the two apart.
  return sql`
    select ((n - 1) / ${segmentRows}::int8)::int4 as segment, pg_catalog.count(*)::text as rows,
      pg_catalog.sum(hash)::text as hash, pg_catalog.max(up_to) as up_to
    from (
      select ${number} as n, caretaker_hash as hash,
        case when ${number} % ${segmentRows}::int8 = 0 or ${number} = ${rows}::int8
          then ${positionTexts(target)} end as up_to
      from (
        select ${columnList(orderNames(target))}, ${hash} as caretaker_hash
        from ${qualified(target.root)} where ${rangeCondition(target, { after, upTo: undefined })}
        order by ${order} limit ${rows}::int8
      ) as hashed
    ) as numbered group by 1 order by 1`;
}

/** Returns the statement that counts and hashes the rows of a child that go with those of the root, in the root's segments. */
export function childSegments(target: RowTarget, index: number, range: RowRange, segmentRows: number): Sql {
  const { columns } = target.children[index] as TargetChild;
  const number = sql`pg_catalog.row_number() over (order by ${positionOrder(target)})`;
  return sql`
    select ((n - 1) / ${segmentRows}::int8)::int4 as segment, pg_catalog.count(*)::text as rows,
      pg_catalog.sum(hash)::text as hash, null::text[] as up_to
    from (
      select root.caretaker_n as n, ${rowHash(columns, 'child')} as hash
      from ${joined(target, index, range, [], sql`, ${number} as caretaker_n`)}
    ) as hashed group by 1 order by 1`;
}

/** Returns the query for the root's first rows, in their order, as they are archived. */
export function rootCopy(target: RowTarget, { after, rows }: FirstRows): Sql {
  const { root } = target;
  const names = root.columns.map(({ name }) => name);
  return sql`select ${columnList(names)} from ${qualified(root)}
    where ${rangeCondition(target, { after, upTo: undefined })} order by ${positionOrder(target)} limit ${rows}::int8`;
}

/** Returns the query for the rows of a child that go with them: in the order of those, and then of their own key. */
export function childCopy(target: RowTarget, index: number, range: RowRange): Sql {
  const child = target.children[index] as TargetChild;
  const names = child.columns.map(({ name }) => name);
  const order = [positionOrder(target, 'root')];
  if (child.primaryKey.length > 0) order.push(columnList(child.primaryKey, 'child'));
  return sql`select ${columnList(names, 'child')} from ${joined(target, index, range, orderNames(target))}
    order by ${join(order, ', ')}`;
}

/** Returns the way from the root's rows, with the columns named, what is referred to, and what is added, to the child's. */
function joined(target: RowTarget, index: number, range: RowRange, names: readonly string[], added = sql``): Sql {
  const { tables, conditions } = childPath(target, index);
  const columns = [...new Set([...names, ...topOf(target, index).referredColumns])];
  const root = sql`(
      select ${columnList(columns)}${added} from ${qualified(target.root)} where ${rangeCondition(target, range)}
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
