import {
  ACMClient,
  type CertificateDetail,
  CertificateKeyPairOrigin,
  DescribeCertificateCommand,
  type DomainValidation,
  KeyAlgorithm,
  type ListCertificatesRequest,
  paginateListCertificates,
} from '@aws-sdk/client-acm';
import pMap from 'p-map';
import type { AccessibleAccount } from '../../shared/aws/accounts.ts';
import { scopeType } from '../../shared/coverage.ts';
import type { Resource } from '../../shared/resource.ts';
import type { CollectContext } from '../../shared/run-task.ts';
import { UncheckedError } from '../../shared/unchecked-error.ts';
import { normalizeSerial } from './certificate-facts.ts';
import type { AcmCertificate, ValidationRecord } from './items.ts';

/** DescribeCertificate is limited to ten requests a second: https://docs.aws.amazon.com/acm/latest/userguide/acm-limits.html */
const describeConcurrency = 5;

/**
 * Without naming them, ListCertificates hides every key type but RSA_1024 and RSA_2048, and keys that came by ACME:
 * https://docs.aws.amazon.com/acm/latest/APIReference/API_Filters.html
 */
const everything: ListCertificatesRequest = {
  Includes: { keyTypes: Object.values(KeyAlgorithm) },
  CertificateKeyPairOrigins: Object.values(CertificateKeyPairOrigin),
};

/** Returns the certificates of one account and region, of every key type and status. */
export async function collectAcm(
  account: AccessibleAccount,
  region: string,
  { clients, coverage, signal }: CollectContext<unknown>,
): Promise<AcmCertificate[]> {
  const client = clients.get(ACMClient, account.in(region));
  const listing: Resource = {
    type: scopeType,
    id: `acm/${account.id}/${region}`,
    name: `ACM certificates in ${region}`,
    account: account.id,
    region,
  };
  const listed: Resource[] = [];
  // A listing that breaks off on a later page is unchecked, but what came before is looked at all the same.
  await coverage.look(listing, async () => {
    // A copy: the SDK's paginators write the page's token into what they are given.
    const pages = paginateListCertificates({ client }, { ...everything }, { abortSignal: signal });
    for await (const page of pages) {
      for (const { CertificateArn, DomainName } of page.CertificateSummaryList ?? []) {
        if (CertificateArn === undefined) continue;
        const resource = {
          type: 'acm-certificate',
          id: CertificateArn,
          name: DomainName ?? CertificateArn,
          account: account.id,
          region,
        };
        listed.push(resource);
      }
    }
  });
  for (const resource of listed) coverage.expect(resource);
  const certificates = await pMap(
    listed,
    (resource) =>
      coverage.look(resource, async () => {
        const command = new DescribeCertificateCommand({ CertificateArn: resource.id });
        const { Certificate } = await client.send(command, { abortSignal: signal });
        if (Certificate === undefined)
          throw new UncheckedError('aws-error', 'acm:DescribeCertificate answered without the certificate');
        return acmCertificate(resource, Certificate);
      }),
    { concurrency: describeConcurrency },
  );
  return certificates.filter((certificate) => certificate !== undefined);
}

function acmCertificate(resource: Resource, detail: CertificateDetail): AcmCertificate {
  const names = [detail.DomainName, ...(detail.SubjectAlternativeNames ?? [])].filter((name) => name !== undefined);
  const validations = detail.RenewalSummary?.DomainValidationOptions ?? detail.DomainValidationOptions ?? [];
  return {
    kind: 'acm',
    resource,
    status: detail.Status ?? 'UNKNOWN',
    type: detail.Type ?? 'UNKNOWN',
    isInUse: (detail.InUseBy ?? []).length > 0,
    isRenewalEligible: detail.RenewalEligibility === 'ELIGIBLE',
    requestedAt: detail.CreatedAt ?? detail.ImportedAt,
    notBefore: detail.NotBefore,
    notAfter: detail.NotAfter,
    renewalStatus: detail.RenewalSummary?.RenewalStatus,
    failureReason: detail.RenewalSummary?.RenewalStatusReason ?? detail.FailureReason,
    validationRecords: validations.flatMap(validationRecord),
    names: [...new Set(names.map((name) => name.toLowerCase()))],
    // The SDK's own names have an underscore, ACM's answers a hyphen: RSA_2048 is asked for, RSA-2048 comes back.
    keyAlgorithm: detail.KeyAlgorithm?.replace('-', '_'),
    signatureAlgorithm: detail.SignatureAlgorithm,
    serial: detail.Serial === undefined ? undefined : normalizeSerial(detail.Serial),
  };
}

/** Records whose validation is done already need no one's attention. */
function validationRecord({ DomainName, ResourceRecord, ValidationStatus }: DomainValidation): ValidationRecord[] {
  if (ResourceRecord?.Name === undefined || ValidationStatus === 'SUCCESS') return [];
  const { Name, Type, Value } = ResourceRecord;
  return [{ domain: DomainName ?? Name, name: Name, type: Type ?? 'CNAME', value: Value ?? '' }];
}
