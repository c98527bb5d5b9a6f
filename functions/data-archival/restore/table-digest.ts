import sql, { type Sql } from 'sql-template-tag';
import { hashText } from '../../../shared/archive/digest.ts';
import { rowHash } from '../../../shared/archive/row-hash-sql.ts';
import type { CopySession } from '../../../shared/postgres/copy-session.ts';
import type { RowsDigest, TypedColumn } from '../../../shared/retention/row-target.ts';

/** Returns the expressions of the count and of the sum of hashes of the rows called `t`, each a text. */
export function digestColumns(columns: readonly TypedColumn[]): Sql {
  return sql`pg_catalog.count(*)::pg_catalog.text as rows,
    coalesce(pg_catalog.sum(${rowHash(columns, 't')}), 0)::pg_catalog.text as hash`;
}

export interface DigestRow {
  readonly rows: string;
  readonly hash: string;
}

/** @param from what stands behind FROM; the table is called `t` in it. */
export async function digestOf(
  session: Pick<CopySession, 'query'>,
  columns: readonly TypedColumn[],
  from: Sql,
): Promise<RowsDigest> {
  const [row] = await session.query<DigestRow>(sql`select ${digestColumns(columns)} from ${from}`);
  return digestIn(row);
}

/** Returns the digest of a row of {@link digestColumns}. */
export function digestIn(row: DigestRow | undefined): RowsDigest {
  if (row === undefined) throw new TypeError('a count without a row');
  return { rows: Number(row.rows), hash: hashText(BigInt(row.hash)) };
}
