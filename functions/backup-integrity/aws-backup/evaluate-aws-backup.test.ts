import { describe, expect, it } from 'vitest';
import type { Config } from '../context.ts';
import { task } from '../task.ts';
import { evaluateAwsBackup } from './evaluate-aws-backup.ts';
import type { AwsBackupFacts } from './facts.ts';
import {
  account,
  arnOfVault,
  database,
  daysAgo,
  facts,
  hoursAgo,
  job,
  now,
  point,
  restoreJob,
  rule,
  table,
  vault,
  vaultArn,
} from './facts-fixtures.ts';

const immutablePolicy = { id: 'critical', select: { ids: ['*'] }, immutable: true };

/** `rule severity` of every finding, and `? reason` of everything unchecked. */
function judge(given: Partial<AwsBackupFacts>, config: object = {}): string[] {
  const { findings, unchecked } = evaluate(given, config);
  return [
    ...findings.map((finding) => `${finding.rule} ${finding.severity}`),
    ...unchecked.map(({ reason }) => `? ${reason}`),
  ].sort();
}

function evaluate(given: Partial<AwsBackupFacts>, config: object = {}) {
  return evaluateAwsBackup(facts(given), task.config.parse(config) as Config, now);
}

const msAfter = (time: Date, ms: number) => new Date(time.getTime() + ms);

it('a healthy estate breaks no rule', () => {
  const healthy = {
    vaults: [vault({ minimumRetentionDays: 7, maximumRetentionDays: 365 })],
    recoveryPoints: [point(), point({ createdAt: daysAgo(1) }, 'two')],
    jobs: [
      job(),
      job({ kind: 'copy' }),
      job({ state: 'RUNNING', completedAt: undefined, createdAt: hoursAgo(1) }, 'now'),
    ],
    rules: [rule()],
    restoreJobs: [restoreJob()],
  };
  expect(judge(healthy, { policies: [immutablePolicy], requireMalwareScan: true })).toEqual([]);
  expect(judge({})).toEqual([]);
});

describe('backup-job-failed and copy-job-failed', () => {
  it.each([
    ['FAILED', 'high'],
    ['EXPIRED', 'high'],
    ['PARTIAL', 'high'],
    ['ABORTED', 'medium'],
  ])('judge a job that is %s as %s', (state, severity) => {
    expect(judge({ jobs: [job({ state })] })).toEqual([`backup-job-failed ${severity}`]);
    expect(judge({ jobs: [job({ state, kind: 'copy' })] })).toEqual([`copy-job-failed ${severity}`]);
  });

  it('judge what ended within the job window', () => {
    const ended = (completedAt: Date | undefined) => judge({ jobs: [job({ state: 'FAILED', completedAt })] });
    expect(ended(hoursAgo(26))).toEqual(['backup-job-failed high']);
    expect(ended(msAfter(hoursAgo(26), -1))).toEqual([]);
    expect(ended(undefined)).toEqual(['backup-job-failed high']);
  });

  it('go easy on what a later job of the same kind, resource and vault made up for', () => {
    const failed = job({ state: 'FAILED', createdAt: hoursAgo(20), completedAt: hoursAgo(19) }, 'failed');
    expect(judge({ jobs: [failed, job()] })).toEqual(['backup-job-failed low']);
    expect(judge({ jobs: [failed, job({ vaultArn: arnOfVault('other') })] })).toEqual(['backup-job-failed high']);
    expect(judge({ jobs: [failed, job({ protectedArn: database })] })).toEqual(['backup-job-failed high']);
    expect(judge({ jobs: [failed, job({ kind: 'copy' })] })).toEqual(['backup-job-failed high']);
    expect(judge({ jobs: [failed, job({ createdAt: hoursAgo(21), completedAt: hoursAgo(18) })] })).toEqual([
      'backup-job-failed high',
    ]);
  });

  it('are about the resource and the vault, so that tomorrow’s failure is the same trouble', () => {
    const failures = [1, 25].map((hours) =>
      job({ state: 'FAILED', createdAt: hoursAgo(hours), completedAt: hoursAgo(hours) }),
    );
    const [finding, ...others] = evaluate({ jobs: failures }).findings;
    expect(others).toEqual([]);
    expect(finding?.resource).toEqual({
      type: 'dynamodb-table',
      id: table,
      name: 'tracks',
      account,
      region: 'us-east-1',
    });
    expect(finding?.discriminator).toBe(vaultArn);
    expect(finding?.evidence.failedJobs).toBe(2);
  });

  it('do not pass a state that nobody knows', () => {
    expect(judge({ jobs: [job({ state: 'MELTED' })] })).toEqual(['? unknown-status']);
    expect(judge({ jobs: [job({ state: 'FAILED' }), job({ state: 'MELTED' })] })).toEqual([
      '? unknown-status',
      'backup-job-failed high',
    ]);
  });
});

