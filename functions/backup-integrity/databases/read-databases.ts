import {
  type DBCluster,
  type DBInstance,
  paginateDescribeDBClusters,
  paginateDescribeDBInstances,
} from '@aws-sdk/client-rds';
import { isEncryptedAtRest, kmsKeyArn } from './encryption.ts';
import type { Database } from './facts.ts';
import { listingOf, type RdsPlace, resourceIn } from './rds-place.ts';
import { type GroupKind, readGroups } from './read-groups.ts';
import { tagsOf } from './tags.ts';

/** A database before it is known what of it is elsewhere, or missing here. */
type ListedDatabase = Omit<Database, 'missingSubnetGroup' | 'missingParameterGroups' | 'replicatedBackups'> & {
  readonly subnetGroup: string | undefined;
  readonly parameterGroups: readonly string[];
  readonly parameterGroupKind: GroupKind;
};

/** A database without the copies of its backups, which are listed where they are. */
export type LocalDatabase = Omit<Database, 'replicatedBackups'>;

/**
 * Returns the databases of one account and region. Members of a cluster are left out: the cluster's backups are theirs. Clusters of
 * DocumentDB and Neptune are listed here too, and are clusters like any other.
 */
export async function readDatabases(place: RdsPlace): Promise<LocalDatabase[]> {
  const listed: ListedDatabase[] = [];
  const cancel = { abortSignal: place.signal };
  const add = (database: ListedDatabase | undefined) => {
    if (database === undefined) return;
    place.coverage.checked(database.resource);
    listed.push(database);
  };
  await Promise.all([
    place.coverage.look(listingOf(place, 'instances', 'RDS instances'), async () => {
      for await (const page of paginateDescribeDBInstances({ client: place.client }, {}, cancel)) {
        for (const instance of page.DBInstances ?? []) add(fromInstance(place, instance));
      }
    }),
    place.coverage.look(listingOf(place, 'clusters', 'RDS clusters'), async () => {
      for await (const page of paginateDescribeDBClusters({ client: place.client }, {}, cancel)) {
        for (const cluster of page.DBClusters ?? []) add(fromCluster(place, cluster));
      }
    }),
  ]);
  return withMissingGroups(place, listed);
}

function fromInstance(place: RdsPlace, instance: DBInstance): ListedDatabase | undefined {
  const { DBInstanceArn: arn, DBInstanceIdentifier: name } = instance;
  if (arn === undefined || instance.DBClusterIdentifier) return undefined;
  return {
    resource: resourceIn(place, 'rds-instance', arn, name),
    immutableId: instance.DbiResourceId ?? arn,
    tags: tagsOf(instance.TagList),
    createdAt: instance.InstanceCreateTime,
    status: instance.DBInstanceStatus ?? 'unknown',
    engine: instance.Engine ?? 'unknown',
    replicaOf:
      instance.ReadReplicaSourceDBInstanceIdentifier || instance.ReadReplicaSourceDBClusterIdentifier || undefined,
    latestRestorableTime: instance.LatestRestorableTime,
    backupRetentionDays: instance.BackupRetentionPeriod,
    isStorageEncrypted: isEncryptedAtRest({ flag: instance.StorageEncrypted, type: instance.StorageEncryptionType }),
    kmsKeyArn: kmsKeyArn(instance.KmsKeyId, arn),
    hasDeletionProtection: instance.DeletionProtection,
    subnetGroup: instance.DBSubnetGroup?.DBSubnetGroupName,
    parameterGroups: (instance.DBParameterGroups ?? []).flatMap(({ DBParameterGroupName: group }) => group ?? []),
    parameterGroupKind: 'parameter-group',
  };
}

function fromCluster(place: RdsPlace, cluster: DBCluster): ListedDatabase | undefined {
  const { DBClusterArn: arn, DBClusterIdentifier: name, DBClusterParameterGroup: parameterGroup } = cluster;
  if (arn === undefined) return undefined;
  return {
    resource: resourceIn(place, 'rds-cluster', arn, name),
    immutableId: cluster.DbClusterResourceId ?? arn,
    tags: tagsOf(cluster.TagList),
    createdAt: cluster.ClusterCreateTime,
    status: cluster.Status ?? 'unknown',
    engine: cluster.Engine ?? 'unknown',
    replicaOf: cluster.ReplicationSourceIdentifier || undefined,
    latestRestorableTime: cluster.LatestRestorableTime,
    backupRetentionDays: cluster.BackupRetentionPeriod,
    isStorageEncrypted: isEncryptedAtRest({ flag: cluster.StorageEncrypted, type: cluster.StorageEncryptionType }),
    kmsKeyArn: kmsKeyArn(cluster.KmsKeyId, arn),
    hasDeletionProtection: cluster.DeletionProtection,
    subnetGroup: cluster.DBSubnetGroup,
    parameterGroups: parameterGroup === undefined ? [] : [parameterGroup],
    parameterGroupKind: 'cluster-parameter-group',
  };
}

/** Groups are listed once for all databases of the place, and only those kinds that any of them uses. */
async function withMissingGroups(place: RdsPlace, listed: readonly ListedDatabase[]): Promise<LocalDatabase[]> {
  const used = new Set<GroupKind>();
  for (const { subnetGroup, parameterGroups, parameterGroupKind } of listed) {
    if (subnetGroup !== undefined) used.add('subnet-group');
    if (parameterGroups.some(isOwnGroup)) used.add(parameterGroupKind);
  }
  const known = new Map(
    await Promise.all([...used].map(async (kind) => [kind, await readGroups(place, kind)] as const)),
  );
  const isMissing = (kind: GroupKind, name: string) => known.get(kind)?.has(name.toLowerCase()) === false;
  return listed.map(({ subnetGroup, parameterGroups, parameterGroupKind, ...database }) => ({
    ...database,
    missingSubnetGroup: subnetGroup !== undefined && isMissing('subnet-group', subnetGroup) ? subnetGroup : undefined,
    missingParameterGroups: parameterGroups.filter((name) => isOwnGroup(name) && isMissing(parameterGroupKind, name)),
  }));
}

/** Default groups need not exist: RDS makes them when something is to use them. */
function isOwnGroup(name: string): boolean {
  return !/^default[.:]/.test(name);
}
