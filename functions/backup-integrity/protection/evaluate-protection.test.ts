import { describe, expect, it } from 'vitest';
import type { BackupConfig } from '../config.ts';
import { evaluateProtection } from './evaluate-protection.ts';
import type { ProtectedResource } from './protected-resource.ts';
import {
  configWith,
  database,
  daysAgo,
  minutesAgo,
  now,
  point,
  proof,
  protectedResource,
} from './protection-fixtures.ts';

/** Returns `rule severity` of each finding and `unchecked: reason` of what could not be judged. */
function judged(config: BackupConfig, details: Partial<ProtectedResource> = {}): string[] {
  const { findings, unchecked } = evaluateProtection([protectedResource(config, details)], config, now);
  return [
    ...findings.map(({ rule, severity }) => `${rule} ${severity}`),
    ...unchecked.map(({ reason }) => `unchecked: ${reason}`),
  ];
}

const hourly = configWith({ rpoMinutes: 60 });
const stranger = { type: 's3-bucket', id: 'arn:aws:s3:::elsewhere', name: 'elsewhere' };
const somewhereHidden = [{ name: 'the vault nycmg-locked', account: '123456789012', region: 'us-west-2' }];

describe('unprotected', () => {
  it('finds what no policy selects and nothing can restore', () => {
    expect(judged(hourly, { resource: stranger, points: [] })).toEqual(['unprotected high']);
  });

  it('finds what no policy selects less badly when there is a backup all the same', () => {
    expect(judged(hourly, { resource: stranger })).toEqual(['unprotected medium']);
  });

  it('accepts what a policy says may be unprotected, with nothing to restore from', () => {
    const config = configWith({ mayBeUnprotected: 'kept in version control' });
    expect(judged(config, { points: [] })).toEqual([]);
  });

  it('asks nothing of a read replica: its source is judged', () => {
    const replica = database({ replicaOf: 'nycmg-rights' });
    expect(judged(hourly, { resource: stranger, points: [], database: replica })).toEqual([]);
    expect(judged(hourly, { points: [], database: replica })).toEqual([]);
  });
});

describe('no-restore-point', () => {
  it('finds a resource with no points, and one whose points are all unusable', () => {
    expect(judged(hourly, { points: [] })).toEqual(['no-restore-point critical']);
    const bad = point({ state: 'bad', status: 'failed' });
    const unfinished = point({ state: 'unfinished', status: 'creating' });
    expect(judged(hourly, { points: [unfinished, bad] })).toEqual(['no-restore-point critical']);
  });

  it('does not page for a bucket with versions, or a copy that nobody compares', () => {
    expect(judged(hourly, { points: [], unproven: ['earlier versions'] })).toEqual(['no-restore-point high']);
    expect(judged(hourly, { points: [], unproven: [] })).toEqual(['no-restore-point critical']);
  });

  it('grants a new resource its grace, to the minute', () => {
    expect(judged(hourly, { points: [], createdAt: minutesAgo(1439) })).toEqual([]);
    expect(judged(hourly, { points: [], createdAt: minutesAgo(1440) })).toEqual(['no-restore-point critical']);
  });

  it('judges a resource whose age is not known', () => {
    expect(judged(hourly, { points: [], createdAt: undefined })).toEqual(['no-restore-point critical']);
  });

  it('does not accuse when a point may be in what could not be read', () => {
    expect(judged(hourly, { points: [], blindSpots: somewhereHidden })).toEqual(['unchecked: partly-seen']);
  });

  it('accuses whatever hides other things than points', () => {
    const blindSpots = somewhereHidden.map((spot) => ({ ...spot, hides: 'restores' as const }));
    expect(judged(hourly, { points: [], blindSpots })).toEqual(['no-restore-point critical']);
  });

  it('does not accuse on the strength of a status that nobody knows', () => {
    const odd = point({ state: 'unknown', status: 'SOMETHING_NEW' });
    expect(judged(hourly, { points: [odd] })).toEqual(['unchecked: unknown-status']);
    expect(judged(hourly, { points: [odd, point({ restorableTo: minutesAgo(60) })] })).toEqual([]);
  });

  it.each(['dynamodb-table', 'efs-file-system', 'fsx-file-system'])(
    'wakes nobody up for a %s, which may have backups of its own',
    (type) => {
      const resource = { type, id: 'arn:of:it', name: 'nycmg-sessions' };
      expect(judged(hourly, { resource, points: [] })).toEqual(['no-restore-point high']);
      expect(judged(hourly, { resource, points: [point({ restorableTo: daysAgo(30) })] })).toEqual([
        'rpo-exceeded high',
      ]);
    },
  );
});

