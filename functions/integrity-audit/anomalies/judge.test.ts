import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MeasuringRule } from './history.ts';
import { isJudged, type Judgement, judge, judgedAnew, marked } from './judge.ts';
import { day, distributionRule, pointsOf, volumeRule } from './measuring-rule-fixtures.ts';

/** Judges a value by those of the days before it. */
function judged(rule: MeasuringRule, values: readonly number[], value: number): Judgement {
  const judgement = judge(rule, { date: day(values.length), value }, pointsOf(values));
  if (!isJudged(judgement)) throw new Error(`only ${judgement.points} points`);
  return judgement;
}

function isUnusual(rule: MeasuringRule, values: readonly number[], value: number): boolean {
  return judged(rule, values, value).isUnusual;
}

const scattered = [90, 95, 100, 105, 110];

describe('a number', () => {
  it('is unusual when it is farther from the median than the scaled MADs that are allowed, and not when it is just so far', () => {
    const rule = volumeRule({ deviations: 2, minimumChangePercent: 0 });
    // The MAD of 90 to 110 is 5.
    const allowed = 2 * 1.4826 * 5;
    expect(judged(rule, scattered, 100)).toEqual({
      isUnusual: false,
      median: 100,
      lowest: 100 - allowed,
      highest: 100 + allowed,
      points: 5,
    });
    expect(isUnusual(rule, scattered, 100 + allowed)).toBe(false);
    expect(isUnusual(rule, scattered, 100 + allowed + 0.001)).toBe(true);
    expect(isUnusual(rule, scattered, 100 - allowed)).toBe(false);
    expect(isUnusual(rule, scattered, 100 - allowed - 0.001)).toBe(true);
  });

  it('is never unusual for a small change, however little the others scatter', () => {
    const rule = volumeRule({ minimumChangePercent: 10 });
    const constant = [1000, 1000, 1000, 1000, 1000];
    expect(isUnusual(rule, constant, 1100)).toBe(false);
    expect(isUnusual(rule, constant, 1101)).toBe(true);
    expect(isUnusual(rule, constant, 900)).toBe(false);
    expect(isUnusual(rule, constant, 899)).toBe(true);
  });

  it('is unusual in the direction asked for alone', () => {
    expect(judged(volumeRule({ direction: 'up' }), scattered, 0)).toMatchObject({
      isUnusual: false,
      lowest: undefined,
    });
    expect(isUnusual(volumeRule({ direction: 'up' }), scattered, 1000)).toBe(true);
    expect(judged(volumeRule({ direction: 'down' }), scattered, 1000)).toMatchObject({
      isUnusual: false,
      highest: undefined,
    });
    expect(isUnusual(volumeRule({ direction: 'down' }), scattered, 0)).toBe(true);
  });

  it('is not judged by fewer points than the rule asks for', () => {
    const rule = volumeRule({ minimumHistory: 5 });
    expect(judge(rule, { date: day(9), value: 0 }, pointsOf([1, 1, 1, 1]))).toEqual({ points: 4 });
    expect(isJudged(judge(rule, { date: day(9), value: 0 }, pointsOf([1, 1, 1, 1, 1])))).toBe(true);
    expect(judge(rule, { date: day(9), value: 0 }, [])).toEqual({ points: 0 });
  });

  it('is not judged by itself, nor by what was measured later', () => {
    const rule = volumeRule();
    const history = pointsOf([100, 100, 100, 100, 100, 7, 7, 7, 7, 7, 7, 7]);
    expect(judge(rule, { date: day(5), value: 7 }, history)).toMatchObject({ isUnusual: true, median: 100, points: 5 });
  });

  it('is compared with the same weekdays where there is a season', () => {
    const rule = volumeRule({ seasonality: 'weekday', minimumHistory: 3 });
    const week = [100, 100, 100, 100, 100, 20, 20];
    const month = [0, 7, 14, 21].flatMap((monday) => pointsOf(week, monday));
    // A Saturday, and a Monday.
    expect(judge(rule, { date: day(33), value: 20 }, month)).toMatchObject({ isUnusual: false, median: 20, points: 4 });
    expect(judge(rule, { date: day(28), value: 20 }, month)).toMatchObject({ isUnusual: true, median: 100, points: 4 });
    expect(judge(volumeRule(), { date: day(33), value: 20 }, month)).toMatchObject({ isUnusual: true });
    expect(judge(rule, { date: day(15), value: 20 }, month.slice(0, 14))).toEqual({ points: 2 });
  });
});

