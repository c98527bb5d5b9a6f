import type { RestorePoint } from '../items.ts';
import type { AwsBackupFacts, BackupJob, RecoveryPoint, RestoreJob, Vault } from './facts.ts';
import { vaultLock } from './vault-lock.ts';

const states: Readonly<Record<string, RestorePoint['state']>> = {
  AVAILABLE: 'good',
  COMPLETED: 'good',
  CREATING: 'unfinished',
  DELETING: 'bad',
  EXPIRED: 'bad',
  PARTIAL: 'bad',
  STOPPED: 'bad',
};

const dayMs = 86_400_000;

/** Facts by what they are asked for, so that thousands of resources do not each go through all of them. */
interface Index {
  readonly vaults: ReadonlyMap<string, Vault>;
  readonly points: ReadonlyMap<string, readonly RecoveryPoint[]>;
  readonly jobs: ReadonlyMap<string, readonly BackupJob[]>;
  readonly restoreJobs: ReadonlyMap<string, readonly RestoreJob[]>;
}

const indexes = new WeakMap<AwsBackupFacts, Index>();

/** Returns whether a recovery point can be restored from, by its status. */
export function isUsable({ status }: Pick<RecoveryPoint, 'status'>): boolean {
  return states[status] === 'good';
}

/**
 * Returns what AWS Backup could restore a resource from, the newest first by what it restores to.
 *
 * A copy in the estate counts only as the recovery point that its vault really holds, whatever its copy job says. Of copies in
 * other accounts or regions nothing but the copy job is known: they are given as good until their time, with `isImmutable`
 * undefined unless the job tells.
 *
 * Of a continuous backup AWS Backup does not say up to when it can restore. It reaches at least to the last backup job that
 * updated it, which is what is given; the truth is the resource's own latest restorable time.
 * https://docs.aws.amazon.com/aws-backup/latest/devguide/point-in-time-recovery.html
 *
 * A point without any date is left out; the rules report it.
 */
export function recoveryPointsAsRestorePoints(facts: AwsBackupFacts, arn: string, now: Date): RestorePoint[] {
  const index = indexOf(facts);
  const jobs = index.jobs.get(arn) ?? [];
  const held = (index.points.get(arn) ?? []).flatMap((point) => heldPoint(point, jobs, index, now));
  const elsewhere = new Map(
    jobs.flatMap((job) => outsidePoint(job, facts, index, now)).map((point) => [point.id, point]),
  );
  return [...held, ...elsewhere.values()].sort((a, b) => b.restorableTo.getTime() - a.restorableTo.getTime());
}

/** Returns the restores of a resource's recovery points, by test or in earnest, the newest first. */
export function restoreProofs(facts: AwsBackupFacts, arn: string): RestoreJob[] {
  const jobs = indexOf(facts).restoreJobs.get(arn) ?? [];
  return [...jobs].sort((a, b) => b.startedAt.getTime() - a.startedAt.getTime());
}

function heldPoint(point: RecoveryPoint, jobs: readonly BackupJob[], index: Index, now: Date): RestorePoint[] {
  const restorableTo = point.isContinuous ? lastUpdate(point, jobs) : point.createdAt;
  if (restorableTo === undefined) return [];
  const vault = index.vaults.get(point.vaultArn);
  return [
    {
      method: 'recovery-point',
      id: point.resource.id,
      state: states[point.status] ?? 'unknown',
      status: point.status,
      restorableTo,
      createdAt: point.isContinuous ? undefined : point.createdAt,
      deleteAt: point.isContinuous ? after(restorableTo, point.continuousDays) : point.deleteAt,
      account: point.resource.account ?? '',
      region: point.resource.region ?? '',
      isEncrypted: point.isEncrypted,
      kmsKeyArn: point.kmsKeyArn,
      sizeBytes: point.sizeBytes,
      isImmutable: vault && vaultLock(vault, now) === 'compliance',
    },
  ];
}

/** The oldest second that a continuous backup holds goes when it is this many days old; what is newest now, too. */
function after(time: Date, days: number | undefined): Date | undefined {
  return days === undefined || days < 0 ? undefined : new Date(time.getTime() + days * dayMs);
}

function lastUpdate({ resource, createdAt, completedAt }: RecoveryPoint, jobs: readonly BackupJob[]): Date | undefined {
  const updates = jobs
    .filter(
      ({ kind, state, recoveryPointArn }) =>
        kind === 'backup' && state === 'COMPLETED' && recoveryPointArn === resource.id,
    )
    .map((job) => job.completedAt ?? job.createdAt);
  const known = [createdAt, completedAt, ...updates].filter((time) => time !== undefined);
  return known.length === 0 ? undefined : new Date(Math.max(...known.map((time) => time.getTime())));
}

function outsidePoint(job: BackupJob, facts: AwsBackupFacts, index: Index, now: Date): RestorePoint[] {
  const { kind, state, destination, deleteAt } = job;
  if (kind !== 'copy' || state !== 'COMPLETED' || destination === undefined) return [];
  const { account, region } = destination;
  if (index.vaults.has(job.vaultArn) || facts.places.has(`${account}/${region}`)) return [];
  if (deleteAt !== undefined && deleteAt <= now) return [];
  const createdAt = copiedFrom(job, index);
  return [
    {
      method: 'recovery-point',
      id: destination.recoveryPointArn ?? `${job.vaultArn}#${job.resource.id}`,
      state: 'good',
      status: 'COMPLETED, by its copy job',
      restorableTo: createdAt,
      createdAt,
      deleteAt,
      account,
      region,
      isEncrypted: undefined,
      kmsKeyArn: undefined,
      sizeBytes: undefined,
      isImmutable: destination.isImmutable,
    },
  ];
}

/**
 * A copy is as old as what was copied: https://docs.aws.amazon.com/aws-backup/latest/devguide/recov-point-create-a-copy.html
 * Where that is gone, and its backup job too old to be listed, the copy job's own time is the best bound there is.
 */
function copiedFrom(job: BackupJob, { points, jobs }: Index): Date {
  const source = points
    .get(job.protectedArn)
    ?.find(({ resource, isContinuous }) => resource.id === job.recoveryPointArn && !isContinuous);
  const backup = jobs
    .get(job.protectedArn)
    ?.find(({ kind, recoveryPointArn }) => kind === 'backup' && recoveryPointArn === job.recoveryPointArn);
  const isContinuous = source === undefined && job.recoveryPointArn?.includes(':continuous:') === true;
  return source?.createdAt ?? (isContinuous ? undefined : backup?.createdAt) ?? job.createdAt;
}

function indexOf(facts: AwsBackupFacts): Index {
  const known = indexes.get(facts);
  if (known !== undefined) return known;
  const restoreJobs = facts.restoreJobs.filter(({ protectedArn }) => protectedArn !== undefined);
  const index: Index = {
    vaults: new Map(facts.vaults.map((vault) => [vault.resource.id, vault])),
    points: Map.groupBy(facts.recoveryPoints, ({ protectedArn }) => protectedArn),
    jobs: Map.groupBy(facts.jobs, ({ protectedArn }) => protectedArn),
    restoreJobs: Map.groupBy(restoreJobs, ({ protectedArn }) => protectedArn ?? ''),
  };
  indexes.set(facts, index);
  return index;
}
