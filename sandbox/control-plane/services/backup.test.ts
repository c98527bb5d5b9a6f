import {
  BackupClient,
  type BackupJob,
  DescribeBackupVaultCommand,
  DescribeRegionSettingsCommand,
  GetBackupPlanCommand,
  GetBackupSelectionCommand,
  GetBackupVaultAccessPolicyCommand,
  ListBackupJobsCommand,
  ListBackupPlansCommand,
  ListBackupSelectionsCommand,
  ListBackupVaultsCommand,
  ListCopyJobsCommand,
  ListFrameworksCommand,
  ListProtectedResourcesCommand,
  ListRecoveryPointsByBackupVaultCommand,
  ListRestoreJobsCommand,
  ListRestoreTestingPlansCommand,
  paginateListBackupJobs,
  paginateListRecoveryPointsByBackupVault,
  type RecoveryPointByBackupVault,
} from '@aws-sdk/client-backup';
import { expect, test } from 'vitest';
import { testPlane } from '../test-plane.ts';
import type { BackupDocument } from './backup.ts';

const home = '123456789012';
const other = '210987654321';
const oddText = `<&>"'é — “Café” 🎵`;
const createdAt = new Date('2026-10-01T03:00:00.123Z');
const resourceArn = `arn:aws:rds:us-east-1:${home}:db:music & rights`;

const day = (index: number) => new Date(Date.UTC(2026, 9, 1 + index));

const recoveryPoints: RecoveryPointByBackupVault[] = Array.from({ length: 7 }, (_, index) => ({
  RecoveryPointArn: `arn:aws:rds:us-east-1:${home}:snapshot:awsbackup:job-${index}`,
  BackupVaultName: 'nightly',
  ResourceArn: index === 0 ? `${resourceArn}-2` : resourceArn,
  ResourceType: index === 1 ? 'Aurora' : 'RDS',
  Status: 'COMPLETED',
  StatusMessage: oddText,
  CreationDate: day(index),
  BackupSizeInBytes: 12_345_678_901,
  IsEncrypted: true,
  Lifecycle: { DeleteAfterDays: 35 },
  CreatedBy: { BackupPlanId: `plan-${index % 2}` },
}));

const jobs: BackupJob[] = (['COMPLETED', 'FAILED', 'RUNNING', 'COMPLETED'] as const).map((State, index) => ({
  AccountId: home,
  BackupJobId: `job-${index}`,
  BackupVaultName: index === 3 ? 'locked' : 'nightly',
  ResourceArn: resourceArn,
  ResourceType: 'RDS',
  State,
  StatusMessage: oddText,
  CreationDate: day(index),
  CompletionDate: State === 'RUNNING' ? undefined : day(index + 1),
  MessageCategory: State === 'FAILED' ? 'AccessDenied' : 'SUCCESS',
}));

const document: BackupDocument = {
  vaults: [
    {
      vault: { BackupVaultName: 'nightly', BackupVaultArn: 'arn:nightly', CreationDate: createdAt, Locked: false },
      accessPolicy: `{"Version":"2012-10-17","Id":"${oddText.replaceAll('"', '')}"}`,
      recoveryPoints,
    },
    { vault: { BackupVaultName: 'locked', VaultType: 'LOGICALLY_AIR_GAPPED_BACKUP_VAULT' }, recoveryPoints: [] },
  ],
  plans: [
    {
      plan: { BackupPlanId: 'plan-0', BackupPlanName: 'nightly', BackupPlanArn: 'arn:plan', CreationDate: createdAt },
      document: {
        BackupPlanName: 'nightly',
        Rules: [{ RuleName: oddText, TargetBackupVaultName: 'nightly', Lifecycle: { DeleteAfterDays: 35 } }],
      },
      selections: [
        {
          listed: { SelectionId: 'selection-0', SelectionName: oddText, CreationDate: createdAt },
          selection: { SelectionName: oddText, IamRoleArn: 'arn:role', Resources: ['arn:aws:rds:*:*:db:*'] },
        },
      ],
    },
    {
      plan: { BackupPlanId: 'gone', DeletionDate: createdAt },
      document: { BackupPlanName: 'gone', Rules: [] },
      selections: [],
    },
  ],
  jobs,
  copyJobs: [
    { CopyJobId: 'copy-0', State: 'COMPLETED', DestinationBackupVaultArn: 'arn:west', CreationDate: day(0) },
    { CopyJobId: 'copy-1', State: 'FAILED', DestinationBackupVaultArn: 'arn:west', CreationDate: day(1) },
  ],
  restoreJobs: [
    { RestoreJobId: 'restore-0', Status: 'COMPLETED', ValidationStatus: 'SUCCESSFUL', CreationDate: day(0) },
    {
      RestoreJobId: 'restore-1',
      Status: 'FAILED',
      CreationDate: day(1),
      CreatedBy: { RestoreTestingPlanArn: 'arn:testing' },
    },
  ],
  protectedResources: [{ ResourceArn: resourceArn, ResourceType: 'RDS', LastBackupTime: createdAt }],
  restoreTestingPlans: [
    {
      RestoreTestingPlanName: 'weekly',
      RestoreTestingPlanArn: 'arn:testing',
      CreationTime: createdAt,
      ScheduleExpression: 'cron(0 5 ? * SUN *)',
    },
  ],
  regionSettings: { ResourceTypeOptInPreference: { RDS: true, S3: false } },
};

