import { describe, expect, it } from 'vitest';
import { matchingDates } from './cron-days.ts';
import { parseScheduleExpression } from './schedule-expression.ts';

function dates(fields: string, from: string): string[] {
  const expression = parseScheduleExpression(`cron(${fields})`);
  if (expression.kind !== 'cron') throw new Error(`${fields} parsed as ${expression.kind}`);
  return matchingDates(expression, Date.parse(`${from}Z`))
    .map((dateMs) => new Date(dateMs).toISOString())
    .toArray();
}

describe('matchingDates', () => {
  it('gives each date as its midnight, whatever the times of day', () => {
    expect(dates('0/5 6-18 1 1,7 ? 2027', '2026-11-22T00:00:00')).toEqual([
      '2027-01-01T00:00:00.000Z',
      '2027-07-01T00:00:00.000Z',
    ]);
  });

  it('begins with the date of the wall time given, even when its times have passed', () => {
    expect(dates('0 6 21-23 11 ? 2026', '2026-11-22T23:59:00')).toEqual([
      '2026-11-22T00:00:00.000Z',
      '2026-11-23T00:00:00.000Z',
    ]);
  });

  it('gives nothing for earlier years and for a date that no month has', () => {
    expect(dates('0 6 * * ? 2025', '2026-01-01T00:00:00')).toEqual([]);
    expect(dates('0 6 31 2,4,6,9,11 ? *', '1970-01-01T00:00:00')).toEqual([]);
  });
});
