/*
 * A wall time, what a clock on the wall shows, is held as the milliseconds since 1970-01-01T00:00 on that clock: the
 * number that Date.UTC returns for its fields. Subtracting the offset from UTC gives the instant.
 */

const dayMs = 86_400_000;
const minuteMs = 60_000;

const offsetFormatters = new Map<string, Intl.DateTimeFormat>();

/** Returns whether `text` names a zone of the IANA time zone database, such as `America/New_York` or `UTC`. */
export function isTimeZone(text: string): boolean {
  // Intl also takes offsets such as +05:30, which no AWS service accepts as a time zone.
  if (!/^[A-Za-z]/u.test(text)) return false;
  try {
    offsetFormatter(text);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/**
 * Returns how many minutes the clocks in `timeZone` are ahead of UTC at `instant`: -300 for New York in winter. It is a
 * whole number except before 1972, when Liberia was behind by 44.5 minutes.
 *
 * @throws RangeError when the time zone is unknown or the instant is an invalid date.
 */
export function offsetMinutes(instant: Date, timeZone: string): number {
  return offsetMs(instant.getTime(), timeZone) / minuteMs;
}

/**
 * Returns the wall time in `timeZone` at `instant`, as the milliseconds that `Date.UTC` returns for its fields.
 *
 * @throws RangeError when the time zone is unknown or the instant is an invalid date.
 */
export function wallTimeMs(instant: Date, timeZone: string): number {
  return instant.getTime() + offsetMs(instant.getTime(), timeZone);
}

/**
 * Returns the instant at which the clocks in `timeZone` show `wallMs` (see {@link wallTimeMs}): the first one when they
 * show it twice, `undefined` when they skip it.
 *
 * @throws RangeError when the time zone is unknown.
 */
export function instantOfWallTime(wallMs: number, timeZone: string): Date | undefined {
  // No zone is a day or more away from UTC, and none changes its offset twice within two days.
  const offsets = [offsetMs(wallMs - dayMs, timeZone), offsetMs(wallMs + dayMs, timeZone)];
  const instants = offsets
    .map((offset) => wallMs - offset)
    .filter((instantMs) => instantMs + offsetMs(instantMs, timeZone) === wallMs);
  return instants.length === 0 ? undefined : new Date(Math.min(...instants));
}

/**
 * Returns `instant` as a person in `timeZone` reads it, to the minute, with the offset: `2026-11-23 06:00 -05:00`.
 *
 * @throws RangeError when the time zone is unknown or the instant is an invalid date.
 */
export function formatInZone(instant: Date, timeZone: string): string {
  const [date, time = ''] = new Date(wallTimeMs(instant, timeZone)).toISOString().split('T');
  const offset = Math.trunc(offsetMinutes(instant, timeZone));
  const hours = Math.trunc(Math.abs(offset) / 60);
  const minutes = Math.abs(offset) % 60;
  return `${date} ${time.slice(0, 5)} ${offset < 0 ? '-' : '+'}${twoDigits(hours)}:${twoDigits(minutes)}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

function offsetMs(instantMs: number, timeZone: string): number {
  const text = offsetFormatter(timeZone).format(instantMs);
  const match = /GMT(?<sign>[+-])(?<hours>\d{2}):(?<minutes>\d{2})(?::(?<seconds>\d{2}))?$/u.exec(text);
  const { sign, hours = '0', minutes = '0', seconds = '0' } = match?.groups ?? {};
  const ms = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
  return sign === '-' ? -ms : ms;
}

/** Returns the formatter of `timeZone`, kept because creating one takes a hundred times as long as using it. */
function offsetFormatter(timeZone: string): Intl.DateTimeFormat {
  const known = offsetFormatters.get(timeZone);
  if (known !== undefined) return known;
  const formatter = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset', day: 'numeric' });
  offsetFormatters.set(timeZone, formatter);
  return formatter;
}