describe('backup-job-warning', () => {
  const message = 'Some objects were skipped.';

  it('speaks of the newest job that completed with issues', () => {
    expect(judge({ jobs: [job({ message })] })).toEqual(['backup-job-warning low']);
    const earlier = job({ message, createdAt: hoursAgo(20), completedAt: hoursAgo(19) }, 'earlier');
    expect(judge({ jobs: [earlier, job()] })).toEqual([]);
    expect(judge({ jobs: [job({ message, completedAt: hoursAgo(27) })] })).toEqual([]);
    expect(judge({ jobs: [job({ message, kind: 'copy' })] })).toEqual([]);
  });
});

describe('recovery-point-bad', () => {
  const bad = (status: string, others = [] as ReturnType<typeof point>[]) =>
    judge({ vaults: [vault()], recoveryPoints: [point({ status }), ...others] });

  it.each([
    ['EXPIRED', ['recovery-point-bad low']],
    ['PARTIAL', ['recovery-point-bad high']],
    ['STOPPED', ['recovery-point-bad high']],
    ['DELETING', []],
    ['COMPLETED', []],
    ['AVAILABLE', []],
    ['NEW_STATUS', ['? unknown-status']],
  ])('judges %s', (status, expected) => {
    expect(bad(status)).toEqual(expected);
  });

  it('counts what has expired vault by vault: thousands are one finding', () => {
    const expired = ['a', 'b', 'c'].map((id) => point({ status: 'EXPIRED' }, id));
    expect(bad('EXPIRED', expired)).toEqual(['recovery-point-bad low']);
    const part = point({ status: 'EXPIRED', parentArn: 'arn:whole' }, 'part');
    expect(judge({ vaults: [vault()], recoveryPoints: [part] })).toEqual([]);
    expect(bad('EXPIRED', [point({ status: 'EXPIRED', deleteAt: undefined }, 'odd')])).toEqual([
      'recovery-point-bad low',
    ]);
  });

  it('is low once there is a newer good point of the same resource in the same vault', () => {
    const newer = { createdAt: hoursAgo(1) };
    expect(bad('STOPPED', [point(newer, 'newer')])).toEqual(['recovery-point-bad low']);
    expect(bad('PARTIAL', [point(newer, 'newer')])).toEqual(['recovery-point-bad low']);
    expect(bad('PARTIAL', [point({}, 'as old')])).toEqual(['recovery-point-bad high']);
    expect(bad('PARTIAL', [point({ ...newer, protectedArn: database }, 'other')])).toEqual(['recovery-point-bad high']);
    expect(bad('PARTIAL', [point({ ...newer, status: 'PARTIAL' }, 'bad too')])).toEqual([
      'recovery-point-bad high',
      'recovery-point-bad high',
    ]);
  });

  it('leaves the parts of a composite point to their parent', () => {
    expect(judge({ recoveryPoints: [point({ status: 'PARTIAL', parentArn: 'arn:parent' })] })).toEqual([]);
  });

  it('does not count a good point without a date as a backup in silence', () => {
    expect(judge({ recoveryPoints: [point({ createdAt: undefined })] })).toEqual(['? date-unreadable']);
  });
});

