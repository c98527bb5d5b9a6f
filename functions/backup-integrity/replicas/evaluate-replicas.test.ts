import { describe, expect, it } from 'vitest';
import { configSchema } from '../config.ts';
import { evaluateReplicas } from './evaluate-replicas.ts';
import type { DifferenceKind, Differences, Replica } from './facts.ts';
import { replicaRestorePoint } from './restore-point.ts';

const now = new Date('2026-11-22T12:00:00Z');
const hoursAgo = (hours: number) => new Date(now.getTime() - hours * 3_600_000);

const none: Differences = { count: 0, examples: [], oldest: undefined };

function replica(overrides: Partial<Replica> = {}, found: Partial<Record<DifferenceKind, Differences>> = {}): Replica {
  return {
    resource: { type: 's3-replica', id: 's3://a/ > s3://b/copy/', name: 'audio' },
    configId: 'audio',
    sourceArn: 'arn:aws:s3:::a',
    copy: { bucket: 'b', account: '123456789012', region: 'us-west-2' },
    isWholeBucket: true,
    compared: 100,
    inFlight: 0,
    differences: { missing: none, stale: none, differs: none, extra: none, 'replication-failed': none, ...found },
    ...overrides,
  };
}

const one = (hours: number): Differences => ({ count: 1, unconfirmed: 0, examples: ['x'], oldest: hoursAgo(hours) });

function judge(item: Replica, mayHaveExtra = true) {
  const config = configSchema.parse({
    replicas: [{ id: 'audio', source: { bucket: 'a-bucket' }, copy: { bucket: 'b-bucket' }, mayHaveExtra }],
  });
  return evaluateReplicas([item], config, now);
}

const rulesOf = (item: Replica, mayHaveExtra?: boolean) =>
  judge(item, mayHaveExtra).findings.map(({ rule, severity }) => `${rule} ${severity}`);

describe('the rules about replicas', () => {
  it.each([
    ['missing', 'replica-missing critical'],
    ['stale', 'replica-stale high'],
    ['differs', 'replica-differs critical'],
    ['replication-failed', 'replication-failed high'],
  ] as const)('find one object that is %s', (kind, expected) => {
    expect(rulesOf(replica({}, { [kind]: one(5) }))).toEqual([expected]);
  });

  it('find nothing wrong with a copy that has everything, or has it on its way', () => {
    expect(judge(replica({ inFlight: 3 }))).toEqual({ findings: [], unchecked: [] });
  });

  it('mind extra objects only where the configuration does', () => {
    const item = replica({}, { extra: { ...one(5), oldest: undefined } });
    expect(rulesOf(item)).toEqual([]);
    expect(rulesOf(item, false)).toEqual(['replica-extra low']);
  });

  it('tell how many, since when, and what nobody asked about', () => {
    const found = { count: 1_200, unconfirmed: 200, examples: ['x'], oldest: hoursAgo(30) };
    const [finding] = judge(replica({ compared: 5_000 }, { missing: found })).findings;
    expect(finding?.summary).toBe('1200 of 5000 objects are not in the copy.');
    expect(finding?.evidence).toMatchObject({
      objects: 1_200,
      unconfirmedObjects: 200,
      comparedObjects: 5_000,
      oldestWrittenAt: hoursAgo(30).toISOString(),
      examples: ['x'],
    });
  });

  it('do not pass a source without objects, unless it was not read to its end', () => {
    const empty = replica({ compared: 0 }, { extra: { ...one(1), count: 7, oldest: undefined } });
    expect(judge(empty).unchecked).toMatchObject([
      { reason: 'nothing-compared', detail: expect.stringContaining('its copy 7') },
    ]);
    expect(judge({ ...empty, isPartial: true }).unchecked).toEqual([]);
  });
});

describe('what can be restored from a replica', () => {
  it('is everything when nothing is wrong', () => {
    expect(replicaRestorePoint(replica(), now)).toMatchObject({
      method: 'replica',
      id: 's3://b/copy/',
      state: 'good',
      status: 'complete',
      restorableTo: now,
      region: 'us-west-2',
      account: '123456789012',
      isImmutable: undefined,
    });
  });

  it('is what was written before the oldest object that is not in it rightly', () => {
    const behind = replica({}, { missing: one(3), stale: one(9), differs: one(5), 'replication-failed': one(20) });
    expect(replicaRestorePoint(behind, now)).toMatchObject({ status: 'behind', restorableTo: hoursAgo(9) });
  });

  it('is what was written before the oldest object that is on its way', () => {
    expect(replicaRestorePoint(replica({ inFlight: 1, oldestInFlight: hoursAgo(0.5) }), now)?.restorableTo).toEqual(
      hoursAgo(0.5),
    );
  });

  it('is nothing when nothing was copied or compared, or not all was', () => {
    expect(replicaRestorePoint(replica({ compared: 0 }), now)).toBeUndefined();
    expect(replicaRestorePoint(replica({ isPartial: true }), now)).toBeUndefined();
    expect(replicaRestorePoint(replica({ compared: 1 }, { missing: one(1) }), now)).toBeUndefined();
    expect(replicaRestorePoint(replica({}, { missing: { ...one(1), oldest: undefined } }), now)).toBeUndefined();
  });
});
