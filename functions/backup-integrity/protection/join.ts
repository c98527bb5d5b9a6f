import { bucketArn } from '../../../shared/objects/bucket-arn.ts';
import type { Resource } from '../../../shared/resource.ts';
import type { ArtifactSet } from '../artifacts/facts.ts';
import { artifactRestorePoints } from '../artifacts/restore-points.ts';
import type { AwsBackupFacts } from '../aws-backup/facts.ts';
import { recoveryPointsAsRestorePoints, restoreProofs } from '../aws-backup/restore-points.ts';
import { planCoverage } from '../aws-backup/selection.ts';
import type { Bucket } from '../buckets/facts.ts';
import type { BackupConfig } from '../config.ts';
import type { Database, DatabaseFacts } from '../databases/facts.ts';
import { databaseRestorePoints } from '../databases/restore-points.ts';
import type { RestorePoint, Tags } from '../items.ts';
import type { KeyState } from '../keys/collect-keys.ts';
import type { Replica } from '../replicas/facts.ts';
import { replicaRestorePoint } from '../replicas/restore-point.ts';
import type { OtherResource } from './collect-others.ts';
import { policiesFor, requirementOf } from './policies.ts';
import { type BlindSpot, blindSpotsOf, type ProtectedResource } from './protected-resource.ts';

/** What the families found, each for itself. */
export interface Facts {
  readonly databases: DatabaseFacts;
  readonly awsBackup: AwsBackupFacts;
  readonly buckets: readonly Bucket[];
  readonly others: readonly OtherResource[];
  readonly artifacts: readonly ArtifactSet[];
  readonly replicas: readonly Replica[];
}

/**
 * Returns every resource of the estate with all that could restore it: a backup counts whichever service made it, and a plan
 * counts for nothing without the points that it should have made.
 */
export function joinProtection(
  facts: Facts,
  config: BackupConfig,
  now: Date,
  { keys, blindSpots }: { keys: ReadonlyMap<string, KeyState>; blindSpots: readonly BlindSpot[] },
): ProtectedResource[] {
  function joined(
    resource: Resource,
    tags: Tags,
    createdAt: Date | undefined,
    own: readonly RestorePoint[],
    database?: Database,
  ): ProtectedResource {
    const arn = resource.id;
    const { account = '', region = '' } = resource;
    const artifactPoints = facts.artifacts.filter(({ protects }) => protects === arn).flatMap(artifactRestorePoints);
    const recoveryPoints = recoveryPointsAsRestorePoints(facts.awsBackup, arn, now).filter(
      // AWS Backup goes by the name: what was made before the database was is of another one that had its name.
      ({ restorableTo }) => database?.createdAt === undefined || restorableTo >= database.createdAt,
    );
    // What AWS Backup makes of a database is a snapshot of RDS too, under the same ARN; its vault knows more of it.
    const known = new Set(recoveryPoints.map(({ id }) => id));
    const points = [...own.filter(({ id }) => !known.has(id)), ...recoveryPoints, ...artifactPoints];
    return {
      resource,
      tags,
      createdAt,
      requirement: requirementOf(policiesFor(resource, tags, config)),
      points: points.map((point) => guarded(point, facts.buckets)).sort(newestFirst),
      plans: planCoverage(facts.awsBackup, {
        arn,
        backupType: database && backupTypeOf(database),
        tags,
        account,
        region,
      }),
      proofs: restoreProofs(facts.awsBackup, arn),
      database,
      keys,
      blindSpots: blindSpotsOf(resource, blindSpots),
    };
  }

  return [
    ...facts.databases.databases.map((database) =>
      joined(
        database.resource,
        database.tags,
        database.createdAt,
        databaseRestorePoints(database, facts.databases.snapshots),
        database,
      ),
    ),
    ...facts.buckets.flatMap((bucket) => {
      const { resource, tags, createdAt } = bucket;
      // Which policies select it cannot be told; it is unchecked already.
      if (tags === undefined) return [];
      const copies = facts.replicas.filter(
        ({ sourceArn, isWholeBucket }) => sourceArn === resource.id && isWholeBucket,
      );
      const points = copies.map((replica) => replicaRestorePoint(replica, now)).filter((point) => point !== undefined);
      return { ...joined(resource, tags, createdAt, points), unproven: unprovenIn(bucket) };
    }),
    ...facts.others.map(({ resource, tags }) => joined(resource, tags, undefined, [])),
  ];
}

/** Versions can be deleted by whoever may delete the bucket, and a rule may have copied nothing: neither is a backup. */
function unprovenIn({ versioning, replicationRules = [] }: Bucket): string[] {
  const copies = replicationRules
    .filter(({ isEnabled }) => isEnabled)
    .map(({ destinationBucket }) => destinationBucket);
  return [
    ...(versioning === 'enabled' ? ['earlier versions'] : []),
    ...[...new Set(copies)].map((bucket) => `a copy in ${bucket} that nobody compares`),
  ];
}

/** A cluster's engine tells what its ARN does not. */
function backupTypeOf({ engine }: Database): string {
  if (engine.startsWith('aurora')) return 'Aurora';
  return { docdb: 'DocumentDB', neptune: 'Neptune' }[engine] ?? 'RDS';
}

/** What stands in a bucket is as safe from deletion as Object Lock makes it there. */
function guarded(point: RestorePoint, buckets: readonly Bucket[]): RestorePoint {
  if (point.method !== 'artifact' && point.method !== 'replica') return point;
  const name = /^s3:\/\/([^/]+)/.exec(point.id)?.[1] ?? '';
  const bucket = buckets.find(({ resource }) => resource.id === bucketArn(name, point.region));
  if (bucket?.objectLock === undefined) return point;
  return {
    ...point,
    isImmutable: typeof bucket.objectLock === 'object' && bucket.objectLock.mode === 'COMPLIANCE',
  };
}

function newestFirst(a: RestorePoint, b: RestorePoint): number {
  return b.restorableTo.getTime() - a.restorableTo.getTime();
}
