import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BatchSize, firstBatch, nextBatch, smallerBatch } from './batch-size.ts';

const limits = { initial: 1_000, maximum: 10_000, targetMs: 250 };

/** Returns the sizes of batches on a server that takes so many milliseconds for a batch of so many rows. */
function sizes(msOf: (units: number) => number, batches: number, from: BatchSize = firstBatch(limits)): number[] {
  const all: number[] = [];
  let size = from;
  for (let index = 0; index < batches; index += 1) {
    all.push(size.units);
    size = nextBatch(size, { units: size.units, ms: msOf(size.units) }, limits);
  }
  return all;
}

describe('the size of batches', () => {
  it('begins as configured, and grows step by step up to the maximum where the server is quick', () => {
    expect(sizes((units) => 1 + units / 1000, 8)).toEqual([1_000, 1_500, 2_250, 3_375, 5_063, 7_595, 10_000, 10_000]);
    expect(firstBatch({ ...limits, initial: 50_000 }).units).toBe(10_000);
  });

  it('comes to where a batch takes the time that it should', () => {
    // Five milliseconds and a tenth of one for each row.
    const [last = 0] = sizes((units) => 5 + units / 10, 40).slice(-1);
    expect(5 + last / 10).toBeGreaterThan(230);
    expect(5 + last / 10).toBeLessThanOrEqual(250);
  });

  it('falls at once, by more than it grows, when the server gets slow', () => {
    const quick: BatchSize = { units: 10_000, msPerUnit: 0.01 };
    expect(nextBatch(quick, { units: 10_000, ms: 5_000 }, limits).units).toBe(1_213);
  });

  it('does not grow after a batch that was cut short because there was no more', () => {
    expect(nextBatch({ units: 1_000, msPerUnit: 0.01 }, { units: 10, ms: 0.01 }, limits).units).toBe(1_000);
    expect(nextBatch({ units: 1_000, msPerUnit: 0.01 }, { units: 0, ms: 10 }, limits)).toEqual({
      units: 1_000,
      msPerUnit: 0.01,
    });
  });

  it('is halved for a batch that was given up, down to one', () => {
    expect(smallerBatch({ units: 1_001, msPerUnit: 1 })).toEqual({ units: 500, msPerUnit: undefined });
    expect(smallerBatch({ units: 1, msPerUnit: 1 }).units).toBe(1);
  });

  it('is a whole number within its limits, and at most half as large again, whatever is measured', () => {
    const units = fc.integer({ min: 1, max: 10_000 });
    const measured = fc.record({
      units: fc.integer({ min: 0, max: 20_000 }),
      ms: fc.double({ min: 0, max: 1e7, noNaN: true }),
    });
    fc.assert(
      fc.property(
        units,
        fc.option(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), { nil: undefined }),
        measured,
        (size, msPerUnit, batch) => {
          const next = nextBatch({ units: size, msPerUnit }, batch, limits).units;
          expect(Number.isInteger(next)).toBe(true);
          expect(next).toBeGreaterThanOrEqual(1);
          expect(next).toBeLessThanOrEqual(Math.min(limits.maximum, Math.ceil(size * 1.5)));
        },
      ),
    );
  });
});
