import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cronFields } from './cron-arbitrary.ts';
import { type CronExpression, parseScheduleExpression, ScheduleExpressionError } from './schedule-expression.ts';

function cron(fields: string): CronExpression {
  const expression = parseScheduleExpression(`cron(${fields})`);
  if (expression.kind !== 'cron') throw new Error(`${fields} parsed as ${expression.kind}`);
  return expression;
}

function faultsOf(text: string): readonly string[] {
  try {
    parseScheduleExpression(text);
  } catch (error) {
    if (error instanceof ScheduleExpressionError) return error.faults;
    throw error;
  }
  return [];
}

const all = (min: number, max: number): number[] => Array.from({ length: max - min + 1 }, (_, index) => min + index);

describe('parseScheduleExpression reads cron', () => {
  it('as sorted sets without duplicates', () => {
    expect(cron('30,0,30 18,6 15,1,15 12,3 ? 2030,2027')).toEqual({
      kind: 'cron',
      minutes: [0, 30],
      hours: [6, 18],
      daysOfMonth: [1, 15],
      months: [3, 12],
      daysOfWeek: [],
      specialDays: [],
      years: [2027, 2030],
    });
  });

  it('with * as all values of a field', () => {
    const { minutes, hours, daysOfMonth, months, years } = cron('* * * * ? *');
    expect(minutes).toEqual(all(0, 59));
    expect(hours).toEqual(all(0, 23));
    expect(daysOfMonth).toEqual(all(1, 31));
    expect(months).toEqual(all(1, 12));
    expect(years).toEqual(all(1970, 2199));
    expect(cron('* * ? * * *').daysOfWeek).toEqual(all(1, 7));
  });

  it('with ranges', () => {
    expect(cron('0 9-17 ? * MON-FRI *')).toMatchObject({ hours: all(9, 17), daysOfWeek: [2, 3, 4, 5, 6] });
    expect(cron('0 0 1 JAN-MAR ? 2026-2028')).toMatchObject({ months: [1, 2, 3], years: [2026, 2027, 2028] });
    expect(cron('5-5 0 * * ? *').minutes).toEqual([5]);
  });

  it('with ranges that wrap around', () => {
    expect(cron('58-1 22-4 28-2 NOV-FEB ? *')).toMatchObject({
      minutes: [0, 1, 58, 59],
      hours: [0, 1, 2, 3, 4, 22, 23],
      daysOfMonth: [1, 2, 28, 29, 30, 31],
      months: [1, 2, 11, 12],
    });
    expect(cron('0 0 ? * FRI-MON *').daysOfWeek).toEqual([1, 2, 6, 7]);
  });

  it('with steps from the start, from a value and through a range', () => {
    expect(cron('*/20 1/10 1-15/7 * ? 2190/5')).toMatchObject({
      minutes: [0, 20, 40],
      hours: [1, 11, 21],
      daysOfMonth: [1, 8, 15],
      years: [2190, 2195],
    });
    expect(cron('0 0 1 FEB/4 ? *').months).toEqual([2, 6, 10]);
  });

  it('with days of the week from 1 for Sunday to 7 for Saturday', () => {
    expect(cron('0 0 ? * 1,7 *').daysOfWeek).toEqual(cron('0 0 ? * SUN,SAT *').daysOfWeek);
  });

  it('with names in any case and mixed with numbers', () => {
    expect(cron('0 0 ? jan-3,Dec mon-5 *')).toMatchObject({ months: [1, 2, 3, 12], daysOfWeek: [2, 3, 4, 5] });
  });

  it('with L, L-3, LW and 15W as days of the month', () => {
    expect(cron('0 0 L,l-3,LW,15w,10 * ? *')).toMatchObject({
      daysOfMonth: [10],
      specialDays: [
        { rule: 'last-day', daysBefore: 0 },
        { rule: 'last-day', daysBefore: 3 },
        { rule: 'last-weekday' },
        { rule: 'nearest-weekday', day: 15 },
      ],
    });
  });

  it('with 6L and FRIL as the last Friday of the month, and L as Saturday', () => {
    const lastFriday = [{ rule: 'last-day-of-week', dayOfWeek: 6 }];
    expect(cron('0 0 ? * 6L *').specialDays).toEqual(lastFriday);
    expect(cron('0 0 ? * FRIL *').specialDays).toEqual(lastFriday);
    expect(cron('0 0 ? * L *')).toMatchObject({ daysOfWeek: [7], specialDays: [] });
  });

  it('with 3#2 and SUN#1 as the nth such day of the month', () => {
    expect(cron('0 0 ? * 3#2 *').specialDays).toEqual([{ rule: 'nth-day-of-week', dayOfWeek: 3, nth: 2 }]);
    expect(cron('0 0 ? * SUN#1 *').specialDays).toEqual([{ rule: 'nth-day-of-week', dayOfWeek: 1, nth: 1 }]);
  });

  it('with its highest and lowest values', () => {
    expect(faultsOf('cron(0,59 0,23 1,31 1,12 ? 1970,2199)')).toEqual([]);
    expect(faultsOf('cron(0/59 0/23 L-30 1/12 ? 1970/229)')).toEqual([]);
    expect(faultsOf('cron(0 0 ? * SAT#5 *)')).toEqual([]);
  });
});