describe('recovery-point-stuck', () => {
  it('gives a point stuckHours to be created', () => {
    const creating = (createdAt: Date | undefined) =>
      judge({ recoveryPoints: [point({ status: 'CREATING', createdAt, completedAt: undefined })] });
    expect(creating(hoursAgo(24))).toEqual([]);
    expect(creating(msAfter(hoursAgo(24), -60_000))).toEqual(['recovery-point-stuck medium']);
    expect(creating(undefined)).toEqual(['? date-unreadable']);
  });

  it('finds jobs that do not end, unless their point says it already', () => {
    const running = job({
      state: 'RUNNING',
      createdAt: hoursAgo(30),
      completedAt: undefined,
      recoveryPointArn: point().resource.id,
    });
    expect(judge({ jobs: [running] })).toEqual(['recovery-point-stuck medium']);
    expect(judge({ jobs: [{ ...running, createdAt: hoursAgo(24) }] })).toEqual([]);
    const creating = point({ status: 'CREATING', createdAt: hoursAgo(30), completedAt: undefined });
    expect(judge({ jobs: [running], recoveryPoints: [creating] })).toEqual(['recovery-point-stuck medium']);
    const copying = job({ ...running, kind: 'copy' });
    expect(judge({ jobs: [copying], recoveryPoints: [] })).toEqual(['recovery-point-stuck medium']);
  });
});

describe('recovery-point-infected and recovery-point-unscanned', () => {
  const scanned = (scan: 'clean' | 'infected' | 'scan-failed' | undefined, config: object, type = 'S3') =>
    judge({ vaults: [vault()], recoveryPoints: [point({ scan, protectedType: type })] }, config);
  const required = { requireMalwareScan: true };

  it('find malware whether scans are asked for or not', () => {
    expect(scanned('infected', {})).toEqual(['recovery-point-infected high']);
    expect(scanned('infected', required)).toEqual(['recovery-point-infected high']);
    expect(scanned('clean', required)).toEqual([]);
  });

  it('find what was not scanned only where it is asked for and possible', () => {
    expect(scanned(undefined, required)).toEqual(['recovery-point-unscanned medium']);
    expect(scanned('scan-failed', required)).toEqual(['recovery-point-unscanned medium']);
    expect(scanned(undefined, {})).toEqual([]);
    expect(scanned('scan-failed', {})).toEqual([]);
    expect(scanned(undefined, required, 'RDS')).toEqual([]);
  });

  it('go by the newest point in each vault', () => {
    const clean = point({ protectedType: 'EBS', scan: 'clean', createdAt: hoursAgo(1) }, 'newest');
    const older = point({ protectedType: 'EBS' }, 'older');
    expect(judge({ vaults: [vault()], recoveryPoints: [older, clean] }, required)).toEqual([]);
  });
});

describe('not-encrypted', () => {
  it('is told once of a resource and a vault', () => {
    const recoveryPoints = [1, 2, 3].map((days) => point({ isEncrypted: false, createdAt: daysAgo(days) }, `${days}`));
    expect(judge({ vaults: [vault()], recoveryPoints })).toEqual(['not-encrypted medium']);
    const [finding] = evaluate({ vaults: [vault()], recoveryPoints }).findings;
    expect(finding).toMatchObject({ resource: { id: table }, discriminator: vaultArn, evidence: { notEncrypted: 3 } });
  });

  it('is low when newer ones are encrypted', () => {
    const recoveryPoints = [point(), point({ isEncrypted: false, createdAt: daysAgo(9) }, 'old')];
    expect(judge({ vaults: [vault()], recoveryPoints })).toEqual(['not-encrypted low']);
  });

  it('is unknown where AWS Backup says nothing', () => {
    expect(judge({ vaults: [vault()], recoveryPoints: [point({ isEncrypted: undefined })] })).toEqual([
      '? encryption-unknown',
    ]);
  });
});

