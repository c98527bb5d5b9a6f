import { describe, expect, it } from 'vitest';
import { CoverageLedger } from './coverage.ts';
import type { Resource } from './resource.ts';

const one: Resource = { type: 'thing', id: 'arn:one', name: 'one' };
const two: Resource = { type: 'thing', id: 'arn:two', name: 'two' };
const scope: Resource = { type: 'scope', id: 'things/123/us-east-1', name: 'things in us-east-1' };
const denied = new Error('denied');

function ledger(only?: string): CoverageLedger {
  return new CoverageLedger({
    only,
    classify: (error) => (error === denied ? { reason: 'access-denied', detail: 'denied' } : undefined),
  });
}

describe('CoverageLedger', () => {
  it('lists as unchecked what was expected and never settled', () => {
    const coverage = ledger();
    coverage.expect(one);
    coverage.checked(two);
    const summary = coverage.summary();
    expect(summary).toMatchObject({ expected: 2, checked: 1, byType: { thing: { expected: 2, checked: 1 } } });
    expect(summary.unchecked).toMatchObject([{ resource: one, reason: 'not-reached' }]);
  });

  it('keeps a resource unchecked whatever succeeds on it afterwards or before', () => {
    const coverage = ledger();
    coverage.unchecked(one, 'throttled', 'slow down');
    coverage.checked(one);
    coverage.checked(two);
    coverage.unchecked(two, 'unreadable', 'no certificate');
    expect(coverage.summary().checked).toBe(0);
    expect(coverage.summary().unchecked.map(({ reason }) => reason)).toEqual(['throttled', 'unreadable']);
  });

  it('counts a resource once however often it is seen', () => {
    const coverage = ledger();
    coverage.checked(one);
    coverage.expect(one);
    coverage.checked(one);
    expect(coverage.summary()).toMatchObject({ expected: 1, checked: 1 });
  });

  it('turns an error that is about the resource into unchecked, and lets every other one through', async () => {
    const coverage = ledger();
    expect(await coverage.look(one, () => Promise.reject(denied))).toBeUndefined();
    expect(coverage.summary().unchecked).toMatchObject([{ resource: one, reason: 'access-denied' }]);
    await expect(coverage.look(two, () => Promise.reject(new TypeError('bug')))).rejects.toThrow('bug');
    expect(coverage.summary().unchecked).toHaveLength(2);
  });

  it('selects by name or id, and always takes in scopes', () => {
    const coverage = ledger('tw*');
    expect(coverage.selects(one)).toBe(false);
    expect(coverage.selects(two)).toBe(true);
    expect(ledger('arn:one').selects(one)).toBe(true);
    expect(coverage.selects(scope)).toBe(true);
  });
});
