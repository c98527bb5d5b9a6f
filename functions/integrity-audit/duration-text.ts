import { formatQuantity } from '../../shared/text/format-quantity.ts';

/** Returns a duration for a sentence, by its two largest units: `9 d 3 h`. What is below them is dropped. */
export function durationText(minutes: number): string {
  return minutes < 1 ? 'less than a minute' : formatQuantity('durationMinutes', minutes, 'UTC');
}
