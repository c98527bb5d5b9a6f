import { describe, expect, it } from 'vitest';
import type { PaceReading } from './pace-signals.ts';
import { Pacer, type PacerOptions } from './pacer.ts';

const calm: PaceReading = { exceeded: [], blindSpots: [] };
const busy = (...exceeded: string[]): PaceReading => ({ exceeded, blindSpots: [] });

/** Returns a pacer whose server says one thing after the other, and the last for ever. */
function pacerOf(readings: readonly PaceReading[], changes: Partial<PacerOptions> = {}) {
  let looks = 0;
  const pacer = new Pacer({
    pace: { checkEverySeconds: 0.001, workPercent: 100 },
    signals: {
      read: async () => {
        looks += 1;
        return readings[Math.min(looks, readings.length) - 1] ?? calm;
      },
    },
    pausedBy: async () => undefined,
    signal: new AbortController().signal,
    ...changes,
  });
  return { pacer, looks: () => looks };
}

describe('a pacer', () => {
  it('waits as long as the server is to be spared, and says why and for how long', async () => {
    const { pacer, looks } = pacerOf([
      busy('A replica is 12.5 s behind.'),
      busy('A replica is 11 s behind.', 'Locks.'),
      calm,
    ]);
    expect(await pacer.wait()).toBe('go');
    expect(looks()).toBe(3);
    expect(pacer.waitedMs).toBeGreaterThan(0);
    expect(pacer.reasons).toEqual(['A replica is 11 s behind.', 'Locks.']);
  });

  it('looks no more often than it is to', async () => {
    const { pacer, looks } = pacerOf([calm], { pace: { checkEverySeconds: 60, workPercent: 100 } });
    for (let batch = 0; batch < 5; batch += 1) expect(await pacer.wait()).toBe('go');
    expect(looks()).toBe(1);
    expect(pacer.waitedMs).toBe(0);
  });

  it('asks before each batch whether it is paused, and while it waits', async () => {
    const pause = { task: 'data-purge', policy: undefined, by: 'ada', at: 'now', reason: 'a release' };
    let asked = 0;
    const pausedBy = async () => {
      asked += 1;
      return asked === 4 ? pause : undefined;
    };
    const { pacer } = pacerOf([calm, busy('Locks.')], { pausedBy, pace: { checkEverySeconds: 0, workPercent: 100 } });
    expect(await pacer.wait()).toBe('go');
    expect(await pacer.wait()).toBe('paused');
    expect(pacer.pause).toBe(pause);
  });

  it('lets one batch go when the time is up before it began, and no second one', async () => {
    const { pacer } = pacerOf([calm], { signal: AbortSignal.abort() });
    expect(await pacer.wait()).toBe('go');
    expect(await pacer.wait()).toBe('out-of-time');
  });

  it('does not wait longer than there is time, and does nothing then', async () => {
    const ended = new AbortController();
    const { pacer } = pacerOf([busy('Locks.')], {
      signal: ended.signal,
      pace: { checkEverySeconds: 3_600, workPercent: 100 },
    });
    const waiting = pacer.wait();
    setTimeout(() => ended.abort(), 5);
    expect(await waiting).toBe('out-of-time');
    expect(await pacerOf([busy('Locks.')], { signal: AbortSignal.abort() }).pacer.wait()).toBe('out-of-time');
  });

  it('tells what is not known, once', async () => {
    const blind: PaceReading = { exceeded: [], blindSpots: ['Who waits is not shown.'] };
    const { pacer } = pacerOf([blind, blind], { pace: { checkEverySeconds: 0, workPercent: 100 } });
    await pacer.wait();
    await pacer.wait();
    expect(pacer.blindSpots).toEqual(['Who waits is not shown.']);
  });

  it('leaves the server to others in between, for as long as its share of the time says', async () => {
    const { pacer } = pacerOf([calm], { pace: { checkEverySeconds: 60, workPercent: 20 } });
    await pacer.wait();
    pacer.note(10, 100);
    const startedAtMs = performance.now();
    expect(await pacer.wait()).toBe('go');
    // A timer may go off a moment early; without a rest there would be none at all.
    expect(performance.now() - startedAtMs).toBeGreaterThan(30);
    // It is not owed twice.
    expect(await pacer.wait()).toBe('go');
    pacer.note(1e9, 100);
    const ended = new AbortController();
    const late = pacerOf([calm], { signal: ended.signal, pace: { checkEverySeconds: 60, workPercent: 1 } }).pacer;
    await late.wait();
    late.note(1e9, 100);
    setTimeout(() => ended.abort(), 5);
    expect(await late.wait()).toBe('out-of-time');
  });

  it('looks at nothing where everything is switched off', async () => {
    const { pacer } = pacerOf([], { signals: undefined });
    expect(await pacer.wait()).toBe('go');
    pacer.note(12.5, 100);
    pacer.note(2.5, 50);
    expect([pacer.workedMs, pacer.rows]).toEqual([15, 150]);
  });
});
