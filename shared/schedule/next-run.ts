import { matchingDates } from './cron-days.ts';
import type { CronExpression, RateExpression, ScheduleExpression } from './schedule-expression.ts';
import { instantOfWallTime, wallTimeMs } from './time-zone.ts';

/** What {@link nextRun} cannot know from the expression. */
export interface NextRunOptions {
  /** The first run of a `rate()` schedule: its start date or, without one, when it was created. */
  readonly rateStart?: Date;
}

/**
 * Returns the first run strictly after `after`, or `undefined` when there is none: the years are exhausted, the one
 * time has passed, or the expression matches no time that exists.
 *
 * `cron` and `at` are wall times in `timeZone`. A time that daylight saving skips does not run; one that it repeats
 * runs once, taken here as the first of the two. For cron the AWS page states both without saying which of the two:
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time
 *
 * `rate` is elapsed time, whatever the clocks do: AWS runs it from the schedule's start date or else from its creation,
 * then after every period. Without `rateStart` the period is counted from `after`.
 *
 * @param timeZone an IANA name; `rate` ignores it.
 * @throws RangeError when `cron` or `at` meets an unknown time zone or an invalid date.
 */
export function nextRun(
  expression: ScheduleExpression,
  after: Date,
  timeZone: string,
  options: NextRunOptions = {},
): Date | undefined {
  return nextRuns(expression, after, timeZone, 1, options)[0];
}

/**
 * Returns the first `count` runs strictly after `after`, in order; fewer when the schedule ends before. The rules and
 * the errors are those of {@link nextRun}.
 *
 * @throws RangeError also when `count` is negative.
 */
export function nextRuns(
  expression: ScheduleExpression,
  after: Date,
  timeZone: string,
  count: number,
  options: NextRunOptions = {},
): Date[] {
  return runsAfter(expression, after, timeZone, options).take(count).toArray();
}

function runsAfter(
  expression: ScheduleExpression,
  after: Date,
  timeZone: string,
  options: NextRunOptions,
): Generator<Date, undefined> {
  switch (expression.kind) {
    case 'cron':
      return wallTimeRuns(wallTimesAfter(expression, wallTimeMs(after, timeZone)), after, timeZone);
    case 'at':
      return wallTimeRuns([Date.parse(`${expression.wallTime}Z`)], after, timeZone);
    case 'rate':
      return rateRuns(expression, after, options.rateStart ?? after);
  }
}

function* wallTimeRuns(wallTimes: Iterable<number>, after: Date, timeZone: string): Generator<Date, undefined> {
  for (const wallMs of wallTimes) {
    const run = instantOfWallTime(wallMs, timeZone);
    // In the second pass of a repeated hour, later wall times have already run in the first pass.
    if (run !== undefined && run > after) yield run;
  }
}

function* wallTimesAfter(expression: CronExpression, afterWallMs: number): Generator<number, undefined> {
  for (const dateMs of matchingDates(expression, afterWallMs)) {
    for (const hour of expression.hours) {
      for (const minute of expression.minutes) {
        const wallMs = dateMs + (hour * 60 + minute) * 60_000;
        if (wallMs > afterWallMs) yield wallMs;
      }
    }
  }
}

/** The last instant that a Date can hold (ECMA-262, "Time Values and Time Range"). */
const lastInstantMs = 8.64e15;

function* rateRuns(expression: RateExpression, after: Date, start: Date): Generator<Date, undefined> {
  const periodMs = expression.periodSeconds * 1000;
  const periods = Math.max(0, Math.floor((after.getTime() - start.getTime()) / periodMs) + 1);
  for (let runMs = start.getTime() + periods * periodMs; runMs <= lastInstantMs; runMs += periodMs)
    yield new Date(runMs);
}
