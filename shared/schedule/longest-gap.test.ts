import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rareCronFields } from './cron-arbitrary.ts';
import { longestGapSeconds } from './longest-gap.ts';
import { nextRun } from './next-run.ts';
import { parseScheduleExpression } from './schedule-expression.ts';

const newYork = 'America/New_York';
const minute = 60;
const hour = 3600;
const day = 86_400;

function gap(text: string, timeZone = 'UTC', from = '2026-11-22T00:00:00Z'): number | undefined {
  return longestGapSeconds(parseScheduleExpression(text), timeZone, new Date(from));
}

describe('longestGapSeconds', () => {
  it.each([
    ['cron(* * * * ? *)', minute],
    ['cron(0/15 * * * ? *)', 15 * minute],
    ['cron(0 9-17 * * ? *)', 16 * hour],
    ['cron(0 6 * * ? *)', day],
    ['cron(0 6 ? * MON-FRI *)', 3 * day],
    ['cron(0 6 ? * SUN *)', 7 * day],
    ['cron(0 6 1 * ? *)', 31 * day],
    ['cron(0 6 31 * ? *)', 61 * day],
    ['cron(0 6 ? * 2#1 *)', 35 * day],
    ['rate(5 minutes)', 5 * minute],
    ['rate(7 days)', 7 * day],
  ])('of %s in UTC is %i seconds', (text, seconds) => {
    expect(gap(text)).toBe(seconds);
  });

  it('has an hour more for a time of day in the week that daylight saving ends', () => {
    expect(gap('cron(0 6 * * ? *)', newYork)).toBe(25 * hour);
    expect(gap('cron(0 6 ? * MON-FRI *)', newYork)).toBe(3 * day + hour);
  });

  it('has the two days around a time that daylight saving skips', () => {
    expect(gap('cron(30 2 * * ? *)', newYork)).toBe(47 * hour);
  });

  it('has the repeated hour, in which even an every-minute schedule does not run again', () => {
    expect(gap('cron(* * * * ? *)', newYork)).toBe(61 * minute);
    expect(gap('cron(* * * * ? *)', 'Australia/Lord_Howe')).toBe(31 * minute);
  });

  it('sees the whole cycle of daylight saving, whatever day it starts on', () => {
    for (let month = 1; month <= 12; month += 1) {
      const from = `2026-${String(month).padStart(2, '0')}-15T00:00:00Z`;
      expect(gap('cron(30 2 * * ? *)', newYork, from)).toBe(47 * hour);
    }
  });

  it('measures a gap longer than 14 months', () => {
    expect(gap('cron(0 0 1 1 ? *)')).toBe(366 * day);
    expect(gap('cron(0 0 29 2 ? *)')).toBe(1461 * day);
    expect(gap('cron(0 0 1 1 ? 2030,2040)')).toBe(3652 * day);
  });

  it('is within a day where that is longer than the night', () => {
    expect(gap('cron(0 0,23 * * ? *)', 'UTC', '2026-11-22T00:30:00Z')).toBe(23 * hour);
  });

  it('leaves out the runs before the instant given, on its day too', () => {
    expect(gap('cron(0 0,20,22 1 1 ? 2027)', 'UTC', '2027-01-01T12:00:00Z')).toBe(2 * hour);
  });

  it('is undefined with fewer than two runs left', () => {
    expect(gap('at(2026-12-01T00:00:00)')).toBeUndefined();
    expect(gap('cron(0 0 1 1 ? 2027)')).toBeUndefined();
    expect(gap('cron(0 0 1 1 ? 2025)')).toBeUndefined();
    expect(gap('cron(0 0 31 2 ? *)')).toBeUndefined();
  });

  it('is that of the runs one by one', () => {
    const from = fc.date({ min: new Date('2024-01-01'), max: new Date('2033-12-31'), noInvalidDate: true });
    const zone = fc.constantFrom(
      'UTC',
      newYork,
      'Europe/Berlin',
      'Australia/Lord_Howe',
      'Asia/Kolkata',
      'America/Santiago',
    );
    fc.assert(
      fc.property(rareCronFields, zone, from, (fields, timeZone, start) => {
        const expression = parseScheduleExpression(`cron(${fields})`);
        const first = nextRun(expression, start, timeZone);
        let longest: number | undefined;
        let previous = first;
        while (
          first !== undefined &&
          previous !== undefined &&
          previous.getTime() <= first.getTime() + 428 * day * 1000
        ) {
          const next = nextRun(expression, previous, timeZone);
          if (next !== undefined) longest = Math.max(longest ?? 0, (next.getTime() - previous.getTime()) / 1000);
          previous = next;
        }
        expect(longestGapSeconds(expression, timeZone, start)).toBe(longest);
      }),
    );
  });
});
