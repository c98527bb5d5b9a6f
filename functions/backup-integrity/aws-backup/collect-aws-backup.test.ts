import type { RecoveryPointByBackupVault } from '@aws-sdk/client-backup';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ControlPlane, startControlPlane } from '../../../sandbox/control-plane/control-plane.ts';
import type { BackupDocument } from '../../../sandbox/control-plane/services/backup.ts';
import { sampleAccount, sampleRegions } from '../../../sandbox/estate/aws-certificates.ts';
import { backupVaultCases } from '../../../sandbox/estate/backup-vaults.ts';
import { AwsClients, type SentCommand } from '../../../shared/aws/clients.ts';
import { uncheckedReason } from '../../../shared/aws/unchecked-reason.ts';
import { CoverageLedger } from '../../../shared/coverage.ts';
import { contextFor } from '../context-fixtures.ts';
import { task } from '../task.ts';
import { collectAwsBackup } from './collect-aws-backup.ts';
import type { AwsBackupFacts } from './facts.ts';
import { arnOfVault, daysAgo, hoursAgo, now } from './facts-fixtures.ts';

const planted = backupVaultCases(sampleAccount, now);

let plane: ControlPlane;
let clients: AwsClients;
let sent: SentCommand[];
let coverage: CoverageLedger;

async function start(documents: Readonly<Record<string, BackupDocument>>): Promise<void> {
  const regions = Object.fromEntries(Object.entries(documents).map(([region, backup]) => [region, { backup }]));
  plane = await startControlPlane({
    estate: { homeAccount: sampleAccount, accounts: { [sampleAccount]: { regions } } },
  });
  for (const [name, value] of Object.entries(plane.environment)) vi.stubEnv(name, value);
}

async function collect(config: object = {}): Promise<AwsBackupFacts> {
  coverage = new CoverageLedger({ classify: uncheckedReason });
  const context = contextFor({ config: task.config.parse(config), now, clients, coverage });
  return collectAwsBackup([{ id: sampleAccount, in: (region) => ({ region }) }], context);
}

/** `id reason` of all that could not be looked at. */
const unchecked = () => coverage.summary().unchecked.map(({ resource, reason }) => `${resource.id} ${reason}`);

const idsOf = (items: readonly { resource: { id: string } }[]) => items.map(({ resource }) => resource.id).sort();

beforeEach(() => {
  sent = [];
  clients = new AwsClients((command) => sent.push(command));
});

afterEach(async () => {
  clients.destroy();
  await plane.stop();
  vi.unstubAllEnvs();
});

describe('the sample estate', () => {
  beforeEach(() => start(planted.documents));

  const listed = Object.values(planted.documents);
  const vaultDocuments = listed.flatMap(({ vaults = [] }) => vaults);

  it('is read from the first page to the last, in every region', async () => {
    const facts = await collect();
    expect(idsOf(facts.vaults)).toEqual(vaultDocuments.map(({ vault }) => vault.BackupVaultArn).sort());
    expect(idsOf(facts.recoveryPoints)).toEqual(
      vaultDocuments.flatMap(({ recoveryPoints }) => recoveryPoints.map((point) => point.RecoveryPointArn)).sort(),
    );
    const plans = listed.flatMap((document) => document.plans ?? []);
    expect(facts.rules).toHaveLength(plans.flatMap(({ document }) => document.Rules ?? []).length);
    expect(facts.selections).toHaveLength(plans.flatMap(({ selections }) => selections).length);
    expect(facts.restoreJobs).toHaveLength(listed.flatMap(({ restoreJobs = [] }) => restoreJobs).length);
    expect(facts.protectedResources).toHaveLength(
      listed.flatMap(({ protectedResources = [] }) => protectedResources).length,
    );
    expect([...facts.places]).toEqual(sampleRegions.map((region) => `${sampleAccount}/${region}`));
    expect([...facts.optedOut]).toEqual(sampleRegions.map((region) => `${sampleAccount}/${region}/Timestream`));
    expect(unchecked()).toEqual([]);
  });

  it('is settled in the ledger, every vault, point, plan and selection for itself', async () => {
    const facts = await collect();
    const { byType, expected, checked } = coverage.summary();
    expect(checked).toBe(expected);
    expect(byType).toMatchObject({
      'backup-vault': { checked: facts.vaults.length },
      'backup-vault-policy': { checked: facts.vaults.length },
      'recovery-point': { checked: facts.recoveryPoints.length },
      'backup-plan': { checked: 5 },
      'backup-selection': { checked: facts.selections.length },
      scope: { checked: 14 },
    });
  });

  it('is asked for with the permissions that the task declares, and with each of them', async () => {
    await collect();
    const used = new Set(sent.map(({ service, operation }) => `${service}:${operation}`));
    const declared = task.permissions
      .flatMap(({ actions }) => actions)
      .filter((action) => action.startsWith('backup:'));
    expect([...used].sort()).toEqual([...declared].sort());
  });

  it('asks about a plan where the plan is', async () => {
    const facts = await collect();
    const plan = facts.selections.find(({ region }) => region === 'us-west-2');
    expect(plan).toMatchObject({ account: sampleAccount, name: 'nycmg-west-1', resources: ['*'] });
    expect(plan?.stringLike).toEqual([{ key: 'backup', value: 'west*' }]);
    const ofPlans = plane.requests.filter(({ operation }) => operation === 'GetBackupPlan');
    expect(ofPlans.map(({ region }) => region).sort()).toEqual([...Array(4).fill('us-east-1'), 'us-west-2']);
  });

  it('tells a vault without an access policy from one whose policy could not be read', async () => {
    const lift = plane.inject({
      service: 'backup',
      operation: 'GetBackupVaultAccessPolicy',
      resourceId: arnOfVault('nycmg-primary'),
      fault: 'access-denied',
    });
    const facts = await collect();
    lift();
    const policyOf = (name: string) => facts.vaults.find(({ resource }) => resource.name === name)?.accessPolicy;
    expect(policyOf('nycmg-open')).toBeUndefined();
    expect(policyOf('nycmg-legacy')).toContain('backup:DeleteRecoveryPoint');
    expect(policyOf('nycmg-primary')).toBeNull();
    // Its points were read, and are no blind spot.
    expect(unchecked()).toEqual([`${arnOfVault('nycmg-primary')}/access-policy access-denied`]);
  });
});

