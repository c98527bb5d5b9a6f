import { describe, expect, it } from 'vitest';
import { isYoung, RecordedKeys, type RowTally, tallyOf } from './recorded-key.ts';

const now = new Date('2026-11-22T12:00:00Z');
const row = { key: 'a', size: '100', sha256: null, created_ms: null, is_tested: true };
const tally = (details: Partial<RowTally> = {}): RowTally => ({
  sizeBytes: 100,
  sha256: undefined,
  isTested: true,
  isYoung: false,
  count: 1,
  ...details,
});

describe('what a row says', () => {
  it('is young until the grace is over, and not at its end', () => {
    const at = (ms: number) => isYoung(now.getTime() - ms, 60, now);
    expect([at(3_599_999), at(3_600_000), at(-1)]).toEqual([true, false, true]);
  });

  it('is never young without a time, and always or never at an infinite one', () => {
    const youth = [null, Infinity, -Infinity].map(
      (created) => tallyOf({ ...row, created_ms: created }, { graceMinutes: 60 }, now).isYoung,
    );
    expect(youth).toEqual([false, true, false]);
  });

  it('has no size where none is recorded, and one that equals none where it is no number', () => {
    const sizes = [null, '0', '12.00', '', ' ', 'many'].map(
      (size) => tallyOf({ ...row, size }, { graceMinutes: 60 }, now).sizeBytes,
    );
    expect(sizes).toEqual([undefined, 0, 12, Number.NaN, Number.NaN, Number.NaN]);
  });
});

describe('rows in the order of their keys', () => {
  it('are counted once for all that say the same of a key', () => {
    const keys = new RecordedKeys();
    for (const sizeBytes of [100, 200, 100, Number.NaN, Number.NaN, undefined]) keys.add('a', tally({ sizeBytes }));
    keys.add('b', tally());
    expect(keys.takeAll()).toEqual([
      {
        key: 'a',
        tallies: [
          tally({ count: 2 }),
          tally({ sizeBytes: 200 }),
          tally({ sizeBytes: Number.NaN, count: 2 }),
          tally({ sizeBytes: undefined }),
        ],
      },
      { key: 'b', tallies: [tally()] },
    ]);
    expect(keys.takeAll()).toEqual([]);
  });

  it('are complete when another key has come', () => {
    const keys = new RecordedKeys();
    expect(keys.takeComplete()).toEqual([]);
    keys.add('a', tally());
    expect(keys.takeComplete()).toEqual([]);
    keys.add('a', tally());
    keys.add('b', tally());
    expect(keys.takeComplete()).toEqual([{ key: 'a', tallies: [tally({ count: 2 })] }]);
    expect(keys.takeAll()).toEqual([{ key: 'b', tallies: [tally()] }]);
  });

  it('are refused when one key stands for too many different objects, but not for as many rows of one', () => {
    const keys = new RecordedKeys();
    for (let index = 0; index < 1_000; index += 1) keys.add('same', tally());
    for (let size = 0; size < 100; size += 1) keys.add('a', tally({ sizeBytes: size }));
    expect(() => keys.add('a', tally({ sizeBytes: 100 }))).toThrow(/ambiguous-key/);
  });
});