describe('rpo-exceeded', () => {
  it('accepts a point that is exactly as old as may be lost, and finds one a minute older', () => {
    expect(judged(hourly, { points: [point({ restorableTo: minutesAgo(60) })] })).toEqual([]);
    expect(judged(hourly, { points: [point({ restorableTo: minutesAgo(61) })] })).toEqual(['rpo-exceeded high']);
  });

  it('is critical once backups have plainly stopped: for a day, and for more than twice the target', () => {
    expect(judged(hourly, { points: [point({ restorableTo: minutesAgo(1440) })] })).toEqual(['rpo-exceeded high']);
    expect(judged(hourly, { points: [point({ restorableTo: minutesAgo(1441) })] })).toEqual(['rpo-exceeded critical']);
    const daily = configWith({ rpoMinutes: 1440 });
    expect(judged(daily, { points: [point({ restorableTo: minutesAgo(2880) })] })).toEqual(['rpo-exceeded high']);
    expect(judged(daily, { points: [point({ restorableTo: minutesAgo(2881) })] })).toEqual(['rpo-exceeded critical']);
  });

  it('takes the newest usable point, whichever way it was made, not the newest of all', () => {
    const points = [
      point({ state: 'unfinished', status: 'creating', restorableTo: minutesAgo(1) }),
      point({ method: 'recovery-point', restorableTo: minutesAgo(50) }),
      point({ method: 'point-in-time', restorableTo: minutesAgo(180) }),
    ];
    expect(judged(hourly, { points })).toEqual([]);
    expect(judged(hourly, { points: [points[0], points[2]].filter((one) => one !== undefined) })).toEqual([
      'rpo-exceeded high',
    ]);
  });

  it('says nothing of a stopped database, in which nothing new is', () => {
    const points = [point({ restorableTo: daysAgo(3) })];
    expect(judged(hourly, { points, database: database({ status: 'stopped' }) })).toEqual([]);
  });

  it('takes a point of the future for one of now: clocks differ', () => {
    expect(judged(hourly, { points: [point({ restorableTo: minutesAgo(-3) })] })).toEqual([]);
  });

  it('stands for a database with continuous backup whatever else could not be read', () => {
    const points = [point({ method: 'point-in-time', restorableTo: minutesAgo(180) })];
    expect(judged(hourly, { points, database: database(), blindSpots: somewhereHidden })).toEqual([
      'rpo-exceeded high',
    ]);
    expect(judged(hourly, { points, blindSpots: somewhereHidden })).toEqual(['unchecked: partly-seen']);
  });
});

