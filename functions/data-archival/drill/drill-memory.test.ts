import { describe, expect, it } from 'vitest';
import type { ChainedArchive } from '../../../shared/archive/chain.ts';
import { MemoryStateStore } from '../../../shared/storage/memory-state-store.ts';
import {
  afterDrill,
  type DrillMemory,
  isDue,
  isOverdue,
  readDrillMemory,
  whoseTurn,
  writeDrillMemory,
} from './drill-memory.ts';

const now = new Date('2026-11-20T01:00:00.000Z');
const hoursAgo = (hours: number) => new Date(now.getTime() - hours * 3600_000).toISOString();
const memory = (changes: Partial<DrillMemory> = {}): DrillMemory => ({
  since: hoursAgo(0),
  lastGoodAt: null,
  drilled: [],
  failed: null,
  ...changes,
});
const archive = (sequence: number, changes: Partial<ChainedArchive> = {}): ChainedArchive => ({
  sequence,
  manifestHash: 'a',
  previousManifest: null,
  state: 'completed',
  exclusions: [],
  rows: 10,
  manifest: undefined,
  ...changes,
});

describe('a drill', () => {
  it('is due when none was good for as long as from one to the next, give or take half a day', () => {
    expect(isDue(undefined, 30, now)).toBe(true);
    expect(isDue(memory(), 30, now)).toBe(true);
    expect(isDue(memory({ lastGoodAt: hoursAgo(30 * 24 - 12) }), 30, now)).toBe(false);
    expect(isDue(memory({ lastGoodAt: hoursAgo(30 * 24 - 11) }), 30, now)).toBe(true);
    expect(isDue(memory({ lastGoodAt: hoursAgo(11) }), 1, now)).toBe(false);
  });

  it('is overdue when none was good for twice as long, and something was there', () => {
    expect(isOverdue(undefined, 30, now)).toBe(false);
    expect(isOverdue(memory({ since: hoursAgo(60 * 24) }), 30, now)).toBe(false);
    expect(isOverdue(memory({ since: hoursAgo(60 * 24 + 1) }), 30, now)).toBe(true);
    expect(isOverdue(memory({ since: hoursAgo(99 * 24), lastGoodAt: hoursAgo(60 * 24) }), 30, now)).toBe(false);
    expect(isOverdue(memory({ since: hoursAgo(99 * 24), lastGoodAt: hoursAgo(60 * 24 + 1) }), 30, now)).toBe(true);
  });

  it('takes the newest archive that had no turn, and then the one whose turn was longest ago', () => {
    const archives = [1, 2, 3].map((sequence) => archive(sequence));
    const turns: (number | undefined)[] = [];
    let known = memory();
    for (let turn = 0; turn < 5; turn += 1) {
      const next = whoseTurn(archives, known, 100) as ChainedArchive;
      turns.push(next.sequence);
      known = afterDrill(known, next.sequence, hoursAgo(0));
    }
    expect(turns).toEqual([3, 2, 1, 3, 2]);
  });

  it('takes the archive that could not be restored until it can be, however many come after it', () => {
    const archives = [1, 2, 3].map((sequence) => archive(sequence));
    const known = memory({ failed: 2 });
    expect(whoseTurn(archives, known, 100)?.sequence).toBe(2);
    expect(afterDrill(known, 3, hoursAgo(0)).failed).toBe(2);
    expect(whoseTurn(archives, afterDrill(known, 2, hoursAgo(0)), 100)?.sequence).toBe(3);
    expect(whoseTurn(archives, memory({ failed: 4 }), 100)?.sequence).toBe(3);
  });

  it('leaves those that are too large, or of which not all was taken away', () => {
    const archives = [archive(1, { rows: 100 }), archive(2, { rows: 101 }), archive(3, { state: 'unfinished' })];
    expect(whoseTurn(archives, undefined, 100)?.sequence).toBe(1);
    expect(whoseTurn(archives, undefined, 99)).toBeUndefined();
    expect(whoseTurn([], undefined, 99)).toBeUndefined();
  });

  it('is remembered, a thousand archives long, and forgotten when nobody can read it', async () => {
    const store = new MemoryStateStore();
    expect(await readDrillMemory(store, 'listens')).toBeUndefined();
    const drilled = Array.from({ length: 1_001 }, (_, index) => ({ sequence: index + 1, at: hoursAgo(1) }));
    await writeDrillMemory(store, 'listens', memory({ drilled }));
    expect(await readDrillMemory(store, 'listens')).toEqual(memory({ drilled: drilled.slice(1) }));
    const { failed: _, ...older } = memory();
    await writeDrillMemory(store, 'listens', older as DrillMemory);
    expect(await readDrillMemory(store, 'listens')).toEqual(memory());
    for (const text of ['{', '{"since":1}']) {
      await store.write(
        'drill/listens',
        (async function* () {
          yield Buffer.from(text);
        })(),
      );
      expect(await readDrillMemory(store, 'listens')).toBeUndefined();
    }
  });
});