describe('what goes wrong stays where it is', () => {
  beforeEach(() => start(planted.documents));

  it('one vault denied, another throttled: the others are read', async () => {
    const operation = 'ListRecoveryPointsByBackupVault';
    const at = { service: 'backup', operation, region: 'us-east-1' } as const;
    plane.inject({ ...at, resourceId: arnOfVault('nycmg-locked'), fault: 'access-denied' });
    plane.inject({ ...at, resourceId: arnOfVault('nycmg-legacy'), fault: 'throttled' });
    const facts = await collect();
    expect(unchecked().sort()).toEqual([
      `${arnOfVault('nycmg-legacy')} throttled`,
      `${arnOfVault('nycmg-locked')} access-denied`,
    ]);
    const holding = new Set(facts.recoveryPoints.map(({ vaultArn }) => vaultArn));
    expect(holding).toContain(arnOfVault('nycmg-primary'));
    expect(holding).toContain(arnOfVault('nycmg-locked', 'us-west-2'));
    expect(holding).not.toContain(arnOfVault('nycmg-locked'));
    expect(facts.vaults).toHaveLength(10);
  }, 60_000);

  it('half of a vault: what was read counts, and the vault is unchecked', async () => {
    plane.inject({
      service: 'backup',
      operation: 'ListRecoveryPointsByBackupVault',
      region: 'us-west-2',
      resourceId: arnOfVault('nycmg-locked', 'us-west-2'),
      afterRequests: 1,
      fault: 'access-denied',
    });
    const facts = await collect();
    expect(unchecked()).toEqual([`${arnOfVault('nycmg-locked', 'us-west-2')} access-denied`]);
    const read = facts.recoveryPoints.filter(({ vaultArn }) => vaultArn === arnOfVault('nycmg-locked', 'us-west-2'));
    expect(read).toHaveLength(3);
  });

  it('a dead region: each of its listings is unchecked, and the other region is read', async () => {
    plane.inject({ service: 'backup', region: 'us-west-2', fault: 'reset' });
    const facts = await collect();
    const listings = ['copy-jobs', 'jobs', 'plans', 'protected-resources', 'region-settings', 'restore-jobs', 'vaults'];
    expect(unchecked().sort()).toEqual(listings.map((part) => `backup/${part}/${sampleAccount}/us-west-2 unreachable`));
    expect(new Set(facts.vaults.map(({ resource }) => resource.region))).toEqual(new Set(['us-east-1']));
    expect(facts.vaults).toHaveLength(8);
    expect(facts.places).toContain(`${sampleAccount}/us-west-2`);
  }, 60_000);

  it('one selection and one plan denied: the others are read', async () => {
    const [first, second] = planted.documents['us-east-1']?.plans ?? [];
    const denied = second?.selections[0]?.listed.SelectionId ?? '';
    plane.inject({ service: 'backup', operation: 'GetBackupSelection', resourceId: denied, fault: 'access-denied' });
    const planId = first?.plan.BackupPlanId ?? '';
    plane.inject({ service: 'backup', operation: 'GetBackupPlan', resourceId: planId, fault: 'access-denied' });
    const facts = await collect();
    expect(unchecked().sort()).toEqual(
      [
        `${first?.plan.BackupPlanArn} access-denied`,
        `${second?.plan.BackupPlanArn}/selection/${denied} access-denied`,
      ].sort(),
    );
    expect(facts.selections.map(({ name }) => name).sort()).toEqual([
      'nycmg-catalog-2',
      'nycmg-hot-1',
      'nycmg-tables-1',
      'nycmg-west-1',
    ]);
  });
});

