import type { Sql } from 'sql-template-tag';
import type { Reader, ReadOptions } from '../../../shared/postgres/reader.ts';

/** Returns the only row of a statement that counts, whose columns are whole numbers; null is none, 0. */
export async function readNumbers(
  reader: Reader,
  statement: Sql,
  options: ReadOptions,
): Promise<Record<string, number>> {
  const [row = {}] = await reader.query<Record<string, string | number | null>>(statement, options);
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value ?? 0)]));
}
