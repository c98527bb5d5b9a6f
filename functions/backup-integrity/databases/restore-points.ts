import type { RestorePoint } from '../items.ts';
import type { Database, ReplicatedBackup, Snapshot } from './facts.ts';
import { isOfCluster } from './snapshot-arn.ts';
import { type SnapshotState, snapshotState } from './snapshot-state.ts';

const dayMs = 86_400_000;

/** While RDS cannot get at the key, it restores nothing either; `…-recoverable` is the same within the first week. */
const sealed = /^inaccessible-encryption-credentials/;

/** Replications of automated backups that have nothing to restore yet. */
const unfinishedReplications: ReadonlySet<string> = new Set(['pending', 'creating']);

/**
 * Returns all that RDS itself could restore a database from, the newest first: its continuous backup, the copies of it in other
 * regions, and its snapshots wherever they are.
 *
 * @param snapshots of the whole estate.
 */
export function databaseRestorePoints(database: Database, snapshots: readonly Snapshot[]): RestorePoint[] {
  const { backupRetentionDays } = database;
  return [
    ...continuousPoints(database),
    ...database.replicatedBackups.flatMap(replicatedPoints),
    ...snapshotRestorePoints(snapshotsOf(database, snapshots), backupRetentionDays),
  ].sort(newestFirst);
}

/**
 * Returns the snapshots of a database as restore points, the newest first by the time that they restore to. One that is being deleted
 * is none, nor is one of which RDS does not say yet when it was made.
 *
 * @param automatedRetentionDays for how long the database keeps automated snapshots; others are kept until somebody deletes them.
 */
export function snapshotRestorePoints(
  snapshots: readonly Snapshot[],
  automatedRetentionDays?: number | undefined,
): RestorePoint[] {
  return snapshots
    .flatMap((snapshot): RestorePoint[] => {
      const { createdAt, resource, type } = snapshot;
      const state = pointState(snapshotState(snapshot));
      const restorableTo = snapshot.originalCreatedAt ?? createdAt;
      if (state === undefined || restorableTo === undefined) return [];
      const retentionDays = type === 'automated' ? automatedRetentionDays : undefined;
      return [
        {
          method: 'snapshot',
          id: resource.id,
          state,
          status: snapshot.status,
          restorableTo,
          createdAt,
          deleteAt: after(createdAt, retentionDays),
          account: resource.account ?? '',
          region: resource.region ?? '',
          isEncrypted: snapshot.isEncrypted,
          kmsKeyArn: snapshot.kmsKeyArn,
          sizeBytes: snapshot.sizeBytes,
          // RDS has no lock of its own: who may delete snapshots can delete any.
          isImmutable: false,
        },
      ];
    })
    .sort(newestFirst);
}

/**
 * Returns the snapshots that were made of a database. A name can have been another database's before; it counts only for snapshots that
 * have no immutable id, and only from the database's own creation on.
 *
 * @param snapshots of the whole estate.
 */
export function snapshotsOf(database: Database, snapshots: readonly Snapshot[]): readonly Snapshot[] {
  const { byImmutableId, byName } = indexOf(snapshots);
  const { immutableId, resource, createdAt } = database;
  const named = byName.get(nameKey(resource.type === 'rds-cluster', resource.account, resource.region, resource.name));
  const since = (named ?? []).filter((snapshot) => {
    const made = snapshot.originalCreatedAt ?? snapshot.createdAt;
    return createdAt !== undefined && made !== undefined && made > createdAt;
  });
  return [...(byImmutableId.get(immutableId.toLowerCase()) ?? []), ...since];
}

interface SnapshotIndex {
  readonly byImmutableId: ReadonlyMap<string, readonly Snapshot[]>;
  /** Those without an immutable id. */
  readonly byName: ReadonlyMap<string, readonly Snapshot[]>;
}

/** Every database of an estate asks for its share of the same snapshots. */
const indexes = new WeakMap<readonly Snapshot[], SnapshotIndex>();

function indexOf(snapshots: readonly Snapshot[]): SnapshotIndex {
  const known = indexes.get(snapshots);
  if (known !== undefined) return known;
  const hasId = ({ databaseImmutableId }: Snapshot) => databaseImmutableId !== undefined;
  const index = {
    byImmutableId: Map.groupBy(snapshots.filter(hasId), ({ databaseImmutableId = '' }) =>
      databaseImmutableId.toLowerCase(),
    ),
    byName: Map.groupBy(
      snapshots.filter((snapshot) => !hasId(snapshot)),
      ({ resource: { id, account, region }, databaseName }) => nameKey(isOfCluster(id), account, region, databaseName),
    ),
  };
  indexes.set(snapshots, index);
  return index;
}

/** An instance and a cluster may have the same name. */
function nameKey(isCluster: boolean, account: string | undefined, region: string | undefined, name: string): string {
  return [isCluster, account, region, name.toLowerCase()].join('/');
}

function continuousPoints(database: Database): RestorePoint[] {
  const { resource, latestRestorableTime, backupRetentionDays, status } = database;
  if (latestRestorableTime === undefined || backupRetentionDays === 0) return [];
  return [
    {
      method: 'point-in-time',
      id: resource.id,
      state: sealed.test(status) ? 'bad' : 'good',
      status,
      restorableTo: latestRestorableTime,
      createdAt: undefined,
      deleteAt: after(latestRestorableTime, backupRetentionDays),
      account: resource.account ?? '',
      region: resource.region ?? '',
      isEncrypted: database.isStorageEncrypted,
      kmsKeyArn: database.kmsKeyArn,
      sizeBytes: undefined,
      isImmutable: false,
    },
  ];
}

function replicatedPoints(backup: ReplicatedBackup): RestorePoint[] {
  const { arn, latestRestorableTime, status } = backup;
  if (latestRestorableTime === undefined) return [];
  return [
    {
      method: 'point-in-time-copy',
      id: arn,
      state: unfinishedReplications.has(status) ? 'unfinished' : 'good',
      status,
      restorableTo: latestRestorableTime,
      createdAt: undefined,
      deleteAt: after(latestRestorableTime, backup.backupRetentionDays),
      account: backup.account,
      region: backup.region,
      isEncrypted: backup.isEncrypted,
      kmsKeyArn: backup.kmsKeyArn,
      sizeBytes: undefined,
      isImmutable: false,
    },
  ];
}

/** A status for which there is no rule restores nothing that is known of, and does not prove that nothing can be restored. */
function pointState(state: SnapshotState): RestorePoint['state'] | undefined {
  return state === 'leaving' ? undefined : state;
}

function after(time: Date | undefined, days: number | undefined): Date | undefined {
  return time === undefined || days === undefined ? undefined : new Date(time.getTime() + days * dayMs);
}

function newestFirst(a: RestorePoint, b: RestorePoint): number {
  return b.restorableTo.getTime() - a.restorableTo.getTime() || a.id.localeCompare(b.id, 'en');
}
