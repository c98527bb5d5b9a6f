import {
  type CertificateDetails,
  paginateDescribeCertificates,
  paginateDescribeDBClusters,
  paginateDescribeDBInstances,
  RDSClient,
} from '@aws-sdk/client-rds';
import type { AccessibleAccount } from '../../shared/aws/accounts.ts';
import { scopeType } from '../../shared/coverage.ts';
import type { Resource } from '../../shared/resource.ts';
import type { CollectContext } from '../../shared/run-task.ts';
import type { RdsAuthority, RdsServerCertificate } from './items.ts';

/**
 * Returns the certificates that RDS shows to its clients in one account and region, and their authorities. Three dates are
 * told apart: the server certificate's (`CertificateDetails.ValidTill`), its authority's (`Certificate.ValidTill`), and that
 * of the customer's override of the default authority (`CustomerOverrideValidTill`).
 */
export async function collectRds(
  account: AccessibleAccount,
  region: string,
  { clients, coverage, signal }: CollectContext<unknown>,
): Promise<(RdsServerCertificate | RdsAuthority)[]> {
  const client = clients.get(RDSClient, account.in(region));
  const place = { account: account.id, region };
  const scope = (part: string, name: string): Resource => ({
    type: scopeType,
    id: `rds/${part}/${account.id}/${region}`,
    name: `${name} in ${region}`,
    ...place,
  });
  const servers: RdsServerCertificate[] = [];

  const addServer = (type: string, arn: string | undefined, name: string | undefined, details?: CertificateDetails) => {
    if (arn === undefined) return;
    const resource = { type, id: arn, name: name ?? arn, ...place };
    if (details?.ValidTill === undefined) {
      // Members of an Aurora cluster carry the certificate; the cluster itself then has none.
      if (type === 'rds-cluster') return;
      coverage.unchecked(resource, 'unreadable', 'RDS says nothing of its certificate; it may still be being created.');
      return;
    }
    coverage.checked(resource);
    servers.push({ kind: 'rds-server', resource, authority: details.CAIdentifier, notAfter: details.ValidTill });
  };
  const cancel = { abortSignal: signal };
  const readInstances = coverage.look(scope('instances', 'RDS instances'), async () => {
    for await (const page of paginateDescribeDBInstances({ client }, {}, cancel)) {
      for (const instance of page.DBInstances ?? []) {
        addServer('rds-instance', instance.DBInstanceArn, instance.DBInstanceIdentifier, instance.CertificateDetails);
      }
    }
  });
  const readClusters = coverage.look(scope('clusters', 'RDS clusters'), async () => {
    for await (const page of paginateDescribeDBClusters({ client }, {}, cancel)) {
      for (const cluster of page.DBClusters ?? []) {
        addServer('rds-cluster', cluster.DBClusterArn, cluster.DBClusterIdentifier, cluster.CertificateDetails);
      }
    }
  });
  const authorities: RdsAuthority[] = [];
  const readAuthorities = coverage.look(scope('authorities', 'RDS certificate authorities'), async () => {
    for await (const page of paginateDescribeCertificates({ client }, {}, cancel)) {
      for (const authority of page.Certificates ?? []) {
        const name = authority.CertificateIdentifier;
        if (name === undefined) continue;
        const resource = { type: 'rds-authority', id: authority.CertificateArn ?? name, name, ...place };
        coverage.checked(resource);
        authorities.push({
          kind: 'rds-authority',
          resource,
          notAfter: authority.ValidTill,
          overrideNotAfter: authority.CustomerOverride === true ? authority.CustomerOverrideValidTill : undefined,
          usedBy: [],
        });
      }
    }
  });
  await Promise.all([readInstances, readClusters, readAuthorities]);

  const usedBy = (name: string) =>
    servers.filter(({ authority }) => authority === name).map(({ resource }) => resource.name);
  return [...servers, ...authorities.map((authority) => ({ ...authority, usedBy: usedBy(authority.resource.name) }))];
}