describe('size-drop', () => {
  const sized = (sizes: readonly (number | undefined)[], overrides = {}) =>
    sizes.map((sizeBytes, index) => point({ sizeBytes, createdAt: daysAgo(index + 1), ...overrides }, `${index}`));
  const steady = [1000, 1001, 999, 1000, 1002, 998];

  it('finds the newest far below those before it', () => {
    expect(judge({ vaults: [vault()], recoveryPoints: sized([200, ...steady]) })).toEqual(['size-drop high']);
    expect(judge({ vaults: [vault()], recoveryPoints: sized([0, ...steady]) })).toEqual(['size-drop high']);
    expect(judge({ vaults: [vault()], recoveryPoints: sized([800, ...steady]) })).toEqual([]);
    expect(judge({ vaults: [vault()], recoveryPoints: sized([1000, 200, ...steady]) })).toEqual([]);
  });

  it('counts a copy as what it is a copy of', () => {
    const copies = sized([200, ...steady], { vaultArn: arnOfVault('west', 'us-west-2') });
    const recoveryPoints = [...sized([200, ...steady]), ...copies];
    expect(judge({ vaults: [vault()], recoveryPoints })).toEqual(['size-drop high']);
  });

  it('is judged only where AWS Backup gives the size of the backup', () => {
    for (const protectedType of ['RDS', 'EFS', 'EBS', 'S3', 'Aurora']) {
      const recoveryPoints = sized([0, ...steady], { protectedType });
      expect(judge({ vaults: [vault()], recoveryPoints })).toEqual([]);
    }
    expect(judge({ vaults: [vault()], recoveryPoints: sized([undefined, ...steady]) })).toEqual(['? size-unknown']);
    expect(judge({ vaults: [vault()], recoveryPoints: sized([200, undefined, ...steady]) })).toEqual([
      'size-drop high',
    ]);
  });
});

describe('vault-not-locked', () => {
  const asked = { policies: [immutablePolicy] };
  const denied = JSON.stringify({ Statement: [{ Effect: 'Deny', Principal: '*', Action: 'backup:*', Resource: '*' }] });
  const locked = (overrides: Parameters<typeof vault>[0], config: object) =>
    judge({ vaults: [vault({ accessPolicy: denied, ...overrides })], recoveryPoints: [point()] }, config);

  it.each([
    ['not locked', { isLocked: false, lockDate: undefined }, 'medium', 'low'],
    ['in governance mode', { lockDate: undefined }, 'medium', 'informational'],
    ['still cooling off', { lockDate: msAfter(now, 1) }, 'low', 'informational'],
  ])('judges a vault that is %s by whether anybody counts on it', (_, overrides, whenAsked, otherwise) => {
    expect(locked(overrides, asked)).toEqual([`vault-not-locked ${whenAsked}`]);
    expect(locked(overrides, {})).toEqual([`vault-not-locked ${otherwise}`]);
  });

  it('is content with a lock from its date on, and with air-gapped vaults', () => {
    expect(locked({ lockDate: now }, asked)).toEqual([]);
    const airGapped = { type: 'LOGICALLY_AIR_GAPPED_BACKUP_VAULT', isLocked: true, lockDate: undefined };
    expect(locked(airGapped, asked)).toEqual([]);
  });

  it('does not ask it of empty vaults, nor of views of another account’s', () => {
    expect(judge({ vaults: [vault({ isLocked: false })] }, asked)).toEqual([]);
    expect(locked({ type: 'RESTORE_ACCESS_BACKUP_VAULT', isLocked: false }, asked)).toEqual([]);
  });

  it('says until when the lock can still be removed', () => {
    const given = { vaults: [vault({ lockDate: daysAgo(-2.5) })], recoveryPoints: [point()] };
    expect(evaluate(given).findings[0]?.summary).toBe(
      'The lock of the vault can still be removed, for 2 days: until 2026-11-23T00:00:00.000Z.',
    );
  });
});

