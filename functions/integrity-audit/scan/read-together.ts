import sql, { type Sql } from 'sql-template-tag';
import type { Reader, ReadOptions } from '../../../shared/postgres/reader.ts';
import { qualified } from '../../../shared/postgres/sql.ts';
import { postgresUncheckedReason } from '../../../shared/postgres/unchecked-reason.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { Measure } from './measure.ts';
import { readValues, valuesStatement } from './read-values.ts';

/** The values of a measure's aggregates, as text; or why there are none. */
export type Reading = { readonly values: readonly (string | null)[] } | Fault;

/** By measure. */
export type Readings = Map<Measure, Reading>;

interface Fault {
  readonly error: unknown;
}

/** How often a table is read to find out which rules break a statement that others are part of. */
const maxAttempts = 24;

/** Of these no rule is to blame: the others would not be read either. */
const isAboutServer = new Set([
  'unreachable',
  'not-reached',
  'snapshot-lost',
  'snapshot-expired',
  'stood-aside',
  'canceled',
  'database-busy',
  'recovery-conflict',
  'bad-credentials',
  'missing-database',
]);

/**
 * Reads measures of one table in one scan of it. Where that fails, it is asked first whether the table itself can be read at all; then
 * those are left out whose own statement the server cannot plan; and where the rest fails too, at a value that it cannot divide by for
 * instance, or takes too long, it is read in smaller parts until those to blame are alone.
 */
export async function readTogether(reader: Reader, measures: readonly Measure[], readings: Readings): Promise<void> {
  const [first] = measures;
  if (first === undefined) return;
  const give = (some: readonly Measure[], fault: Fault) => {
    for (const measure of some) readings.set(measure, fault);
  };
  const failed = await attempt(reader, measures, readings);
  if (failed === undefined) return;
  if (measures.length === 1) return give(measures, failed);
  // One that is locked is not to be waited for once more for every rule.
  const closed = await faultOf(reader, sql`explain select from ${qualified(first.table)}`);
  if (closed !== undefined) return give(measures, closed);
  const costs = new Map<Measure, number>();
  for (const measure of measures) {
    const plan = await planOf(reader, measure);
    if ('error' in plan) readings.set(measure, plan);
    else costs.set(measure, plan.cost);
  }
  const able = [...costs.keys()];
  const rest = able.length < measures.length ? await attempt(reader, able, readings) : failed;
  if (rest === undefined) return;
  if (able.length === 1) return give(able, rest);
  // A page that is damaged, or more pages than there is time for, keep all rules from being read.
  const unread = await faultOf(reader, sql`select count(*) from ${qualified(first.table)}`, { fromHeap: true });
  if (unread !== undefined) return give(able, unread);
  const pending = divided(able, isTimeout(rest) ? costs : new Map());
  let attempts = maxAttempts;
  for (let part = pending.shift(); part !== undefined; part = pending.shift()) {
    attempts -= 1;
    const fault = await attempt(reader, part, readings);
    if (fault === undefined) continue;
    if (part.length === 1) give(part, fault);
    else if (attempts >= pending.length + 2) pending.push(...divided(part, isTimeout(fault) ? costs : new Map()));
    else give(part, undivided(fault));
  }
}

/** Returns undefined when all could be read, or none for a reason that they all are given; otherwise what one of them has broken. */
async function attempt(reader: Reader, measures: readonly Measure[], readings: Readings): Promise<Fault | undefined> {
  if (measures.length === 0) return undefined;
  try {
    const values = await readValues(reader, measures);
    for (const [index, measure] of measures.entries()) readings.set(measure, { values: values[index] ?? [] });
    return undefined;
  } catch (error) {
    const reason = reasonOf(error);
    if (reason !== undefined && !isAboutServer.has(reason.reason)) return { error };
    for (const measure of measures) readings.set(measure, { error });
    return undefined;
  }
}

async function faultOf(reader: Reader, statement: Sql, options?: ReadOptions): Promise<Fault | undefined> {
  try {
    await reader.query(statement, options);
    return undefined;
  } catch (error) {
    return { error };
  }
}

interface PlanRow {
  readonly 'QUERY PLAN': readonly { readonly Plan: { readonly 'Total Cost': number } }[];
}

/** Returns what the server expects it to cost to read this measure alone, in its own units; or why it does not even plan to. */
async function planOf(reader: Reader, measure: Measure): Promise<{ readonly cost: number } | Fault> {
  try {
    const [row] = await reader.query<PlanRow>(sql`explain (format json) ${valuesStatement([measure])}`);
    return { cost: row?.['QUERY PLAN'][0]?.Plan['Total Cost'] ?? 0 };
  } catch (error) {
    return { error };
  }
}

/** What costs so many times the cheapest is likely to be what takes too long: what all share is to read the table. */
const suspiciousCost = 2;

/**
 * Divides measures: those that are expected to cost much more, where costs are given, and the others; else conditions that are written,
 * which are more likely to blame than what we write, and the others; else halves.
 */
function divided(measures: readonly Measure[], costs: ReadonlyMap<Measure, number>): Measure[][] {
  const costOf = (measure: Measure) => costs.get(measure) ?? 0;
  const limit = suspiciousCost * Math.min(...measures.map(costOf));
  const byCost = [measures.filter((one) => costOf(one) <= limit), measures.filter((one) => costOf(one) > limit)];
  if (byCost.every(({ length }) => length > 0)) return byCost;
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

function isTimeout({ error }: Fault): boolean {
  return reasonOf(error)?.reason === 'timeout';
}

/** What is said of measures one of which is to blame, and nobody knows which. */
function undivided({ error }: Fault): Fault {
  const { reason, detail } = reasonOf(error) as NonNullable<ReturnType<typeof reasonOf>>;
  const told = `This rule, or another that is read together with it, fails: ${detail}`;
  return { error: new UncheckedError(reason, told, { cause: error }) };
}

function reasonOf(error: unknown): { readonly reason: string; readonly detail: string } | undefined {
  return error instanceof UncheckedError ? error : postgresUncheckedReason(error);
}
