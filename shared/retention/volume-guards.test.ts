import { describe, expect, it } from 'vitest';
import { guardsSchema } from './retention-config.ts';
import { tooLargeShare, tooManyRows, unusualVolume, volumeGuards } from './volume-guards.ts';

const limits = guardsSchema.parse({ maximumRows: 1_000, maximumPercent: 25, deviationFloor: 100 });

describe('too many rows', () => {
  it('is one more than the maximum', () => {
    expect(tooManyRows({ amount: 1_000, unit: 'objects' }, limits)).toBeUndefined();
    expect(tooManyRows({ amount: 1_001, unit: 'objects' }, limits)).toMatchObject({
      guard: 'too-many-rows',
      detail: expect.stringContaining('1001 objects'),
      evidence: { amount: 1_001, maximumRows: 1_000 },
    });
  });

  it('is an amount that is no number', () => {
    expect(tooManyRows({ amount: Number.NaN, unit: 'rows' }, limits)).toBeDefined();
  });
});

describe('too large a share', () => {
  it('is one more than the percentage', () => {
    expect(tooLargeShare({ amount: 25, of: 100, unit: 'rows' }, limits)).toBeUndefined();
    expect(tooLargeShare({ amount: 26, of: 100, unit: 'rows' }, limits)).toMatchObject({
      guard: 'too-large-share',
      evidence: { amount: 26, of: 100, percent: 26, maximumPercent: 25 },
    });
  });

  it('may be any share of nobody knows how much, or of nothing', () => {
    expect(tooLargeShare({ amount: 1, of: undefined, unit: 'rows' }, limits)).toMatchObject({
      detail: expect.stringContaining('not known'),
    });
    expect(tooLargeShare({ amount: 1, of: Number.NaN, unit: 'rows' }, limits)).toBeDefined();
    expect(tooLargeShare({ amount: 1, of: 0, unit: 'rows' }, limits)).toBeDefined();
    expect(tooLargeShare({ amount: Number.NaN, of: 10, unit: 'rows' }, limits)).toBeDefined();
  });

  it('is none where nothing is taken, or all may be', () => {
    expect(tooLargeShare({ amount: 0, of: undefined, unit: 'rows' }, limits)).toBeUndefined();
    expect(tooLargeShare({ amount: 9, of: undefined, unit: 'rows' }, { maximumPercent: 100 })).toBeUndefined();
  });

  it('is judged of the table alone where rows of others go too', () => {
    expect(tooLargeShare({ amount: 90, share: 20, of: 100, unit: 'rows' }, limits)).toBeUndefined();
    expect(tooLargeShare({ amount: 90, share: 30, of: 100, unit: 'rows' }, limits)).toBeDefined();
  });
});

describe('an unusual volume', () => {
  const history = [100, 90, 10_000, 110, 100];

  it('is beyond the median of past runs by more than the factor, which one odd run does not move', () => {
    expect(unusualVolume({ amount: 500, unit: 'rows', history }, limits).guard).toBeUndefined();
    expect(unusualVolume({ amount: 501, unit: 'rows', history }, limits).guard).toMatchObject({
      guard: 'unusual-volume',
      evidence: { amount: 501, median: 100, runs: 5, maximumDeviation: 5 },
    });
  });

  it('takes the middle between the two middle ones', () => {
    const even = [100, 300, 200, 400];
    expect(unusualVolume({ amount: 1_250, unit: 'rows', history: even }, limits).guard).toBeUndefined();
    expect(unusualVolume({ amount: 1_251, unit: 'rows', history: even }, limits).guard).toBeDefined();
  });

  it('is never below the floor, and is at it', () => {
    const none = [0, 0, 0];
    expect(unusualVolume({ amount: 99, unit: 'rows', history: none }, limits).guard).toBeUndefined();
    expect(unusualVolume({ amount: 100, unit: 'rows', history: none }, limits).guard).toBeDefined();
  });

  it('is not judged by too few runs, and says so', () => {
    const { guards, notes } = volumeGuards({ amount: 999, of: 10_000, unit: 'rows', history: [1, 1] }, limits);
    expect(guards).toEqual([]);
    expect(notes).toEqual([expect.stringContaining('2 of 3 past runs')]);
  });

  it('is judged of what past runs counted, whatever else goes with it', () => {
    const volume = { amount: 4_000, comparable: 500, share: 500, of: 10_000, unit: 'rows', history };
    expect(volumeGuards(volume, { ...limits, maximumRows: 10_000 }).guards).toEqual([]);
    expect(volumeGuards({ ...volume, comparable: 501 }, { ...limits, maximumRows: 10_000 }).guards).toMatchObject([
      { guard: 'unusual-volume', evidence: { amount: 501 } },
    ]);
  });

  it('is told beside all others that trip', () => {
    const { guards, notes } = volumeGuards({ amount: 5_000, of: 6_000, unit: 'rows', history }, limits);
    expect(guards.map(({ guard }) => guard)).toEqual(['too-many-rows', 'too-large-share', 'unusual-volume']);
    expect(notes).toEqual([]);
  });
});