const tested = testPlane({
  homeAccount: home,
  accounts: {
    [home]: { regions: { 'us-east-1': { backup: document } } },
    [other]: {
      regions: { 'us-east-1': { backup: { vaults: [{ vault: { BackupVaultName: 'air gap' }, recoveryPoints }] } } },
    },
  },
});

const backup = (configuration = {}) => tested.client(BackupClient, configuration);

const pointArns = (points: readonly RecoveryPointByBackupVault[] = []) =>
  points.map(({ RecoveryPointArn }) => RecoveryPointArn);

test('lists and describes vaults', async () => {
  const { BackupVaultList } = await backup().send(new ListBackupVaultsCommand({}));
  expect(BackupVaultList).toEqual(document.vaults?.map(({ vault }) => vault));
  const gapped = await backup().send(new ListBackupVaultsCommand({ ByVaultType: 'LOGICALLY_AIR_GAPPED_BACKUP_VAULT' }));
  expect(gapped.BackupVaultList).toMatchObject([{ BackupVaultName: 'locked' }]);
  const vault = await backup().send(new DescribeBackupVaultCommand({ BackupVaultName: 'nightly' }));
  expect(vault).toMatchObject({ BackupVaultArn: 'arn:nightly', CreationDate: createdAt, Locked: false });
});

