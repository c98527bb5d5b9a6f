import {
  type BackupJob as AwsBackupJob,
  type CopyJob,
  paginateListBackupJobs,
  paginateListCopyJobs,
  paginateListRestoreJobs,
  type RestoreJobsListMember,
} from '@aws-sdk/client-backup';
import type { Resource } from '../../../shared/resource.ts';
import type { Context } from '../context.ts';
import type { BackupJob, RestoreJob } from './facts.ts';
import { clientIn, listingIn, type Place, pageSize } from './place.ts';
import { nameOf } from './resource-kind.ts';

type Parts = Pick<Context, 'clients' | 'config' | 'coverage' | 'now' | 'signal'>;

/** What is wrong with a listing that has such a job in it; the other jobs count. */
const nameless = 'A job came without its id, its resource or its date, and could not be judged.';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/**
 * Jobs are asked for by when they were created, and judged by when they ended: a backup is given up when it takes longer than
 * its window, which is seven days unless the plan says otherwise.
 */
const longestJobDays = 7;

/** A copy in a place that nobody looks at is known by its job alone, which AWS Backup keeps for 30 days. */
const copyJobDays = 31;

/** Restore tests are quarterly or yearly. */
const restoreJobDays = 366;

/** Returns the backup and copy jobs of one place that may have ended within the job window, and those still under way. */
export async function collectJobs(
  place: Place,
  { clients, config, coverage, now, signal }: Parts,
): Promise<BackupJob[]> {
  const client = clientIn(place, clients);
  const jobs: BackupJob[] = [];
  function take(known: BackupJob | undefined, job: AwsBackupJob | CopyJob, listing: Resource): void {
    // A part of a composite backup says nothing that its parent does not.
    if (isPart(job)) return;
    if (known === undefined) coverage.unchecked(listing, 'unreadable', nameless);
    else jobs.push(known);
  }
  const backupListing = listingIn('jobs', 'backup jobs', place);
  const backups = coverage.look(backupListing, async () => {
    const since = now.getTime() - config.jobWindowHours * hourMs - longestJobDays * dayMs;
    const wanted = { ByCreatedAfter: new Date(since) };
    for await (const page of paginateListBackupJobs({ client, pageSize }, wanted, { abortSignal: signal })) {
      for (const job of page.BackupJobs ?? []) take(backupJob(job, place), job, backupListing);
    }
  });
  const copyListing = listingIn('copy-jobs', 'copy jobs', place);
  const copies = coverage.look(copyListing, async () => {
    const wanted = { ByCreatedAfter: new Date(now.getTime() - copyJobDays * dayMs) };
    for await (const page of paginateListCopyJobs({ client, pageSize }, wanted, { abortSignal: signal })) {
      for (const job of page.CopyJobs ?? []) take(copyJob(job, place), job, copyListing);
    }
  });
  await Promise.all([backups, copies]);
  return jobs;
}

/** Returns the restore jobs of one place, for as long as a policy asks about them and at least for a year. */
export async function collectRestoreJobs(
  place: Place,
  { clients, config, coverage, now, signal }: Parts,
): Promise<RestoreJob[]> {
  const client = clientIn(place, clients);
  const days = Math.max(restoreJobDays, ...config.policies.map(({ restoreTestDays = 0 }) => restoreTestDays));
  const jobs: RestoreJob[] = [];
  const listing = listingIn('restore-jobs', 'restore jobs', place);
  await coverage.look(listing, async () => {
    const wanted = { ByCreatedAfter: new Date(now.getTime() - days * dayMs) };
    for await (const page of paginateListRestoreJobs({ client, pageSize }, wanted, { abortSignal: signal })) {
      for (const job of page.RestoreJobs ?? []) {
        const known = restoreJob(job, place);
        if (known === undefined) coverage.unchecked(listing, 'unreadable', nameless);
        else jobs.push(known);
      }
    }
  });
  return jobs;
}

