import {
  type DBClusterAutomatedBackupMessage,
  type DBInstanceAutomatedBackupMessage,
  DescribeDBClusterAutomatedBackups$,
  type DescribeDBClusterAutomatedBackupsMessage,
  DescribeDBInstanceAutomatedBackups$,
  type DescribeDBInstanceAutomatedBackupsMessage,
} from '@aws-sdk/client-rds';
import { operation, refuseOthers } from '../service.ts';
import { select } from './rds-select.ts';

const notFound = { code: 'DBInstanceAutomatedBackupNotFound', status: 404 };
const clusterNotFound = { code: 'DBClusterAutomatedBackupNotFoundFault', status: 404 };

/** What RDS answers about automated backups: continuous ones, also of databases that are gone or in another region. */
export const automatedBackupOperations = [
  operation(
    DescribeDBInstanceAutomatedBackups$,
    (input: DescribeDBInstanceAutomatedBackupsMessage, call): DBInstanceAutomatedBackupMessage => {
      const { DbiResourceId, DBInstanceIdentifier, DBInstanceAutomatedBackupsArn, Marker, MaxRecords, ...others } =
        input;
      refuseOthers(others);
      const all = call.regional.rds?.automatedBackups ?? [];
      const ofResource = select(all, DbiResourceId, (backup) => [backup.DbiResourceId], notFound);
      const ofInstance = select(ofResource, DBInstanceIdentifier, (backup) => [backup.DBInstanceIdentifier], notFound);
      const named = select(
        ofInstance,
        DBInstanceAutomatedBackupsArn,
        (backup) => [backup.DBInstanceAutomatedBackupsArn],
        notFound,
      );
      const { items, next } = call.page(named, Marker, MaxRecords);
      return { DBInstanceAutomatedBackups: items, Marker: next };
    },
  ),

  operation(
    DescribeDBClusterAutomatedBackups$,
    (input: DescribeDBClusterAutomatedBackupsMessage, call): DBClusterAutomatedBackupMessage => {
      const { DbClusterResourceId, DBClusterIdentifier, Marker, MaxRecords, ...others } = input;
      refuseOthers(others);
      const all = call.regional.rds?.clusterAutomatedBackups ?? [];
      const ofResource = select(all, DbClusterResourceId, (backup) => [backup.DbClusterResourceId], clusterNotFound);
      const named = select(ofResource, DBClusterIdentifier, (backup) => [backup.DBClusterIdentifier], clusterNotFound);
      const { items, next } = call.page(named, Marker, MaxRecords);
      return { DBClusterAutomatedBackups: items, Marker: next };
    },
  ),
];
