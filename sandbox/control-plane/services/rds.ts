import {
  type Certificate,
  type CertificateMessage,
  type DBCluster,
  type DBClusterMessage,
  type DBInstance,
  type DBInstanceMessage,
  DescribeCertificates$,
  type DescribeCertificatesMessage,
  DescribeDBClusters$,
  type DescribeDBClustersMessage,
  DescribeDBInstances$,
  type DescribeDBInstancesMessage,
} from '@aws-sdk/client-rds';
import { queryWire } from '../query-wire.ts';
import { Refusal } from '../refusal.ts';
import { operation, refuseOthers, type Service } from '../service.ts';

/** What RDS holds in one region. */
export interface RdsDocument {
  readonly instances?: readonly DBInstance[];
  readonly clusters?: readonly DBCluster[];
  /** The region's certificate authorities. */
  readonly certificates?: readonly Certificate[];
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
  ],
};

/** Returns the resources with this id, all of them without one; an id that none has is an error, as RDS has it. */
function select<T>(
  resources: readonly T[],
  id: string | undefined,
  idsOf: (resource: T) => readonly (string | undefined)[],
  notFound: { code: string; status: number },
): readonly T[] {
  if (id === undefined) return resources;
  const selected = resources.filter((resource) => idsOf(resource).includes(id));
  if (selected.length === 0) throw new Refusal(notFound, `${id} not found.`);
  return selected;
}
