import * as z from 'zod';
import { formatTableName, parseTableName } from '../../../shared/postgres/sql.ts';
import { wallTimeMs } from '../../../shared/schedule/time-zone.ts';
import { readJson, type StateStore, writeJson } from '../../../shared/storage/state-store.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import { maxHistoryDays, type RuleOfKind } from '../config.ts';

/** What one run has measured. At most one is kept of a day. */
export interface HistoryPoint {
  /** Day in the estate's time zone: `2026-11-20`. */
  readonly date: string;
  readonly value: number;
  /** It was unusual then, and is no part of the baseline of others. */
  readonly isUnusual?: boolean | undefined;
}

/** A rule whose measurements are remembered. */
export type MeasuringRule = RuleOfKind<'volume' | 'distribution'>;

/** What is kept of a rule. */
export interface History {
  /** What was measured: another rule's points mean something else, whatever its id is. */
  readonly subject: string;
  /** By which settings the points were found usual or not. */
  readonly judgedBy: string;
  /** Oldest first, one of a day. */
  readonly points: readonly HistoryPoint[];
}

/** Larger numbers overflow when they are compared. */
const maxMagnitude = 1e300;

const pointSchema = z.strictObject({
  date: z.iso.date(),
  value: z.number().min(-maxMagnitude).max(maxMagnitude),
  isUnusual: z.boolean().optional(),
});

const historySchema = z.strictObject({
  schemaVersion: z.literal(1),
  subject: z.string(),
  judgedBy: z.string(),
  points: z
    .array(pointSchema)
    .max(maxHistoryDays)
    .refine((points) => points.every(({ date }, index) => index === 0 || date > (points[index - 1]?.date ?? ''))),
});

/**
 * Returns what is remembered of a rule; nothing for one that is new, or that now measures something else.
 *
 * @throws UncheckedError `history-unread` when the store cannot be read, `bad-history` when what it holds is damaged: it is never
 * taken for nothing, because the next write would make it so.
 */
export async function readHistory(store: StateStore, rule: MeasuringRule): Promise<History> {
  const name = documentOf(rule);
  const document = await readDocument(store, name);
  const none: History = { subject: subjectOf(rule), judgedBy: judgementOf(rule), points: [] };
  if (document === undefined) return none;
  const history = historySchema.safeParse(document);
  if (!history.success) throw badHistory(name);
  return history.data.subject === none.subject ? history.data : none;
}

/**
 * Keeps what is remembered of a rule. Of two runs at the same time, the one that writes last wins; what the other has measured that
 * day is lost with it, and nothing else.
 *
 * @throws what the store throws.
 */
export async function writeHistory(
  store: StateStore,
  rule: MeasuringRule,
  points: readonly HistoryPoint[],
): Promise<void> {
  const history: z.input<typeof historySchema> = {
    schemaVersion: 1,
    subject: subjectOf(rule),
    judgedBy: judgementOf(rule),
    points: points.slice(-maxHistoryDays),
  };
  await writeJson(store, documentOf(rule), history);
}

/** Returns the settings by which a rule tells usual from unusual, as one text that changes with them. */
export function judgementOf(rule: MeasuringRule): string {
  const { minimumHistory, seasonality, deviations, minimumChangePercent, direction, ignoreDates, baselineSince } = rule;
  return JSON.stringify({
    minimumHistory,
    seasonality,
    deviations,
    minimumChangePercent,
    direction,
    ignoreDates: [...new Set(ignoreDates)].sort(),
    baselineSince,
  });
}

/** Returns whether a number can be compared with others: NaN, infinity and what is almost that cannot. */
export function isComparable(value: number): boolean {
  return Math.abs(value) <= maxMagnitude;
}

/** Returns the day in a time zone: `2026-11-20`. */
export function dayIn(timeZone: string, instant: Date): string {
  return new Date(wallTimeMs(instant, timeZone)).toISOString().slice(0, 10);
}

function subjectOf(rule: MeasuringRule): string {
  const { kind, where, column } = rule;
  const table = formatTableName(parseTableName(rule.table));
  if (kind === 'distribution') return JSON.stringify({ kind, table, where, column, statistic: rule.statistic });
  // Without a column all rows count, whatever the window.
  return JSON.stringify({ kind, table, where, ...(column === undefined ? {} : { column, hours: rule.windowHours }) });
}

function documentOf({ database, id }: MeasuringRule): string {
  return `history/${database}/${id}`;
}

async function readDocument(store: StateStore, name: string): Promise<unknown> {
  try {
    return await readJson(store, name);
  } catch (cause) {
    if (cause instanceof SyntaxError) throw badHistory(name);
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new UncheckedError('history-unread', `What earlier runs have measured could not be read: ${said}`, { cause });
  }
}

function badHistory(name: string): UncheckedError {
  const detail = `The document ${name} in the state store is damaged. Restore it, or delete it to begin a new history.`;
  return new UncheckedError('bad-history', detail);
}
