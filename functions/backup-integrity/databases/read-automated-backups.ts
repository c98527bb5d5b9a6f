import {
  paginateDescribeDBClusterAutomatedBackups,
  paginateDescribeDBInstanceAutomatedBackups,
} from '@aws-sdk/client-rds';
import { isEncryptedAtRest, kmsKeyArn } from './encryption.ts';
import type { ReplicatedBackup } from './facts.ts';
import { listingOf, type RdsPlace } from './rds-place.ts';

/** An automated backup that is elsewhere than its database. */
export interface ListedBackup {
  /** `DbiResourceId` or `DbClusterResourceId` of the database. */
  readonly immutableId: string | undefined;
  /** ARN of the database, which another one may have been given since. */
  readonly databaseArn: string | undefined;
  readonly backup: ReplicatedBackup;
}

/** The members that RDS has in common for instances and clusters. */
interface AutomatedBackup {
  readonly Region?: string | undefined;
  readonly Status?: string | undefined;
  readonly RestoreWindow?: { readonly LatestTime?: Date | undefined } | undefined;
  readonly BackupRetentionPeriod?: number | undefined;
  readonly KmsKeyId?: string | undefined;
  readonly StorageEncryptionType?: string | undefined;
}

/**
 * Returns the automated backups that RDS has replicated into one region from others. An entry's `Region` is that of the database; it
 * is listed, and can be restored, where the ARN of the backup says:
 * https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/AutomatedBackups.Replicating.Describe.html
 */
export async function readReplicatedBackups(place: RdsPlace): Promise<ListedBackup[]> {
  const { client, coverage } = place;
  const found: ListedBackup[] = [];
  const cancel = { abortSignal: place.signal };
  await Promise.all([
    coverage.look(listingOf(place, 'automated-backups', 'automated backups of RDS instances'), async () => {
      for await (const page of paginateDescribeDBInstanceAutomatedBackups({ client }, {}, cancel)) {
        for (const entry of page.DBInstanceAutomatedBackups ?? []) {
          const { DbiResourceId: immutableId, DBInstanceArn: databaseArn, DBInstanceAutomatedBackupsArn: arn } = entry;
          const backup = replicated(place, arn, databaseArn, entry.Encrypted, entry);
          if (backup !== undefined) found.push({ immutableId, databaseArn, backup });
        }
      }
    }),
    coverage.look(listingOf(place, 'cluster-automated-backups', 'automated backups of RDS clusters'), async () => {
      for await (const page of paginateDescribeDBClusterAutomatedBackups({ client }, {}, cancel)) {
        for (const entry of page.DBClusterAutomatedBackups ?? []) {
          const {
            DbClusterResourceId: immutableId,
            DBClusterArn: databaseArn,
            DBClusterAutomatedBackupsArn: arn,
          } = entry;
          const backup = replicated(place, arn, databaseArn, entry.StorageEncrypted, entry);
          if (backup !== undefined) found.push({ immutableId, databaseArn, backup });
        }
      }
    }),
  ]);
  return found;
}

/** Returns undefined for a backup that is where its database is: the database itself tells of that one. */
function replicated(
  { account, region }: RdsPlace,
  arn: string | undefined,
  databaseArn: string | undefined,
  encrypted: boolean | undefined,
  entry: AutomatedBackup,
): ReplicatedBackup | undefined {
  const databaseRegion = databaseArn?.split(':')[3] ?? entry.Region;
  if (arn === undefined || databaseRegion === undefined || databaseRegion === region) return undefined;
  return {
    arn,
    region,
    account,
    status: entry.Status ?? 'unknown',
    latestRestorableTime: entry.RestoreWindow?.LatestTime,
    backupRetentionDays: entry.BackupRetentionPeriod,
    isEncrypted: isEncryptedAtRest({ flag: encrypted, type: entry.StorageEncryptionType }),
    kmsKeyArn: kmsKeyArn(entry.KmsKeyId, arn),
  };
}