describe('a number of rows', () => {
  it('may differ by one where there are usually none', () => {
    const none = [0, 0, 0, 0, 0, 0];
    expect(isUnusual(volumeRule(), none, 0)).toBe(false);
    expect(isUnusual(volumeRule(), none, 1)).toBe(false);
    expect(isUnusual(volumeRule(), none, 2)).toBe(true);
  });

  it('that is zero is unusual where it never was, however much it scatters', () => {
    const wild = [10, 500, 3000, 20, 900];
    expect(judged(volumeRule({ deviations: 100 }), wild, 0)).toMatchObject({ isUnusual: true, lowest: 0 });
    expect(isUnusual(volumeRule({ deviations: 100 }), wild, 1)).toBe(false);
    expect(isUnusual(volumeRule({ deviations: 100 }), [...wild, 0], 0)).toBe(false);
    expect(isUnusual(volumeRule({ deviations: 100, direction: 'up' }), wild, 0)).toBe(false);
    expect(isUnusual(volumeRule({ deviations: 100, minimumChangePercent: 100 }), wild, 0)).toBe(false);
    expect(isUnusual(volumeRule({ deviations: 100 }), [1, 1, 1, 1, 1], 0)).toBe(false);
  });
});

describe('a null rate', () => {
  it('differs by percentage points, because nothing is a share of none', () => {
    const none = [0, 0, 0, 0, 0];
    expect(isUnusual(distributionRule('null-rate'), none, 0.01)).toBe(false);
    expect(judged(distributionRule('null-rate'), none, 0.0101)).toMatchObject({
      isUnusual: true,
      lowest: 0,
      highest: 0.01,
    });
    expect(isUnusual(distributionRule('null-rate', { minimumChangePercent: 20 }), none, 0.19)).toBe(false);
    expect(isUnusual(distributionRule('null-rate', { minimumChangePercent: 0 }), none, 1e-6)).toBe(true);
    expect(judged(distributionRule('null-rate'), [1, 1, 1, 1, 1], 1)).toMatchObject({ isUnusual: false, highest: 1 });
  });
});

describe('a mean', () => {
  it('may be negative, and differs in percent of what it is', () => {
    const rule = distributionRule('mean', { minimumChangePercent: 10 });
    const constant = [-50, -50, -50, -50, -50];
    expect(isUnusual(rule, constant, -55)).toBe(false);
    expect(isUnusual(rule, constant, -55.1)).toBe(true);
    expect(isUnusual(rule, constant, 50)).toBe(true);
  });

  it('that has always been zero is unusual when it is not', () => {
    expect(isUnusual(distributionRule('mean'), [0, 0, 0, 0, 0], 1e-9)).toBe(true);
    expect(isUnusual(distributionRule('mean'), [0, 0, 0, 0, 0], -0)).toBe(false);
  });

  it('may be as large as numbers get', () => {
    const huge = 1e300;
    const judgement = judged(distributionRule('mean'), [huge, -huge, huge, -huge, huge, -huge], huge);
    for (const number of [judgement.median, judgement.lowest, judgement.highest])
      expect(Number.isFinite(number)).toBe(true);
    expect(isUnusual(distributionRule('mean'), [huge, huge, huge, huge, huge], -huge)).toBe(true);
  });
});

