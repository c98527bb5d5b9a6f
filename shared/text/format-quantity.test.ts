import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatQuantity } from './format-quantity.ts';

const newYork = 'America/New_York';

describe('formatQuantity', () => {
  it.each([
    ['rpoMinutes', 0, '0 min'],
    ['rpoMinutes', 0.4, '< 1 min'],
    ['rpoMinutes', 1, '1 min'],
    ['rpoMinutes', 59.9, '59 min'],
    ['rpoMinutes', 60, '1 h'],
    ['rpoMinutes', 90, '1 h 30 min'],
    ['rpoMinutes', 1439, '23 h 59 min'],
    ['rpoMinutes', 1440, '1 d'],
    ['rpoMinutes', 1441, '1 d 1 min'],
    ['rpoMinutes', 4320, '3 d'],
    ['rpoMinutes', 4452, '3 d 2 h'],
    ['aheadMinutes', -90, '-1 h 30 min'],
    ['aheadMinutes', -0.4, '< 1 min'],
    ['graceHours', 26, '1 d 2 h'],
    ['graceHours', 1.5, '1 h 30 min'],
    ['retentionDays', 35, '35 d'],
    ['retentionDays', 34.99, '34 d 23 h'],
    ['retentionDays', 365_249, '365249 d'],
    ['retentionDays', 365_250, 'for ever'],
    ['days', 2, '2 d'],
  ])('shows a duration: %s %d', (key, value, expected) => {
    expect(formatQuantity(key, value, newYork)).toBe(expected);
  });

  it('shows a duration that was computed with floats as what it was made of', () => {
    for (let minutes = 1; minutes < 5000; minutes += 1) {
      const expected = formatQuantity('rpoMinutes', minutes, newYork);
      expect(formatQuantity('ageHours', minutes / 60, newYork)).toBe(expected);
      expect(formatQuantity('ageDays', minutes / 1440, newYork)).toBe(expected);
    }
  });

  it('never shows a whole number of days that is not reached', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4000 }), fc.integer({ min: 1, max: 1439 }), (days, minutes) => {
        expect(formatQuantity('retentionDays', days - minutes / 1440, newYork)).not.toBe(`${days} d`);
      }),
    );
  });

  it.each([
    [0, '0 B'],
    [1, '1 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [1024 ** 2 - 1, '1 MiB'],
    [20 * 1024 ** 3, '20 GiB'],
    [1.7e13, '15.5 TiB'],
    [3 * 1024 ** 6, '3 EiB'],
    [5000 * 1024 ** 6, '5000 EiB'],
    [-2048, '-2 KiB'],
  ])('shows %d bytes with binary units', (value, expected) => {
    expect(formatQuantity('sizeBytes', value, newYork)).toBe(expected);
  });

  it.each([
    ['verifiedPercent', 0, '0 %'],
    ['verifiedPercent', 0.01, '< 0.1 %'],
    ['verifiedPercent', 12.34, '12.3 %'],
    ['verifiedPercent', 99.9, '99.9 %'],
    ['verifiedPercent', 99.999, '> 99.9 %'],
    ['verifiedPercent', 100, '100 %'],
    ['sizePercent', 100.01, '> 100 %'],
    ['sizePercent', -12.5, '-12.5 %'],
    ['share', 0.29, '29 %'],
    ['verifiedShare', 1, '100 %'],
    ['verifiedShare', 0.99999, '> 99.9 %'],
  ])('shows a percentage that is 0 or 100 only when it is exactly that: %s %d', (key, value, expected) => {
    expect(formatQuantity(key, value, newYork)).toBe(expected);
  });

  it.each([
    ['in winter', '2026-11-23T11:00:00Z', '2026-11-23 06:00 -05:00'],
    ['in summer', '2026-07-01T00:30:00.123Z', '2026-06-30 20:30 -04:00'],
    ['without seconds', '2026-11-23T11:00Z', '2026-11-23 06:00 -05:00'],
    ['that is none, as it is', '2026-13-23T11:00:00Z', '2026-13-23T11:00:00Z'],
    ['that is only a number, as it is', '1', '1'],
    ['that is a word, as it is', 'never', 'never'],
    ['that is empty, as it is', '', ''],
  ])('shows a time in the zone: one %s', (_title, value, expected) => {
    expect(formatQuantity('newestAt', value, newYork)).toBe(expected);
  });

  it('shows a time in UTC where the zone is not known', () => {
    expect(formatQuantity('newestAt', '2026-11-23T11:00:00Z', 'Nowhere/Land')).toBe('2026-11-23 11:00 +00:00');
  });

  it.each([
    ['name', 'nycmg-rights', 'nycmg-rights'],
    ['objects', 1234567, '1234567'],
    ['ratio', 0.5, '0.5'],
    ['isImmutable', true, 'yes'],
    ['isImmutable', false, 'no'],
    ['rpoMinutes', null, '–'],
    ['rpoMinutes', 'unlimited', 'unlimited'],
    ['rpoMinutes', Number.NaN, 'NaN'],
    ['newestAt', 5, '5'],
    // A unit is a word of its own at the end.
    ['format', '2026-11-23T11:00:00Z', '2026-11-23T11:00:00Z'],
    ['minutesLate', 90, '90'],
    ['MINUTES', 90, '90'],
    ['__proto__', 7, '7'],
    ['constructor', 7, '7'],
    ['', 7, '7'],
  ])('shows what has no unit, or not one that goes with it, as it is: %s %s', (key, value, expected) => {
    expect(formatQuantity(key, value, newYork)).toBe(expected);
  });
});
