import { Cron } from 'croner';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cronFields } from './cron-arbitrary.ts';
import { nextRun, nextRuns } from './next-run.ts';
import { parseScheduleExpression } from './schedule-expression.ts';
import { formatInZone } from './time-zone.ts';

const newYork = 'America/New_York';

/** The next `count` runs, as a person in the zone reads them. */
function runs(text: string, after: string, count: number, timeZone = 'UTC'): string[] {
  const found = nextRuns(parseScheduleExpression(text), new Date(after), timeZone, count);
  return found.map((run) => formatInZone(run, timeZone));
}

/** The dates of the next `count` runs in UTC. */
function dates(dayFields: string, after: string, count: number): string[] {
  return runs(`cron(0 12 ${dayFields})`, after, count).map((run) => run.slice(0, 10));
}

describe('nextRun of cron', () => {
  it('is strictly after the instant given', () => {
    const daily = parseScheduleExpression('cron(0 6 * * ? *)');
    expect(nextRun(daily, new Date('2026-11-23T05:59:59.999Z'), 'UTC')).toEqual(new Date('2026-11-23T06:00:00Z'));
    expect(nextRun(daily, new Date('2026-11-23T06:00:00.000Z'), 'UTC')).toEqual(new Date('2026-11-24T06:00:00Z'));
  });

  it('counts in the time zone of the schedule', () => {
    expect(runs('cron(0 6 * * ? *)', '2026-11-23T00:00:00Z', 1, newYork)).toEqual(['2026-11-23 06:00 -05:00']);
    expect(runs('cron(30 0 1 * ? *)', '2026-11-23T00:00:00Z', 1, 'Asia/Kolkata')).toEqual(['2026-12-01 00:30 +05:30']);
  });

  it('crosses hours, days, months and years', () => {
    expect(runs('cron(0/30 22-23 L 12 ? *)', '2026-12-31T22:45:00Z', 4)).toEqual([
      '2026-12-31 23:00 +00:00',
      '2026-12-31 23:30 +00:00',
      '2027-12-31 22:00 +00:00',
      '2027-12-31 22:30 +00:00',
    ]);
  });

  it('finds a sparse date far away', () => {
    expect(runs('cron(0 0 29 2 ? 2096)', '2026-01-01T00:00:00Z', 2)).toEqual(['2096-02-29 00:00 +00:00']);
  });

  it('starts with the first year of the expression, however early the instant', () => {
    expect(runs('cron(0 0 1 1 ? *)', '1900-01-01T00:00:00Z', 1)).toEqual(['1970-01-01 00:00 +00:00']);
  });

  it('is undefined once the years are exhausted', () => {
    expect(runs('cron(0 0 31 12 ? *)', '2199-12-30T00:00:00Z', 5)).toEqual(['2199-12-31 00:00 +00:00']);
    expect(runs('cron(0 0 * * ? 2025)', '2026-01-01T00:00:00Z', 1)).toEqual([]);
  });

  it('is undefined for a date that no month has', () => {
    expect(runs('cron(0 0 31 2 ? *)', '2026-01-01T00:00:00Z', 1)).toEqual([]);
    expect(runs('cron(0 0 30,31 FEB ? *)', '1970-01-01T00:00:00Z', 1)).toEqual([]);
  });

  it('runs on 29 February in leap years alone, and 2100 is none', () => {
    expect(dates('29 2 ? *', '2026-01-01T00:00:00Z', 2)).toEqual(['2028-02-29', '2032-02-29']);
    expect(dates('29 2 ? *', '2096-03-01T00:00:00Z', 1)).toEqual(['2104-02-29']);
  });

  it('skips the months without a 31st', () => {
    expect(dates('31 * ? *', '2026-01-01T00:00:00Z', 4)).toEqual([
      '2026-01-31',
      '2026-03-31',
      '2026-05-31',
      '2026-07-31',
    ]);
  });

  it('throws a RangeError for an unknown time zone and an invalid date', () => {
    const daily = parseScheduleExpression('cron(0 6 * * ? *)');
    expect(() => nextRun(daily, new Date(0), 'America/Gotham')).toThrow(RangeError);
    expect(() => nextRun(daily, new Date(Number.NaN), 'UTC')).toThrow(RangeError);
  });
});

