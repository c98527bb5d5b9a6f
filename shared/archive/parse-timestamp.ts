/**
 * `2024-02-29 23:59:59.123456+00`, `0044-03-15 BC`: https://www.postgresql.org/docs/current/datatype-datetime.html,
 * DateStyle ISO.
 */
const pattern =
  /^(\d{4,})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?(?:([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?)?( BC)?$/;

const microsPerSecond = 1_000_000n;
const maximumInt64 = 2n ** 63n - 1n;

/**
 * Returns the microseconds since 1970 of what PostgreSQL writes for a timestamp, in UTC or of no zone; undefined for
 * `infinity`, and for what 64 bits do not hold from 1970 on, where PostgreSQL counts from 2000.
 */
export function parseTimestampMicros(text: string): bigint | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [, , , , hours = '0', minutes = '0', seconds = '0', fraction = '', sign, ...offset] = match;
  const [offsetHours = '0', offsetMinutes = '0', offsetSeconds = '0'] = offset;
  const east = Number(offsetHours) * 3600 + Number(offsetMinutes) * 60 + Number(offsetSeconds);
  const ofDay = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds) + (sign === '-' ? east : -east);
  const total = BigInt(daysOf(match)) * 86_400n + BigInt(ofDay);
  const micros = total * microsPerSecond + BigInt(fraction.padEnd(6, '0'));
  return micros > maximumInt64 || micros < -maximumInt64 ? undefined : micros;
}

/** Returns the days since 1970-01-01 of what PostgreSQL writes for a date; undefined for `infinity`. */
export function parseDateDays(text: string): number | undefined {
  const match = pattern.exec(text);
  return match === null ? undefined : daysOf(match);
}

function daysOf([, year, month, day, ...rest]: RegExpExecArray): number {
  // There is no year 0: the year before 1 is 1 BC.
  const signed = rest.at(-1) === undefined ? Number(year) : 1 - Number(year);
  return daysFromCivil(signed, Number(month), Number(day));
}

/**
 * Days since 1970-01-01 in the Gregorian calendar, however early:
 * https://howardhinnant.github.io/date_algorithms.html#days_from_civil
 */
function daysFromCivil(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
