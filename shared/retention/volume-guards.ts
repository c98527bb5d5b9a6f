import type { TrippedGuard } from './guard.ts';
import type { Guards } from './retention-config.ts';

/** How much a run would take. */
export interface Volume {
  /** Rows or objects. */
  readonly amount: number;
  /** How many there are in all; undefined where that is not known. */
  readonly of: number | undefined;
  /** How many of these it would take: `amount` unless given, which may be of other tables too. */
  readonly share?: number;
  /** How many of these are of the kind that `history` counts: `amount` unless given. */
  readonly comparable?: number;
  /** What there is in plural: `rows`, `objects`. */
  readonly unit: string;
  /** Amounts of past runs, in any order. */
  readonly history: readonly number[];
}

type Limits = Pick<Guards, 'maximumRows' | 'maximumPercent' | 'maximumDeviation' | 'minimumHistory' | 'deviationFloor'>;

/** Returns the guards that this volume trips, and notes on what could not be judged. */
export function volumeGuards(volume: Volume, limits: Limits): { guards: TrippedGuard[]; notes: string[] } {
  const unusual = unusualVolume({ ...volume, amount: volume.comparable ?? volume.amount }, limits);
  return {
    guards: [tooManyRows(volume, limits), tooLargeShare(volume, limits), unusual.guard].filter(
      (guard) => guard !== undefined,
    ),
    notes: unusual.note === undefined ? [] : [unusual.note],
  };
}

/** More than `maximumRows`. */
export function tooManyRows(
  { amount, unit }: Pick<Volume, 'amount' | 'unit'>,
  { maximumRows }: Pick<Limits, 'maximumRows'>,
): TrippedGuard | undefined {
  // An amount that is no number is not below anything.
  if (amount <= maximumRows) return undefined;
  return {
    guard: 'too-many-rows',
    detail: `It would take ${amount} ${unit} or more, beyond the maximum of ${maximumRows} in one run.`,
    evidence: { amount, maximumRows },
  };
}

/** More than `maximumPercent` of all. Where it is not known how many there are, any share may be too large. */
export function tooLargeShare(
  { amount: whole, share: amount = whole, of, unit }: Pick<Volume, 'amount' | 'of' | 'share' | 'unit'>,
  { maximumPercent }: Pick<Limits, 'maximumPercent'>,
): TrippedGuard | undefined {
  if (amount <= 0 || maximumPercent >= 100) return undefined;
  if (of === undefined || !Number.isFinite(of)) {
    const detail = `It would take ${amount} ${unit}, and how many there are in all is not known.`;
    return { guard: 'too-large-share', detail, evidence: { amount, maximumPercent } };
  }
  if (amount * 100 <= of * maximumPercent) return undefined;
  const percent = of === 0 ? 100 : Math.round((amount / of) * 1000) / 10;
  return {
    guard: 'too-large-share',
    detail: `It would take ${amount} of ${of} ${unit} (${percent} %), beyond the maximum of ${maximumPercent} %.`,
    evidence: { amount, of, percent, maximumPercent },
  };
}

/**
 * More than `maximumDeviation` times the median of past runs, which one odd run does not move. Without enough past runs there is nothing
 * to judge by, and the note says so.
 */
export function unusualVolume(
  { amount, unit, history }: Pick<Volume, 'amount' | 'unit' | 'history'>,
  { maximumDeviation, minimumHistory, deviationFloor }: Limits,
): { guard: TrippedGuard | undefined; note: string | undefined } {
  if (history.length < minimumHistory) {
    const runs = `${history.length} of ${minimumHistory} past runs`;
    return { guard: undefined, note: `Whether the volume is unusual was not judged: there are ${runs} to judge by.` };
  }
  const usual = median(history);
  if (amount < deviationFloor || amount <= usual * maximumDeviation) return { guard: undefined, note: undefined };
  const taken = `It would take ${amount} ${unit}; half of ${history.length} past runs took ${usual} or fewer.`;
  const guard: TrippedGuard = {
    guard: 'unusual-volume',
    detail: `${taken} ${maximumDeviation} times that is the limit.`,
    evidence: { amount, median: usual, runs: history.length, maximumDeviation },
  };
  return { guard, note: undefined };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}
