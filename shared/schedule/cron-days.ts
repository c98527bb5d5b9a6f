import type { CronExpression, SpecialDay } from './schedule-expression.ts';

/**
 * Yields the dates that `expression` runs on, from the date of `fromWallMs` on, each as its midnight in wall-time
 * milliseconds (see `wallTimeMs`). It ends with the expression's last year; an expression that matches no date, such as
 * 31 February, yields nothing after looking at each month once.
 */
export function* matchingDates(expression: CronExpression, fromWallMs: number): Generator<number, undefined> {
  const from = new Date(fromWallMs);
  const fromDateMs = Date.UTC(from.getUTCFullYear(), from.getUTCMonth(), from.getUTCDate());
  for (const year of expression.years) {
    if (year < from.getUTCFullYear()) continue;
    for (const month of expression.months) {
      if (year === from.getUTCFullYear() && month < from.getUTCMonth() + 1) continue;
      for (const day of matchingDays(expression, year, month)) {
        const dateMs = Date.UTC(year, month - 1, day);
        if (dateMs >= fromDateMs) yield dateMs;
      }
    }
  }
}

function matchingDays(expression: CronExpression, year: number, month: number): number[] {
  const calendar = monthCalendar(year, month);
  const special = new Set(expression.specialDays.map((rule) => specialDay(rule, calendar)));
  const days: number[] = [];
  for (let day = 1; day <= calendar.days; day += 1) {
    const matches =
      expression.daysOfMonth.includes(day) ||
      expression.daysOfWeek.includes(dayOfWeek(day, calendar)) ||
      special.has(day);
    if (matches) days.push(day);
  }
  return days;
}

interface MonthCalendar {
  readonly days: number;
  /** 1 is Sunday. */
  readonly firstDayOfWeek: number;
}

function monthCalendar(year: number, month: number): MonthCalendar {
  return {
    days: new Date(Date.UTC(year, month, 0)).getUTCDate(),
    firstDayOfWeek: new Date(Date.UTC(year, month - 1, 1)).getUTCDay() + 1,
  };
}

const sunday = 1;
const saturday = 7;

function dayOfWeek(day: number, calendar: MonthCalendar): number {
  return ((calendar.firstDayOfWeek + day - 2) % 7) + 1;
}

/** Returns the day of the month that `rule` names, which the month may not have. */
function specialDay(rule: SpecialDay, calendar: MonthCalendar): number {
  switch (rule.rule) {
    case 'last-day':
      return calendar.days - rule.daysBefore;
    case 'last-weekday':
      return nearestWeekday(calendar.days, calendar);
    case 'nearest-weekday':
      return nearestWeekday(rule.day, calendar);
    case 'last-day-of-week':
      return calendar.days - ((dayOfWeek(calendar.days, calendar) - rule.dayOfWeek + 7) % 7);
    case 'nth-day-of-week':
      return 1 + ((rule.dayOfWeek - calendar.firstDayOfWeek + 7) % 7) + (rule.nth - 1) * 7;
  }
}

function nearestWeekday(day: number, calendar: MonthCalendar): number {
  // Moving back from a day that the month lacks would make 31W fire on 30 April: it names no day there instead.
  if (day > calendar.days) return day;
  // The nearest weekday never lies in another month, so the edges move the other way, by two days.
  if (dayOfWeek(day, calendar) === saturday) return day === 1 ? 3 : day - 1;
  if (dayOfWeek(day, calendar) === sunday) return day === calendar.days ? day - 2 : day + 1;
  return day;
}