describe('jobs and points', () => {
  const resource = 'arn:aws:s3:::masters';
  const vaultName = { BackupVaultName: 'main', BackupVaultArn: arnOfVault('main') };

  async function collectFrom(document: BackupDocument, config: object = {}): Promise<AwsBackupFacts> {
    await start({ 'us-east-1': document });
    return collect(config);
  }

  it('without ARNs leave their vault unchecked, and hide none that come after them', async () => {
    const point = { RecoveryPointArn: 'arn:aws:backup:us-east-1:123456789012:recovery-point:1', Status: 'COMPLETED' };
    const facts = await collectFrom({
      vaults: [
        {
          vault: vaultName,
          recoveryPoints: [
            { Status: 'COMPLETED' },
            { ...point, ResourceArn: resource },
          ] as RecoveryPointByBackupVault[],
        },
      ],
    });
    expect(facts.recoveryPoints).toHaveLength(1);
    expect(unchecked()).toEqual([`${arnOfVault('main')} aws-error`]);
  });

  it('are told apart by what completes with issues and what does not', async () => {
    const job = { ResourceArn: resource, ...vaultName, CreationDate: hoursAgo(3), State: 'COMPLETED' as const };
    const facts = await collectFrom({
      jobs: [
        { ...job, BackupJobId: 'clean', MessageCategory: 'SUCCESS', StatusMessage: 'Backup completed.' },
        { ...job, BackupJobId: 'issues', MessageCategory: 'OBJECTS_SKIPPED' },
        { ...job, BackupJobId: 'words', StatusMessage: 'Some were skipped.' },
        { ...job, BackupJobId: 'nothing' },
        { ...job, BackupJobId: 'part', ParentJobId: 'clean' },
      ],
    });
    expect(facts.jobs.map(({ resource: { id }, message }) => [id, message])).toEqual([
      ['backup-job/clean', undefined],
      ['backup-job/issues', 'OBJECTS_SKIPPED'],
      ['backup-job/words', 'Some were skipped.'],
      ['backup-job/nothing', undefined],
    ]);
  });

  it('of which AWS Backup does not say what or when leave their listing unchecked, and the others count', async () => {
    const job = { BackupJobId: 'good', ResourceArn: resource, CreationDate: hoursAgo(3) };
    const facts = await collectFrom({
      jobs: [{ ...job, BackupJobId: 'of nothing', ResourceArn: undefined }, job],
      copyJobs: [{ CopyJobId: 'of nothing', CreationDate: hoursAgo(3) }],
      restoreJobs: [{ RestoreJobId: 'from nothing', CreationDate: hoursAgo(3) }],
    });
    expect(idsOf(facts.jobs)).toEqual(['backup-job/good']);
    expect(unchecked()).toEqual(
      ['jobs', 'copy-jobs', 'restore-jobs'].map((part) => expect.stringMatching(`^backup/${part}/.* unreadable$`)),
    );
  });

  it('are given up when their start window ends, where nothing else says when', async () => {
    const expired = { BackupJobId: 'a', ResourceArn: resource, CreationDate: hoursAgo(9), StartBy: hoursAgo(1) };
    const facts = await collectFrom({
      jobs: [
        { ...expired, State: 'EXPIRED' },
        { ...expired, BackupJobId: 'b', State: 'FAILED' },
      ],
    });
    expect(facts.jobs.map(({ completedAt }) => completedAt)).toEqual([hoursAgo(1), undefined]);
  });

  it('reach back as far as what they are needed for', async () => {
    const job = (days: number) => ({ BackupJobId: `${days}`, ResourceArn: resource, CreationDate: daysAgo(days) });
    const copy = (days: number) => ({ CopyJobId: `${days}`, ResourceArn: resource, CreationDate: daysAgo(days) });
    const restore = (days: number) => ({
      RestoreJobId: `${days}`,
      RecoveryPointArn: 'arn:p',
      CreationDate: daysAgo(days),
    });
    const policies = [{ id: 'a', select: { ids: ['*'] }, restoreTestDays: 500 }];
    const facts = await collectFrom(
      {
        jobs: [job(8), job(9)],
        copyJobs: [copy(30), copy(32)],
        restoreJobs: [restore(400), restore(501)],
      },
      { policies },
    );
    expect(idsOf(facts.jobs)).toEqual(['backup-job/8', 'copy-job/30']);
    expect(idsOf(facts.restoreJobs)).toEqual(['restore-job/400']);
    expect(idsOf((await collect()).restoreJobs)).toEqual([]);
  });

  it('of copies say where they went, and whether anybody could delete them there', async () => {
    const copy = {
      ResourceArn: resource,
      CreationDate: hoursAgo(2),
      State: 'COMPLETED' as const,
      DestinationBackupVaultArn: arnOfVault('bunker', 'eu-west-1', '210987654321'),
      DestinationRecoveryPointArn: 'arn:copied',
      SourceRecoveryPointArn: 'arn:source',
      DestinationRecoveryPointLifecycle: { DeleteAfterDays: 7 },
    };
    const facts = await collectFrom({
      copyJobs: [
        { ...copy, CopyJobId: 'a', DestinationVaultType: 'LOGICALLY_AIR_GAPPED_BACKUP_VAULT' },
        { ...copy, CopyJobId: 'b', DestinationVaultType: 'BACKUP_VAULT', DestinationVaultLockState: 'UNLOCKED' },
        { ...copy, CopyJobId: 'c', DestinationVaultType: 'BACKUP_VAULT', DestinationVaultLockState: 'LOCKED' },
        { ...copy, CopyJobId: 'd', DestinationRecoveryPointLifecycle: { DeleteAfterDays: -1 } },
      ],
    });
    expect(facts.jobs[0]).toMatchObject({
      kind: 'copy',
      vaultArn: copy.DestinationBackupVaultArn,
      recoveryPointArn: 'arn:source',
      destination: { account: '210987654321', region: 'eu-west-1', recoveryPointArn: 'arn:copied' },
      deleteAt: new Date(hoursAgo(2).getTime() + 7 * 86_400_000),
    });
    expect(facts.jobs.map(({ destination }) => destination?.isImmutable)).toEqual([true, false, undefined, undefined]);
    expect(facts.jobs[3]?.deleteAt).toBeUndefined();
  });

  it('of continuous backups have no end, and scans are read for what they found', async () => {
    const point = {
      ResourceArn: resource,
      ResourceType: 'S3',
      CreationDate: daysAgo(90),
      Status: 'AVAILABLE' as const,
    };
    const at = 'arn:aws:backup:us-east-1:123456789012:recovery-point';
    const end = { CalculatedLifecycle: { DeleteAt: daysAgo(55) } };
    const scan = (AggregatedScanResult: object) => ({ AggregatedScanResult });
    const key = { IsEncrypted: true, EncryptionKeyArn: 'arn:aws:kms:us-east-1:999988887777:key/1' };
    const ownedByAws = { ...key, EncryptionKeyType: 'AWS_OWNED_KMS_KEY' as const };
    const facts = await collectFrom({
      vaults: [
        {
          vault: vaultName,
          recoveryPoints: [
            {
              ...point,
              ...end,
              Lifecycle: { DeleteAfterDays: 35 },
              RecoveryPointArn: `${at}:continuous:masters-1`,
            },
            { ...point, ...end, ...ownedByAws, RecoveryPointArn: `${at}:1` },
            { ...point, ...scan({ Findings: ['MALWARE'], FailedScan: true }), RecoveryPointArn: `${at}:2` },
            { ...point, ...scan({ FailedScan: true, LastComputed: now }), RecoveryPointArn: `${at}:3` },
            { ...point, ...scan({ FailedScan: false, Findings: [], LastComputed: now }), RecoveryPointArn: `${at}:4` },
            { ...point, ...scan({}), ...key, RecoveryPointArn: `${at}:5` },
          ],
        },
      ],
      restoreJobs: [{ RestoreJobId: 'a', RecoveryPointArn: `${at}:1`, CreationDate: hoursAgo(1) }],
    });
    expect(facts.recoveryPoints.map(({ isContinuous, deleteAt, scan }) => [isContinuous, deleteAt, scan])).toEqual([
      [true, undefined, undefined],
      [false, daysAgo(55), undefined],
      [false, undefined, 'infected'],
      [false, undefined, 'scan-failed'],
      [false, undefined, 'clean'],
      [false, undefined, undefined],
    ]);
    expect(facts.recoveryPoints.map(({ continuousDays }) => continuousDays).slice(0, 2)).toEqual([35, undefined]);
    // A key that AWS owns can be asked about by nobody.
    expect(facts.recoveryPoints[1]).toMatchObject({ isEncrypted: true, kmsKeyArn: undefined });
    expect(facts.recoveryPoints[5]).toMatchObject({ isEncrypted: true, kmsKeyArn: key.EncryptionKeyArn });
    expect(facts.recoveryPoints[0]?.resource.name).toBe('masters in main');
    // The restore job does not say what it restored; its recovery point does.
    expect(facts.restoreJobs[0]?.protectedArn).toBe(resource);
  });
});
