import { matchingDates } from './cron-days.ts';
import { nextRun } from './next-run.ts';
import type { CronExpression, ScheduleExpression } from './schedule-expression.ts';
import { instantOfWallTime, offsetMinutes, wallTimeMs } from './time-zone.ts';

const minuteMs = 60_000;
const dayMs = 86_400_000;

/** A year and two months: one whole cycle of the calendar and of daylight saving, whatever day it starts on. */
const horizonMs = 428 * dayMs;

/**
 * Returns the longest time in seconds between two consecutive runs, so that an alarm on a longer silence means a missed
 * run. Returns `undefined` when the schedule has fewer than two runs left, as `at` always has.
 *
 * For `cron` it looks at the runs of the 14 months that begin with the first run after `from`, and at the gap that is
 * open at their end; so a yearly or a 29 February schedule has its gap measured, while an expression whose gaps change
 * from year to year, such as one with a list of years, can have longer ones later. Times that daylight saving skips or
 * repeats count as in `nextRun`: the runs of a daily 02:30 in New York are 47 hours apart in March.
 *
 * The work depends on the days that match, not on the runs: about 430 days at most, and only on the days next to a
 * change of the clocks is each run converted.
 *
 * @throws RangeError when `cron` meets an unknown time zone or an invalid date.
 */
export function longestGapSeconds(expression: ScheduleExpression, timeZone: string, from: Date): number | undefined {
  switch (expression.kind) {
    case 'at':
      return undefined;
    case 'rate':
      return expression.periodSeconds;
    case 'cron':
      return longestCronGapSeconds(expression, timeZone, from);
  }
}

function longestCronGapSeconds(expression: CronExpression, timeZone: string, from: Date): number | undefined {
  const first = nextRun(expression, from, timeZone);
  if (first === undefined) return undefined;
  const offsetsMs = expression.hours.flatMap((hour) =>
    expression.minutes.map((minute) => (hour * 60 + minute) * minuteMs),
  );
  const longestWithinDayMs = longestStep(offsetsMs);

  let longestMs = 0;
  let previousMs = first.getTime();
  for (const dateMs of matchingDates(expression, wallTimeMs(first, timeZone))) {
    if (previousMs > first.getTime() + horizonMs) break;
    const isWhole = dateMs > wallTimeMs(first, timeZone);
    const offsetMs = isWhole ? steadyOffsetMs(dateMs, timeZone) : undefined;
    if (offsetMs === undefined) {
      const runsMs = runsOfDate(dateMs, offsetsMs, previousMs, timeZone);
      longestMs = Math.max(longestMs, longestStep([previousMs, ...runsMs]));
      previousMs = runsMs.at(-1) ?? previousMs;
    } else {
      const [earliest = 0] = offsetsMs;
      longestMs = Math.max(longestMs, longestWithinDayMs, dateMs + earliest - offsetMs - previousMs);
      previousMs = dateMs + (offsetsMs.at(-1) ?? 0) - offsetMs;
    }
  }
  return longestMs === 0 ? undefined : longestMs / 1000;
}

function runsOfDate(dateMs: number, offsetsMs: readonly number[], afterMs: number, timeZone: string): number[] {
  return offsetsMs
    .map((ms) => instantOfWallTime(dateMs + ms, timeZone)?.getTime())
    .filter((runMs) => runMs !== undefined)
    .filter((runMs) => runMs > afterMs);
}

/** Returns the offset from UTC on the date with midnight `dateMs`, or `undefined` when it changes near that date. */
function steadyOffsetMs(dateMs: number, timeZone: string): number | undefined {
  // The date lies within a day of the same date in UTC, in every zone.
  const before = offsetMinutes(new Date(dateMs - dayMs), timeZone);
  const after = offsetMinutes(new Date(dateMs + 2 * dayMs), timeZone);
  return before === after ? before * minuteMs : undefined;
}

function longestStep(sortedValues: readonly number[]): number {
  let longest = 0;
  sortedValues.forEach((value, index) => {
    longest = Math.max(longest, value - (sortedValues[index - 1] ?? value));
  });
  return longest;
}
