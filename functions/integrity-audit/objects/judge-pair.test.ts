import { describe, expect, it } from 'vitest';
import { judgePair } from './judge-pair.ts';
import type { RowTally } from './recorded-key.ts';

const now = new Date('2026-11-22T12:00:00Z');
const hourMs = 3_600_000;
const rules = { graceMinutes: 60, comparesSizes: true };
const row = (details: Partial<RowTally> = {}): RowTally => ({
  sizeBytes: 100,
  sha256: undefined,
  isTested: true,
  isYoung: false,
  count: 1,
  ...details,
});
const object = (details: object = {}) => ({
  key: 'audio/a',
  sizeBytes: 100,
  modifiedAtMs: now.getTime() - hourMs,
  ...details,
});
const young = { modifiedAtMs: now.getTime() - hourMs + 1 };

function judged(tallies: readonly RowTally[] | undefined, found: ReturnType<typeof object> | undefined, given = rules) {
  return judgePair({ rows: tallies === undefined ? undefined : { tallies }, object: found }, given, now);
}

describe('a row and its object', () => {
  it('are as they should be when the sizes are the same', () => {
    expect(judged([row()], object())).toMatchObject({ fault: undefined, rows: 1, sizesCompared: 1 });
  });

  it('differ in size, row by row where several have the key', () => {
    const tallies = [row(), row({ sizeBytes: 99, count: 2 }), row({ sizeBytes: Number.NaN })];
    expect(judged(tallies, object())).toMatchObject({ fault: 'size', count: 3, rows: 4, sizesCompared: 4 });
  });

  it('are not compared where no size is recorded, nor when the rule names no column', () => {
    const unsized = judged([row({ sizeBytes: undefined })], object());
    expect(unsized).toMatchObject({ fault: undefined, withoutSize: 1, sizesCompared: 0 });
    const unwanted = judged([row({ sizeBytes: 1 })], object(), { ...rules, comparesSizes: false });
    expect(unwanted).toMatchObject({ fault: undefined, withoutSize: 0, sizesCompared: 0 });
  });

  it('are not compared while either is young, which ends with the grace', () => {
    const one = judged([row({ sizeBytes: 1 })], object(young));
    expect(one).toMatchObject({ fault: undefined, rowsInFlight: 1, isObjectInFlight: true });
    const other = judged([row({ sizeBytes: 1, isYoung: true })], object());
    expect(other).toMatchObject({ fault: undefined, rowsInFlight: 1, isObjectInFlight: false });
    expect(judged([row({ sizeBytes: 1 })], object())).toMatchObject({ fault: 'size' });
  });

  it('take an object without content for one', () => {
    expect(judged([row({ sizeBytes: 0 })], object({ sizeBytes: 0 }))).toMatchObject({ fault: undefined });
    expect(judged([row()], object({ sizeBytes: 0 }))).toMatchObject({ fault: 'size' });
  });
});

describe('a row without an object', () => {
  it('misses it', () => {
    expect(judged([row({ count: 3 })], undefined)).toMatchObject({ fault: 'missing', count: 3, rows: 3 });
  });

  it('waits for it while it is young', () => {
    const tallies = [row({ isYoung: true }), row({ isTested: false, isYoung: true })];
    expect(judged(tallies, undefined)).toMatchObject({ fault: undefined, rows: 1, rowsInFlight: 1 });
  });

  it('misses nothing when the rule is not about it', () => {
    expect(judged([row({ isTested: false })], undefined)).toMatchObject({ fault: undefined, rows: 0 });
  });
});

describe('an object without a row', () => {
  it('belongs to nothing', () => {
    expect(judged(undefined, object())).toMatchObject({ fault: 'orphan', count: 1, rows: 0 });
  });

  it('belongs to a row that the rule is not about', () => {
    expect(judged([row({ isTested: false })], object())).toMatchObject({ fault: undefined });
  });

  it('waits for its row while it is young', () => {
    expect(judged(undefined, object(young))).toMatchObject({ fault: undefined, isObjectInFlight: true });
  });

  it('may stand for a folder, if it has no content', () => {
    const folder = judged(undefined, object({ key: 'audio/folder/', sizeBytes: 0 }));
    expect(folder).toMatchObject({ fault: undefined, isFolder: true });
    expect(judged(undefined, object({ key: 'audio/folder/' }))).toMatchObject({ fault: 'orphan' });
    expect(judged(undefined, object({ sizeBytes: 0 }))).toMatchObject({ fault: 'orphan' });
  });
});
