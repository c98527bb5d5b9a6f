import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renewalState } from './renewal.ts';

const dayMs = 86_400_000;
const now = new Date('2026-11-22T12:00:00Z');

/** A certificate of `lifetimeDays`, of which `daysLeft` remain. */
function state(
  lifetimeDays: number | undefined,
  daysLeft: number,
  overrides: { warnDays?: number; criticalDays?: number; isAcmManaged?: boolean } = {},
) {
  const notAfter = new Date(now.getTime() + daysLeft * dayMs);
  const notBefore = lifetimeDays === undefined ? undefined : new Date(notAfter.getTime() - lifetimeDays * dayMs);
  return renewalState({ notBefore, notAfter, isAcmManaged: overrides.isAcmManaged ?? false }, overrides, now);
}

const second = 1 / 86_400;

describe('renewalState', () => {
  it.each([
    // lifetime, medium from, critical below: SC-081v3's lifetimes, short-lived ones and those without a known start.
    [398, 30 - 7, 14],
    [200, 30 - 7, 14],
    [100, 30 - 7, 10],
    [90, 30 - 7, 9],
    [47, 47 / 3 - 4.7, 4.7],
    [6, 2 - 0.6, 0.6],
    [undefined, 30 - 7, 14],
  ])('of a lifetime of %s days is medium from %s days left and critical below %s', (lifetime, medium, critical) => {
    expect(state(lifetime, medium + second).severity).toBeUndefined();
    expect(state(lifetime, medium - second).severity).toBe('medium');
    expect(state(lifetime, critical + second).severity).toBe('medium');
    expect(state(lifetime, critical - second).severity).toBe('critical');
  });

  it('expects ACM to renew 45 days before the end', () => {
    const acm = { isAcmManaged: true };
    expect(state(198, 38 + second, acm).severity).toBeUndefined();
    expect(state(198, 38 - second, acm).severity).toBe('medium');
    expect(state(198, 14 - second, acm).severity).toBe('critical');
  });

  it('warns earlier, never later, by warnDays and criticalDays', () => {
    expect(state(398, 59, { warnDays: 60 })).toMatchObject({ severity: 'medium', because: 'warn-days' });
    expect(state(398, 60, { warnDays: 60 }).severity).toBeUndefined();
    expect(state(398, 29, { criticalDays: 30 })).toMatchObject({ severity: 'critical', because: 'critical-days' });
    expect(state(398, 22, { warnDays: 1 }).severity).toBe('medium');
    expect(state(398, 13, { warnDays: 0, criticalDays: 0 }).severity).toBe('critical');
  });

  it('never becomes milder as the end comes nearer', () => {
    const rank = { undefined: 0, medium: 1, critical: 2 };
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 4000, noNaN: true }),
        fc.double({ min: 0, max: 4000, noNaN: true }),
        fc.double({ min: 0, max: 4000, noNaN: true }),
        fc.record({
          warnDays: fc.option(fc.nat(400), { nil: undefined }),
          criticalDays: fc.option(fc.nat(400), { nil: undefined }),
        }),
        (lifetime, a, b, overrides) => {
          const [near, far] = a < b ? [a, b] : [b, a];
          const nearer = rank[`${state(lifetime, near, overrides).severity}`];
          expect(nearer).toBeGreaterThanOrEqual(rank[`${state(lifetime, far, overrides).severity}`]);
        },
      ),
    );
  });
});
