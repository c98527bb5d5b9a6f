import { formatInZone, isTimeZone } from '../schedule/time-zone.ts';

/** What a cell of a report's table holds. */
export type QuantityValue = string | number | boolean | null;

/** Stands for what is not known, or does not exist. */
const nothing = '–';

const minutesPer: Readonly<Record<string, number>> = { Minutes: 1, Hours: 60, Days: 1440 };

const zeroText: Readonly<Record<string, string>> = { Minutes: '0 min', Hours: '0 h', Days: '0 d' };

const durationUnits = [
  { name: 'd', minutes: 1440 },
  { name: 'h', minutes: 60 },
  { name: 'min', minutes: 1 },
] as const;

/** A thousand years stand for a time without end. */
const foreverMinutes = 365_250 * 1440;

const byteUnits = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'] as const;

const utcTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?Z$/u;

/**
 * Returns a value for people, by the unit at the end of its key: `rpoMinutes`, `retentionDays`, `graceHours`, `sizeBytes`,
 * `verifiedAt` (ISO 8601, UTC), `verifiedPercent`, and `share` (0 to 1). A value that does not go with its key is shown as it is; so
 * is text, which whoever shows it must make printable.
 *
 * What is rounded never seems to reach a bound that it misses: durations lose what is below their two largest units, and a
 * percentage is 0 or 100 only when it is exactly that.
 *
 * @param timeZone IANA name; UTC where this runtime does not know it.
 * @example formatQuantity('rpoMinutes', 90, 'UTC') is `1 h 30 min`
 */
export function formatQuantity(key: string, value: QuantityValue, timeZone: string): string {
  if (value === null) return nothing;
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  const unit = unitOf(key);
  if (typeof value === 'string') return unit === 'At' ? formatTime(value, timeZone) : value;
  if (!Number.isFinite(value)) return String(value);
  const minutes = minutesPer[unit];
  if (minutes !== undefined) return value === 0 ? (zeroText[unit] ?? '0') : signed(value * minutes, formatMinutes);
  if (unit === 'Bytes') return signed(value, formatBytes);
  if (unit === 'Percent') return formatPercent(value);
  if (unit === 'Share') return formatPercent(value * 100);
  return String(value);
}

/** Returns the last word of a key in camel case, with a capital letter. */
function unitOf(key: string): string {
  const word = /[A-Z]?[a-z]+$/u.exec(key)?.[0] ?? '';
  return word.charAt(0).toUpperCase() + word.slice(1);
}

function signed(value: number, format: (magnitude: number) => string): string {
  const text = format(Math.abs(value));
  // Less than a minute is true of a negative one too.
  return value < 0 && !text.startsWith('<') ? `-${text}` : text;
}

function formatMinutes(minutes: number): string {
  if (minutes >= foreverMinutes) return 'for ever';
  if (minutes < 1) return '< 1 min';
  const parts: string[] = [];
  // A day as a float may be a hair less than the minutes that it was made of.
  let rest = Math.floor(minutes + 1e-6);
  for (const unit of durationUnits) {
    const count = Math.floor(rest / unit.minutes);
    rest %= unit.minutes;
    if (count > 0) parts.push(`${count} ${unit.name}`);
  }
  return parts.slice(0, 2).join(' ');
}

function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${trimmed(bytes)} B`;
  let size = bytes;
  for (const unit of byteUnits) {
    size /= 1024;
    // 1023.96 would become 1024.0.
    if (Number(size.toFixed(1)) < 1024) return `${trimmed(size)} ${unit}`;
  }
  return `${trimmed(size)} ${byteUnits.at(-1)}`;
}

function formatPercent(percent: number): string {
  const rounded = Number(percent.toFixed(1));
  // A share such as 0.29 times 100 may be a hair beside what was meant.
  const isExact = Math.abs(rounded - percent) < 1e-9;
  if (rounded === 0 && !isExact) return '< 0.1 %';
  if (rounded === 100 && !isExact) return percent < 100 ? '> 99.9 %' : '> 100 %';
  return `${rounded} %`;
}

function trimmed(value: number): string {
  return String(Number(value.toFixed(1)));
}

function formatTime(text: string, timeZone: string): string {
  const instant = new Date(text);
  // Date alone reads almost anything as some day.
  if (!utcTime.test(text) || Number.isNaN(instant.getTime())) return text;
  return formatInZone(instant, isTimeZone(timeZone) ? timeZone : 'UTC');
}
