import { describe, expect, it } from 'vitest';
import type { RowTarget, TargetColumn } from '../../../shared/retention/row-target.ts';
import { ChildTally, RootTally } from './segment-tally.ts';

function column(name: string, type: string): TargetColumn {
  return { name, type, isNotNull: true, isGenerated: false, isIdentity: false };
}

const target = {
  root: { columns: [column('note', 'text'), column('id', 'text'), column('at', 'date')] },
  age: { name: 'at', type: 'date' },
  key: [{ name: 'id', type: 'text' }],
} as unknown as RowTarget;

/** Tells of rows whose hashes are 2^32, twice that and so on. */
function tell(tally: RootTally, rows: number): void {
  for (let index = 1; index <= rows; index += 1) {
    if (tally.onRow(new Int32Array([index, 0]))) tally.onWanted(Buffer.from(`n\to\\\\${index}\t2025-01-0${index}\n`));
  }
}

const hash = (high: number) => high.toString(16).padStart(8, '0') + '0'.repeat(8);

describe('the rows of a root', () => {
  it('are counted in segments that end with a row', () => {
    const tally = new RootTally(target, { rows: 5, segmentRows: 2 }, 'UTF8');
    tell(tally, 5);
    expect(tally.openRows).toBe(0);
    expect(tally.segments).toEqual([
      { upTo: ['2025-01-02', 'o\\2'], digest: { rows: 2, hash: hash(3) } },
      { upTo: ['2025-01-04', 'o\\4'], digest: { rows: 2, hash: hash(7) } },
      { upTo: ['2025-01-05', 'o\\5'], digest: { rows: 1, hash: hash(5) } },
    ]);
  });

  it('that are fewer than were asked for leave a segment open', () => {
    const tally = new RootTally(target, { rows: 5, segmentRows: 2 }, 'UTF8');
    tell(tally, 3);
    expect(tally.openRows).toBe(1);
    tally.close(['2025-01-03', 'o\\3']);
    expect(tally.segments.at(-1)).toEqual({ upTo: ['2025-01-03', 'o\\3'], digest: { rows: 1, hash: hash(3) } });
    expect(new RootTally(target, { rows: 5, segmentRows: 2 }, 'UTF8').openRows).toBe(0);
  });
});

describe('the rows of a child', () => {
  it("are counted in the root's segments, of which some have none", () => {
    const tally = new ChildTally();
    for (const [segment, low] of [
      [1, 5],
      [1, 6],
      [4, -1],
      [4, 2],
    ] as const) {
      tally.onRow(new Int32Array([0, segment, 0, low]));
    }
    const none = { rows: 0, hash: '0'.repeat(16) };
    expect(tally.digests()).toEqual([
      none,
      { rows: 2, hash: '000000000000000b' },
      none,
      none,
      { rows: 2, hash: '0000000100000001' },
    ]);
    expect(new ChildTally().digests()).toEqual([none]);
  });
});