describe('retention-short', () => {
  const monthly = configWith({ retentionDays: 30 });

  it('accepts the days asked for and finds one less', () => {
    expect(judged(monthly, { points: [point()] })).toEqual([]);
    const short = point({ deleteAt: new Date(minutesAgo(60).getTime() + 29 * 86_400_000) });
    expect(judged(monthly, { points: [short] })).toEqual(['retention-short medium']);
  });

  it('counts what automated backups keep, and a recovery point without end', () => {
    const continuous = point({ method: 'point-in-time', createdAt: undefined, deleteAt: undefined });
    const kept = (days: number) => database({ backupRetentionDays: days });
    expect(judged(monthly, { points: [continuous], database: kept(35) })).toEqual([]);
    expect(judged(monthly, { points: [continuous], database: kept(7) })).toEqual(['retention-short medium']);
    expect(judged(monthly, { points: [point({ method: 'recovery-point', deleteAt: undefined })] })).toEqual([]);
  });

  it('does not take one manual snapshot, which nothing deletes, for a retention', () => {
    const manual = point({ deleteAt: undefined, restorableTo: daysAgo(3) });
    expect(judged(monthly, { points: [manual], database: database({ backupRetentionDays: 7 }) })).toEqual([
      'retention-short medium',
    ]);
    const old = point({ deleteAt: undefined, restorableTo: daysAgo(700) });
    expect(judged(monthly, { points: [old] })).toEqual(['retention-short medium']);
  });

  it('takes manual snapshots that are made regularly to be kept as long as the oldest of them is', () => {
    const manual = (days: number) => point({ deleteAt: undefined, restorableTo: daysAgo(days) });
    expect(judged(monthly, { points: [manual(31), manual(32)] })).toEqual([]);
    expect(judged(monthly, { points: [manual(32), manual(33)] })).toEqual(['retention-short medium']);
  });

  it('is not met by the one point of the year that is kept for years', () => {
    const kept = (age: number, days: number, details = {}) =>
      point({ method: 'recovery-point', restorableTo: daysAgo(age), deleteAt: daysAgo(age - days), ...details });
    const copyOfAnnual = kept(2, 2557, { region: 'us-west-2' });
    const nightly = [kept(0, 7), kept(1, 7)];
    expect(judged(monthly, { points: [...nightly, kept(2, 2557), copyOfAnnual] })).toEqual(['retention-short medium']);
    expect(judged(monthly, { points: [...nightly, kept(32, 2557), kept(398, 2557)] })).toEqual([
      'retention-short medium',
    ]);
    expect(judged(monthly, { points: [...nightly, kept(2, 30), kept(31, 30)] })).toEqual([]);
    expect(judged(monthly, { points: [kept(40, 2557)] })).toEqual([]);
  });

  it('counts how far back a continuous backup of AWS Backup reaches', () => {
    const continuous = (days: number) =>
      point({ method: 'recovery-point', createdAt: undefined, restorableTo: daysAgo(0), deleteAt: daysAgo(-days) });
    expect(judged(monthly, { points: [continuous(30)] })).toEqual([]);
    expect(judged(monthly, { points: [continuous(29)] })).toEqual(['retention-short medium']);
  });

  it('takes artifacts to be kept as long as the oldest of them is', () => {
    const artifact = (days: number) => point({ method: 'artifact', restorableTo: daysAgo(days), deleteAt: undefined });
    expect(judged(monthly, { points: [artifact(0), artifact(31)] })).toEqual([]);
    expect(judged(monthly, { points: [artifact(0), artifact(20)] })).toEqual(['retention-short medium']);
  });

  it('finds a replica alone to keep nothing', () => {
    expect(judged(monthly, { points: [point({ method: 'replica' })] })).toEqual(['retention-short medium']);
  });
});

