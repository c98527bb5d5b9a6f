import { createHash } from 'node:crypto';
import type {
  BackupJob,
  BackupPlan,
  BackupRule,
  BackupSelection,
  BackupVaultListMember,
  CopyJob,
  RecoveryPointByBackupVault,
  RestoreJobsListMember,
} from '@aws-sdk/client-backup';
import type { task } from '../../functions/backup-integrity/task.ts';
import type { RuleOf } from '../../shared/task.ts';
import type { BackupDocument, BackupPlanDocument, BackupVaultDocument } from '../control-plane/services/backup.ts';
import type { PlantedCase, PlantedFinding } from './planted-case.ts';

type RuleId = RuleOf<typeof task>;
type Finding = PlantedFinding<RuleId>;

/**
 * What AWS Backup holds in the sample estate. The severities are those of a configuration with a policy that asks for backups which
 * nobody can delete.
 */
export interface BackupVaults {
  readonly cases: readonly PlantedCase<object, RuleId>[];
  /** By region. */
  readonly documents: Readonly<Record<string, BackupDocument>>;
}

const east = 'us-east-1';
const west = 'us-west-2';

/** An account outside the estate that copies go to. */
export const copyAccount = '210987654321';

/** An account that nobody knows. */
const strangeAccount = '999988887777';

const minuteMs = 60_000;
const hour = 60;
const day = 1440;
const gibibyte = 1024 ** 3;

const annualDays = 2557;

const guarded = [
  'backup:DeleteRecoveryPoint',
  'backup:UpdateRecoveryPointLifecycle',
  'backup:PutBackupVaultAccessPolicy',
];
const denyDeletion = { Effect: 'Deny', Principal: '*', Action: guarded, Resource: '*' };

/** A document while it is being written. */
interface OpenDocument {
  readonly vaults: (BackupVaultDocument & { readonly recoveryPoints: RecoveryPointByBackupVault[] })[];
  readonly plans: BackupPlanDocument[];
  readonly jobs: BackupJob[];
  readonly copyJobs: CopyJob[];
  readonly restoreJobs: RestoreJobsListMember[];
}

interface VaultSpec {
  readonly region?: string;
  readonly policy?: readonly object[];
  readonly findings?: readonly Finding[];
}

interface PointSpec {
  readonly minutesAgo: number;
  /** Undefined: kept for ever. */
  readonly keptDays?: number;
  readonly sizeGib?: number;
  readonly findings?: readonly Finding[];
}

/**
 * Returns what AWS Backup holds in the sample estate's account, in us-east-1 and us-west-2, as it stands at `now`: vaults, plans, jobs
 * and recovery points, planted faults beside healthy ones.
 */
