import { median, medianAbsoluteDeviation } from 'simple-statistics';
import type { HistoryPoint, MeasuringRule } from './history.ts';

/** What is usual, and whether a number is. */
export interface Judgement {
  readonly isUnusual: boolean;
  /** Of the points that it was compared with. */
  readonly median: number;
  /** From here to there is usual; undefined where there is no limit. */
  readonly lowest: number | undefined;
  readonly highest: number | undefined;
  /** How many points it was compared with. */
  readonly points: number;
}

/** There are too few points to tell. */
export interface TooFewPoints {
  readonly points: number;
}

/** Makes the median absolute deviation of normally distributed values their standard deviation. */
const normalScale = 1.4826;

/** A number of rows that differs by no more than this is never unusual: where there are usually none, one is no wave. */
const minimumChangeRows = 1;

/** In percent of the median; of a null rate in percentage points, because there is no share of none. */
const defaultMinimumChange = { relative: 10, percentagePoints: 1 } as const;

/**
 * Judges a point by those before it, of which it is none itself: it is unusual when it is farther from their median than the rule's
 * number of scaled median absolute deviations, and than the least change that matters. Numbers that do not scatter leave that change
 * alone to decide. Points that were unusual themselves, of days that the rule ignores, or from before its baseline do not count.
 * https://www.itl.nist.gov/div898/handbook/eda/section3/eda35h.htm
 *
 * A number of rows that is zero, where it never was, is unusual however much it scatters.
 *
 * @param point with a value that can be compared with others, as those of `history`.
 * @param history in any order; points of the same day as `point` and of later ones do not count.
 */
export function judge(
  rule: MeasuringRule,
  point: HistoryPoint,
  history: readonly HistoryPoint[],
): Judgement | TooFewPoints {
  const values = baselineOf(rule, point, history).map(({ value }) => value);
  if (values.length < rule.minimumHistory) return { points: values.length };
  const middle = median(values);
  const least = leastChange(rule, middle);
  const allowed = Math.max(rule.deviations * normalScale * medianAbsoluteDeviation(values), least);
  const lowest = rule.direction === 'up' ? undefined : limit(middle - allowed, rule);
  const highest = rule.direction === 'down' ? undefined : limit(middle + allowed, rule);
  const isFirstZero =
    rule.kind === 'volume' && lowest === 0 && point.value === 0 && middle > least && values.every((value) => value > 0);
  return {
    isUnusual: point.value < (lowest ?? -Infinity) || point.value > (highest ?? Infinity) || isFirstZero,
    median: middle,
    lowest,
    highest,
    points: values.length,
  };
}

/** Returns whether there were enough points to judge by. */
export function isJudged(judgement: Judgement | TooFewPoints): judgement is Judgement {
  return 'isUnusual' in judgement;
}

/** Returns the points with new marks: each judged by those before it, as if the rule had always been as it is. */
export function judgedAnew(rule: MeasuringRule, points: readonly HistoryPoint[]): HistoryPoint[] {
  const judged: HistoryPoint[] = [];
  for (const { date, value } of points) judged.push(marked(rule, { date, value }, judged));
  return judged;
}

/** Returns a point that says whether it is unusual. */
export function marked(rule: MeasuringRule, point: HistoryPoint, history: readonly HistoryPoint[]): HistoryPoint {
  const { date, value } = point;
  const judgement = judge(rule, point, history);
  return isJudged(judgement) && judgement.isUnusual ? { date, value, isUnusual: true } : { date, value };
}

function baselineOf(
  { ignoreDates, baselineSince = '', seasonality }: MeasuringRule,
  point: HistoryPoint,
  history: readonly HistoryPoint[],
): HistoryPoint[] {
  const ignored = new Set(ignoreDates);
  return history.filter(
    ({ date, isUnusual }) =>
      isUnusual !== true &&
      date < point.date &&
      date >= baselineSince &&
      !ignored.has(date) &&
      (seasonality === 'none' || weekdayOf(date) === weekdayOf(point.date)),
  );
}

function leastChange(rule: MeasuringRule, middle: number): number {
  if (rule.kind === 'distribution' && rule.statistic === 'null-rate') {
    return (rule.minimumChangePercent ?? defaultMinimumChange.percentagePoints) / 100;
  }
  const relative = (Math.abs(middle) / 100) * (rule.minimumChangePercent ?? defaultMinimumChange.relative);
  return rule.kind === 'volume' ? Math.max(relative, minimumChangeRows) : relative;
}

/** There are no fewer than no rows, and no more nulls than rows. */
function limit(value: number, rule: MeasuringRule): number {
  if (rule.kind === 'distribution' && rule.statistic === 'null-rate') return Math.min(Math.max(value, 0), 1);
  return rule.kind === 'volume' ? Math.max(value, 0) : value;
}

function weekdayOf(date: string): number {
  return new Date(`${date}T00:00:00Z`).getUTCDay();
}