describe('parseScheduleExpression reads rate', () => {
  it.each([
    ['rate(1 minute)', 60],
    ['rate(5 minutes)', 300],
    ['rate(1 hours)', 3600],
    ['rate(12 hour)', 43_200],
    ['rate(7 days)', 604_800],
    ['rate(2 day)', 172_800],
  ])('%s as %i seconds', (text, periodSeconds) => {
    expect(parseScheduleExpression(text)).toEqual({ kind: 'rate', periodSeconds });
  });
});

describe('parseScheduleExpression reads at', () => {
  it.each(['2026-11-23T06:00:00', '2028-02-29T23:59:59', '1970-01-01T00:00:00', '2199-12-31T23:59:59'])(
    'with %s as that wall time',
    (wallTime) => {
      expect(parseScheduleExpression(`at(${wallTime})`)).toEqual({ kind: 'at', wallTime });
    },
  );
});

describe('parseScheduleExpression refuses', () => {
  it.each([
    ['', 'expression:  is not cron(…), rate(…) or at(…)'],
    ['every(5 minutes)', 'expression: every(5 minutes) is not cron(…), rate(…) or at(…)'],
    ['cron(0 0 * * ? *) ', 'expression: cron(0 0 * * ? *)  is not cron(…), rate(…) or at(…)'],
    ['CRON(0 0 * * ? *)', 'expression: CRON(0 0 * * ? *) is not cron(…), rate(…) or at(…)'],
    ['cron()', 'cron: 0 fields instead of 6 (minutes hours day-of-month month day-of-week year)'],
    ['cron(0 0 * * ?)', 'cron: 5 fields instead of 6 (minutes hours day-of-month month day-of-week year)'],
    ['cron(0 0 0 * * ? *)', 'cron: 7 fields instead of 6 (minutes hours day-of-month month day-of-week year)'],
    ['cron(60 0 * * ? *)', 'minutes: 60 is not between 0 and 59'],
    ['cron(0 25 * * ? *)', 'hours: 25 is not between 0 and 23'],
    ['cron(0 20-24 * * ? *)', 'hours: 24 in 20-24 is not between 0 and 23'],
    ['cron(0 0 0 * ? *)', 'day-of-month: 0 is not between 1 and 31'],
    ['cron(0 0 32W * ? *)', 'day-of-month: 32 in 32W is not between 1 and 31'],
    ['cron(0 0 L-31 * ? *)', 'day-of-month: 31 in L-31 is not between 1 and 30'],
    ['cron(0 0 L-0 * ? *)', 'day-of-month: 0 in L-0 is not between 1 and 30'],
    ['cron(0 0 1 13 ? *)', 'month: 13 is not between 1 and 12'],
    ['cron(0 0 ? * 0 *)', 'day-of-week: 0 is not between 1 and 7'],
    ['cron(0 0 ? * 8L *)', 'day-of-week: 8 in 8L is not between 1 and 7'],
    ['cron(0 0 ? * MON#6 *)', 'day-of-week: 6 in MON#6 is not between 1 and 5'],
    ['cron(0 0 ? * MON#0 *)', 'day-of-week: 0 in MON#0 is not between 1 and 5'],
    ['cron(0 0 * * ? 1969)', 'year: 1969 is not between 1970 and 2199'],
    ['cron(0 0 * * ? 2200)', 'year: 2200 is not between 1970 and 2199'],
    ['cron(0/0 0 * * ? *)', 'minutes: step 0 in 0/0 is not between 1 and 59'],
    ['cron(*/60 0 * * ? *)', 'minutes: step 60 in */60 is not between 1 and 59'],
    ['cron(*/x 0 * * ? *)', 'minutes: step x in */x is not between 1 and 59'],
    ['cron(0 0 * * ? 2026/230)', 'year: step 230 in 2026/230 is not between 1 and 229'],
    ['cron(0 22-4/2 * * ? *)', 'hours: 22-4/2 has a step in a range that wraps around'],
    ['cron(0 0 * * ? 2030-2027)', 'year: 2030-2027 ends before it starts'],
    ['cron(0,,5 0 * * ? *)', 'minutes: an empty item is not understood; allowed are 0-59 with , - * /'],
    ['cron(- 0 * * ? *)', 'minutes: - is not understood; allowed are 0-59 with , - * /'],
    ['cron(1-2-3 0 * * ? *)', 'minutes: 1-2-3 is not understood; allowed are 0-59 with , - * /'],
    ['cron(*-5 0 * * ? *)', 'minutes: *-5 is not understood; allowed are 0-59 with , - * /'],
    ['cron(1.5 0 * * ? *)', 'minutes: 1.5 is not understood; allowed are 0-59 with , - * /'],
    ['cron(? 0 * * ? *)', 'minutes: ? is not understood; allowed are 0-59 with , - * /'],
    ['cron(0 L * * ? *)', 'hours: L is not understood; allowed are 0-23 with , - * /'],
    ['cron(0 0 MON * ? *)', 'day-of-month: MON is not understood; allowed are 1-31 with , - * ? / L W'],
    ['cron(0 0 ?,1 * ? *)', 'day-of-month: ? is not understood; allowed are 1-31 with , - * ? / L W'],
    ['cron(0 0 1-5W * ? *)', 'day-of-month: 5W in 1-5W is not understood; allowed are 1-31 with , - * ? / L W'],
    ['cron(0 0 1 FOO ? *)', 'month: FOO is not understood; allowed are 1-12 or JAN-DEC with , - * /'],
    ['cron(0 0 ? * MON/2 *)', 'day-of-week: MON/2 is not understood; allowed are 1-7 or SUN-SAT with , - * ? L #'],
    ['cron(0 0 ? * FOOL *)', 'day-of-week: FOO in FOOL is not understood; allowed are 1-7 or SUN-SAT with , - * ? L #'],
    ['cron(0 0 ? * 2W *)', 'day-of-week: 2W is not understood; allowed are 1-7 or SUN-SAT with , - * ? L #'],
    ['cron(0 0 ? * 3#1,6#3 *)', 'day-of-week: 3#1,6#3 is a list with #, which must stand alone'],
    ['cron(0 0 * * * *)', 'day-of-month, day-of-week: one of them must be ?, not * and *'],
    ['cron(0 0 1 * MON *)', 'day-of-month, day-of-week: one of them must be ?, not 1 and MON'],
    ['cron(0 0 ? * ? *)', 'day-of-month, day-of-week: only one of them can be ?'],
    ['rate(5)', 'rate: 5 is not a value and a unit, as in rate(5 minutes)'],
    ['rate()', 'rate:  is not a value and a unit, as in rate(5 minutes)'],
    ['rate(0 days)', 'value: 0 is not a positive whole number'],
    ['rate(-1 days)', 'value: -1 is not a positive whole number'],
    ['rate(1.5 days)', 'value: 1.5 is not a positive whole number'],
    ['rate(99999999999999999999 days)', 'value: 99999999999999999999 is longer than time can be counted'],
    ['rate(1 week)', 'unit: week is not one of minute, minutes, hour, hours, day, days'],
    ['at(2026-11-23)', 'at: 2026-11-23 is not of the form yyyy-mm-ddThh:mm:ss'],
    ['at(2026-11-23T06:00:00Z)', 'at: 2026-11-23T06:00:00Z is not of the form yyyy-mm-ddThh:mm:ss'],
    ['at(1969-12-31T00:00:00)', 'year: 1969 is not between 1970 and 2199'],
    ['at(2200-01-01T00:00:00)', 'year: 2200 is not between 1970 and 2199'],
    ['at(2026-13-01T00:00:00)', 'month: 13 is not between 1 and 12'],
    ['at(2027-02-29T00:00:00)', 'day: 29 is not between 1 and 28'],
    ['at(2026-11-00T00:00:00)', 'day: 00 is not between 1 and 30'],
    ['at(2026-11-23T24:00:00)', 'hours: 24 is not between 0 and 23'],
    ['at(2026-11-23T06:60:00)', 'minutes: 60 is not between 0 and 59'],
    ['at(2026-11-23T06:00:60)', 'seconds: 60 is not between 0 and 59'],
  ])('%j', (text, fault) => {
    expect(faultsOf(text)).toEqual([fault]);
  });

  it('with every fault of the expression at once', () => {
    expect(faultsOf('cron(60 25 32 0 ? 1969)')).toEqual([
      'minutes: 60 is not between 0 and 59',
      'hours: 25 is not between 0 and 23',
      'day-of-month: 32 is not between 1 and 31',
      'month: 0 is not between 1 and 12',
      'year: 1969 is not between 1970 and 2199',
    ]);
    expect(faultsOf('cron(a,61,5 0 L-99 * 9#7 *)')).toHaveLength(6);
    expect(faultsOf('rate(0 weeks)')).toHaveLength(2);
    expect(faultsOf('at(2026-02-30T24:00:60)')).toHaveLength(3);
  });

  it('with an error that says its name, the expression and the faults', () => {
    const error = new ScheduleExpressionError('cron(0 25 0 * ? *)', ['hours: 25 is not between 0 and 23', 'more']);
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe('ScheduleExpressionError');
    expect(error.message).toBe('cron(0 25 0 * ? *): 2 faults\n  hours: 25 is not between 0 and 23\n  more');
  });
});

describe('parseScheduleExpression, for any text,', () => {
  const alphabet = [...'0123456789 */-,?LWTZ#:', 'MON', 'JAN', ' * ', ' ? ', 'minutes', '2026'];
  const nearly = fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 25 });
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    nearly.map((body) => `cron(${body})`),
    nearly.map((body) => `rate(${body})`),
    nearly.map((body) => `at(${body})`),
    fc.array(nearly, { minLength: 6, maxLength: 6 }).map((parts) => `cron(${parts.join(' ')})`),
  );

  it('throws nothing but a ScheduleExpressionError, which has a fault', () => {
    fc.assert(
      fc.property(text, (candidate) => {
        try {
          parseScheduleExpression(candidate);
        } catch (error) {
          expect(error).toBeInstanceOf(ScheduleExpressionError);
          expect((error as ScheduleExpressionError).faults.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('accepts what is made by the rules, in either case', () => {
    fc.assert(
      fc.property(cronFields, (made) => {
        expect(cron(made.toLowerCase())).toEqual(cron(made.toUpperCase()));
      }),
    );
  });
});
