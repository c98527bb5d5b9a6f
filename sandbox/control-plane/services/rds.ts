import {
  type Certificate,
  type CertificateMessage,
  type DBCluster,
  type DBClusterAutomatedBackup,
  type DBClusterMessage,
  type DBClusterParameterGroup,
  type DBInstance,
  type DBInstanceAutomatedBackup,
  type DBInstanceMessage,
  type DBParameterGroup,
  type DBSubnetGroup,
  DescribeCertificates$,
  type DescribeCertificatesMessage,
  DescribeDBClusters$,
  type DescribeDBClustersMessage,
  DescribeDBInstances$,
  type DescribeDBInstancesMessage,
} from '@aws-sdk/client-rds';
import { queryWire } from '../query-wire.ts';
import { operation, refuseOthers, type Service } from '../service.ts';
import { automatedBackupOperations } from './rds-automated-backups.ts';
import { groupOperations } from './rds-groups.ts';
import { select } from './rds-select.ts';
import { type ClusterSnapshotDocument, type SnapshotDocument, snapshotOperations } from './rds-snapshots.ts';

/** What RDS holds in one region. */
export interface RdsDocument {
  readonly instances?: readonly DBInstance[];
  readonly clusters?: readonly DBCluster[];
  /** The region's certificate authorities. */
  readonly certificates?: readonly Certificate[];
  /** The account's own; those that it is given access to are in the documents of their owners. */
  readonly snapshots?: readonly SnapshotDocument[];
  readonly clusterSnapshots?: readonly ClusterSnapshotDocument[];
  readonly automatedBackups?: readonly DBInstanceAutomatedBackup[];
  readonly clusterAutomatedBackups?: readonly DBClusterAutomatedBackup[];
  readonly subnetGroups?: readonly DBSubnetGroup[];
  readonly parameterGroups?: readonly DBParameterGroup[];
  readonly clusterParameterGroups?: readonly DBClusterParameterGroup[];
}

/** Amazon Relational Database Service. */
export const rds: Service = {
  name: 'rds',
  serviceId: 'RDS',
  wire: queryWire('http://rds.amazonaws.com/doc/2014-10-31/'),
  errorCodes: { invalidInput: { code: 'InvalidParameterValue', status: 400 } },
  operations: [
    operation(DescribeDBInstances$, (input: DescribeDBInstancesMessage, call): DBInstanceMessage => {
      const { DBInstanceIdentifier: id, Marker, MaxRecords, ...others } = input;
      refuseOthers(others);
      const named = select(
        call.regional.rds?.instances ?? [],
        id,
        (instance) => [instance.DBInstanceIdentifier, instance.DBInstanceArn],
        { code: 'DBInstanceNotFound', status: 404 },
      );
      const { items, next } = call.page(named, Marker, MaxRecords);
      return { DBInstances: items, Marker: next };
    }),

    operation(DescribeDBClusters$, (input: DescribeDBClustersMessage, call): DBClusterMessage => {
      const { DBClusterIdentifier: id, Marker, MaxRecords, ...others } = input;
      refuseOthers(others);
      const named = select(
        call.regional.rds?.clusters ?? [],
        id,
        (cluster) => [cluster.DBClusterIdentifier, cluster.DBClusterArn],
        { code: 'DBClusterNotFoundFault', status: 404 },
      );
      const { items, next } = call.page(named, Marker, MaxRecords);
      return { DBClusters: items, Marker: next };
    }),

    operation(DescribeCertificates$, (input: DescribeCertificatesMessage, call): CertificateMessage => {
      const { CertificateIdentifier: id, Marker, MaxRecords, ...others } = input;
      refuseOthers(others);
      const named = select(
        call.regional.rds?.certificates ?? [],
        id,
        (certificate) => [certificate.CertificateIdentifier],
        { code: 'CertificateNotFound', status: 404 },
      );
      const { items, next } = call.page(named, Marker, MaxRecords);
      return { DefaultCertificateForNewLaunches: 'rds-ca-rsa2048-g1', Certificates: items, Marker: next };
    }),

    ...snapshotOperations,
    ...automatedBackupOperations,
    ...groupOperations,
  ],
};