describe('vault-deletable', () => {
  const policy = (details: object) => JSON.stringify({ Statement: [{ Effect: 'Allow', Resource: '*', ...details }] });
  const deleting = { Action: 'backup:DeleteRecoveryPoint' };
  const everybody = policy({ ...deleting, Principal: '*' });
  const one = policy({ ...deleting, Principal: { AWS: `arn:aws:iam::${account}:role/admin` } });
  const unlocked = { isLocked: false, lockDate: undefined };
  const deletable = (overrides: Parameters<typeof vault>[0], config: object = {}) =>
    judge({ vaults: [vault(overrides)], recoveryPoints: [point()] }, config).filter(
      (line) => !line.startsWith('vault-not-'),
    );

  it('is high where everybody may delete, and medium where somebody may', () => {
    expect(deletable({ ...unlocked, accessPolicy: everybody })).toEqual(['vault-deletable high']);
    expect(deletable({ ...unlocked, accessPolicy: one })).toEqual(['vault-deletable medium']);
  });

  it('is medium while a lock that can be removed holds', () => {
    expect(deletable({ lockDate: undefined, accessPolicy: everybody })).toEqual(['vault-deletable medium']);
    expect(deletable({ lockDate: msAfter(now, 1), accessPolicy: everybody })).toEqual(['vault-deletable medium']);
  });

  it('misses the denial in a vault without any lock, and only there', () => {
    expect(deletable(unlocked)).toEqual(['vault-deletable low']);
    expect(deletable(unlocked, { policies: [immutablePolicy] })).toEqual(['vault-deletable medium']);
    expect(deletable({ lockDate: undefined })).toEqual([]);
    expect(judge({ vaults: [vault(unlocked)] })).toEqual([]);
  });

  it('is low where only what guards the policy itself is not denied', () => {
    const accessPolicy = JSON.stringify({
      Statement: { Effect: 'Deny', Principal: '*', Action: 'backup:DeleteRecoveryPoint', Resource: '*' },
    });
    expect(deletable({ ...unlocked, accessPolicy }, { policies: [immutablePolicy] })).toEqual(['vault-deletable low']);
  });

  it('is no matter in a vault that is locked for good', () => {
    expect(deletable({ accessPolicy: everybody })).toEqual([]);
  });

  it('is found of strange accounts that may copy into any vault', () => {
    const sharing = (principal: unknown) => policy({ Action: 'backup:CopyIntoBackupVault', Principal: principal });
    expect(deletable({ accessPolicy: sharing('*') })).toEqual(['vault-deletable medium']);
    const other = sharing({ AWS: '210987654321' });
    expect(deletable({ accessPolicy: other })).toEqual(['vault-deletable low']);
    expect(deletable({ accessPolicy: other }, { trustedAccounts: ['210987654321'] })).toEqual([]);
    expect(deletable({ accessPolicy: sharing({ AWS: account }) })).toEqual([]);
    const vaults = [vault({ accessPolicy: other })];
    expect(judge({ vaults, places: new Set(['210987654321/us-east-1']) })).toEqual([]);
  });

  it('is unknown where the policy was not read, or cannot be', () => {
    expect(deletable({ accessPolicy: null })).toEqual(['? access-policy-unread']);
    expect(deletable({ accessPolicy: 'none' })).toEqual(['? unreadable-policy']);
  });
});

describe('plan-below-vault-minimum', () => {
  const limits = vault({ minimumRetentionDays: 7, maximumRetentionDays: 90 });
  const planned = (overrides: Parameters<typeof rule>[0], vaults = [limits]) =>
    judge({ vaults, rules: [rule(overrides)] });
  const high = ['plan-below-vault-minimum high'];

  it.each([
    [6, high],
    [7, []],
    [90, []],
    [91, high],
    [undefined, high],
  ])('judges a retention of %s days in a vault that takes 7 to 90', (retentionDays, expected) => {
    expect(planned({ retentionDays })).toEqual(expected);
  });

  it('judges where copies go as well, as far as that vault is known', () => {
    const west = vault({ minimumRetentionDays: 30 }, 'west', 'us-west-2');
    const copies = (vaultArn: string, retentionDays: number | undefined) => ({ copies: [{ vaultArn, retentionDays }] });
    expect(planned(copies(west.resource.id, 29), [limits, west])).toEqual(high);
    expect(planned(copies(west.resource.id, 30), [limits, west])).toEqual([]);
    expect(planned(copies(west.resource.id, undefined), [limits, west])).toEqual([]);
    expect(planned(copies(arnOfVault('bunker', 'us-west-2', '210987654321'), 1))).toEqual([]);
  });

  it('knows a vault by its name in the plan’s own region', () => {
    const west = vault({ minimumRetentionDays: 99 }, 'main', 'us-west-2');
    expect(planned({}, [west, limits])).toEqual([]);
    expect(planned({}, [west])).toEqual(['? vault-not-found']);
  });

  it('is content with a vault without limits', () => {
    expect(planned({ retentionDays: undefined }, [vault()])).toEqual([]);
  });
});

