import { describe, expect, it } from 'vitest';
import type { Verification } from '../verification/facts.ts';
import { evaluateProtection } from './evaluate-protection.ts';
import { headline } from './headline.ts';
import { configWith, database, daysAgo, minutesAgo, now, point, protectedResource } from './protection-fixtures.ts';
import { protectionTable } from './protection-table.ts';

const hourly = configWith({ rpoMinutes: 60 });
const nothing = { findings: [], unchecked: [], verifications: [] };

const named = (name: string, minutes: number) =>
  protectedResource(hourly, {
    resource: { type: 'rds-instance', id: `arn:aws:rds:us-east-1:123456789012:db:${name}`, name },
    points: [point({ restorableTo: minutesAgo(minutes) })],
  });

const waiting = (days: number): Verification => ({
  resource: { type: 's3-verification', id: 's3://nycmg-masters/', name: 'masters' },
  configId: 'masters',
  objects: 10,
  bytes: 1000,
  verifiedObjects: 0,
  verifiedBytes: 0,
  archivedObjects: 0,
  oldestUnverifiedSince: daysAgo(days),
  oldestUnverifiedKey: 'a',
  altered: [],
  alteredCount: 0,
  unreadable: [],
  unreadableCount: 0,
});

describe('the headline', () => {
  it('counts what could be restored as asked', () => {
    const items = [named('nycmg-a', 5), named('nycmg-b', 5)];
    expect(headline(items, nothing, now)).toBe('2 of 2 resources could be restored as their policies ask.');
  });

  it('names what is in no policy, the worst RPO by its factor, the oldest unread object and what was not seen', () => {
    const items = [named('nycmg-a', 5), named('nycmg-b', 90), named('nycmg-c', 200), named('stranger', 5)];
    const unchecked = [{ resource: { type: 'backup-vault', id: 'v', name: 'v' }, reason: 'throttled', detail: '' }];
    const { findings } = evaluateProtection(items, hourly, now);
    expect(headline(items, { findings, unchecked, verifications: [waiting(3), waiting(40)] }, now)).toBe(
      '1 of 3 resources could be restored as their policies ask; 1 is in no policy; the worst RPO is that of nycmg-c, 3 h 20 min ' +
        'against 1 h; the oldest object that was not read again has waited 40 days; 1 could not be looked at.',
    );
  });

  it('does not speak of a stopped database’s RPO', () => {
    const stopped = { ...named('nycmg-a', 9_000), database: database({ status: 'stopped' }) };
    const { findings } = evaluateProtection([stopped], hourly, now);
    expect(headline([stopped], { ...nothing, findings }, now)).toBe(
      '1 of 1 resources could be restored as their policies ask.',
    );
  });

  it('does not count as good what could not be judged', () => {
    const item = named('nycmg-a', 5);
    const unchecked = [{ resource: item.resource, reason: 'partly-seen', detail: '' }];
    expect(headline([item], { ...nothing, unchecked }, now)).toMatch(/^0 of 1 resources/);
  });
});

describe('what counts in the headline', () => {
  it('is no read replica, of which nothing is asked', () => {
    const replica = { ...named('nycmg-b', 5), database: database({ replicaOf: 'nycmg-a' }) };
    expect(headline([named('nycmg-a', 5), replica], nothing, now)).toMatch(/^1 of 1 resources/);
  });

  it('is as good only what can be restored, however new it is', () => {
    const young = { ...named('nycmg-a', 5), createdAt: minutesAgo(5), points: [] };
    expect(headline([young], nothing, now)).toMatch(/^0 of 1 resources/);
  });
});

describe('the table', () => {
  it('names the account of a copy that is in another one', () => {
    const own = { ...named('nycmg-a', 5).resource, account: '123456789012' };
    const points = [point(), point({ account: '210987654321', region: 'us-west-2' })];
    const [row] = protectionTable([protectedResource(hourly, { resource: own, points })], new Set(), now).rows;
    expect(row?.copies).toBe('us-east-1, us-west-2 (210987654321)');
  });

  it('does not say of what nobody could ask that it can be deleted', () => {
    const immutable = (...known: (boolean | undefined)[]) =>
      protectionTable(
        [protectedResource(hourly, { points: known.map((isImmutable) => point({ isImmutable })) })],
        new Set(),
        now,
      ).rows[0]?.isImmutable;
    expect([immutable(false), immutable(false, undefined), immutable(undefined, true)]).toEqual([false, null, true]);
  });

  it('has a row for each resource, with null for what is not known or not asked', () => {
    const { rows, columns } = protectionTable([named('nycmg-b', 5), named('nycmg-a', 61)], new Set(), now);
    expect(
      rows.map(({ name, rpoTargetMinutes, rpoActualMinutes }) => [name, rpoTargetMinutes, rpoActualMinutes]),
    ).toEqual([
      ['nycmg-a', 60, 61],
      ['nycmg-b', 60, 5],
    ]);
    expect(rows[0]).toMatchObject({ rtoTargetMinutes: null, rtoMeasuredMinutes: null, restoreProvenAt: null });
    for (const { key } of columns) expect(rows[0]).toHaveProperty(key);
  });

  it('begins with what is at fault', () => {
    const items = [named('nycmg-a', 5), named('nycmg-b', 61)];
    const atFault = new Set(['arn:aws:rds:us-east-1:123456789012:db:nycmg-b']);
    expect(protectionTable(items, atFault, now).rows.map(({ name }) => name)).toEqual(['nycmg-b', 'nycmg-a']);
  });

  it('shows a retention without end as a number that JSON can hold', () => {
    const item = protectedResource(hourly, { points: [point({ method: 'recovery-point', deleteAt: undefined })] });
    expect(protectionTable([item], new Set(), now).rows[0]?.retentionDays).toBe(365_250);
  });

  it('has an empty row for a resource with nothing at all', () => {
    const item = protectedResource(hourly, { points: [], requirement: undefined });
    expect(protectionTable([item], new Set(), now).rows[0]).toMatchObject({
      policies: null,
      rpoActualMinutes: null,
      copies: null,
    });
  });
});