describe('nextRun of cron, by day of the month,', () => {
  it('takes L as the last day, in leap years too', () => {
    expect(dates('L * ? *', '2028-01-01T00:00:00Z', 4)).toEqual([
      '2028-01-31',
      '2028-02-29',
      '2028-03-31',
      '2028-04-30',
    ]);
  });

  it('takes L-3 as three days before the last', () => {
    expect(dates('L-3 * ? *', '2027-01-01T00:00:00Z', 2)).toEqual(['2027-01-28', '2027-02-25']);
  });

  it('takes L-30 as the first day of the months with 31 days alone', () => {
    expect(dates('L-30 * ? *', '2027-01-01T00:00:00Z', 3)).toEqual(['2027-01-01', '2027-03-01', '2027-05-01']);
  });

  it('takes LW as the last weekday: Friday when the month ends on a Saturday or a Sunday', () => {
    expect(dates('LW * ? *', '2026-01-01T00:00:00Z', 5)).toEqual([
      '2026-01-30', // the 31st is a Saturday
      '2026-02-27', // the 28th is a Saturday
      '2026-03-31',
      '2026-04-30',
      '2026-05-29', // the 31st is a Sunday
    ]);
  });

  it('takes 15W as the nearest weekday: Friday before a Saturday, Monday after a Sunday', () => {
    expect(dates('15W 7,8,11 ? 2026', '2026-01-01T00:00:00Z', 3)).toEqual(['2026-07-15', '2026-08-14', '2026-11-16']);
  });

  it('takes 1W as the 3rd when the 1st is a Saturday, because it never leaves the month', () => {
    expect(dates('1W 8 ? 2026', '2026-01-01T00:00:00Z', 1)).toEqual(['2026-08-03']);
    expect(dates('1W 11 ? 2026', '2026-01-01T00:00:00Z', 1)).toEqual(['2026-11-02']);
  });

  it('takes 31W and 30W as the Friday before when the month ends on a Sunday', () => {
    expect(dates('31W 5 ? 2026', '2026-01-01T00:00:00Z', 1)).toEqual(['2026-05-29']);
    expect(dates('30W 9 ? 2029', '2026-01-01T00:00:00Z', 1)).toEqual(['2029-09-28']);
  });

  it('takes 31W as no day of a month that has 30', () => {
    expect(dates('31W 4 ? *', '2026-01-01T00:00:00Z', 1)).toEqual([]);
  });

  it('runs once on a day that several rules name', () => {
    expect(dates('28,L,LW,28W 2 ? 2029', '2026-01-01T00:00:00Z', 3)).toEqual(['2029-02-28']);
  });
});

describe('nextRun of cron, by day of the week,', () => {
  it('runs on each such day', () => {
    expect(dates('? * MON-FRI *', '2026-11-20T13:00:00Z', 3)).toEqual(['2026-11-23', '2026-11-24', '2026-11-25']);
    expect(dates('? * 1 *', '2026-11-20T13:00:00Z', 2)).toEqual(['2026-11-22', '2026-11-29']);
    expect(dates('? * L *', '2026-11-20T13:00:00Z', 2)).toEqual(['2026-11-21', '2026-11-28']);
  });

  it('takes FRI-MON as Friday to Monday', () => {
    expect(dates('? * FRI-MON *', '2026-11-20T00:00:00Z', 5)).toEqual([
      '2026-11-20',
      '2026-11-21',
      '2026-11-22',
      '2026-11-23',
      '2026-11-27',
    ]);
  });

  it('takes 6L as the last Friday of the month', () => {
    expect(dates('? * 6L 2026', '2026-01-01T00:00:00Z', 3)).toEqual(['2026-01-30', '2026-02-27', '2026-03-27']);
  });

  it('takes 3#2 as the second Tuesday and SUN#1 as the first Sunday of the month', () => {
    expect(dates('? * 3#2 2026', '2026-01-01T00:00:00Z', 2)).toEqual(['2026-01-13', '2026-02-10']);
    expect(dates('? * SUN#1 2026', '2026-01-01T00:00:00Z', 3)).toEqual(['2026-01-04', '2026-02-01', '2026-03-01']);
  });

  it('skips the months without a fifth such day', () => {
    expect(dates('? * MON#5 2026', '2026-01-01T00:00:00Z', 9)).toEqual([
      '2026-03-30',
      '2026-06-29',
      '2026-08-31',
      '2026-11-30',
    ]);
  });
});

