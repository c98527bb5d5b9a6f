import { describe, expect, test } from 'vitest';
import { configSchema } from '../config.ts';
import type { Config } from '../context.ts';
import {
  arnOf,
  database,
  daysAgo,
  factsOf,
  hoursAgo,
  minutesAgo,
  now,
  snapshot,
  snapshotResource,
} from './database-fixtures.ts';
import { evaluateDatabases } from './evaluate-databases.ts';
import type { Database, DatabaseFacts, Snapshot } from './facts.ts';

const config = configSchema.parse({ trustedAccounts: ['210987654321'] });

/** Returns `rule severity` of every finding. */
function rulesIn(facts: DatabaseFacts, given: Config = config): string[] {
  return evaluateDatabases(facts, given, now).findings.map(({ rule, severity }) => `${rule} ${severity}`);
}

const ofDatabase = (details: Partial<Database>, given?: Config) =>
  rulesIn(factsOf([database('rights', details)]), given);
const ofSnapshot = (details: Partial<Snapshot>, createdAt: Date | undefined = daysAgo(1)) =>
  rulesIn(factsOf([], [snapshot('rights', createdAt, details)]));

const reasonsIn = (facts: DatabaseFacts) => evaluateDatabases(facts, config, now).unchecked.map(({ reason }) => reason);

test('a healthy database with its snapshots breaks no rule', () => {
  const facts = factsOf([database('rights')], [snapshot('rights', daysAgo(1)), snapshot('rights', daysAgo(2))]);
  expect(evaluateDatabases(facts, config, now)).toEqual({ findings: [], unchecked: [] });
});

describe('backups-disabled', () => {
  test('a retention of 0 days is off, of 1 day is on', () => {
    expect(ofDatabase({ backupRetentionDays: 0 })).toEqual(['backups-disabled high']);
    expect(ofDatabase({ backupRetentionDays: 1 })).toEqual([]);
  });

  test('a new database is left alone for as long as the configuration says', () => {
    const off = { backupRetentionDays: 0 };
    expect(ofDatabase({ ...off, createdAt: minutesAgo(1439) })).toEqual([]);
    expect(ofDatabase({ ...off, createdAt: minutesAgo(1440) })).toEqual(['backups-disabled high']);
    expect(ofDatabase({ ...off, createdAt: undefined })).toEqual(['backups-disabled high']);
  });

  test('a replica has its source’s backups, be it named or in another region', () => {
    const source = database('rights');
    const replica = (replicaOf: string) => database('replica', { replicaOf, backupRetentionDays: 0 });
    expect(rulesIn(factsOf([source, replica('rights')]))).toEqual([]);
    expect(rulesIn(factsOf([source, replica(source.resource.id)]))).toEqual([]);
    expect(rulesIn(factsOf([source, replica(arnOf('db', 'rights', 'eu-west-1'))]))).toEqual([
      'backups-disabled medium',
    ]);
  });

  test('what a policy says may be unprotected needs none', () => {
    const policies = [{ id: 'scratch', select: { ids: ['rights'] }, mayBeUnprotected: 'made anew each night' }];
    const given = configSchema.parse({ policies });
    expect(ofDatabase({ backupRetentionDays: 0, hasDeletionProtection: false }, given)).toEqual([]);
    expect(ofDatabase({ isStorageEncrypted: false }, given)).toEqual(['not-encrypted medium']);
  });

  test('a database of which RDS does not tell is unchecked', () => {
    const facts = factsOf([database('rights', { backupRetentionDays: undefined })]);
    expect(rulesIn(facts)).toEqual([]);
    expect(reasonsIn(facts)).toEqual(['not-told']);
  });
});

describe('deletion-protection-off', () => {
  test('a database that can be deleted by one call is told, a replica is not', () => {
    expect(ofDatabase({ hasDeletionProtection: false })).toEqual(['deletion-protection-off medium']);
    expect(ofDatabase({ hasDeletionProtection: false, replicaOf: 'tracks' })).toEqual([]);
    expect(reasonsIn(factsOf([database('rights', { hasDeletionProtection: undefined })]))).toEqual(['not-told']);
  });
});

