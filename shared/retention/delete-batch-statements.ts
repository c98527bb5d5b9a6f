import sql, { join, raw, type Sql } from 'sql-template-tag';
import { rowHash } from '../archive/row-hash-sql.ts';
import { columnList, qualified } from '../postgres/sql.ts';
import { isTooYoung } from './cutoff.ts';
import { childPath, positionOrder, positionTexts, rangeCondition, rootRows } from './row-range.ts';
import type { ChildAge, Position, RowRange, RowTarget, TargetChild, TypedColumn } from './row-target.ts';

/** Keys of rows that are in a range and stay there, as texts. */
export type ExcludedKeys = readonly Position[];

/** What a statement says of the rows that it has deleted; sums are `numeric`, and null of no rows. */
export interface Gone {
  readonly transaction: string;
  readonly rows: string;
  readonly hash: string | null;
  readonly keys_hash: string | null;
  /** Of a child whose age is looked at: how many of the rows are still to be kept. */
  readonly too_young?: string;
}

/**
 * Returns the expression of what the hash of keys is made of: the text of the key, or of several columns the text of the row of them,
 * `(7,"two words")`.
 */
function keyText(key: readonly TypedColumn[]): Sql {
  const names = key.map(({ name }) => name);
  return names.length === 1 ? sql`${columnList(names)}::text` : sql`row(${columnList(names)})::text`;
}

/** Returns the expression of a text's hash, whatever the collation of the database. */
function textHash(text: Sql): Sql {
  return sql`pg_catalog.hashtextextended(${text} collate "C", 0)`;
}

/** Returns the statement that deletes the root's rows in a range, and says what they were: how many, and the sums of their hashes. */
export function deleteRoot(target: RowTarget, range: RowRange, excluded: ExcludedKeys): Sql {
  const root = qualified(target.root);
  return sql`
    with gone as (
      delete from ${root} where ${rangeCondition(target, range)}${butExcluded(target, excluded, keyColumns(target))}
      returning ${rowHash(target.root.columns, target.root.name)} as hash, ${textHash(keyText(target.key))} as key_hash
    )
    select pg_catalog.pg_current_xact_id()::text as transaction, pg_catalog.count(*)::text as rows,
      pg_catalog.sum(hash)::text as hash, pg_catalog.sum(key_hash)::text as keys_hash from gone`;
}

/** Returns the statement that only deletes the root's rows in a range. */
export function deleteRootRows(target: RowTarget, range: RowRange): Sql {
  return sql`delete from ${qualified(target.root)} where ${rangeCondition(target, range)}`;
}

/** Returns the statement that deletes the rows of a child that go with the root's rows in a range, and says what they were. */
export function deleteChild(target: RowTarget, index: number, range: RowRange, excluded: ExcludedKeys): Sql {
  const { columns, ageColumn } = target.children[index] as TargetChild;
  const age = ageColumn === undefined ? sql`` : sql`, ${isTooYoung(ageColumn, 'child')} as is_too_young`;
  return sql`
    with gone as (
      ${deleteFromChild(target, index, range, excluded)} returning ${rowHash(columns, 'child')} as hash${age}
    )
    select pg_catalog.pg_current_xact_id()::text as transaction, pg_catalog.count(*)::text as rows,
      pg_catalog.sum(hash)::text as hash, null as keys_hash${ageColumn === undefined ? sql`` : sql`, ${tooYoungCount}`} from gone`;
}

const tooYoungCount = raw('pg_catalog.count(*) filter (where is_too_young)::text as too_young');

/** Returns the statement that only deletes the rows of a child that go with the root's rows in a range. */
export function deleteChildRows(target: RowTarget, index: number, range: RowRange): Sql {
  return deleteFromChild(target, index, range, []);
}

/** Returns the statement that does as {@link deleteChildRows}, and says how many there were and how many are still to be kept. */
export function deleteAgedChildRows(target: RowTarget, index: number, range: RowRange, age: ChildAge): Sql {
  return sql`
    with gone as (${deleteFromChild(target, index, range, [])} returning ${isTooYoung(age, 'child')} as is_too_young)
    select pg_catalog.count(*)::text as rows, ${tooYoungCount} from gone`;
}

/** What there is of the next rows: how many, the sum of the hashes of their keys, and where the last of them is. */
export interface NextRows {
  readonly transaction: string;
  readonly rows: string;
  readonly keys_hash: string | null;
  readonly up_to: string[] | null;
}

/** Returns the statement that looks for the first `rows` rows behind a position. It reads them in an index on the age and the key. */
export function nextRows(target: RowTarget, after: Position | undefined, rows: number): Sql {
  const { age, key, root } = target;
  const names = [...new Set([age, ...key].map(({ name }) => name))];
  return sql`
    with next as materialized (
      select ${columnList(names)} from ${qualified(root)}
      where ${rangeCondition(target, { after, upTo: undefined })} order by ${positionOrder(target)} limit ${rows}::int8
    )
    select pg_catalog.pg_current_xact_id()::text as transaction, taken.rows::text as rows,
      taken.keys_hash::text as keys_hash,
      (
        select ${positionTexts(target)}
        from (select * from next offset greatest(taken.rows - 1, 0) limit 1) as last_one
      ) as up_to
    from (
      select pg_catalog.count(*) as rows, pg_catalog.sum(${textHash(keyText(key))}) as keys_hash from next
    ) taken`;
}

function deleteFromChild(target: RowTarget, index: number, range: RowRange, excluded: ExcludedKeys): Sql {
  const { tables, conditions } = childPath(target, index);
  const [child, ...between] = tables as [Sql, ...Sql[]];
  const others = [...between, sql`${rootRows(target, range)} as root`];
  return sql`delete from ${child} using ${join(others, ', ')}
    where ${join([...conditions], ' and ')}${butExcluded(target, excluded, keyColumns(target, 'root'))}`;
}

/** Returns the columns of a key, behind a table's alias where one is given. */
export function keyColumns({ key }: RowTarget, alias?: string): Sql {
  return columnList(
    key.map(({ name }) => name),
    alias,
  );
}

/** Returns what is added to a condition so that rows of these keys are not meant. A key is never null, so that NOT IN is what it seems to be. */
export function butExcluded({ key }: RowTarget, excluded: ExcludedKeys, columns: Sql): Sql {
  if (excluded.length === 0) return sql``;
  const texts = key.map((_, at) => sql`pg_catalog.unnest(${excluded.map((values) => values[at])}::text[])`);
  const names = key.map((_, at) => raw(`k${at}`));
  const values = key.map(({ type }, at) => raw(`k${at}::${type}`));
  return sql` and (${columns}) not in (
    select ${join(values, ', ')} from rows from (${join(texts, ', ')}) as excluded (${join(names, ', ')}))`;
}
