import { describe, expect, it } from 'vitest';
import { artifact, artifactSet } from '../artifacts/artifact-fixtures.ts';
import { facts as awsBackup, point as recoveryPoint, rule, selection, vault } from '../aws-backup/facts-fixtures.ts';
import type { Bucket } from '../buckets/facts.ts';
import { configSchema } from '../config.ts';
import { database, daysAgo, hoursAgo, now, snapshot } from '../databases/database-fixtures.ts';
import type { Replica } from '../replicas/facts.ts';
import { type Facts, joinProtection } from './join.ts';

const config = configSchema.parse({});
const rights = database('rights', { createdAt: daysAgo(10), latestRestorableTime: undefined });

function joined(facts: Partial<Facts>, blindSpots: Parameters<typeof joinProtection>[3]['blindSpots'] = []) {
  const nothing = { buckets: [], others: [], artifacts: [], replicas: [], awsBackup: awsBackup() };
  const databases = { databases: [rights], snapshots: [] };
  return joinProtection({ ...nothing, databases, ...facts }, config, now, { keys: new Map(), blindSpots });
}

describe('what belongs to a bucket', () => {
  const inEast = { account: '123456789012', region: 'us-east-1' };
  const bucket = (name: string, details: Partial<Bucket> = {}): Bucket => ({
    resource: { type: 's3-bucket', id: `arn:aws:s3:::${name}`, name, ...inEast },
    tags: {},
    createdAt: daysAgo(900),
    versioning: 'enabled',
    objectLock: 'none',
    replicationRules: [],
    ...details,
  });
  const none = { count: 0, oldest: undefined, newest: undefined, examples: [] };
  const replica = (isWholeBucket: boolean): Replica => ({
    resource: { type: 's3-replica', id: 's3://nycmg-audio/ > s3://nycmg-copy/', name: 'audio', ...inEast },
    configId: 'audio',
    sourceArn: 'arn:aws:s3:::nycmg-audio',
    copy: { bucket: 'nycmg-copy', ...inEast },
    isWholeBucket,
    compared: 10,
    inFlight: 0,
    oldestInFlight: undefined,
    isPartial: false,
    differences: { missing: none, stale: none, differs: none, extra: none, 'replication-failed': none },
  });
  const audioOf = (facts: Partial<Facts>) =>
    joined(facts).find(({ resource }) => resource.name === 'nycmg-audio')?.points ?? [];

  it('is a replica of the whole of it, not one of a part', () => {
    const buckets = [bucket('nycmg-audio'), bucket('nycmg-copy')];
    expect(audioOf({ buckets, replicas: [replica(true)] })).toMatchObject([{ method: 'replica', isImmutable: false }]);
    expect(audioOf({ buckets, replicas: [replica(false)] })).toEqual([]);
  });

  it.each([
    [{ mode: 'COMPLIANCE', days: 30 } as const, true],
    [{ mode: 'GOVERNANCE', days: 30 } as const, false],
    ['no-default' as const, false],
    [undefined, undefined],
  ])('is as immutable as Object Lock makes it: %j', (objectLock, isImmutable) => {
    const buckets = [bucket('nycmg-audio'), bucket('nycmg-copy', { objectLock })];
    expect(audioOf({ buckets, replicas: [replica(true)] })).toMatchObject([{ isImmutable }]);
  });

  it('is an artifact that is said to protect it, as immutable as the bucket that it is in', () => {
    const set = artifactSet([artifact(3)], { protects: 'arn:aws:s3:::nycmg-audio' });
    const buckets = [bucket('nycmg-audio'), bucket('nycmg-backups', { objectLock: { mode: 'COMPLIANCE', days: 30 } })];
    expect(audioOf({ buckets, artifacts: [set] })).toMatchObject([{ method: 'artifact', isImmutable: true }]);
    expect(audioOf({ buckets, artifacts: [{ ...set, protects: 'arn:aws:s3:::other' }] })).toEqual([]);
  });
});

describe('what belongs to a database', () => {
  const made = (daysBefore: number) =>
    recoveryPoint({ protectedArn: rights.resource.id, createdAt: daysAgo(daysBefore) }, `of-${daysBefore}`);

  it('is no recovery point of another one that had its name before it was created', () => {
    const held = awsBackup({ vaults: [vault()], recoveryPoints: [made(2), made(11)] });
    expect(joined({ awsBackup: held })[0]?.points.map(({ restorableTo }) => restorableTo)).toEqual([daysAgo(2)]);
  });

  it('is a snapshot of AWS Backup once, as its vault knows it', () => {
    const taken = snapshot('rights', hoursAgo(3), { type: 'awsbackup' });
    const inVault = recoveryPoint({
      resource: { ...recoveryPoint().resource, id: taken.resource.id },
      protectedArn: rights.resource.id,
      createdAt: hoursAgo(3),
    });
    const databases = { databases: [rights], snapshots: [taken] };
    const held = awsBackup({ vaults: [vault()], recoveryPoints: [inVault] });
    expect(joined({ databases, awsBackup: held })[0]?.points).toMatchObject([{ method: 'recovery-point' }]);
    expect(joined({ databases })[0]?.points).toMatchObject([{ method: 'snapshot' }]);
  });

  it('is a plan only when its type, which the engine tells, is switched on where it is', () => {
    const all = selection({ resources: ['*'] });
    const plansOf = (engine: string, optedOut: string) => {
      const resource = { ...rights.resource, type: 'rds-cluster', id: rights.resource.id.replace(':db:', ':cluster:') };
      const databases = { databases: [{ ...rights, resource, engine }], snapshots: [] };
      const off = new Set([`123456789012/us-east-1/${optedOut}`]);
      return joined({ databases, awsBackup: awsBackup({ rules: [rule()], selections: [all], optedOut: off }) })[0]
        ?.plans.length;
    };
    expect(plansOf('docdb', 'DocumentDB')).toBe(0);
    expect(plansOf('docdb', 'Aurora')).toBe(1);
    expect(plansOf('neptune', 'Neptune')).toBe(0);
    expect(plansOf('aurora-postgresql', 'Aurora')).toBe(0);
    // A cluster in several zones that is not of Aurora.
    expect(plansOf('postgres', 'RDS')).toBe(0);
    expect(plansOf('postgres', 'Aurora')).toBe(1);
  });

  it('is hidden only where something of it may be', () => {
    const anywhere = { account: undefined, region: undefined };
    const spots = [
      { name: 'vault', ...anywhere },
      { name: 'snapshots', of: 'databases', ...anywhere },
      { name: 'replica', of: 'arn:aws:s3:::nycmg-audio', ...anywhere },
    ];
    expect(joined({}, spots)[0]?.blindSpots.map(({ name }) => name)).toEqual(['vault', 'snapshots']);
  });
});
