import fc from 'fast-check';
import { expect, test } from 'vitest';
import { minimumPredecessors, sizeDrop } from './size-drop.ts';

const sizes = fc.array(fc.integer({ min: 0, max: 2 ** 40 }), { minLength: minimumPredecessors, maxLength: 40 });
const percents = fc.integer({ min: 1, max: 100 });

test('a backup of half the usual size is a drop by half', () => {
  expect(sizeDrop([100, 100, 100, 100, 100], 50, 30)).toEqual({ medianBytes: 100, dropPercent: 50 });
});

test('a backup that is exactly as much smaller as it may be is none, and one byte less is', () => {
  const history = [1000, 1000, 1000, 1000, 1000];
  expect(sizeDrop(history, 700, 30)).toBeUndefined();
  expect(sizeDrop(history, 699, 30)?.dropPercent).toBeCloseTo(30.1);
});

test('four predecessors say nothing, five do', () => {
  expect(sizeDrop([9, 9, 9, 9], 1, 30)).toBeUndefined();
  expect(sizeDrop([9, 9, 9, 9, 9], 1, 30)).toBeDefined();
});

test('sizes that never change do not scatter, so that one small dump among them stands out', () => {
  const identical = Array.from({ length: 91 }, () => 100_000_000);
  expect(sizeDrop(identical, 3_300, 30)?.dropPercent).toBeCloseTo(99.9967);
  expect(sizeDrop(identical, 100_000_000, 30)).toBeUndefined();
});

test('a drop that becomes usual is none any more', () => {
  expect(sizeDrop([100, 100, 100, 3, 3, 3, 3], 3, 30)).toBeUndefined();
});

test('what lies within the usual scatter is no drop, however large a share it is', () => {
  const weeklyFullAndDailyParts = [100, 20, 25, 22, 90, 21, 24, 60, 55, 95];
  expect(sizeDrop(weeklyFullAndDailyParts, 20, 30)).toBeUndefined();
});

test('one fluke among the predecessors hides nothing', () => {
  expect(sizeDrop([100, 101, 1_000_000, 99, 100, 102], 40, 30)).toBeDefined();
});

test('an empty backup where none was empty is a drop, whatever the scatter', () => {
  expect(sizeDrop([1, 1000, 10, 5000, 2, 900, 40], 0, 30)).toEqual({ medianBytes: 40, dropPercent: 100 });
  expect(sizeDrop([0, 1000, 10, 5000, 0, 900, 0], 0, 30)).toBeUndefined();
});

test('what is not a size is refused', () => {
  expect(() => sizeDrop([1, 2, 3, 4, Number.NaN], 1, 30)).toThrow(RangeError);
  expect(() => sizeDrop([1, 2, 3, 4, 5], -1, 30)).toThrow('-1 is not a size in bytes');
});

test('the order of the predecessors does not matter', () => {
  fc.assert(
    fc.property(sizes, fc.nat(), percents, (history, latest, percent) => {
      const sorted = [...history].sort((a, b) => a - b);
      expect(sizeDrop(sorted, latest, percent)).toEqual(sizeDrop(history, latest, percent));
    }),
  );
});

test('whatever is flagged is below the share that is allowed, and what is as large as the median never is', () => {
  fc.assert(
    fc.property(sizes, fc.nat(2 ** 31 - 1), percents, (history, latest, percent) => {
      const drop = sizeDrop(history, latest, percent);
      if (drop === undefined) return;
      expect(latest).toBeLessThan(drop.medianBytes);
      expect(drop.dropPercent).toBeGreaterThan(percent - 1e-6);
      expect(drop.dropPercent).toBeLessThanOrEqual(100);
      expect(sizeDrop(history, drop.medianBytes, percent)).toBeUndefined();
    }),
  );
});

test('what is flagged stays so when it is smaller still', () => {
  fc.assert(
    fc.property(sizes, fc.nat(), fc.nat(), percents, (history, one, other, percent) => {
      const [smaller, larger] = one < other ? [one, other] : [other, one];
      if (sizeDrop(history, larger, percent) !== undefined) {
        expect(sizeDrop(history, smaller, percent)).toBeDefined();
      }
    }),
  );
});

test('the unit does not matter', () => {
  fc.assert(
    fc.property(sizes, fc.nat(2 ** 20), percents, (history, latest, percent) => {
      const inOtherUnit = sizeDrop(
        history.map((size) => size * 1024),
        latest * 1024,
        percent,
      );
      expect(inOtherUnit?.dropPercent).toBe(sizeDrop(history, latest, percent)?.dropPercent);
    }),
  );
});