describe('the baseline', () => {
  it('has no unusual point in it, so that an outage does not become usual while it lasts', () => {
    const rule = volumeRule();
    let history = pointsOf([100, 101, 99, 100, 100]);
    for (let index = 5; index < 40; index += 1)
      history = [...history, marked(rule, { date: day(index), value: 7 }, history)];
    expect(judge(rule, { date: day(40), value: 7 }, history)).toMatchObject({
      isUnusual: true,
      median: 100,
      points: 5,
    });
    expect(history.slice(5).every((point) => point.isUnusual === true)).toBe(true);
  });

  it('begins anew where the rule says that the level has changed', () => {
    const outage = pointsOf([100, 101, 99, 100, 100, ...Array.from({ length: 6 }, () => 7)]);
    const before = judgedAnew(volumeRule(), outage);
    expect(before.at(-1)?.isUnusual).toBe(true);
    const rule = volumeRule({ baselineSince: day(5) });
    const after = judgedAnew(rule, before);
    expect(after.every((point) => point.isUnusual === undefined)).toBe(true);
    expect(judge(rule, { date: day(11), value: 8 }, after)).toMatchObject({ isUnusual: false, median: 7, points: 6 });
    expect(judge(rule, { date: day(11), value: 100 }, after)).toMatchObject({ isUnusual: true });
    expect(judge(rule, { date: day(9), value: 7 }, after)).toEqual({ points: 4 });
  });

  it('has no day in it that the rule ignores', () => {
    // The first days were bad ones, and nobody knew.
    const points = pointsOf([5, 5, 5, 5, 5, 100, 101, 99, 100, 100, 100]);
    const before = judgedAnew(volumeRule(), points);
    expect(before.slice(5).every((point) => point.isUnusual === true)).toBe(true);
    const rule = volumeRule({ ignoreDates: [0, 1, 2, 3, 4].map(day) });
    const after = judgedAnew(rule, before);
    expect(judge(rule, { date: day(11), value: 100 }, after)).toMatchObject({
      isUnusual: false,
      median: 100,
      points: 6,
    });
    expect(judge(rule, { date: day(11), value: 5 }, after)).toMatchObject({ isUnusual: true });
  });
});

const value = fc.double({ min: -1e9, max: 1e9, noNaN: true });
const count = fc.integer({ min: 0, max: 1e9 });
const counts = fc.array(count, { minLength: 5, maxLength: 60 });
const settings = fc.record({
  deviations: fc.double({ min: 1, max: 100, noNaN: true }),
  minimumChangePercent: fc.double({ min: 0, max: 200, noNaN: true }),
  direction: fc.constantFrom('both', 'up', 'down'),
});

describe('whatever was measured', () => {
  it('the order of the points does not matter', () => {
    fc.assert(
      fc.property(counts, count, settings, fc.func(fc.integer()), (values, measured, given, key) => {
        const rule = volumeRule(given);
        const point = { date: day(values.length), value: measured };
        const points = pointsOf(values);
        const shuffled = [...points].sort((a, b) => key(a.date) - key(b.date));
        expect(judge(rule, point, shuffled)).toEqual(judge(rule, point, points));
      }),
    );
  });

  it('points that are known to be bad do not matter, however many and whatever they are', () => {
    const bad = fc.array(fc.record({ index: fc.nat(200), value, isUnusual: fc.boolean() }));
    fc.assert(
      fc.property(counts, bad, count, settings, (values, given, measured, options) => {
        const points = pointsOf(values, 300);
        const known = given.map((entry) => ({ ...entry, date: day(entry.index) }));
        const ignoreDates = known.filter((entry) => !entry.isUnusual).map(({ date }) => date);
        const point = { date: day(300 + values.length), value: measured };
        const rule = volumeRule({ ...options, ignoreDates });
        expect(judge(rule, point, [...known, ...points])).toEqual(judge(rule, point, points));
      }),
    );
  });

  it('what is farther from the median on the same side is unusual too', () => {
    fc.assert(
      fc.property(counts, count, count, settings, (values, one, other, given) => {
        const rule = volumeRule(given);
        const { median } = judged(rule, values, 0);
        const [near, far] = Math.abs(one - median) < Math.abs(other - median) ? [one, other] : [other, one];
        if (near > median !== far > median || !isUnusual(rule, values, near)) return;
        expect(isUnusual(rule, values, far)).toBe(true);
      }),
    );
  });

  it('what is usual lies around the median, and the median is never unusual', () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 5, maxLength: 60 }), value, settings, (values, measured, given) => {
        const rule = distributionRule('mean', given);
        const { median, lowest = -Infinity, highest = Infinity, isUnusual: found } = judged(rule, values, measured);
        expect(lowest).toBeLessThanOrEqual(median);
        expect(highest).toBeGreaterThanOrEqual(median);
        expect(found).toBe(measured < lowest || measured > highest);
        expect(isUnusual(rule, values, median)).toBe(false);
      }),
    );
  });

  it('one wild point among the others hides nothing', () => {
    fc.assert(
      fc.property(value, (wild) => {
        expect(isUnusual(distributionRule('mean'), [100, 101, wild, 99, 100, 100, 102], 200)).toBe(true);
      }),
    );
  });
});