test('what a restore test made, and what is being deleted, is left alone', () => {
  const bad = { backupRetentionDays: 0, hasDeletionProtection: false, isStorageEncrypted: false };
  expect(rulesIn(factsOf([database('awsbackup-restore-test-1a2b', bad)]))).toEqual([]);
  expect(ofDatabase({ ...bad, status: 'deleting' })).toEqual([]);
  expect(ofDatabase({ ...bad, status: 'stopped' })).toHaveLength(3);
});

describe('not-encrypted', () => {
  const bare = database('rights', { isStorageEncrypted: false });

  test.each(['automated', 'awsbackup'])('an unencrypted database is told once, not for each %s snapshot', (type) => {
    const automated = snapshot('rights', daysAgo(1), { type, isEncrypted: false });
    expect(rulesIn(factsOf([bare], [automated]))).toEqual(['not-encrypted medium']);
    expect(rulesIn(factsOf([database('rights')], [automated]))).toEqual(['not-encrypted medium']);
  });

  test('a manual snapshot stays when its database is mended, and is told for itself', () => {
    const manual = snapshot('rights', daysAgo(1), { isEncrypted: false });
    expect(rulesIn(factsOf([bare], [manual]))).toEqual(['not-encrypted medium', 'not-encrypted medium']);
    expect(ofSnapshot({ isEncrypted: false, status: 'deleting' })).toEqual([]);
    expect(ofSnapshot({ isEncrypted: false, status: 'failed' })).toEqual(['snapshot-failed high']);
  });

  test('what RDS does not tell is unchecked', () => {
    expect(reasonsIn(factsOf([database('rights', { isStorageEncrypted: undefined })]))).toEqual(['not-told']);
    expect(reasonsIn(factsOf([], [snapshot('rights', daysAgo(1), { isEncrypted: undefined })]))).toEqual(['not-told']);
  });
});

describe('snapshot-public and snapshot-shared', () => {
  test('a snapshot that anybody can restore is critical', () => {
    expect(ofSnapshot({ sharedWith: ['all'] })).toEqual(['snapshot-public critical']);
    expect(ofSnapshot({ sharedWith: [] })).toEqual([]);
  });

  test('a snapshot that a stranger can restore is told, with the stranger, and a trusted account is not', () => {
    expect(ofSnapshot({ sharedWith: ['210987654321'] })).toEqual([]);
    const shared = snapshot('rights', daysAgo(1), { sharedWith: ['210987654321', '999988887777'] });
    const [finding] = evaluateDatabases(factsOf([], [shared]), config, now).findings;
    expect(finding).toMatchObject({
      rule: 'snapshot-shared',
      severity: 'high',
      evidence: { accounts: ['999988887777'] },
    });
    expect(finding?.summary).toContain('999988887777');
  });

  test('one that is public and shared is both', () => {
    expect(ofSnapshot({ sharedWith: ['all', '999988887777'] })).toEqual([
      'snapshot-public critical',
      'snapshot-shared high',
    ]);
  });

  test('one whose sharing is not known is unchecked', () => {
    const facts = factsOf([], [snapshot('rights', daysAgo(1), { sharedWith: undefined })]);
    expect(rulesIn(facts)).toEqual([]);
    expect(new Set(reasonsIn(facts))).toEqual(new Set(['sharing-unknown']));
  });
});

describe('snapshot-failed', () => {
  const failed = snapshot('rights', daysAgo(2), { status: 'failed' });

  test('a failure is serious until a good one has been made after it', () => {
    expect(rulesIn(factsOf([], [failed]))).toEqual(['snapshot-failed high']);
    expect(rulesIn(factsOf([], [failed, snapshot('rights', daysAgo(3))]))).toEqual(['snapshot-failed high']);
    expect(rulesIn(factsOf([], [failed, snapshot('tracks', daysAgo(1))]))).toEqual(['snapshot-failed high']);
    expect(rulesIn(factsOf([], [failed, snapshot('rights', daysAgo(1))]))).toEqual(['snapshot-failed low']);
  });

  test.each(['incompatible-restore', 'incompatible-parameters'])('%s cannot be restored either', (status) => {
    expect(ofSnapshot({ status })).toEqual(['snapshot-failed high']);
  });

  test('one of which nobody knows when it failed is not made good by another', () => {
    const undated = snapshot('rights', undefined, { status: 'failed' });
    expect(rulesIn(factsOf([], [undated, snapshot('rights', daysAgo(1))]))).toEqual(['snapshot-failed high']);
  });

  test('a status that nobody has heard of is unchecked, and one being deleted is nothing', () => {
    const odd = factsOf([], [snapshot('rights', daysAgo(1), { status: 'from-the-future' })]);
    expect(rulesIn(odd)).toEqual([]);
    expect(reasonsIn(odd)).toEqual(['unknown-status']);
    const leaving = factsOf([], [snapshot('rights', daysAgo(1), { status: 'deleting' })]);
    expect(evaluateDatabases(leaving, config, now)).toEqual({ findings: [], unchecked: [] });
  });

  test('a good one without a date is unchecked: nobody knows what it restores to', () => {
    expect(reasonsIn(factsOf([], [snapshot('rights', undefined)]))).toEqual(['date-unreadable']);
  });
});

