import { describe, expect, it } from 'vitest';
import { facts as awsBackup, point as recoveryPoint, rule, selection, vault } from '../aws-backup/facts-fixtures.ts';
import { configSchema } from '../config.ts';
import { database, daysAgo, hoursAgo, now, snapshot } from '../databases/database-fixtures.ts';
import { type Facts, joinProtection } from './join.ts';

const config = configSchema.parse({});
const rights = database('rights', { createdAt: daysAgo(10), latestRestorableTime: undefined });

function joined(facts: Partial<Facts>, blindSpots: Parameters<typeof joinProtection>[3]['blindSpots'] = []) {
  const nothing = { buckets: [], others: [], artifacts: [], replicas: [], awsBackup: awsBackup() };
  const databases = { databases: [rights], snapshots: [] };
  return joinProtection({ ...nothing, databases, ...facts }, config, now, { keys: new Map(), blindSpots });
}

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
