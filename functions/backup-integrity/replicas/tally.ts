import * as z from 'zod';
import type { Differences } from './facts.ts';

/** The kinds of differences, worst first. */
const differenceKinds = ['missing', 'differs', 'stale', 'replication-failed', 'extra'] as const;

const differences = z.strictObject({
  count: z.int().min(0),
  unconfirmed: z.int().min(0),
  examples: z.array(z.string()).max(10),
  oldestMs: z.number().optional(),
});

/** What has been compared so far. Plain JSON of at most 16 KiB, which goes from step to step. */
export const tallySchema = z.strictObject({
  /** The part of the key behind the prefix; everything up to and with it has been compared. */
  lastKey: z.string().optional(),
  compared: z.int().min(0),
  inFlight: z.int().min(0),
  oldestInFlightMs: z.number().optional(),
  /** Differences about which the objects themselves were asked. */
  asked: z.int().min(0),
  differences: z.record(z.enum(differenceKinds), differences),
  /** Documents in which every difference is written down. */
  documents: z.int().min(0),
  /** Why it ended before its time. */
  unchecked: z.strictObject({ reason: z.string(), detail: z.string() }).optional(),
});

export type Tally = z.output<typeof tallySchema>;

/** What is kept of a kind of differences. */
export type DifferenceTally = Tally['differences'][keyof Tally['differences']];

const maximumExamples = 10;
const maximumExampleBytes = 180;
const maximumDetailBytes = 400;

/** Returns the tally of nothing. */
export function emptyTally(): Tally {
  const none = (): DifferenceTally => ({ count: 0, unconfirmed: 0, examples: [] });
  return {
    compared: 0,
    inFlight: 0,
    asked: 0,
    documents: 0,
    differences: { missing: none(), differs: none(), stale: none(), 'replication-failed': none(), extra: none() },
  };
}

/** Counts one difference. */
export function addDifference(
  kind: DifferenceTally,
  { key, writtenMs, isConfirmed }: { key: string; writtenMs: number | undefined; isConfirmed: boolean },
): void {
  kind.count += 1;
  if (!isConfirmed) kind.unconfirmed += 1;
  if (kind.examples.length < maximumExamples) kind.examples.push(cutJson(key, maximumExampleBytes));
  if (writtenMs !== undefined) kind.oldestMs = Math.min(kind.oldestMs ?? writtenMs, writtenMs);
}

/** Says that nothing more can be compared. */
export function endUnchecked(tally: Tally, { reason, detail }: { reason: string; detail: string }): Tally {
  return { ...tally, unchecked: { reason, detail: cutJson(detail, maximumDetailBytes) } };
}

/** Returns the tallies of the parts of one replica as one. */
export function addTallies(tallies: readonly Tally[]): Tally {
  const sum = emptyTally();
  for (const tally of tallies) {
    sum.compared += tally.compared;
    sum.inFlight += tally.inFlight;
    sum.asked += tally.asked;
    sum.documents += tally.documents;
    sum.oldestInFlightMs = earliest(sum.oldestInFlightMs, tally.oldestInFlightMs);
    for (const kind of differenceKinds) {
      const into = sum.differences[kind];
      const { count, unconfirmed, examples, oldestMs } = tally.differences[kind];
      into.count += count;
      into.unconfirmed += unconfirmed;
      into.examples = [...into.examples, ...examples].slice(0, maximumExamples);
      into.oldestMs = earliest(into.oldestMs, oldestMs);
    }
  }
  return sum;
}

/** Returns a kind of differences as the rules want it. */
export function differencesOf({ count, unconfirmed, examples, oldestMs }: DifferenceTally): Differences {
  return { count, unconfirmed, examples, oldest: oldestMs === undefined ? undefined : new Date(oldestMs) };
}

/** Returns the smaller of the two that are given. */
export function earliest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}

/**
 * Returns as much of the text as takes `maximumBytes` in a JSON document, with an ellipsis for the rest. A text of its own: a part
 * of another one would keep the whole page that it was cut from.
 */
function cutJson(text: string, maximumBytes: number): string {
  let bytes = 0;
  const kept: string[] = [];
  for (const character of text) {
    bytes += Buffer.byteLength(JSON.stringify(character)) - 2;
    if (bytes > maximumBytes) return `${kept.join('')}…`;
    kept.push(character);
  }
  return kept.join('');
}
