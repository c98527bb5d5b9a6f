import sql, { empty, join, raw, type Sql } from 'sql-template-tag';
import type { Reader } from '../../../shared/postgres/reader.ts';
import { qualified } from '../../../shared/postgres/sql.ts';
import { postgresUncheckedReason } from '../../../shared/postgres/unchecked-reason.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { Measure } from './measure.ts';
import { volatileConditions } from './volatile-conditions.ts';

/** The values of a measure's aggregates, as text; or why there are none. */
export type Reading = { readonly values: readonly (string | null)[] } | { readonly error: unknown };

type Readings = Map<Measure, Reading>;

/**
 * Patterns in one statement. PostgreSQL keeps the last 32 that it has compiled; with one more it would compile each of them anew for
 * each row, which takes ten times longer. The pages of a table are read once for so many.
 */
const maxPatterns = 28;

/** Of one statement, far from the 1,664 columns that it may return. */
const maxAggregates = 600;

/** How often a table is read to find out which rules break a statement that others are part of. */
const maxAttempts = 24;

/** Of these no rule is to blame: the others would not be read either. */
const isAboutServer = new Set([
  'unreachable',
  'not-reached',
  'snapshot-lost',
  'stood-aside',
  'canceled',
  'database-busy',
  'recovery-conflict',
  'bad-credentials',
  'missing-database',
]);

/**
 * Reads all measures of one table in one scan of it. Where that fails, those whose own statement the server cannot plan are left out;
 * where the rest fails too, at a value that it cannot divide by for instance, or takes too long, it is read in smaller parts until
 * those to blame are alone. A condition that may do more than look at a row is never read together with others.
 *
 * What takes time is to unpack a row and to evaluate each condition: a condition that all rules hold, with counts of each rule only for
 * rows for which it does not, takes as long, and grouping by what is broken keeps the server from scanning in parallel.
 */
export async function readMeasures(reader: Reader, measures: readonly Measure[]): Promise<Readings> {
  const readings: Readings = new Map();
  const conditions = measures.flatMap(({ where }) => where ?? []);
  const volatile = await volatileConditions(reader, [...new Set(conditions)]);
  const isApart = ({ where }: Measure) => where !== undefined && volatile.has(where);
  const together = measures.filter((measure) => !isApart(measure));
  for (const part of statements(together)) await readTogether(reader, part, readings);
  for (const measure of measures.filter(isApart)) {
    readings.set(measure, await readOne(reader, measure));
  }
  return readings;
}

async function readTogether(reader: Reader, measures: readonly Measure[], readings: Readings): Promise<void> {
  const failed = await attempt(reader, measures, readings);
  if (failed === undefined) return;
  const able: Measure[] = [];
  for (const measure of measures) {
    const fault = measures.length === 1 ? failed : await faultOf(reader, measure);
    if (fault === undefined) able.push(measure);
    else readings.set(measure, fault);
  }
  let attempts = maxAttempts;
  const pending = able.length < measures.length ? [able] : divided(able);
  for (let part = pending.shift(); part !== undefined; part = pending.shift()) {
    if (part.length === 0) continue;
    attempts -= 1;
    const error = await attempt(reader, part, readings);
    if (error === undefined) continue;
    if (part.length === 1 || attempts <= pending.length) for (const measure of part) readings.set(measure, error);
    else pending.push(...divided(part));
  }
}

/** Returns undefined when all could be read; otherwise why not, which all are given where none of them is to blame. */
async function attempt(
  reader: Reader,
  measures: readonly Measure[],
  readings: Readings,
): Promise<{ readonly error: unknown } | undefined> {
  try {
    const values = await readValues(reader, measures);
    for (const [index, measure] of measures.entries()) readings.set(measure, { values: values[index] ?? [] });
    return undefined;
  } catch (error) {
    const reason = error instanceof UncheckedError ? error : postgresUncheckedReason(error);
    if (reason !== undefined && !isAboutServer.has(reason.reason)) return { error };
    for (const measure of measures) readings.set(measure, { error });
    return undefined;
  }
}

async function readOne(reader: Reader, measure: Measure): Promise<Reading> {
  try {
    const [values = []] = await readValues(reader, [measure]);
    return { values };
  } catch (error) {
    return { error };
  }
}

async function readValues(reader: Reader, measures: readonly Measure[]): Promise<(string | null)[][]> {
  // What is counted is what the table holds, also where an index has lost some of it; but a condition may need an index.
  const fromHeap = measures.every(({ where }) => where === undefined);
  const [row] = await reader.query<Record<string, string | null>>(statementOf(measures), { fromHeap });
  let next = 0;
  return measures.map(({ aggregates }) => aggregates.map(() => row?.[`a${next++}`] ?? null));
}

function statementOf(measures: readonly Measure[]): Sql {
  const [first] = measures;
  if (first === undefined) throw new RangeError('there is nothing to read');
  const aggregates = measures.flatMap((measure) => measure.aggregates);
  const patterns = measures.flatMap(({ pattern }) => pattern ?? []);
  const values = aggregates.map((aggregate, index) => sql`(${aggregate})::text as ${raw(`a${index}`)}`);
  // Tried out before any row is read, so that one that is none is found in an empty table too.
  const tried = patterns.length === 0 ? empty : sql`, ${join(patterns.map((pattern) => sql`'' ~ ${pattern}::text`))}`;
  return sql`select ${join(values)}${tried} from ${qualified(first.table)}`;
}

/** Returns why the server does not even plan to read this measure, if so. */
async function faultOf(reader: Reader, measure: Measure): Promise<{ readonly error: unknown } | undefined> {
  try {
    await reader.query(sql`explain ${statementOf([measure])}`);
    return undefined;
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

/** Conditions that are written are more likely to blame than what we write. */
function divided(measures: readonly Measure[]): Measure[][] {
  const ours = measures.filter(({ where }) => where === undefined);
  const written = measures.filter(({ where }) => where !== undefined).sort((a, b) => compare(a.where, b.where));
  if (ours.length > 0 && written.length > 0) return [ours, written];
  const all = [...ours, ...written];
  const middle = Math.ceil(all.length / 2);
  return [all.slice(0, middle), all.slice(middle)];
}

function compare(a = '', b = ''): number {
  return a < b ? -1 : Number(a > b);
}
