/** A day rule of a cron expression that no plain set of numbers can hold, because it depends on the month. */
export type SpecialDay =
  /** `L` (`daysBefore: 0`) and `L-3`: so many days before the last day of the month. */
  | { readonly rule: 'last-day'; readonly daysBefore: number }
  /** `LW`: the last day from Monday to Friday of the month. */
  | { readonly rule: 'last-weekday' }
  /** `15W`: the day from Monday to Friday nearest to that day, within the month. */
  | { readonly rule: 'nearest-weekday'; readonly day: number }
  /** `6L`, `FRIL`: the last such day of the week in the month; 1 is Sunday. */
  | { readonly rule: 'last-day-of-week'; readonly dayOfWeek: number }
  /** `3#2`, `TUE#2`: the nth such day of the week in the month; 1 is Sunday. */
  | { readonly rule: 'nth-day-of-week'; readonly dayOfWeek: number; readonly nth: number };

/**
 * A parsed `cron(…)`. Every set is sorted and without duplicates. A date matches when its year and month are in their
 * sets and its day is in `daysOfMonth`, in `daysOfWeek` or named by one of `specialDays`.
 */
export interface CronExpression {
  readonly kind: 'cron';
  /** 0 to 59. */
  readonly minutes: readonly number[];
  /** 0 to 23. */
  readonly hours: readonly number[];
  /** 1 to 31; empty where the expression says `?`. */
  readonly daysOfMonth: readonly number[];
  /** 1 to 12. */
  readonly months: readonly number[];
  /** 1 is Sunday, 7 is Saturday; empty where the expression says `?`. */
  readonly daysOfWeek: readonly number[];
  readonly specialDays: readonly SpecialDay[];
  /** 1970 to 2199. */
  readonly years: readonly number[];
}

/** A parsed `rate(…)`: elapsed time, which daylight saving does not change; a day is 24 hours. */
export interface RateExpression {
  readonly kind: 'rate';
  readonly periodSeconds: number;
}

/** A parsed `at(…)`: one wall time in the schedule's time zone. */
export interface AtExpression {
  readonly kind: 'at';
  /** `yyyy-mm-ddThh:mm:ss`, without an offset; an existing date and time of day. */
  readonly wallTime: string;
}

/** A schedule of Amazon EventBridge Scheduler, as {@link parseScheduleExpression} returns it. */
export type ScheduleExpression = CronExpression | RateExpression | AtExpression;

/** The text is not a schedule expression. `faults` and the message list every fault, each naming its field. */
export class ScheduleExpressionError extends Error {
  override readonly name = 'ScheduleExpressionError';
  /** For example `hours: 25 is not between 0 and 23`. */
  readonly faults: readonly string[];