describe('copy-missing', () => {
  const copied = configWith({ rpoMinutes: 60, copies: { regions: ['us-west-2'], lagMinutes: 240 } });
  const west = (minutes: number) => point({ region: 'us-west-2', restorableTo: minutesAgo(minutes) });

  it('finds a region without any copy, and one whose copy is too old by a minute', () => {
    expect(judged(copied)).toEqual(['copy-missing high']);
    expect(judged(copied, { points: [point(), west(300)] })).toEqual([]);
    expect(judged(copied, { points: [point(), west(301)] })).toEqual(['copy-missing high']);
  });

  it('finds each place for itself, accounts too', () => {
    const config = configWith({ copies: { regions: ['us-west-2', 'eu-west-1'], accounts: ['210987654321'] } });
    const { findings } = evaluateProtection([protectedResource(config)], config, now);
    expect(findings.map(({ discriminator }) => discriminator)).toEqual(['us-west-2', 'eu-west-1', '210987654321']);
    const elsewhere = point({ account: '210987654321', region: 'eu-west-1' });
    expect(judged(config, { points: [point(), elsewhere] })).toEqual(['copy-missing high']);
  });

  it('does not accuse a region that could not be looked into, and does one that could', () => {
    expect(judged(copied, { blindSpots: somewhereHidden })).toEqual(['unchecked: partly-seen']);
    const elsewhere = [{ name: 'vaults', account: '123456789012', region: 'eu-west-1' }];
    expect(judged(copied, { blindSpots: elsewhere })).toEqual(['copy-missing high']);
  });

  it('asks no newer one of a stopped database, and one all the same', () => {
    const stopped = database({ status: 'stopped' });
    expect(judged(copied, { points: [point(), west(9000)], database: stopped })).toEqual([]);
    expect(judged(copied, { database: stopped })).toEqual(['copy-missing high']);
  });

  it('does not count a copy that failed', () => {
    const failed = point({ region: 'us-west-2', state: 'bad', status: 'PARTIAL' });
    expect(judged(copied, { points: [point(), failed] })).toEqual(['copy-missing high']);
  });
});

describe('not-immutable', () => {
  const locked = configWith({ rpoMinutes: 60, immutable: true });

  it('accepts a locked point that is at most a day and two hours older than the RPO', () => {
    const immutable = (minutes: number) => point({ isImmutable: true, restorableTo: minutesAgo(minutes) });
    expect(judged(locked, { points: [point(), immutable(1620)] })).toEqual([]);
    expect(judged(locked, { points: [point(), immutable(1621)] })).toEqual(['not-immutable high']);
    expect(judged(locked)).toEqual(['not-immutable high']);
  });

  it('asks no newer one of a stopped database, and one all the same', () => {
    const stopped = database({ status: 'stopped' });
    const old = point({ isImmutable: true, restorableTo: daysAgo(5) });
    expect(judged(locked, { points: [old], database: stopped })).toEqual([]);
    expect(judged(locked, { database: stopped })).toEqual(['not-immutable high']);
  });

  it('does not know when a copy elsewhere could not be asked', () => {
    expect(judged(locked, { points: [point(), point({ isImmutable: undefined })] })).toEqual([
      'unchecked: partly-seen',
    ]);
  });
});

describe('annual-missing', () => {
  const yearly = configWith({ annual: { retentionDays: 2557 } });
  const longTerm = (age: number, kept: number | undefined) =>
    point({
      restorableTo: daysAgo(age),
      createdAt: daysAgo(age),
      deleteAt: kept === undefined ? undefined : new Date(daysAgo(age).getTime() + kept * 86_400_000),
    });

  it('accepts a point of the last year that is kept for seven years or without end', () => {
    expect(judged(yearly, { points: [point(), longTerm(366, 2557)] })).toEqual([]);
    expect(judged(yearly, { points: [point(), longTerm(300, undefined)] })).toEqual([]);
  });

  it('finds one that is too old, and one that is kept too short', () => {
    expect(judged(yearly, { points: [point(), longTerm(367, 2557)] })).toEqual(['annual-missing medium']);
    expect(judged(yearly, { points: [point(), longTerm(100, 2556)] })).toEqual(['annual-missing medium']);
  });

  it('waits a year for a new resource', () => {
    expect(judged(yearly, { createdAt: daysAgo(365) })).toEqual([]);
    expect(judged(yearly, { createdAt: daysAgo(366) })).toEqual(['annual-missing medium']);
  });
});

