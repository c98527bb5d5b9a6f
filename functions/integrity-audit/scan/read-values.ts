import sql, { empty, join, raw, type Sql } from 'sql-template-tag';
import type { Reader } from '../../../shared/postgres/reader.ts';
import { qualified } from '../../../shared/postgres/sql.ts';
import type { Measure } from './measure.ts';

/**
 * Returns the values of the aggregates of measures of one table, as text, read in one scan of it.
 *
 * @throws as {@link Reader.query}.
 */
export async function readValues(reader: Reader, measures: readonly Measure[]): Promise<(string | null)[][]> {
  // What is counted is what the table holds, also where an index has lost some of it; but a condition may need an index,
  // to look up what it names in other tables.
  const fromHeap = measures.every(({ where }) => where === undefined) || 'but-lookups';
  const [row] = await reader.query<Record<string, string | null>>(valuesStatement(measures), { fromHeap });
  let next = 0;
  return measures.map(({ aggregates }) => aggregates.map(() => row?.[`a${next++}`] ?? null));
}

/** Returns a SELECT of one row: the values of the aggregates as `a0`, `a1` and so on. */
export function valuesStatement(measures: readonly Measure[]): Sql {
  const [first] = measures;
  if (first === undefined) throw new RangeError('there is nothing to read');
  const aggregates = measures.flatMap((measure) => measure.aggregates);
  const patterns = measures.flatMap(({ pattern }) => pattern ?? []);
  const values = aggregates.map((aggregate, index) => sql`(${aggregate})::text as ${raw(`a${index}`)}`);
  // Tried out before any row is read, so that one that is none is found in an empty table too.
  const tried = patterns.length === 0 ? empty : sql`, ${join(patterns.map((pattern) => sql`'' ~ ${pattern}::text`))}`;
  return sql`select ${join(values)}${tried} from ${qualified(first.table)}`;
}
