import { X509Certificate } from 'node:crypto';
import { GetServerCertificateCommand, IAMClient, paginateListServerCertificates } from '@aws-sdk/client-iam';
import pMap from 'p-map';
import type { AccessibleAccount } from '../../shared/aws/accounts.ts';
import { scopeType } from '../../shared/coverage.ts';
import type { Resource } from '../../shared/resource.ts';
import type { CollectContext } from '../../shared/run-task.ts';
import { certificateFacts } from './certificate-facts.ts';
import type { IamCertificate } from './items.ts';

const readConcurrency = 5;

/** Returns the server certificates in IAM, which is global to an account; each is read from its own body. */
export async function collectIam(
  account: AccessibleAccount,
  { clients, coverage, estate, signal }: CollectContext<unknown>,
): Promise<IamCertificate[]> {
  const client = clients.get(IAMClient, account.in(estate.regions[0] as string));
  const listing: Resource = {
    type: scopeType,
    id: `iam/${account.id}`,
    name: 'IAM server certificates',
    account: account.id,
  };
  const listed: { resource: Resource; name: string }[] = [];
  await coverage.look(listing, async () => {
    for await (const page of paginateListServerCertificates({ client }, {}, { abortSignal: signal })) {
      for (const { Arn, ServerCertificateName } of page.ServerCertificateMetadataList ?? []) {
        if (Arn === undefined || ServerCertificateName === undefined) continue;
        const resource = { type: 'iam-certificate', id: Arn, name: ServerCertificateName, account: account.id };
        listed.push({ resource, name: ServerCertificateName });
      }
    }
  });
  for (const { resource } of listed) coverage.expect(resource);
  const certificates = await pMap(
    listed,
    async ({ resource, name }): Promise<IamCertificate | undefined> => {
      const body = await coverage.look(resource, async () => {
        const command = new GetServerCertificateCommand({ ServerCertificateName: name });
        const { ServerCertificate } = await client.send(command, { abortSignal: signal });
        return ServerCertificate?.CertificateBody ?? '';
      });
      if (body === undefined) return undefined;
      try {
        return { kind: 'iam', resource, facts: certificateFacts(new X509Certificate(body)) };
      } catch (error) {
        coverage.unchecked(resource, 'unreadable', `OpenSSL cannot read the certificate: ${(error as Error).message}`);
        return undefined;
      }
    },
    { concurrency: readConcurrency },
  );
  return certificates.filter((certificate) => certificate !== undefined);
}