describe('restore-test-failed', () => {
  const tested = (...jobs: ReturnType<typeof restoreJob>[]) => judge({ restoreJobs: jobs });

  it.each([
    [{ status: 'FAILED' }, ['restore-test-failed high']],
    [{ status: 'ABORTED' }, ['restore-test-failed medium']],
    [{ validation: 'FAILED' }, ['restore-test-failed high']],
    [{ validation: 'TIMED_OUT' }, ['restore-test-failed medium']],
    [{ validation: undefined }, []],
    [{ validation: 'SUCCESSFUL' }, []],
    [{ validation: 'VALIDATING' }, []],
    [{ status: 'RUNNING', validation: undefined }, []],
    [{ status: 'MELTED', validation: undefined }, ['? unknown-status']],
    [{ validation: 'PERHAPS' }, ['? unknown-status']],
  ])('judges %o', (overrides, expected) => {
    expect(tested(restoreJob(overrides))).toEqual(expected);
  });

  it('goes by the newest test of a resource that has ended', () => {
    const failed = restoreJob({ status: 'FAILED', startedAt: daysAgo(9) }, 'failed');
    expect(tested(failed, restoreJob())).toEqual([]);
    expect(tested(failed, restoreJob({ status: 'RUNNING' }))).toEqual(['restore-test-failed high']);
    expect(tested(failed, restoreJob({ protectedArn: database }))).toEqual(['restore-test-failed high']);
    expect(tested(failed, restoreJob({ testingPlanArn: undefined }))).toEqual(['restore-test-failed high']);
  });

  it('leaves restores by hand alone', () => {
    expect(tested(restoreJob({ status: 'FAILED', testingPlanArn: undefined }))).toEqual([]);
  });

  it('is about what was restored, or else about the job', () => {
    const about = (protectedArn: string | undefined) =>
      evaluate({ restoreJobs: [restoreJob({ status: 'FAILED', protectedArn })] }).findings[0]?.resource.id;
    expect(about(table)).toBe(table);
    expect(about(undefined)).toBe('restore-job/one');
  });
});

describe('restore-test-leaked', () => {
  const createdArn = 'arn:aws:dynamodb:us-east-1:123456789012:table/awsbackup-restore-test-1';
  const leaked = (overrides: Parameters<typeof restoreJob>[0]) => judge({ restoreJobs: [restoreJob(overrides)] });

  it('is about what AWS Backup could not delete', () => {
    const [finding] = evaluate({ restoreJobs: [restoreJob({ deletion: 'FAILED', createdArn })] }).findings;
    expect(finding).toMatchObject({ rule: 'restore-test-leaked', severity: 'medium', resource: { id: createdArn } });
    expect(leaked({ deletion: 'FAILED', createdArn: undefined })).toEqual(['restore-test-leaked medium']);
  });

  it.each(['SUCCESSFUL', 'DELETING', undefined])('is not found when the deletion is %s', (deletion) => {
    expect(leaked({ deletion, createdArn })).toEqual([]);
  });

  it('is told for thirty days: whether it is still there, nobody says', () => {
    expect(leaked({ deletion: 'FAILED', finishedAt: daysAgo(30) })).toEqual(['restore-test-leaked medium']);
    expect(leaked({ deletion: 'FAILED', finishedAt: msAfter(daysAgo(30), -1) })).toEqual([]);
    expect(leaked({ deletion: 'FAILED', finishedAt: undefined })).toEqual(['restore-test-leaked medium']);
  });
});
