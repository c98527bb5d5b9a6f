import sql, { join, raw, type Sql } from 'sql-template-tag';
import { columnList, identifier, qualified, writtenSql } from '../postgres/sql.ts';
import type { Position, RowRange, RowTarget, TargetChild, TypedColumn } from './row-target.ts';

/** All rows past the retention. */
const wholeRange: RowRange = { after: undefined, upTo: undefined };

/**
 * Returns the condition of a target's rows in a range: older than the cutoff, behind `after`, not behind `upTo`, and as the policy's
 * `where` has it. The bounds are row comparisons, which PostgreSQL finds by an index on the age alone as well as on the age and the key:
 * https://www.postgresql.org/docs/current/functions-comparisons.html#ROW-WISE-COMPARISON
 *
 * @throws SyntaxError for a `where` that is not closed in itself.
 */
export function rangeCondition(target: RowTarget, range: RowRange = wholeRange): Sql {
  const { age, cutoff, where } = target;
  return join(
    [
      sql`${column(age)} < ${typed(cutoff, age)}`,
      ...(range.after === undefined ? [] : [comparison(target, raw('>'), range.after)]),
      ...(range.upTo === undefined ? [] : [comparison(target, raw('<='), range.upTo)]),
      ...(where === undefined ? [] : [writtenSql(where)]),
    ],
    ' and ',
  );
}

/** Returns what rows are ordered by: the age, and then the key, of what is called `alias` where columns of the answer may be called alike. */
export function positionOrder(target: RowTarget, alias?: string): Sql {
  return join(
    orderedColumns(target).map(({ typedColumn }) => column(typedColumn, alias)),
    ', ',
  );
}

/** Returns the expression of a row's {@link Position}, an array of texts. */
export function positionTexts({ age, key }: RowTarget): Sql {
  return sql`array[${join(
    [age, ...key].map((part) => sql`${column(part)}::text`),
    ', ',
  )}]`;
}

/** Returns a query, in parentheses, for the rows of the root in a range: nothing else is in scope there, so any `where` is understood. */
export function rootRows(target: RowTarget, range: RowRange = wholeRange, columns?: readonly string[]): Sql {
  const wanted = columns === undefined ? raw('*') : columnList(columns);
  return sql`(select ${wanted} from ${qualified(target.root)} where ${rangeCondition(target, range)})`;
}

/** The way from a child to the root. */
export interface ChildPath {
  /** The child as `child`, and then each table between it and the root. */
  readonly tables: readonly Sql[];
  /** What joins each of them with the next one, and the last one with the root. */
  readonly conditions: readonly Sql[];
}

/** Returns the way from the child of this index to the root, that one being in scope as `root`. */
export function childPath(target: RowTarget, index: number): ChildPath {
  const tables: Sql[] = [];
  const conditions: Sql[] = [];
  for (let next: number | undefined = index, alias = 'child'; next !== undefined; ) {
    const child = childAt(target, next);
    tables.push(sql`${qualified(child)} as ${identifier(alias)}`);
    const parentAlias = child.parent === undefined ? 'root' : `child_${tables.length}`;
    conditions.push(reference(child, alias, parentAlias));
    next = child.parent;
    alias = parentAlias;
  }
  return { tables, conditions };
}

/**
 * Returns what stands behind FROM to read the rows of a child that go with the root's rows in a range: the child as `child`, the root
 * as `root`. Each row is there once, as what is referred to is unique.
 */
export function childRows(target: RowTarget, index: number, range: RowRange = wholeRange): Sql {
  const { tables, conditions } = childPath(target, index);
  const [child, ...others] = [...tables, sql`${rootRows(target, range)} as root`];
  const joins = others.map((other, at) => sql`join ${other} on ${conditions[at] as Sql}`);
  return join([child as Sql, ...joins], ' ');
}

/** Returns a value of a column, given as text. */
export function typed(text: string, { type }: TypedColumn): Sql {
  return sql`${text}::${raw(type)}`;
}

function childAt({ children }: RowTarget, index: number): TargetChild {
  const child = children[index];
  if (child === undefined) throw new RangeError(`there is no child ${index}`);
  return child;
}

function reference(child: TargetChild, alias: string, parentAlias: string): Sql {
  const pairs = child.referringColumns.map((name, position) => {
    const referred = child.referredColumns[position];
    if (referred === undefined) throw new RangeError(`${child.name} refers by more columns than it refers to`);
    return sql`${columnList([name], alias)} = ${columnList([referred], parentAlias)}`;
  });
  return join(pairs, ' and ');
}

function column({ name }: TypedColumn, alias?: string): Sql {
  return columnList([name], alias);
}

/** Where the age is part of the key, comparing it twice would keep an index on the key from being used beyond the age. */
function orderedColumns({ age, key }: RowTarget): { readonly typedColumn: TypedColumn; readonly at: number }[] {
  return [age, ...key]
    .map((typedColumn, at) => ({ typedColumn, at }))
    .filter(({ typedColumn, at }) => at === 0 || typedColumn.name !== age.name);
}

function comparison(target: RowTarget, operator: Sql, position: Position): Sql {
  const parts = orderedColumns(target);
  const values = parts.map(({ typedColumn, at }) => {
    const text = position[at];
    if (text === undefined) throw new RangeError('a position has the age and the whole key');
    return typed(text, typedColumn);
  });
  const columns = parts.map(({ typedColumn }) => column(typedColumn));
  const rows = sql`(${join(columns, ', ')}) ${operator} (${join(values, ', ')})`;
  if (parts.length === 1) return rows;
  // Of two bounds of one column the planner knows how few rows are between them, and of row comparisons it does not.
  return sql`${columns[0] as Sql} ${raw(operator.text.slice(0, 1))}= ${values[0] as Sql} and ${rows}`;
}
