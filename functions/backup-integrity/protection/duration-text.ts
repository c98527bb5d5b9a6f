import { formatQuantity } from '../../../shared/text/format-quantity.ts';

/** Returns a length of time as people say it, in its two largest units: `3 h 20 min`, `2 d 4 h`. */
export function minutesText(minutes: number): string {
  return formatQuantity('lengthMinutes', Math.round(minutes), 'UTC');
}

/** Returns whole days as people say them: `1 day`, `35 days`. */
export function daysText(days: number): string {
  const whole = Math.floor(days);
  return whole === 1 ? '1 day' : `${whole} days`;
}