describe('restore-unproven and rto-exceeded', () => {
  const drilled = configWith({ rpoMinutes: 60, rtoMinutes: 120, restoreTestDays: 35 });

  it('accept a validated restore in time', () => {
    expect(judged(drilled, { proofs: [proof()] })).toEqual([]);
    expect(judged(drilled, { proofs: [proof({ startedAt: minutesAgo(1560) })] })).toEqual([]);
    expect(judged(drilled, { proofs: [proof({ startedAt: minutesAgo(1561) })] })).toEqual(['rto-exceeded high']);
  });

  it('find that nothing was ever restored, even when no test is asked for: an RTO that nobody measured', () => {
    expect(judged(drilled)).toEqual(['restore-unproven medium']);
    expect(judged(configWith({ rtoMinutes: 120 }))).toEqual(['restore-unproven low']);
  });

  it('find a restore that was too long ago, to the day', () => {
    const ago = (days: number) => proof({ startedAt: daysAgo(days + 0.01), finishedAt: daysAgo(days) });
    expect(judged(drilled, { proofs: [ago(35)] })).toEqual([]);
    expect(judged(drilled, { proofs: [ago(35.1)] })).toEqual(['restore-unproven medium']);
  });

  it('find a restore that nobody validated, and do not count one that failed', () => {
    expect(judged(drilled, { proofs: [proof({ validation: undefined })] })).toEqual(['restore-unproven low']);
    expect(judged(drilled, { proofs: [proof({ validation: 'TIMED_OUT' })] })).toEqual(['restore-unproven low']);
    expect(judged(drilled, { proofs: [proof({ validation: 'FAILED' })] })).toEqual(['restore-unproven medium']);
    expect(judged(drilled, { proofs: [proof({ isCompleted: false, status: 'FAILED' })] })).toEqual([
      'restore-unproven medium',
    ]);
  });

  it('do not accuse when restore jobs could not be listed', () => {
    expect(judged(drilled, { blindSpots: somewhereHidden })).toEqual(['unchecked: partly-seen']);
  });
});

describe('restore-blocked', () => {
  const key = 'arn:aws:kms:us-east-1:123456789012:key/1';
  const keys = (state: 'usable' | 'blocked') =>
    new Map([[key, { arn: key, state, detail: 'PendingDeletion', managedBy: 'customer' as const }]]);

  it('is critical when no backup can be decrypted any more, and high when some cannot', () => {
    const encrypted = point({ kmsKeyArn: key });
    expect(judged(hourly, { points: [encrypted], keys: keys('blocked') })).toEqual(['restore-blocked critical']);
    expect(judged(hourly, { points: [encrypted, point()], keys: keys('blocked') })).toEqual(['restore-blocked high']);
    expect(judged(hourly, { points: [encrypted], keys: keys('usable') })).toEqual([]);
  });

  it('is not known when the key could not be asked about', () => {
    expect(judged(hourly, { points: [point({ kmsKeyArn: key })] })).toEqual(['unchecked: partly-seen']);
  });

  it('is told whatever another key, which could not be asked about, is like', () => {
    const unseen = point({ kmsKeyArn: 'arn:aws:kms:us-east-1:123456789012:key/2' });
    const encrypted = point({ kmsKeyArn: key });
    expect(judged(hourly, { points: [unseen, encrypted], keys: keys('blocked') })).toEqual(['restore-blocked high']);
    const gone = database({ missingSubnetGroup: 'nycmg-private' });
    expect(judged(hourly, { points: [unseen], database: gone })).toEqual(['restore-blocked high']);
  });

  it('wakes nobody up for what no policy asks a backup of, and is nothing to what may be lost', () => {
    const points = [point({ kmsKeyArn: key })];
    expect(judged(hourly, { resource: stranger, points, keys: keys('blocked') })).toEqual([
      'unprotected medium',
      'restore-blocked high',
    ]);
    const config = configWith({ mayBeUnprotected: 'made anew each night' });
    expect(judged(config, { points, keys: keys('blocked') })).toEqual([]);
  });

  it('finds groups that are gone', () => {
    const gone = database({ missingSubnetGroup: 'nycmg-private', missingParameterGroups: ['nycmg-pg18'] });
    expect(judged(hourly, { database: gone })).toEqual(['restore-blocked high']);
  });
});

