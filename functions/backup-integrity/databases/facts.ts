import type { Resource } from '../../../shared/resource.ts';
import type { Tags } from '../items.ts';

/** An RDS instance that is no member of a cluster, or a cluster (Aurora or Multi-AZ). */
export interface Database {
  /** Type `rds-instance` or `rds-cluster`; its id is the ARN. */
  readonly resource: Resource;
  /** `DbiResourceId` or `DbClusterResourceId`: stays when the database is renamed, and is not given again to another one. */
  readonly immutableId: string;
  readonly tags: Tags;
  readonly createdAt: Date | undefined;
  /** As RDS names it: `available`, `creating`, `stopped` … */
  readonly status: string;
  readonly engine: string;
  /** ARN or name of the database that this one replicates, if it is a read replica. */
  readonly replicaOf: string | undefined;
  readonly latestRestorableTime: Date | undefined;
  /** 0: automated backups are off. */
  readonly backupRetentionDays: number | undefined;
  readonly isStorageEncrypted: boolean | undefined;
  readonly kmsKeyArn: string | undefined;
  readonly hasDeletionProtection: boolean | undefined;
  /** Names of what a restore needs and the region does not have (any more). `undefined`: could not be found out. */
  readonly missingSubnetGroup: string | undefined;
  readonly missingParameterGroups: readonly string[];
  /** Automated backups that RDS replicates into other regions. */
  readonly replicatedBackups: readonly ReplicatedBackup[];
}

export interface ReplicatedBackup {
  readonly arn: string;
  readonly region: string;
  readonly account: string;
  /** `replicating`, `active`, `retained` … */
  readonly status: string;
  readonly latestRestorableTime: Date | undefined;
  readonly backupRetentionDays: number | undefined;
  readonly isEncrypted: boolean | undefined;
  readonly kmsKeyArn: string | undefined;
}

/** A snapshot of an instance or of a cluster: manual, automated, or made by AWS Backup. */
export interface Snapshot {
  /** Type `rds-snapshot`; its id is the ARN. */
  readonly resource: Resource;
  /** `immutableId` of the database; undefined for snapshots older than the field. */
  readonly databaseImmutableId: string | undefined;
  /** Identifier of the database, which may have been given again to another one. */
  readonly databaseName: string;
  /** `manual`, `automated`, `awsbackup`, `shared`, `public`. */
  readonly type: string;
  /** `available`, `creating`, `failed`, `copying` … */
  readonly status: string;
  /** Undefined while it is being created. */
  readonly createdAt: Date | undefined;
  /** When the data in it was current: for a copy, when the original was made. */
  readonly originalCreatedAt: Date | undefined;
  readonly isEncrypted: boolean | undefined;
  readonly kmsKeyArn: string | undefined;
  /**
   * Of all blocks that had been written to the volume (`FullSnapshotSizeInBytes`). Undefined where RDS does not tell, as it does not
   * for clusters: the allocated storage never shrinks, and says nothing of what is in it.
   */
  readonly sizeBytes: number | undefined;
  /** Account ids that may restore it; `all`: anybody. Undefined: could not be found out. */
  readonly sharedWith: readonly string[] | undefined;
  readonly tags: Tags;
}

/** What RDS holds in the estate. */
export interface DatabaseFacts {
  readonly databases: readonly Database[];
  readonly snapshots: readonly Snapshot[];
}
