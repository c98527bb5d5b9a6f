import sql from 'sql-template-tag';
import type { Reader } from '../../../shared/postgres/reader.ts';
import type { PreparedCorrection } from './prepared-correction.ts';

/** How many rows violate a rule, and which. */
export interface ViolationCount {
  readonly violations: number;
  /** Tells one set of keys from another, in whatever order they come; null where rows have no key. */
  readonly digest: string | null;
}

/** Counts the violating rows of a correction. */
export async function countViolations(
  reader: Pick<Reader, 'query'>,
  { rows, keys, fromHeap }: Pick<PreparedCorrection, 'rows' | 'keys' | 'fromHeap'>,
): Promise<ViolationCount> {
  // The whole row, also where it has a column of that name; as JSON, in which dates look the same whatever a role has set for itself.
  const text = sql`pg_catalog.to_jsonb(v.*)::text`;
  const digest = sql`pg_catalog.sum(pg_catalog.hashtextextended(${text}, 0::bigint)::numeric)::text`;
  const [counted] = await reader.query<{ violations: string; digest: string | null }>(
    sql`select count(*) as violations, ${keys.length > 0 ? digest : sql`null`} as digest from (${rows}) v`,
    { fromHeap },
  );
  return { violations: Number(counted?.violations), digest: counted?.digest ?? null };
}