describe('covered-without-point', () => {
  const plan = { planName: 'nightly', planArn: 'arn:plan', ruleName: 'daily', selectionName: 'all', retentionDays: 35 };

  it('finds a plan that takes a resource in and has made nothing of it', () => {
    expect(judged(hourly, { plans: [plan] })).toEqual(['covered-without-point high']);
    expect(judged(hourly, { plans: [plan], points: [point({ method: 'recovery-point' })] })).toEqual([]);
  });

  it('does not count a point that expired', () => {
    const expired = point({ method: 'recovery-point', state: 'bad', status: 'EXPIRED' });
    expect(judged(hourly, { plans: [plan], points: [point(), expired] })).toEqual(['covered-without-point high']);
  });

  it('does not accuse when it is not known what the region has switched off', () => {
    const blindSpots = somewhereHidden.map((spot) => ({ ...spot, hides: 'settings' as const }));
    expect(judged(hourly, { plans: [plan], blindSpots })).toEqual(['unchecked: partly-seen']);
  });

  it('gives a new resource time', () => {
    expect(judged(hourly, { plans: [plan], createdAt: minutesAgo(10) })).toEqual([]);
  });

  it('waits for a rule whose time has not come since the resource was created', () => {
    // It is 03:00 on Sunday, 2026-11-22: this is due on Saturdays.
    const weekly = (schedule: string) => ({ ...plan, schedule });
    const created = { createdAt: daysAgo(3) };
    expect(judged(hourly, { plans: [weekly('cron(0 3 ? * SAT *)')], ...created })).toEqual([
      'covered-without-point high',
    ]);
    expect(judged(hourly, { plans: [weekly('cron(1 3 ? * SAT *)')], ...created })).toEqual([]);
    expect(judged(hourly, { plans: [weekly('cron(0 5 1 1 ? *)')], createdAt: daysAgo(300) })).toEqual([]);
    expect(judged(hourly, { plans: [weekly('cron(0 5 1 1 ? *)'), weekly('whenever')], ...created })).toEqual([
      'covered-without-point high',
    ]);
  });
});

describe('restore-test-leaked', () => {
  it('finds what a restore test left behind, and asks no backup of it', () => {
    const name = 'awsbackup-restore-test-0123456789abcdef';
    const resource = { type: 'rds-instance', id: `arn:aws:rds:us-east-1:123456789012:db:${name}`, name };
    expect(judged(hourly, { resource, points: [], createdAt: daysAgo(9) })).toEqual(['restore-test-leaked medium']);
    expect(judged(hourly, { resource, points: [], createdAt: minutesAgo(60) })).toEqual([]);
  });

  it('is all that is asked of it, though a plan for everything takes it in', () => {
    const name = 'awsbackup-restore-test-0123456789abcdef';
    const resource = { type: 'rds-instance', id: `arn:aws:rds:us-east-1:123456789012:db:${name}`, name };
    const plan = { planName: 'all', planArn: 'arn:plan', ruleName: 'daily', selectionName: '*', retentionDays: 35 };
    expect(judged(hourly, { resource, points: [], plans: [plan], createdAt: daysAgo(3) })).toEqual([]);
  });
});

describe('a resource that several policies select', () => {
  it('must meet the strictest of them', () => {
    const config = {
      ...hourly,
      policies: [...configWith({ rpoMinutes: 1440 }).policies, ...hourly.policies.map((one) => ({ ...one, id: 'b' }))],
    };
    expect(judged(config, { points: [point({ restorableTo: minutesAgo(90) })] })).toEqual(['rpo-exceeded high']);
  });
});