describe('snapshot-stuck', () => {
  test.each(['creating', 'copying', 'pending'])('%s for a day is no fault, for longer is', (status) => {
    expect(ofSnapshot({ status }, hoursAgo(24))).toEqual([]);
    expect(ofSnapshot({ status }, minutesAgo(24 * 60 + 1))).toEqual(['snapshot-stuck medium']);
  });

  test('an automated one that has no time yet is as old as its name says', () => {
    const named = (name: string) =>
      factsOf(
        [],
        [snapshot('rights', undefined, { status: 'creating', type: 'automated', resource: snapshotResource(name) })],
      );
    expect(evaluateDatabases(named('rds:rights-2026-11-22-02-30'), config, now)).toEqual({
      findings: [],
      unchecked: [],
    });
    expect(rulesIn(named('rds:rights-2026-11-20-02-30'))).toEqual(['snapshot-stuck medium']);
  });

  test('a manual one that has no time yet is unchecked, not clean', () => {
    expect(reasonsIn(factsOf([], [snapshot('rights', undefined, { status: 'creating' })]))).toEqual(['age-unknown']);
  });
});

describe('size-drop', () => {
  const sized = (sizes: readonly (number | undefined)[], details: Partial<Snapshot> = {}) =>
    factsOf(
      [database('rights')],
      sizes.map((sizeBytes, index) => snapshot('rights', daysAgo(sizes.length - index), { sizeBytes, ...details })),
    );

  test('a newest snapshot far below those before it is told of the database', () => {
    const { findings } = evaluateDatabases(sized([100, 101, 102, 103, 104, 40]), config, now);
    expect(findings).toMatchObject([
      { rule: 'size-drop', severity: 'high', resource: { name: 'rights' }, evidence: { dropPercent: 60.7 } },
    ]);
  });

  test('a small change, or too short a history, is none', () => {
    expect(rulesIn(sized([100, 101, 102, 103, 104, 90]))).toEqual([]);
    expect(rulesIn(sized([101, 102, 103, 104, 40]))).toEqual([]);
  });

  test('the listing’s order does not matter', () => {
    const { databases, snapshots } = sized([100, 101, 102, 103, 104, 40]);
    expect(rulesIn({ databases, snapshots: snapshots.toReversed() })).toEqual(['size-drop high']);
  });

  test('snapshots of which RDS tells no size count for nothing', () => {
    expect(rulesIn(sized([undefined, undefined, undefined, undefined, undefined, undefined]))).toEqual([]);
    expect(rulesIn(sized([100, undefined, 102, 103, 104, 40]))).toEqual([]);
  });

  test('neither failed ones, nor copies elsewhere, nor those of a predecessor are its history', () => {
    expect(rulesIn(sized([100, 101, 102, 103, 104, 40], { status: 'failed' }))).not.toContain('size-drop high');
    expect(rulesIn(sized([100, 101, 102, 103, 104, 40], { databaseImmutableId: 'db-OLD' }))).toEqual([]);
    const { databases, snapshots } = sized([100, 101, 102, 103, 104, 100]);
    const copy = snapshot('rights', minutesAgo(5), {
      sizeBytes: 1,
      resource: snapshotResource('copy', { region: 'us-west-2' }),
    });
    expect(rulesIn({ databases, snapshots: [...snapshots, copy] })).toEqual([]);
  });
});
