import sql from 'sql-template-tag';
import type { Reader } from '../../../shared/postgres/reader.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';

/**
 * Returns the schema in which the functions of pg_trgm are. https://www.postgresql.org/docs/current/pgtrgm.html
 *
 * @throws UncheckedError `missing-extension` when they are in none.
 */
export async function trigramSchema(reader: Pick<Reader, 'query'>): Promise<string> {
  const [found] = await reader.query<{ schema: string }>(
    sql`select n.nspname as schema from pg_extension e join pg_namespace n on n.oid = e.extnamespace
      where e.extname = 'pg_trgm'`,
  );
  if (found !== undefined) return found.schema;
  throw new UncheckedError(
    'missing-extension',
    'The database has no pg_trgm. An owner of the database creates it with: create extension pg_trgm',
  );
}