describe('nextRun of cron, where daylight saving', () => {
  it('skips 02:30 in New York, does not run that day', () => {
    expect(runs('cron(30 2 * * ? *)', '2026-03-07T00:00:00Z', 2, newYork)).toEqual([
      '2026-03-07 02:30 -05:00',
      '2026-03-09 02:30 -04:00',
    ]);
  });

  it('skips an hour in Berlin, runs at the hours around it', () => {
    expect(runs('cron(0 * * * ? *)', '2026-03-28T23:30:00Z', 4, 'Europe/Berlin')).toEqual([
      '2026-03-29 01:00 +01:00',
      '2026-03-29 03:00 +02:00',
      '2026-03-29 04:00 +02:00',
      '2026-03-29 05:00 +02:00',
    ]);
  });

  it('skips half an hour on Lord Howe Island, does not run in that half hour alone', () => {
    expect(runs('cron(15,45 2 4 10 ? 2026)', '2026-01-01T00:00:00Z', 2, 'Australia/Lord_Howe')).toEqual([
      '2026-10-04 02:45 +11:00',
    ]);
  });

  it('repeats 01:30 in New York, runs at the first one', () => {
    expect(runs('cron(30 1 * * ? *)', '2026-11-01T00:00:00Z', 2, newYork)).toEqual([
      '2026-11-01 01:30 -04:00',
      '2026-11-02 01:30 -05:00',
    ]);
  });

  it('repeats an hour, runs in the first pass alone, also asked from within the second', () => {
    const expected = ['2026-11-01 02:00 -05:00', '2026-11-01 02:15 -05:00'];
    expect(runs('cron(0/15 * * * ? *)', '2026-11-01T05:45:00Z', 2, newYork)).toEqual(expected);
    expect(runs('cron(0/15 * * * ? *)', '2026-11-01T06:05:00Z', 2, newYork)).toEqual(expected);
  });

  it('repeats half an hour on Lord Howe Island, runs once', () => {
    expect(runs('cron(45 1 * * ? *)', '2026-04-04T00:00:00Z', 2, 'Australia/Lord_Howe')).toEqual([
      '2026-04-05 01:45 +11:00',
      '2026-04-06 01:45 +10:30',
    ]);
  });

  it('repeats 02:30 in Berlin, runs at the first one', () => {
    expect(runs('cron(30 2 25 10 ? 2026)', '2026-01-01T00:00:00Z', 2, 'Europe/Berlin')).toEqual([
      '2026-10-25 02:30 +02:00',
    ]);
  });

  it('skips every date of the expression, never runs', () => {
    expect(runs('cron(30 2 ? 3 SUN#2 *)', '2026-01-01T00:00:00Z', 1, newYork)).toEqual([]);
  });

  it('does not exist, as in India, runs at the same time all year', () => {
    expect(runs('cron(30 2 8 3,11 ? 2026)', '2026-01-01T00:00:00Z', 2, 'Asia/Kolkata')).toEqual([
      '2026-03-08 02:30 +05:30',
      '2026-11-08 02:30 +05:30',
    ]);
  });
});