test("gives a vault's access policy, and none of a vault that has none", async () => {
  const read = (BackupVaultName: string) => backup().send(new GetBackupVaultAccessPolicyCommand({ BackupVaultName }));
  expect(await read('nightly')).toMatchObject({ Policy: document.vaults?.[0]?.accessPolicy });
  await expect(read('locked')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
});

test('lists recovery points over pages', async () => {
  const client = backup();
  const input = { BackupVaultName: 'nightly' };
  const first = await client.send(new ListRecoveryPointsByBackupVaultCommand(input));
  expect(first.RecoveryPoints).toHaveLength(3);
  const points: RecoveryPointByBackupVault[] = [];
  for await (const page of paginateListRecoveryPointsByBackupVault({ client }, { ...input })) {
    points.push(...(page.RecoveryPoints ?? []));
  }
  expect(points).toEqual(recoveryPoints);
});

test.each([
  ['resource', { ByResourceArn: `${resourceArn}-2` }, [0]],
  ['resource type', { ByResourceType: 'Aurora' }, [1]],
  ['plan', { ByBackupPlanId: 'plan-1', ByCreatedAfter: day(2) }, [3, 5]],
  ['time', { ByCreatedAfter: day(3), ByCreatedBefore: day(6) }, [4, 5]],
])('lists recovery points by %s', async (_, filter, indices) => {
  const input = { BackupVaultName: 'nightly', ...filter };
  const { RecoveryPoints } = await backup().send(new ListRecoveryPointsByBackupVaultCommand(input));
  expect(pointArns(RecoveryPoints)).toEqual(pointArns(indices.flatMap((index) => recoveryPoints[index] ?? [])));
});

test('lists the recovery points of a vault that another account shares', async () => {
  const { RecoveryPoints } = await backup().send(
    new ListRecoveryPointsByBackupVaultCommand({ BackupVaultName: 'air gap', BackupVaultAccountId: other }),
  );
  expect(RecoveryPoints).toHaveLength(3);
});

test('lists and reads plans and selections', async () => {
  const client = backup();
  const { BackupPlansList } = await client.send(new ListBackupPlansCommand({}));
  expect(BackupPlansList).toEqual([document.plans?.[0]?.plan]);
  const all = await client.send(new ListBackupPlansCommand({ IncludeDeleted: true }));
  expect(all.BackupPlansList).toHaveLength(2);
  const plan = await client.send(new GetBackupPlanCommand({ BackupPlanId: 'plan-0' }));
  expect(plan).toMatchObject({ BackupPlanArn: 'arn:plan', BackupPlan: document.plans?.[0]?.document });
  const { BackupSelectionsList } = await client.send(new ListBackupSelectionsCommand({ BackupPlanId: 'plan-0' }));
  expect(BackupSelectionsList).toEqual([document.plans?.[0]?.selections[0]?.listed]);
  const selection = await client.send(
    new GetBackupSelectionCommand({ BackupPlanId: 'plan-0', SelectionId: 'selection-0' }),
  );
  expect(selection.BackupSelection).toEqual(document.plans?.[0]?.selections[0]?.selection);
});

test('lists backup jobs over pages', async () => {
  const listed: BackupJob[] = [];
  for await (const page of paginateListBackupJobs({ client: backup() }, {})) listed.push(...(page.BackupJobs ?? []));
  expect(listed).toEqual(jobs);
});

test.each([
  ['state', { ByState: 'FAILED' }, [1]],
  ['vault', { ByBackupVaultName: 'locked' }, [3]],
  ['creation', { ByCreatedAfter: day(1) }, [2, 3]],
  ['completion, which a running job has not reached', { ByCompleteAfter: day(1) }, [1, 3]],
  ['message category', { ByMessageCategory: 'AccessDenied' }, [1]],
  ['resource and time', { ByResourceArn: resourceArn, ByCreatedBefore: day(1) }, [0]],
] as const)('lists backup jobs by %s', async (_, filter, indices) => {
  const { BackupJobs = [] } = await backup().send(new ListBackupJobsCommand(filter));
  expect(BackupJobs.map(({ BackupJobId }) => BackupJobId)).toEqual(indices.map((index) => `job-${index}`));
});

test('lists copy jobs and restore jobs', async () => {
  const client = backup();
  const { CopyJobs } = await client.send(new ListCopyJobsCommand({}));
  expect(CopyJobs).toEqual(document.copyJobs);
  const failed = await client.send(new ListCopyJobsCommand({ ByState: 'FAILED', ByDestinationVaultArn: 'arn:west' }));
  expect(failed.CopyJobs).toMatchObject([{ CopyJobId: 'copy-1' }]);
  const { RestoreJobs } = await client.send(new ListRestoreJobsCommand({}));
  expect(RestoreJobs).toEqual(document.restoreJobs);
  const tests = await client.send(new ListRestoreJobsCommand({ ByRestoreTestingPlanArn: 'arn:testing' }));
  expect(tests.RestoreJobs).toMatchObject([{ RestoreJobId: 'restore-1' }]);
  const recent = await client.send(new ListRestoreJobsCommand({ ByCreatedAfter: day(0), ByStatus: 'FAILED' }));
  expect(recent.RestoreJobs).toMatchObject([{ RestoreJobId: 'restore-1' }]);
});

test('tells what is protected, opted in and tested', async () => {
  const client = backup();
  const { Results } = await client.send(new ListProtectedResourcesCommand({}));
  expect(Results).toEqual(document.protectedResources);
  expect(await client.send(new DescribeRegionSettingsCommand({}))).toMatchObject(document.regionSettings ?? {});
  const { RestoreTestingPlans } = await client.send(new ListRestoreTestingPlansCommand({}));
  expect(RestoreTestingPlans).toEqual(document.restoreTestingPlans);
});

test('is empty in another region', async () => {
  const west = backup({ region: 'us-west-2' });
  expect((await west.send(new ListBackupVaultsCommand({}))).BackupVaultList).toEqual([]);
  expect((await west.send(new ListBackupJobsCommand({}))).BackupJobs).toEqual([]);
});

test.each([
  ['vault', () => backup().send(new DescribeBackupVaultCommand({ BackupVaultName: 'none' }))],
  ['vault', () => backup().send(new ListRecoveryPointsByBackupVaultCommand({ BackupVaultName: 'none' }))],
  ['plan', () => backup().send(new GetBackupPlanCommand({ BackupPlanId: 'none' }))],
  ['selection', () => backup().send(new GetBackupSelectionCommand({ BackupPlanId: 'plan-0', SelectionId: 'none' }))],
])('answers for a %s that is not there as AWS Backup does', async (_, send) => {
  await expect(send()).rejects.toMatchObject({ name: 'ResourceNotFoundException', $fault: 'client' });
});

test('refuses what it does not honour, naming it', async () => {
  const versioned = backup().send(new GetBackupPlanCommand({ BackupPlanId: 'plan-0', VersionId: '1' }));
  await expect(versioned).rejects.toMatchObject({
    name: 'InvalidParameterValueException',
    message: expect.stringContaining('VersionId'),
  });
  const unknown = backup().send(new ListFrameworksCommand({}));
  await expect(unknown).rejects.toMatchObject({
    name: 'UnknownOperationException',
    message: expect.stringContaining('GET /audit/frameworks'),
  });
});

test.each([
  ['access-denied', 'AccessDeniedException'],
  ['throttled', 'ThrottlingException'],
  ['internal-error', 'ServiceUnavailableException'],
] as const)('strikes the requests about one vault with %s', async (fault, name) => {
  tested.plane.inject({
    service: 'backup',
    operation: 'ListRecoveryPointsByBackupVault',
    resourceId: `arn:aws:backup:us-east-1:${home}:backup-vault:nightly`,
    fault,
  });
  const list = (BackupVaultName: string) =>
    backup().send(new ListRecoveryPointsByBackupVaultCommand({ BackupVaultName }));
  await expect(list('nightly')).rejects.toMatchObject({ name });
  await expect(list('locked')).resolves.toBeDefined();
  expect(tested.plane.requests).toMatchObject([
    { service: 'backup', operation: 'ListRecoveryPointsByBackupVault', region: 'us-east-1', account: home },
    { service: 'backup', operation: 'ListRecoveryPointsByBackupVault' },
  ]);
});