  constructor(text: string, faults: readonly string[]) {
    const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
    super(`${text}: ${count}\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}

/**
 * Returns the schedule that `text` describes, by the rules of EventBridge Scheduler:
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
 *
 * - `cron(minutes hours day-of-month month day-of-week year)` with the wildcards `, - * /` everywhere except that
 *   day-of-week has no `/`, `? L W` in day-of-month and `? L #` in day-of-week. Names of months and of days of the week
 *   may be in any case. One of day-of-month and day-of-week is `?`, never both. `#` stands alone.
 * - `rate(value unit)`. The API reference of CreateSchedule lists `minute`, `minutes`, `hour`, `hours`, `day` and
 *   `days`; it states no rule, as the older EventBridge rules have, that the unit agrees with the value.
 * - `at(yyyy-mm-ddThh:mm:ss)`, in the years that cron knows.
 *
 * The page names the wildcards without defining all their combinations. Those follow Quartz, whose syntax it is: ranges
 * wrap (`FRI-MON`, `NOV-FEB`, `22-4`), but not in years; `L-3` and `LW` are days of the month; `L` alone in day-of-week
 * is Saturday. A range that wraps and has a step is refused, because nothing says which values it means.
 *
 * @throws ScheduleExpressionError with every fault of the expression.
 */
export function parseScheduleExpression(text: string): ScheduleExpression {
  const match = /^(?<kind>cron|rate|at)\((?<body>.*)\)$/su.exec(text);
  const { kind, body = '' } = match?.groups ?? {};
  if (kind === 'cron') return parseCron(text, body);
  if (kind === 'rate') return parseRate(text, body);
  if (kind === 'at') return parseAt(text, body);
  throw new ScheduleExpressionError(text, [`expression: ${text} is not cron(…), rate(…) or at(…)`]);
}

const firstYear = 1970;
const lastYear = 2199;

const monthNames = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const dayOfWeekNames = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** The name of `min`, of `min + 1` and so on. */
  readonly names?: readonly string[];
  readonly wildcards: string;
}

const fields = {
  minutes: { name: 'minutes', min: 0, max: 59, wildcards: ', - * /' },
  hours: { name: 'hours', min: 0, max: 23, wildcards: ', - * /' },
  dayOfMonth: { name: 'day-of-month', min: 1, max: 31, wildcards: ', - * ? / L W' },
  month: { name: 'month', min: 1, max: 12, names: monthNames, wildcards: ', - * /' },
  dayOfWeek: { name: 'day-of-week', min: 1, max: 7, names: dayOfWeekNames, wildcards: ', - * ? L #' },
  year: { name: 'year', min: firstYear, max: lastYear, wildcards: ', - * /' },
} as const satisfies Record<string, Field>;

function parseCron(text: string, body: string): CronExpression {
  const parts = body.trim().split(/\s+/u);
  const [minutes, hours, dayOfMonth, month, dayOfWeek, year] = parts;
  if (parts.length !== 6 || !minutes || !hours || !dayOfMonth || !month || !dayOfWeek || !year) {
    const names = Object.values(fields).map((field) => field.name);
    const found = body.trim() === '' ? 0 : parts.length;
    throw new ScheduleExpressionError(text, [`cron: ${found} fields instead of 6 (${names.join(' ')})`]);
  }

  const faults: string[] = [];
  const specialDays: SpecialDay[] = [];
  const expression: CronExpression = {
    kind: 'cron',
    minutes: parseField(minutes, fields.minutes, faults),
    hours: parseField(hours, fields.hours, faults),
    daysOfMonth: parseDayOfMonth(dayOfMonth, specialDays, faults),
    months: parseField(month, fields.month, faults),
    daysOfWeek: parseDayOfWeek(dayOfWeek, specialDays, faults),
    specialDays,
    years: parseField(year, fields.year, faults),
  };
  if (dayOfMonth === '?' && dayOfWeek === '?') faults.push('day-of-month, day-of-week: only one of them can be ?');
  if (dayOfMonth !== '?' && dayOfWeek !== '?') {
    faults.push(`day-of-month, day-of-week: one of them must be ?, not ${dayOfMonth} and ${dayOfWeek}`);
  }
  if (faults.length > 0) throw new ScheduleExpressionError(text, faults);
  return expression;
}

function parseField(text: string, field: Field, faults: string[]): number[] {
  return sortedSet(text.split(',').flatMap((item) => parseItem(item, field, faults)));
}

function parseDayOfMonth(text: string, specialDays: SpecialDay[], faults: string[]): number[] {
  if (text === '?') return [];
  const days: number[] = [];
  for (const item of text.split(',')) {
    const special = specialDayOfMonth(item, faults);
    if (special === undefined) days.push(...parseItem(item, fields.dayOfMonth, faults));
    else specialDays.push(special);
  }
  return sortedSet(days);
}

function specialDayOfMonth(item: string, faults: string[]): SpecialDay | undefined {
  const field = fields.dayOfMonth;
  const upper = item.toUpperCase();
  if (upper === 'L') return { rule: 'last-day', daysBefore: 0 };
  if (upper === 'LW') return { rule: 'last-weekday' };
  const daysBefore = /^L-(\d+)$/u.exec(upper)?.[1];
  if (daysBefore !== undefined) {
    if (!isWithin(daysBefore, 1, 30)) faults.push(`${field.name}: ${daysBefore} in ${item} is not between 1 and 30`);
    return { rule: 'last-day', daysBefore: Number(daysBefore) };
  }
  const day = /^(\d+)W$/u.exec(upper)?.[1];
  if (day === undefined) return undefined;
  return { rule: 'nearest-weekday', day: parseValue(day, item, field, faults) ?? field.min };
}

function parseDayOfWeek(text: string, specialDays: SpecialDay[], faults: string[]): number[] {
  if (text === '?') return [];
  if (text.includes('#') && text.includes(',')) {
    faults.push(`day-of-week: ${text} is a list with #, which must stand alone`);
    return [];
  }
  const days: number[] = [];
  for (const item of text.split(',')) {
    const special = specialDayOfWeek(item, faults);
    if (special !== undefined) specialDays.push(special);
    else if (item.toUpperCase() === 'L') days.push(fields.dayOfWeek.max);
    else days.push(...parseItem(item, fields.dayOfWeek, faults));
  }
  return sortedSet(days);
}

function specialDayOfWeek(item: string, faults: string[]): SpecialDay | undefined {
  const field = fields.dayOfWeek;
  const match = /^(?<day>\d+|[A-Z]{3})(?:L|#(?<nth>\d+))$/iu.exec(item);
  if (match?.groups?.day === undefined) return undefined;
  const dayOfWeek = parseValue(match.groups.day, item, field, faults) ?? field.min;
  const { nth } = match.groups;
  if (nth === undefined) return { rule: 'last-day-of-week', dayOfWeek };
  if (!isWithin(nth, 1, 5)) faults.push(`${field.name}: ${nth} in ${item} is not between 1 and 5`);
  return { rule: 'nth-day-of-week', dayOfWeek, nth: Number(nth) };
}

/** Returns the values of one item of a list: `*`, `5`, `1-5`, or one of them with a step. */
function parseItem(item: string, field: Field, faults: string[]): number[] {
  const match = /^(?<start>\*|[^-/*]+)(?:-(?<end>[^-/*]+))?(?:\/(?<step>[^-/*]+))?$/u.exec(item);
  const { start, end, step } = match?.groups ?? {};
  const hasForeignStep = step !== undefined && !field.wildcards.includes('/');
  if (start === undefined || (start === '*' && end !== undefined) || hasForeignStep) {
    faults.push(notUnderstood(item, item, field));
    return [];
  }

  const faultsBefore = faults.length;
  const first = start === '*' ? field.min : parseValue(start, item, field, faults);
  const last = end === undefined ? undefined : parseValue(end, item, field, faults);
  // Quartz accepts no increment beyond the field's highest value, and AWS refuses */60 minutes; years go by their span.
  const maxStep = Math.min(field.max, lastYear - firstYear);
  if (step !== undefined && !isWithin(step, 1, maxStep)) {
    faults.push(`${field.name}: step ${step} in ${item} is not between 1 and ${maxStep}`);
  }
  if (first === undefined || faults.length > faultsBefore) return [];
  if (last !== undefined && last < first)
    return parseWrappingRange(item, first, last, step !== undefined, field, faults);
  const openEnd = start === '*' || step !== undefined ? field.max : first;
  return range(first, last ?? openEnd, step === undefined ? 1 : Number(step));
}

function parseWrappingRange(
  item: string,
  first: number,
  last: number,
  hasStep: boolean,
  field: Field,
  faults: string[],
): number[] {
  if (field === fields.year) faults.push(`${field.name}: ${item} ends before it starts`);
  if (hasStep) faults.push(`${field.name}: ${item} has a step in a range that wraps around`);
  return [...range(first, field.max), ...range(field.min, last)];
}

function parseValue(text: string, item: string, field: Field, faults: string[]): number | undefined {
  const nameIndex = field.names?.indexOf(text.toUpperCase()) ?? -1;
  if (nameIndex >= 0) return field.min + nameIndex;
  if (!/^\d+$/u.test(text)) {
    faults.push(notUnderstood(text, item, field));
    return undefined;
  }
  if (!isWithin(text, field.min, field.max)) {
    const where = text === item ? text : `${text} in ${item}`;
    faults.push(`${field.name}: ${where} is not between ${field.min} and ${field.max}`);
    return undefined;
  }
  return Number(text);
}

function notUnderstood(text: string, item: string, field: Field): string {
  const names = field.names === undefined ? '' : ` or ${field.names[0]}-${field.names.at(-1)}`;
  const what = item === '' ? 'an empty item' : text === item ? text : `${text} in ${item}`;
  const allowed = `${field.min}-${field.max}${names} with ${field.wildcards}`;
  return `${field.name}: ${what} is not understood; allowed are ${allowed}`;
}

function isWithin(digits: string, min: number, max: number): boolean {
  return /^\d+$/u.test(digits) && Number(digits) >= min && Number(digits) <= max;
}

function range(first: number, last: number, step = 1): number[] {
  const values: number[] = [];
  for (let value = first; value <= last; value += step) values.push(value);
  return values;
}

function sortedSet(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

const unitSeconds = new Map([
  ['minute', 60],
  ['minutes', 60],
  ['hour', 3600],
  ['hours', 3600],
  ['day', 86_400],
  ['days', 86_400],
]);

function parseRate(text: string, body: string): RateExpression {
  const parts = body.trim().split(/\s+/u);
  const [value, unit] = parts;
  if (parts.length !== 2 || value === undefined || unit === undefined) {
    throw new ScheduleExpressionError(text, [`rate: ${body} is not a value and a unit, as in rate(5 minutes)`]);
  }
  const faults: string[] = [];
  const seconds = unitSeconds.get(unit);
  const periodSeconds = Number(value) * (seconds ?? 1);
  if (!/^\d+$/u.test(value) || Number(value) === 0) faults.push(`value: ${value} is not a positive whole number`);
  else if (!Number.isSafeInteger(periodSeconds * 1000))
    faults.push(`value: ${value} is longer than time can be counted`);
  if (seconds === undefined) faults.push(`unit: ${unit} is not one of ${[...unitSeconds.keys()].join(', ')}`);
  if (faults.length > 0) throw new ScheduleExpressionError(text, faults);
  return { kind: 'rate', periodSeconds };
}

function parseAt(text: string, body: string): AtExpression {
  const match = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})$/u.exec(body);
  if (match === null) throw new ScheduleExpressionError(text, [`at: ${body} is not of the form yyyy-mm-ddThh:mm:ss`]);
  const [, year = '', month = '', day = '', hours = '', minutes = '', seconds = ''] = match;
  const faults: string[] = [];
  const check = (name: string, value: string, min: number, max: number): void => {
    if (!isWithin(value, min, max)) faults.push(`${name}: ${value} is not between ${min} and ${max}`);
  };
  check('year', year, firstYear, lastYear);
  check('month', month, 1, 12);
  // Without a valid month, 31 days are the most that any month could allow.
  const daysInMonth = isWithin(month, 1, 12) ? new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate() : 31;
  check('day', day, 1, daysInMonth);
  check('hours', hours, 0, 23);
  check('minutes', minutes, 0, 59);
  check('seconds', seconds, 0, 59);
  if (faults.length > 0) throw new ScheduleExpressionError(text, faults);
  return { kind: 'at', wallTime: body };
}
