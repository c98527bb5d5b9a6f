import type { Reader } from '../../../shared/postgres/reader.ts';
import type { Measure } from './measure.ts';
import { type Reading, type Readings, readTogether } from './read-together.ts';
import { readValues } from './read-values.ts';
import { volatileConditions } from './volatile-conditions.ts';

/**
 * Patterns in one statement. PostgreSQL keeps the last 32 that it has compiled; with one more it would compile each of them anew for
 * each row, which takes ten times longer. The pages of a table are read once for so many.
 */
const maxPatterns = 28;

/** Of one statement, far from the 1,664 columns that it may return. */
const maxAggregates = 600;

/**
 * Reads all measures of one table in one scan of it, and in more where that fails. A condition that may do more than look at a row is
 * never read together with others.
 *
 * What takes time is to unpack a row and to evaluate each condition: a condition that all rules hold, with counts of each rule only for
 * rows for which it does not, takes as long, and grouping by what is broken keeps the server from scanning in parallel.
 */
export async function readMeasures(reader: Reader, measures: readonly Measure[]): Promise<Readings> {
  const readings: Readings = new Map();
  const conditions = measures.flatMap(({ where }) => where ?? []);
  let volatile: ReadonlySet<string>;
  try {
    volatile = await volatileConditions(reader, [...new Set(conditions)]);
  } catch (error) {
    // Those without a condition can be read all the same.
    for (const measure of measures.filter(({ where }) => where !== undefined)) readings.set(measure, { error });
    volatile = new Set();
  }
  const able = measures.filter((measure) => !readings.has(measure));
  const isApart = ({ where }: Measure) => where !== undefined && volatile.has(where);
  const together = able.filter((measure) => !isApart(measure));
  for (const part of statements(together)) await readTogether(reader, part, readings);
  for (const measure of able.filter(isApart)) {
    readings.set(measure, await readOne(reader, measure));
  }
  return readings;
}

async function readOne(reader: Reader, measure: Measure): Promise<Reading> {
  try {
    const [values = []] = await readValues(reader, [measure]);
    return { values };
  } catch (error) {
    return { error };
  }
}

/** Divides measures so that no statement has more than the server can well do. */
function statements(measures: readonly Measure[]): Measure[][] {
  const parts: Measure[][] = [];
  let patterns = new Set<string>();
  let aggregates = 0;
  for (const measure of measures) {
    const own = patternsOf(measure);
    const isFull = new Set([...patterns, ...own]).size > maxPatterns || aggregates >= maxAggregates;
    if (parts.length === 0 || isFull) {
      parts.push([]);
      patterns = new Set();
      aggregates = 0;
    }
    parts.at(-1)?.push(measure);
    for (const pattern of own) patterns.add(pattern);
    aggregates += measure.aggregates.length;
  }
  return parts;
}

/** What a condition that is written matches with is not known, but for whether it may match. */
function patternsOf({ aggregates, where }: Measure): string[] {
  const ours = aggregates.flatMap(({ strings, values }) =>
    values.filter((_, index) => strings[index]?.endsWith('~ ') === true).map(String),
  );
  return [...ours, ...(where !== undefined && /~|similar|regexp|substring/i.test(where) ? [where] : [])];
}