describe('nextRun of at', () => {
  it('is that wall time in the zone, once', () => {
    expect(runs('at(2026-11-23T06:00:00)', '2026-11-23T10:59:59Z', 2, newYork)).toEqual(['2026-11-23 06:00 -05:00']);
    expect(runs('at(2026-11-23T06:00:00)', '2026-11-23T11:00:00Z', 2, newYork)).toEqual([]);
  });

  it('keeps its seconds', () => {
    const once = parseScheduleExpression('at(2026-11-23T06:00:59)');
    expect(nextRun(once, new Date(0), 'UTC')).toEqual(new Date('2026-11-23T06:00:59Z'));
  });

  it('is undefined when daylight saving skips it, and the first when it repeats it', () => {
    expect(runs('at(2026-03-08T02:30:00)', '2026-01-01T00:00:00Z', 1, newYork)).toEqual([]);
    expect(runs('at(2026-11-01T01:30:00)', '2026-01-01T00:00:00Z', 1, newYork)).toEqual(['2026-11-01 01:30 -04:00']);
  });
});

describe('nextRun of rate', () => {
  const weekly = parseScheduleExpression('rate(7 days)');
  const rateStart = new Date('2026-11-02T09:15:30Z');

  it('counts from the instant given when the start is unknown', () => {
    expect(runs('rate(5 minutes)', '2026-11-23T06:02:00Z', 2)).toEqual([
      '2026-11-23 06:07 +00:00',
      '2026-11-23 06:12 +00:00',
    ]);
  });

  it('counts whole periods from the start, strictly after the instant given', () => {
    const next = (after: string) => nextRun(weekly, new Date(after), 'UTC', { rateStart })?.toISOString();
    expect(next('2026-11-09T09:15:29Z')).toBe('2026-11-09T09:15:30.000Z');
    expect(next('2026-11-09T09:15:30Z')).toBe('2026-11-16T09:15:30.000Z');
  });

  it('runs first at a start that lies ahead', () => {
    expect(nextRun(weekly, new Date('2026-01-01T00:00:00Z'), 'UTC', { rateStart })).toEqual(rateStart);
  });

  it('takes a day as 24 hours, whatever the clocks do', () => {
    expect(runs('rate(1 day)', '2026-03-07T12:00:00Z', 2, newYork)).toEqual([
      '2026-03-08 08:00 -04:00',
      '2026-03-09 08:00 -04:00',
    ]);
  });

  it('is undefined when the period ends beyond the last date', () => {
    expect(runs('rate(100000000 days)', '2026-01-01T00:00:00Z', 1)).toEqual([]);
  });
});

describe('nextRuns', () => {
  it('is empty for no runs and refuses a negative count', () => {
    expect(runs('cron(* * * * ? *)', '2026-01-01T00:00:00Z', 0)).toEqual([]);
    expect(() => runs('cron(* * * * ? *)', '2026-01-01T00:00:00Z', -1)).toThrow(RangeError);
  });
});

