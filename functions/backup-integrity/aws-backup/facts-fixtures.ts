import type { AwsBackupFacts, BackupJob, PlanRule, PlanSelection, RecoveryPoint, RestoreJob, Vault } from './facts.ts';

/** Facts for tests: healthy ones, but for what they are given. */
export const account = '123456789012';
export const region = 'us-east-1';
export const now = new Date('2026-11-20T12:00:00.000Z');

const place = { account, region };

export const vaultArn = arnOfVault('main');
export const table = `arn:aws:dynamodb:${region}:${account}:table/tracks`;
export const database = `arn:aws:rds:${region}:${account}:db:rights`;

export function hoursAgo(hours: number): Date {
  return new Date(now.getTime() - hours * 3_600_000);
}

export function daysAgo(days: number): Date {
  return hoursAgo(days * 24);
}

export function arnOfVault(name: string, inRegion = region, inAccount = account): string {
  return `arn:aws:backup:${inRegion}:${inAccount}:backup-vault:${name}`;
}

export function facts(overrides: Partial<AwsBackupFacts> = {}): AwsBackupFacts {
  return {
    places: new Set([`${account}/${region}`]),
    vaults: [],
    recoveryPoints: [],
    jobs: [],
    rules: [],
    selections: [],
    restoreJobs: [],
    protectedResources: [],
    optedOut: new Set(),
    ...overrides,
  };
}

/** A vault that is locked for good. */
export function vault(overrides: Partial<Vault> = {}, name = 'main', inRegion = region): Vault {
  return {
    resource: { type: 'backup-vault', id: arnOfVault(name, inRegion), name, account, region: inRegion },
    type: 'BACKUP_VAULT',
    kmsKeyArn: undefined,
    isLocked: true,
    minimumRetentionDays: undefined,
    maximumRetentionDays: undefined,
    lockDate: daysAgo(1),
    accessPolicy: undefined,
    ...overrides,
  };
}

/** A recovery point of the table, six hours old. */
export function point(overrides: Partial<RecoveryPoint> = {}, id = 'one'): RecoveryPoint {
  const { protectedArn = table } = overrides;
  const arn = `arn:aws:backup:${region}:${account}:recovery-point:${id}`;
  return {
    resource: { type: 'recovery-point', id: arn, name: `${protectedArn} in main`, ...place },
    vaultArn,
    protectedArn,
    protectedType: 'DynamoDB',
    status: 'COMPLETED',
    statusMessage: undefined,
    createdAt: hoursAgo(6),
    completedAt: hoursAgo(5),
    deleteAt: daysAgo(-35),
    sizeBytes: 1000,
    isEncrypted: true,
    kmsKeyArn: undefined,
    scan: undefined,
    isContinuous: false,
    parentArn: undefined,
    ...overrides,
  };
}

/** A backup job of the table that completed five hours ago. */
export function job(overrides: Partial<BackupJob> = {}, id = 'one'): BackupJob {
  const kind = overrides.kind ?? 'backup';
  return {
    resource: { type: `${kind}-job`, id: `${kind}-job/${id}`, name: 'tracks', ...place },
    kind,
    protectedArn: table,
    vaultArn,
    state: 'COMPLETED',
    message: undefined,
    createdAt: hoursAgo(6),
    completedAt: hoursAgo(5),
    recoveryPointArn: undefined,
    destination: undefined,
    deleteAt: undefined,
    ...overrides,
  };
}

export function rule(overrides: Partial<PlanRule> = {}): PlanRule {
  const planArn = `arn:aws:backup:${region}:${account}:backup-plan:daily`;
  return {
    resource: { type: 'backup-plan-rule', id: `${planArn}#one`, name: 'daily: one', ...place },
    planArn,
    planName: 'daily',
    ruleName: 'one',
    vaultName: 'main',
    retentionDays: 35,
    isContinuous: false,
    schedule: undefined,
    copies: [],
    ...overrides,
  };
}

/** A selection that takes in nothing. */
export function selection(overrides: Partial<PlanSelection> = {}): PlanSelection {
  return {
    planArn: rule().planArn,
    name: 'everything',
    ...place,
    resources: [],
    notResources: [],
    listOfTags: [],
    stringEquals: [],
    stringNotEquals: [],
    stringLike: [],
    stringNotLike: [],
    ...overrides,
  };
}

/** A restore test of the table that succeeded a day ago, validated. */
export function restoreJob(overrides: Partial<RestoreJob> = {}, id = 'one'): RestoreJob {
  const status = overrides.status ?? 'COMPLETED';
  return {
    resource: { type: 'restore-job', id: `restore-job/${id}`, name: 'tracks', ...place },
    id,
    status,
    startedAt: daysAgo(1),
    finishedAt: hoursAgo(23),
    isCompleted: status === 'COMPLETED',
    validation: 'SUCCESSFUL',
    message: undefined,
    recoveryPointArn: point().resource.id,
    protectedArn: table,
    createdArn: undefined,
    testingPlanArn: `arn:aws:backup:${region}:${account}:restore-testing-plan:monthly`,
    deletion: 'SUCCESSFUL',
    ...overrides,
  };
}