export function backupVaultCases(account: string, now: Date): BackupVaults {
  const minutesAgo = (minutes: number) => new Date(now.getTime() - minutes * minuteMs);
  const open: Record<string, OpenDocument> = { [east]: emptyRegion(), [west]: emptyRegion() };
  const cases: PlantedCase<object, RuleId>[] = [];
  const types = new Map<string, string>();

  const regionOf = (arn: string) => open[arn.split(':')[3] || east] as OpenDocument;
  const vaultArn = (name: string, region = east) => `arn:aws:backup:${region}:${account}:backup-vault:${name}`;
  const resource = (type: string, arn: string) => {
    types.set(arn, type);
    return arn;
  };
  const database = (name: string) => resource('RDS', `arn:aws:rds:${east}:${account}:db:${name}`);
  const table = (name: string) => resource('DynamoDB', `arn:aws:dynamodb:${east}:${account}:table/${name}`);
  const bucket = (name: string) => resource('S3', `arn:aws:s3:::${name}`);
  const volume = (name: string) => resource('EBS', `arn:aws:ec2:${east}:${account}:volume/${name}`);

  function plant(why: string, planted: object, resourceId: string, findings: readonly Finding[] = []): void {
    cases.push({ why, resource: planted, resourceId, findings });
  }

  function vault(name: string, why: string, details: Partial<BackupVaultListMember>, spec: VaultSpec = {}): string {
    const { region = east, policy, findings } = spec;
    const arn = vaultArn(name, region);
    const listed: BackupVaultListMember = {
      BackupVaultName: name,
      BackupVaultArn: arn,
      VaultType: 'BACKUP_VAULT',
      VaultState: 'AVAILABLE',
      CreationDate: minutesAgo(900 * day),
      Locked: false,
      ...details,
    };
    const accessPolicy = policy && JSON.stringify({ Version: '2012-10-17', Statement: policy });
    regionOf(arn).vaults.push({
      vault: listed,
      recoveryPoints: [],
      ...(accessPolicy === undefined ? {} : { accessPolicy }),
    });
    plant(why, listed, arn, findings);
    return arn;
  }

  /** A recovery point as it should be, but for what `spec` and `details` say. */
  function point(
    of: string,
    into: string,
    why: string,
    spec: PointSpec,
    details: Partial<RecoveryPointByBackupVault> = {},
  ): string {
    const held = regionOf(into).vaults.find(({ vault: listed }) => listed.BackupVaultArn === into);
    const created = minutesAgo(spec.minutesAgo);
    const keptDays = spec.keptDays ?? 35;
    const planted: RecoveryPointByBackupVault = {
      RecoveryPointArn: pointArn(of, into, spec.minutesAgo),
      BackupVaultName: held?.vault.BackupVaultName,
      BackupVaultArn: into,
      ResourceArn: of,
      ResourceType: types.get(of),
      Status: 'COMPLETED',
      CreationDate: created,
      CompletionDate: minutesAgo(spec.minutesAgo - 25),
      CalculatedLifecycle: { DeleteAt: minutesAgo(spec.minutesAgo - keptDays * day) },
      Lifecycle: { DeleteAfterDays: keptDays },
      IsEncrypted: true,
      BackupSizeInBytes: (spec.sizeGib ?? 0) * gibibyte,
      ...details,
    };
    held?.recoveryPoints.push(planted);
    plant(why, planted, planted.RecoveryPointArn as string, spec.findings);
    return planted.RecoveryPointArn as string;
  }

  function pointArn(of: string, into: string, minutes: number): string {
    return `arn:aws:backup:${into.split(':')[3]}:${account}:recovery-point:${uuid(`${of} ${into} ${minutes}`)}`;
  }

  function continuousArn(of: string, into: string, beginning: number): string {
    const name = of.slice(of.lastIndexOf(':') + 1);
    const hash = uuid(`${of} ${into} ${beginning}`).slice(0, 8);
    return `arn:aws:backup:${into.split(':')[3]}:${account}:recovery-point:continuous:${name}-${hash}`;
  }

  /** One a day, the newest `newest` minutes old. */
  function daily(
    of: string,
    into: string,
    why: string,
    count: number,
    newest: number,
    sizesGib: readonly number[] = [],
  ) {
    return Array.from({ length: count }, (_, index) =>
      point(of, into, why, { minutesAgo: newest + index * day, sizeGib: sizesGib[index] ?? 0 }),
    );
  }

  function backupJob(of: string, into: string, minutes: number, details: Partial<BackupJob> = {}): void {
    const isOver = !['CREATED', 'PENDING', 'RUNNING'].includes(details.State ?? 'COMPLETED');
    regionOf(into).jobs.push({
      AccountId: account,
      BackupJobId: uuid(`job ${of} ${into} ${minutes}`),
      BackupVaultName: into.slice(into.lastIndexOf(':') + 1),
      BackupVaultArn: into,
      ResourceArn: of,
      ResourceType: types.get(of),
      CreationDate: minutesAgo(minutes),
      ...(isOver ? { CompletionDate: minutesAgo(minutes - 40) } : {}),
      State: 'COMPLETED',
      MessageCategory: 'SUCCESS',
      ...details,
    });
  }

  function copyJob(of: string, from: string, to: string, minutes: number, details: Partial<CopyJob> = {}): void {
    regionOf(from).copyJobs.push({
      AccountId: account,
      CopyJobId: uuid(`copy ${of} ${to} ${minutes}`),
      SourceBackupVaultArn: from,
      DestinationBackupVaultArn: to,
      ResourceArn: of,
      ResourceType: types.get(of),
      CreationDate: minutesAgo(minutes),
      CompletionDate: minutesAgo(minutes - 30),
      DestinationRecoveryPointLifecycle: { DeleteAfterDays: 35 },
      State: 'COMPLETED',
      MessageCategory: 'SUCCESS',
      ...details,
    });
  }

  /** A restore of the testing plan, unless `details` say otherwise. */
  function restoreJob(
    of: string,
    daysAgo: number,
    tookMinutes: number,
    details: Partial<RestoreJobsListMember> = {},
  ): void {
    open[east]?.restoreJobs.push({
      AccountId: account,
      RestoreJobId: uuid(`restore ${of} ${daysAgo}`),
      RecoveryPointArn: pointArn(of, locked, daysAgo * day),
      SourceResourceArn: of,
      ResourceType: types.get(of),
      CreationDate: minutesAgo(daysAgo * day),
      CompletionDate: minutesAgo(daysAgo * day - tookMinutes),
      Status: 'COMPLETED',
      CreatedBy: {
        RestoreTestingPlanArn: `arn:aws:backup:${east}:${account}:restore-testing-plan:nycmg_monthly-${uuid('monthly')}`,
      },
      DeletionStatus: 'SUCCESSFUL',
      ...details,
    });
  }

  function plan(
    region: string,
    name: string,
    spec: { rules: BackupRule[]; selections: Partial<BackupSelection>[] },
  ): string {
    const id = uuid(`plan ${region} ${name}`);
    const arn = `arn:aws:backup:${region}:${account}:backup-plan:${id}`;
    const document: BackupPlan = { BackupPlanName: name, Rules: spec.rules };
    open[region]?.plans.push({
      plan: {
        BackupPlanArn: arn,
        BackupPlanId: id,
        BackupPlanName: name,
        CreationDate: minutesAgo(800 * day),
        VersionId: uuid(`version ${region} ${name}`),
      },
      document,
      selections: spec.selections.map((given, index) => {
        const selection: BackupSelection = {
          SelectionName: `${name}-${index + 1}`,
          IamRoleArn: `arn:aws:iam::${account}:role/service-role/AWSBackupDefaultServiceRole`,
          ...given,
        };
        const SelectionId = uuid(`selection ${region} ${name} ${index}`);
        return { listed: { SelectionId, SelectionName: selection.SelectionName, BackupPlanId: id }, selection };
      }),
    });
    return arn;
  }

  function rule(
    planName: string,
    region: string,
    name: string,
    why: string,
    details: Omit<Partial<BackupRule>, 'RuleName'>,
    findings?: readonly Finding[],
  ): BackupRule {
    const RuleId = uuid(`rule ${region} ${planName} ${name}`);
    const planned = {
      RuleName: name,
      RuleId,
      TargetBackupVaultName: 'nycmg-locked',
      ScheduleExpression: 'cron(0 5 ? * * *)',
      ...details,
    };
    const planArn = `arn:aws:backup:${region}:${account}:backup-plan:${uuid(`plan ${region} ${planName}`)}`;
    plant(why, planned, `${planArn}#${RuleId}`, findings);
    return planned;
  }

  const compliance = { Locked: true, LockDate: minutesAgo(300 * day), MinRetentionDays: 7, MaxRetentionDays: 3653 };
  const notLocked: Finding = { rule: 'vault-not-locked', severity: 'medium' };

  const locked = vault('nycmg-locked', 'locked for good; the organization may copy into it', compliance, {
    policy: [
      {
        Effect: 'Allow',
        Principal: '*',
        Action: 'backup:CopyIntoBackupVault',
        Resource: '*',
        Condition: { StringEquals: { 'aws:PrincipalOrgID': 'o-nycmg12345' } },
      },
    ],
  });
  const primary = vault(
    'nycmg-primary',
    'not locked, but nobody may delete from it',
    {},
    {
      policy: [denyDeletion],
      findings: [notLocked],
    },
  );
  const legacy = vault(
    'nycmg-legacy',
    'everybody in the account may delete from it',
    {},
    {
      policy: [{ Effect: 'Allow', Principal: { AWS: '*' }, Action: guarded[0], Resource: '*' }],
      findings: [
        notLocked,
        { rule: 'vault-deletable', severity: 'high' },
        // One of its points should have been deleted three weeks ago.
        { rule: 'recovery-point-bad', severity: 'low', discriminator: 'expired' },
      ],
    },
  );
  const open24 = vault(
    'nycmg-open',
    'neither a lock nor a policy',
    {},
    {
      findings: [notLocked, { rule: 'vault-deletable', severity: 'medium' }],
    },
  );
  const pending = vault(
    'nycmg-pending',
    'its lock can be removed for two more days',
    { ...compliance, LockDate: minutesAgo(-2 * day - hour) },
    { findings: [{ rule: 'vault-not-locked', severity: 'low' }] },
  );
  const governed = vault(
    'nycmg-governed',
    'locked until somebody with the permission thinks otherwise',
    { Locked: true, MinRetentionDays: 1 },
    { findings: [notLocked] },
  );
  const sharedVault = vault('nycmg-shared', 'a strange account may fill it', compliance, {
    policy: [
      {
        Effect: 'Allow',
        Principal: { AWS: `arn:aws:iam::${strangeAccount}:root` },
        Action: 'backup:CopyIntoBackupVault',
        Resource: '*',
      },
    ],
    findings: [{ rule: 'vault-deletable', severity: 'low', discriminator: 'shared' }],
  });
  vault('nycmg-scratch', 'empty: there is nothing to lock up', {});
  const lockedWest = vault('nycmg-locked', 'the copies, locked for good', compliance, { region: west });
  const airGapped = vault(
    'nycmg-airgap',
    'logically air-gapped, which is always locked for good',
    { VaultType: 'LOGICALLY_AIR_GAPPED_BACKUP_VAULT', Locked: true, MinRetentionDays: 7, MaxRetentionDays: 365 },
    { region: west },
  );
  const elsewhere = `arn:aws:backup:${west}:${copyAccount}:backup-vault:nycmg-bunker`;

  const rights = database('nycmg-db-rights');
  const catalog = database('nycmg-db-catalog');
  const listens = database('nycmg-db-listens');
  const sessions = table('nycmg-sessions');
  const plays = table('nycmg-plays');
  const venues = table('nycmg-venues');
  const stems = bucket('nycmg-stems');
  const masters = bucket('nycmg-masters');
  const website = resource(
    'CloudFormation',
    `arn:aws:cloudformation:${east}:${account}:stack/nycmg-web/${uuid('stack')}`,
  );

  // Rights: backed up, copied, locked up, kept for years, and restored on probation.
  daily(rights, locked, 'one a day of the rights', 5, 7 * hour);
  daily(rights, lockedWest, 'a copy in the west, as old as what was copied', 4, 7 * hour);
  point(rights, locked, 'the one of this year', { minutesAgo: 200 * day, keptDays: annualDays });
  point(
    rights,
    primary,
    'a continuous backup is never finished',
    { minutesAgo: 90 * day },
    {
      RecoveryPointArn: continuousArn(rights, primary, 90 * day),
      Status: 'AVAILABLE',
      CompletionDate: undefined,
    },
  );
  backupJob(rights, locked, 7 * hour);
  backupJob(rights, primary, 6 * hour, { RecoveryPointArn: continuousArn(rights, primary, 90 * day) });
  copyJob(rights, locked, lockedWest, 6 * hour, {
    SourceRecoveryPointArn: pointArn(rights, locked, 7 * hour),
    DestinationRecoveryPointArn: pointArn(rights, lockedWest, 7 * hour),
    DestinationVaultType: 'BACKUP_VAULT',
    DestinationVaultLockState: 'LOCKED',
  });
  copyJob(rights, locked, lockedWest, 30 * hour, {
    SourceRecoveryPointArn: pointArn(rights, locked, 31 * hour),
    // What it says it made, somebody has deleted since, from a vault that was not locked yet.
    DestinationRecoveryPointArn: pointArn(rights, lockedWest, 30 * hour),
  });
  restoreJob(rights, 12, 42, { ValidationStatus: 'SUCCESSFUL' });

  // Catalog: backed up into a vault that is not locked, and slow to restore.
  daily(catalog, primary, 'one a day of the catalog', 3, 5 * hour);
  backupJob(catalog, primary, 22 * hour, {
    State: 'EXPIRED',
    CompletionDate: undefined,
    StartBy: minutesAgo(14 * hour),
    MessageCategory: 'EXPIRED',
    StatusMessage: 'The backup window conflicts with the maintenance window.',
  });
  backupJob(catalog, primary, 5 * hour);
  plant('yesterday’s backup did not begin, and a later one went well', { ResourceArn: catalog }, catalog, [
    { rule: 'backup-job-failed', severity: 'low', discriminator: primary },
  ]);
  restoreJob(catalog, 20, 310);

  // Listens: a plan takes it in, and every job of it fails.
  for (const nights of [0, 1, 2]) {
    backupJob(listens, locked, 7 * hour + nights * day, {
      State: 'FAILED',
      MessageCategory: 'FAILURE',
      StatusMessage: 'Retention period of 3 days is below the minimum of the vault, 7 days.',
    });
  }
  plant('every backup fails, for the plan keeps it shorter than the vault allows', { ResourceArn: listens }, listens, [
    { rule: 'backup-job-failed', severity: 'high', discriminator: locked },
  ]);
  restoreJob(listens, 100, 5, { Status: 'ABORTED', CreatedBy: undefined, DeletionStatus: undefined });

  // Sessions: they have shrunk overnight, and the copy fails.
  daily(sessions, primary, 'one a day of the sessions', 7, 4 * hour, [0.4, 2.1, 2, 2.1, 2, 1.9, 2]);
  daily(sessions, airGapped, 'a copy that nobody can delete', 2, 28 * hour, [2.1, 2]);
  backupJob(sessions, primary, 4 * hour);
  copyJob(sessions, primary, airGapped, 3 * hour, {
    SourceRecoveryPointArn: pointArn(sessions, primary, 4 * hour),
    State: 'FAILED',
    MessageCategory: 'FAILURE',
    StatusMessage: 'Access Denied trying to call AWS Backup service.',
  });
  copyJob(sessions, primary, elsewhere, 3 * hour, {
    SourceRecoveryPointArn: pointArn(sessions, primary, 4 * hour),
    DestinationRecoveryPointArn: `arn:aws:backup:${west}:${copyAccount}:recovery-point:${uuid('bunker')}`,
    DestinationVaultType: 'BACKUP_VAULT',
    DestinationVaultLockState: 'LOCKED',
  });
  restoreJob(sessions, 5, 9, {
    Status: 'FAILED',
    StatusMessage: 'Insufficient permissions.',
    DeletionStatus: undefined,
  });
  plant('a fifth of what it was, not copied, and its restore test failed', { ResourceArn: sessions }, sessions, [
    { rule: 'size-drop', severity: 'high' },
    { rule: 'copy-job-failed', severity: 'high', discriminator: airGapped },
    { rule: 'restore-test-failed', severity: 'high' },
  ]);

  // Plays: what happened last week is over; nobody validated its restore.
  point(plays, pending, 'in a vault that is being locked', { minutesAgo: 9 * hour, sizeGib: 6 });
  point(plays, governed, 'in a vault whose lock can be removed', { minutesAgo: 9 * hour, sizeGib: 6 });
  point(plays, sharedVault, 'in a vault that is shared', { minutesAgo: 9 * hour, sizeGib: 6 });
  backupJob(plays, pending, 3 * day, { State: 'FAILED', MessageCategory: 'FAILURE', StatusMessage: 'Internal error.' });
  backupJob(plays, governed, 30, { State: 'RUNNING', MessageCategory: undefined });
  restoreJob(plays, 9, 14, { ValidationStatus: 'TIMED_OUT' });
  plant('nobody validated its restore test in time', { ResourceArn: plays }, plays, [
    { rule: 'restore-test-failed', severity: 'medium' },
  ]);

  // Venues: somebody stopped the backup; what came out of the test was not whole, and is still there.
  backupJob(venues, primary, 10 * hour, { State: 'ABORTED', MessageCategory: 'ABORTED' });
  const leftover = `arn:aws:dynamodb:${east}:${account}:table/awsbackup-restore-test-${uuid('venues').slice(0, 12)}`;
  restoreJob(venues, 4, 20, {
    ValidationStatus: 'FAILED',
    ValidationStatusMessage: '0 rows, more than 8000 expected',
    CreatedResourceArn: leftover,
    DeletionStatus: 'FAILED',
    DeletionStatusMessage: 'Insufficient permissions to delete.',
  });
  plant('its backup was stopped, and its restore test found nothing in it', { ResourceArn: venues }, venues, [
    { rule: 'backup-job-failed', severity: 'medium', discriminator: primary },
    { rule: 'restore-test-failed', severity: 'high' },
  ]);
  plant('a restore test left it behind', { ResourceArn: leftover }, leftover, [
    { rule: 'restore-test-leaked', severity: 'medium' },
  ]);

  // Buckets: continuous backups that stopped, one of them replaced, one with issues.
  const stopped = { Status: 'STOPPED', CompletionDate: undefined } as const;
  point(
    stems,
    primary,
    'stopped when its retention was changed; a new one has begun',
    { minutesAgo: 60 * day, findings: [{ rule: 'recovery-point-bad', severity: 'low' }] },
    { ...stopped, RecoveryPointArn: continuousArn(stems, primary, 60 * day) },
  );
  point(
    stems,
    primary,
    'the new one',
    { minutesAgo: 20 * day },
    {
      Status: 'AVAILABLE',
      CompletionDate: undefined,
      RecoveryPointArn: continuousArn(stems, primary, 20 * day),
    },
  );
  backupJob(stems, primary, 8 * hour, {
    RecoveryPointArn: continuousArn(stems, primary, 20 * day),
    MessageCategory: 'OBJECTS_SKIPPED',
    StatusMessage: '12 objects were not backed up: their storage class is GLACIER.',
  });
  plant('objects in Glacier are left out of its backup', { ResourceArn: stems }, stems, [
    { rule: 'backup-job-warning', severity: 'low', discriminator: primary },
  ]);
  point(
    masters,
    primary,
    'stopped when versioning was suspended, and nothing has come since',
    { minutesAgo: 50 * day, findings: [{ rule: 'recovery-point-bad', severity: 'high' }] },
    {
      ...stopped,
      RecoveryPointArn: continuousArn(masters, primary, 50 * day),
      StatusMessage: 'Versioning is suspended.',
    },
  );

  // The old vault, and all that gathers in one.
  point(
    catalog,
    legacy,
    'should have been deleted three weeks ago',
    { minutesAgo: 56 * day },
    { Status: 'EXPIRED', StatusMessage: 'Insufficient privileges to delete.' },
  );
  const partial = point(
    website,
    legacy,
    'parts of the stack are missing in it',
    { minutesAgo: 8 * hour, findings: [{ rule: 'recovery-point-bad', severity: 'high' }] },
    { Status: 'PARTIAL', IsParent: true },
  );
  point(
    volume('vol-0a11web'),
    legacy,
    'a part of the stack’s, judged with it',
    { minutesAgo: 8 * hour },
    { Status: 'PARTIAL', ParentRecoveryPointArn: partial },
  );
  backupJob(website, legacy, 8 * hour, { State: 'PARTIAL', MessageCategory: 'PARTIAL', IsParent: true });
  plant('parts of the stack were not backed up', { ResourceArn: website }, website, [
    { rule: 'backup-job-failed', severity: 'high', discriminator: legacy },
  ]);
  point(
    volume('vol-0b22encoder'),
    legacy,
    'being created since three days ago',
    { minutesAgo: 3 * day, findings: [{ rule: 'recovery-point-stuck', severity: 'medium' }] },
    { Status: 'CREATING', CompletionDate: undefined },
  );
  point(
    volume('vol-0c33player'),
    open24,
    'being created since an hour ago',
    { minutesAgo: hour },
    { Status: 'CREATING', CompletionDate: undefined },
  );
  point(
    volume('vol-0d44uploads'),
    legacy,
    'malware was found in it',
    { minutesAgo: 11 * hour, findings: [{ rule: 'recovery-point-infected', severity: 'high' }] },
    { AggregatedScanResult: { Findings: ['MALWARE'], LastComputed: minutesAgo(9 * hour) } },
  );
  point(
    volume('vol-0e55search'),
    open24,
    'scanned, and clean',
    { minutesAgo: 11 * hour },
    { AggregatedScanResult: { FailedScan: false, Findings: [], LastComputed: minutesAgo(9 * hour) } },
  );
  const bare = volume('vol-0f66cache');
  point(bare, legacy, 'not encrypted, which is told of the volume', { minutesAgo: 12 * hour }, { IsEncrypted: false });
  plant('its volume was never encrypted', { ResourceArn: bare }, bare, [
    { rule: 'not-encrypted', severity: 'medium', discriminator: legacy },
  ]);

  const dailyCopy = { DestinationBackupVaultArn: lockedWest, Lifecycle: { DeleteAfterDays: 35 } };
  plan(east, 'nycmg-daily', {
    rules: [
      rule('nycmg-daily', east, 'daily', 'within the limits of both vaults', {
        Lifecycle: { DeleteAfterDays: 35 },
        CopyActions: [dailyCopy],
      }),
      rule('nycmg-daily', east, 'yearly', 'kept for seven years', {
        ScheduleExpression: 'cron(0 5 1 1 ? *)',
        Lifecycle: { DeleteAfterDays: annualDays },
      }),
      rule('nycmg-daily', east, 'continuous', 'into a vault without limits', {
        TargetBackupVaultName: 'nycmg-primary',
        EnableContinuousBackup: true,
        Lifecycle: { DeleteAfterDays: 35 },
      }),
    ],
    selections: [{ Resources: ['arn:aws:rds:*:*:db:nycmg-db-rights'] }],
  });
  plan(east, 'nycmg-catalog', {
    rules: [
      rule('nycmg-catalog', east, 'daily', 'into a vault without limits', {
        TargetBackupVaultName: 'nycmg-primary',
        Lifecycle: { DeleteAfterDays: 35 },
      }),
    ],
    selections: [
      { Resources: [catalog] },
      {
        ListOfTags: [{ ConditionType: 'STRINGEQUALS', ConditionKey: 'backup', ConditionValue: 'daily' }],
        NotResources: ['arn:aws:ec2:*:*:volume/*'],
        Conditions: {
          StringNotEquals: [{ ConditionKey: 'aws:ResourceTag/stage', ConditionValue: 'test' }],
        },
      },
    ],
  });
  plan(east, 'nycmg-hot', {
    rules: [
      rule(
        'nycmg-hot',
        east,
        'short',
        'three days in a vault that takes seven and more',
        { Lifecycle: { DeleteAfterDays: 3 } },
        [{ rule: 'plan-below-vault-minimum', severity: 'high', discriminator: locked }],
      ),
    ],
    selections: [{ Resources: ['arn:aws:rds:*:*:db:nycmg-db-listens'] }],
  });
  plan(east, 'nycmg-tables', {
    rules: [
      rule('nycmg-tables', east, 'daily', 'copied into an air-gapped vault and into another account', {
        TargetBackupVaultName: 'nycmg-primary',
        Lifecycle: { DeleteAfterDays: 35 },
        CopyActions: [
          { DestinationBackupVaultArn: airGapped, Lifecycle: { DeleteAfterDays: 35 } },
          { DestinationBackupVaultArn: elsewhere, Lifecycle: { DeleteAfterDays: 35 } },
        ],
      }),
      rule(
        'nycmg-tables',
        east,
        'forever',
        'its copies are to stay for ever in a vault that keeps nothing longer than a year',
        {
          TargetBackupVaultName: 'nycmg-primary',
          CopyActions: [{ DestinationBackupVaultArn: airGapped }],
        },
        [{ rule: 'plan-below-vault-minimum', severity: 'high', discriminator: airGapped }],
      ),
    ],
    selections: [{ Resources: ['arn:aws:dynamodb:*:*:table/nycmg-sessions'] }],
  });
  plan(west, 'nycmg-west', {
    rules: [
      rule('nycmg-west', west, 'daily', 'a plan that only its own region knows', {
        Lifecycle: { DeleteAfterDays: 30 },
      }),
    ],
    selections: [
      {
        Resources: ['*'],
        NotResources: ['arn:aws:rds:*:*:db:*'],
        Conditions: { StringLike: [{ ConditionKey: 'aws:ResourceTag/backup', ConditionValue: 'west*' }] },
      },
    ],
  });

  const optIn = { Aurora: true, DynamoDB: true, EBS: true, EC2: true, RDS: true, S3: true, Timestream: false };
  const documents = Object.entries(open).map(([region, document]): [string, BackupDocument] => [
    region,
    {
      ...document,
      protectedResources: protectedIn(document, types),
      regionSettings: { ResourceTypeOptInPreference: optIn },
    },
  ]);
  return { cases, documents: Object.fromEntries(documents) };
}

/** Only what has been backed up once is listed as protected. */
function protectedIn({ vaults }: OpenDocument, types: ReadonlyMap<string, string>) {
  const arns = new Set(
    vaults.flatMap(({ recoveryPoints }) => recoveryPoints.flatMap(({ ResourceArn }) => ResourceArn ?? [])),
  );
  return [...arns].map((ResourceArn) => ({ ResourceArn, ResourceType: types.get(ResourceArn) }));
}

function emptyRegion(): OpenDocument {
  return { vaults: [], plans: [], jobs: [], copyJobs: [], restoreJobs: [] };
}

/** Returns an id in the form of a UUID that follows from `text`. */
function uuid(text: string): string {
  const hash = createHash('sha1').update(text).digest('hex');
  return [0, 8, 12, 16, 20].map((at, index) => hash.slice(at, [8, 12, 16, 20, 32][index])).join('-');
}
