import sql, { join, type Sql } from 'sql-template-tag';
import { hashText } from '../../../shared/archive/digest.ts';
import { rowHash } from '../../../shared/archive/row-hash-sql.ts';
import type { Reader } from '../../../shared/postgres/reader.ts';
import { qualified } from '../../../shared/postgres/sql.ts';
import { butExcluded, type ExcludedKeys, keyColumns } from '../../../shared/retention/delete-batch-statements.ts';
import { childRows, rangeCondition } from '../../../shared/retention/row-range.ts';
import type { RowRange, RowsDigest, RowTarget, TargetChild } from '../../../shared/retention/row-target.ts';

/** A range of rows, without some. */
export interface ComparedRange {
  readonly range: RowRange;
  readonly excludedKeys: ExcludedKeys;
}

/** Ranges that one statement looks at. */
const rangesPerStatement = 20;

/** Yields, for each range, what the database has in it now: digests of the root and of each child. A reader is asked for a few at a time. */
export async function* rangeDigests(
  reader: Pick<Reader, 'query'>,
  target: RowTarget,
  ranges: readonly ComparedRange[],
): AsyncGenerator<RowsDigest[], void, undefined> {
  for (let start = 0; start < ranges.length; start += rangesPerStatement) {
    const some = ranges.slice(start, start + rangesPerStatement);
    const tables: RowsDigest[][] = [
      await digests(
        reader,
        some.map((range) => rootDigest(target, range)),
      ),
    ];
    for (const index of target.children.keys()) {
      tables.push(
        await digests(
          reader,
          some.map((range) => childDigest(target, index, range)),
        ),
      );
    }
    yield* some.map((_, at) => tables.map((table) => table[at] as RowsDigest));
  }
}

async function digests(reader: Pick<Reader, 'query'>, queries: readonly Sql[]): Promise<RowsDigest[]> {
  const numbered = queries.map((query, at) => sql`select ${at}::int4 as at, found.* from (${query}) as found`);
  const rows = await reader.query<{ rows: string; hash: string | null }>(
    sql`${join(numbered, ' union all ')} order by at`,
  );
  return rows.map(({ rows: count, hash }) => ({ rows: Number(count), hash: hashText(BigInt(hash ?? 0)) }));
}

function rootDigest(target: RowTarget, { range, excludedKeys }: ComparedRange): Sql {
  const { root } = target;
  return sql`
    select pg_catalog.count(*)::text as rows, pg_catalog.sum(${rowHash(root.columns, root.name)})::text as hash
    from ${qualified(root)} where ${rangeCondition(target, range)}${butExcluded(target, excludedKeys, keyColumns(target))}`;
}

function childDigest(target: RowTarget, index: number, { range, excludedKeys }: ComparedRange): Sql {
  const { columns } = target.children[index] as TargetChild;
  return sql`
    select pg_catalog.count(*)::text as rows, pg_catalog.sum(${rowHash(columns, 'child')})::text as hash
    from ${childRows(target, index, range)} where true${butExcluded(target, excludedKeys, keyColumns(target, 'root'))}`;
}
