import * as fc from 'fast-check';

const listOf = (item: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.array(item, { minLength: 1, maxLength: 3 }).map((items) => items.join(','));

function numbers(min: number, max: number): fc.Arbitrary<string> {
  const value = fc.integer({ min, max });
  const step = fc.integer({ min: 1, max: Math.min(max, 20) });
  const range = fc.tuple(value, value).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
  return listOf(
    fc.oneof(
      { weight: 4, arbitrary: value.map(String) },
      { weight: 2, arbitrary: range },
      { weight: 1, arbitrary: fc.tuple(value, step).map(([start, by]) => `${start}/${by}`) },
      { weight: 1, arbitrary: fc.tuple(range, step).map(([span, by]) => `${span}/${by}`) },
      { weight: 1, arbitrary: step.map((by) => `*/${by}`) },
    ),
  );
}

const dayOfWeek = fc.constantFrom('1', '2', '3', '4', '5', '6', '7', 'SUN', 'MON', 'TUE', 'wed', 'Thu', 'FRI', 'SAT');

const daysOfMonth = fc.oneof(
  fc.constant('*'),
  numbers(1, 31),
  fc.constant('LW'),
  listOf(
    fc.oneof(
      fc.constant('L'),
      fc.integer({ min: 1, max: 31 }).map((day) => `${day}W`),
    ),
  ),
);

const daysOfWeek = fc.oneof(
  fc.constant('*'),
  listOf(dayOfWeek),
  fc.constantFrom('MON-FRI', '1-3', 'TUE-6'),
  dayOfWeek.map((day) => `${day}L`),
  fc.tuple(dayOfWeek, fc.integer({ min: 1, max: 5 })).map(([day, nth]) => `${day}#${nth}`),
);

/** The `day-of-month month day-of-week` of a valid cron expression. */
const dayFields = fc
  .tuple(
    fc.oneof(
      daysOfMonth.map((days) => [days, '?']),
      daysOfWeek.map((days) => ['?', days]),
    ),
    fc.oneof(fc.constant('*'), numbers(1, 12), fc.constantFrom('JAN', 'feb-APR', 'JUN,DEC', 'MAR/4')),
  )
  .map(([[ofMonth, ofWeek], month]) => ({ ofMonth, month, ofWeek }));

const year = fc.constantFrom('*', '2027', '2025-2031', '2026/3', '2028,2032');

/**
 * The six fields of a valid cron expression, in what EventBridge Scheduler and croner read alike: without ranges that
 * wrap around, `L-3`, `LW` in a list and `L` alone in day-of-week, which croner refuses.
 */
export const cronFields: fc.Arbitrary<string> = fc
  .tuple(numbers(0, 59), numbers(0, 23), dayFields, year)
  .map(([minutes, hours, day, years]) => `${minutes} ${hours} ${day.ofMonth} ${day.month} ${day.ofWeek} ${years}`);

/** The like, in every year and with at most four runs a day. */
export const rareCronFields: fc.Arbitrary<string> = fc
  .tuple(
    fc.array(fc.integer({ min: 0, max: 59 }), { minLength: 1, maxLength: 2 }),
    fc.array(fc.integer({ min: 0, max: 23 }), { minLength: 1, maxLength: 2 }),
    dayFields,
  )
  .map(([minutes, hours, day]) => `${minutes.join()} ${hours.join()} ${day.ofMonth} ${day.month} ${day.ofWeek} *`);