/** Returns a job; undefined when AWS Backup does not say which it is, of what, or since when. */
function backupJob(job: AwsBackupJob, place: Place): BackupJob | undefined {
  const { BackupJobId: id, ResourceArn: protectedArn, BackupVaultArn: vaultArn, CreationDate: createdAt } = job;
  if (id === undefined || protectedArn === undefined || createdAt === undefined) return undefined;
  return {
    resource: jobResource('backup-job', id, protectedArn, place),
    kind: 'backup',
    protectedArn,
    vaultArn: vaultArn ?? '',
    state: job.State ?? 'UNKNOWN',
    message: messageOf(job),
    createdAt,
    // A job that never began was given up when its start window ended.
    completedAt: job.CompletionDate ?? (job.State === 'EXPIRED' ? job.StartBy : undefined),
    recoveryPointArn: job.RecoveryPointArn,
    destination: undefined,
    deleteAt: deleteAt(createdAt, job.RecoveryPointLifecycle?.DeleteAfterDays),
  };
}

/** As {@link backupJob}. */
function copyJob(job: CopyJob, place: Place): BackupJob | undefined {
  const {
    CopyJobId: id,
    ResourceArn: protectedArn,
    DestinationBackupVaultArn: vaultArn,
    CreationDate: createdAt,
  } = job;
  if (id === undefined || protectedArn === undefined || createdAt === undefined) return undefined;
  const [, , , region = '', account = ''] = (vaultArn ?? '').split(':');
  return {
    resource: jobResource('copy-job', id, protectedArn, place),
    kind: 'copy',
    protectedArn,
    vaultArn: vaultArn ?? '',
    state: job.State ?? 'UNKNOWN',
    message: messageOf(job),
    createdAt,
    completedAt: job.CompletionDate,
    recoveryPointArn: job.SourceRecoveryPointArn,
    destination: {
      account,
      region,
      recoveryPointArn: job.DestinationRecoveryPointArn,
      isImmutable: wasImmutable(job),
    },
    deleteAt: deleteAt(createdAt, job.DestinationRecoveryPointLifecycle?.DeleteAfterDays),
  };
}

/** As {@link backupJob}. */
function restoreJob(job: RestoreJobsListMember, place: Place): RestoreJob | undefined {
  const { RestoreJobId: id, RecoveryPointArn: recoveryPointArn, CreationDate: startedAt } = job;
  if (id === undefined || recoveryPointArn === undefined || startedAt === undefined) return undefined;
  const messages = [job.StatusMessage, job.ValidationStatusMessage, job.DeletionStatusMessage].filter(Boolean);
  return {
    resource: jobResource('restore-job', id, job.SourceResourceArn ?? recoveryPointArn, place),
    id,
    status: job.Status ?? 'UNKNOWN',
    startedAt,
    finishedAt: job.CompletionDate,
    isCompleted: job.Status === 'COMPLETED',
    validation: job.ValidationStatus,
    message: messages.length === 0 ? undefined : messages.join(' '),
    recoveryPointArn,
    protectedArn: job.SourceResourceArn,
    createdArn: job.CreatedResourceArn,
    testingPlanArn: job.CreatedBy?.RestoreTestingPlanArn,
    deletion: job.DeletionStatus,
  };
}

function jobResource(type: string, id: string, protectedArn: string, { account, region }: Place) {
  return { type, id: `${type}/${id}`, name: nameOf(protectedArn), account: account.id, region };
}

function isPart({
  ParentJobId,
  IsParent,
}: {
  ParentJobId?: string | undefined;
  IsParent?: boolean | undefined;
}): boolean {
  return ParentJobId !== undefined && IsParent !== true;
}

/**
 * "Completed with issues" is a job that is COMPLETED and of any message category but SUCCESS:
 * https://docs.aws.amazon.com/aws-backup/latest/devguide/API_ListBackupJobs.html
 */
function messageOf({
  State,
  StatusMessage,
  MessageCategory,
}: {
  State?: string | undefined;
  StatusMessage?: string | undefined;
  MessageCategory?: string | undefined;
}): string | undefined {
  if (State === 'COMPLETED' && MessageCategory?.toUpperCase() === 'SUCCESS') return undefined;
  return StatusMessage || MessageCategory;
}

/** A standard vault that was locked may have been so in either mode, which the job does not tell. */
function wasImmutable({ DestinationVaultType, DestinationVaultLockState }: CopyJob): boolean | undefined {
  if (DestinationVaultType === 'LOGICALLY_AIR_GAPPED_BACKUP_VAULT') return true;
  return DestinationVaultLockState === 'UNLOCKED' ? false : undefined;
}

function deleteAt(createdAt: Date, days: number | undefined): Date | undefined {
  return days === undefined || days < 0 ? undefined : new Date(createdAt.getTime() + days * dayMs);
}