describe('nextRun, for any cron expression,', () => {
  const after = fc.date({ min: new Date('2024-01-01'), max: new Date('2033-12-31'), noInvalidDate: true });
  const dstZone = fc.constantFrom(newYork, 'Europe/Berlin', 'Australia/Lord_Howe', 'America/Santiago', 'Pacific/Apia');

  it('gives strictly increasing runs, each the next run after the one before', () => {
    fc.assert(
      fc.property(cronFields, after, dstZone, (fields, start, timeZone) => {
        const expression = parseScheduleExpression(`cron(${fields})`);
        let previous = start;
        for (const run of nextRuns(expression, start, timeZone, 5)) {
          expect(run.getTime()).toBeGreaterThan(previous.getTime());
          expect(nextRun(expression, previous, timeZone)).toEqual(run);
          previous = run;
        }
      }),
    );
  });

  it('gives instants whose clock in the zone matches every field', () => {
    fc.assert(
      fc.property(cronFields, after, dstZone, (fields, start, timeZone) => {
        const expression = parseScheduleExpression(`cron(${fields})`);
        if (expression.kind !== 'cron') throw new Error(`${fields} parsed as ${expression.kind}`);
        for (const run of nextRuns(expression, start, timeZone, 5)) {
          const clock = shownClock(run, timeZone);
          expect(expression.years).toContain(clock.year);
          expect(expression.months).toContain(clock.month);
          expect(expression.hours).toContain(clock.hour);
          expect(expression.minutes).toContain(clock.minute);
          expect(clock.second).toBe(0);
          if (expression.specialDays.length > 0) continue;
          if (expression.daysOfMonth.length > 0) expect(expression.daysOfMonth).toContain(clock.day);
          else expect(expression.daysOfWeek).toContain(clock.dayOfWeek);
        }
      }),
    );
  });

  it('agrees with croner in zones without daylight saving', () => {
    // Croner moves some skipped times to the end of the gap and runs some repeated times twice, so no other zones
    // compare. What else it reads otherwise, cronFields leaves out; and it knows no last year.
    fc.assert(
      fc.property(
        cronFields,
        after,
        fc.constantFrom('UTC', 'Asia/Kolkata', 'America/Phoenix'),
        (fields, start, timeZone) => {
          const croner = new Cron(`0 ${fields}`, {
            mode: '7-part',
            alternativeWeekdays: true,
            sloppyRanges: true,
            timezone: timeZone,
            paused: true,
          });
          const ours = nextRuns(parseScheduleExpression(`cron(${fields})`), start, timeZone, 4);
          const inRange = (run: Date): boolean => run < new Date('2199-12-31');
          expect(ours).toEqual(croner.nextRuns(4, start).filter(inRange));
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each([
    [newYork, '2026-03-07T12:00:00Z'],
    [newYork, '2026-10-31T12:00:00Z'],
    ['Europe/Berlin', '2026-03-28T12:00:00Z'],
    ['Europe/Berlin', '2026-10-24T12:00:00Z'],
    ['Australia/Lord_Howe', '2026-04-04T00:00:00Z'],
    ['Australia/Lord_Howe', '2026-10-03T00:00:00Z'],
  ])('runs in %s from %s at the first instant of each matching minute that the clocks show', (timeZone, from) => {
    const shown = firstInstantsOfMinutes(timeZone, new Date(from), 48 * 60);
    const set = (max: number) => fc.uniqueArray(fc.integer({ min: 0, max }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(set(59), set(23), (minutes, hours) => {
        const expected = shown
          .filter((at) => minutes.includes(at.minute) && hours.includes(at.hour))
          .map((at) => at.instant);
        const expression = parseScheduleExpression(`cron(${minutes.join()} ${hours.join()} * * ? *)`);
        expect(nextRuns(expression, new Date(from), timeZone, expected.length)).toEqual(expected);
      }),
    );
  });
});

interface Clock {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  /** 1 is Sunday. */
  readonly dayOfWeek: number;
}

/** Reads the clock by another way than the code under test, which goes by the offset. */
function shownClock(instant: Date, timeZone: string): Clock {
  const text = instant.toLocaleString('sv-SE', { timeZone });
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = text.split(/\D+/u).map(Number);
  return {
    year,
    month,
    day,
    hour,
    minute,
    second,
    dayOfWeek: new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 1,
  };
}

function firstInstantsOfMinutes(
  timeZone: string,
  after: Date,
  count: number,
): { instant: Date; hour: number; minute: number }[] {
  const seen = new Map<string, { instant: Date; hour: number; minute: number }>();
  for (let index = 1; index <= count; index += 1) {
    const instant = new Date(after.getTime() + index * 60_000);
    const { day, hour, minute } = shownClock(instant, timeZone);
    const key = `${day} ${hour}:${minute}`;
    if (!seen.has(key)) seen.set(key, { instant, hour, minute });
  }
  return [...seen.values()];
}
