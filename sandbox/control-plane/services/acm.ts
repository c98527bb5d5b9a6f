import {
  type CertificateDetail,
  type CertificateSummary,
  DescribeCertificate$,
  type DescribeCertificateRequest,
  type DescribeCertificateResponse,
  type KeyAlgorithm,
  ListCertificates$,
  type ListCertificatesRequest,
  type ListCertificatesResponse,
} from '@aws-sdk/client-acm';
import { jsonWire } from '../json-wire.ts';
import { Refusal } from '../refusal.ts';
import { operation, refuseOthers, type Service } from '../service.ts';

/** The certificates of one region, as DescribeCertificate gives them but for the spelling of key algorithms. */
export interface AcmDocument {
  readonly certificates: readonly CertificateDetail[];
}

const maxSummaryNames = 100;

/** What ListCertificates keeps to unless it is told otherwise: https://docs.aws.amazon.com/acm/latest/APIReference/API_Filters.html */
const defaultKeyTypes: readonly KeyAlgorithm[] = ['RSA_1024', 'RSA_2048'];
const defaultKeyPairOrigins: readonly string[] = ['AWS_MANAGED', 'CUSTOMER_PROVIDED'];

/** AWS Certificate Manager. */
export const acm: Service = {
  name: 'acm',
  serviceId: 'ACM',
  wire: jsonWire,
  operations: [
    operation(ListCertificates$, (input: ListCertificatesRequest, call): ListCertificatesResponse => {
      const { CertificateStatuses, CertificateKeyPairOrigins, Includes = {}, MaxItems, NextToken, ...others } = input;
      const { keyTypes, ...otherFilters } = Includes;
      refuseOthers({ ...others, ...otherFilters });
      const listed = (call.regional.acm?.certificates ?? []).filter((certificate) => {
        const { KeyAlgorithm: keyType, Status: status, DomainName, Type } = certificate;
        const origin =
          certificate.CertificateKeyPairOrigin ?? (Type === 'IMPORTED' ? 'CUSTOMER_PROVIDED' : 'AWS_MANAGED');
        if (!(CertificateKeyPairOrigins ?? defaultKeyPairOrigins).includes(origin)) return false;
        if (CertificateStatuses !== undefined && !CertificateStatuses.some((wanted) => wanted === status)) return false;
        if (keyTypes === undefined && DomainName === undefined) return false;
        return (keyTypes ?? defaultKeyTypes).some((wanted) => wanted === keyType);
      });
      const { items, next } = call.page(listed, NextToken, MaxItems);
      return { CertificateSummaryList: items.map(summary), NextToken: next };
    }),

    operation(DescribeCertificate$, (input: DescribeCertificateRequest, call): DescribeCertificateResponse => {
      const arn = input.CertificateArn;
      const certificate = call.regional.acm?.certificates.find((candidate) => candidate.CertificateArn === arn);
      if (certificate === undefined) {
        const message = `Could not find certificate ${arn}.`;
        throw new Refusal({ code: 'ResourceNotFoundException', status: 400 }, message);
      }
      return { Certificate: { ...certificate, KeyAlgorithm: spelt(certificate.KeyAlgorithm) } };
    }),
  ],
};

function summary(certificate: CertificateDetail): CertificateSummary {
  const names = certificate.SubjectAlternativeNames ?? [];
  return {
    CertificateArn: certificate.CertificateArn,
    DomainName: certificate.DomainName,
    SubjectAlternativeNameSummaries: names.slice(0, maxSummaryNames),
    HasAdditionalSubjectAlternativeNames: names.length > maxSummaryNames,
    Status: certificate.Status,
    Type: certificate.Type,
    KeyAlgorithm: spelt(certificate.KeyAlgorithm),
    InUse: (certificate.InUseBy ?? []).length > 0,
    RenewalEligibility: certificate.RenewalEligibility,
    NotBefore: certificate.NotBefore,
    NotAfter: certificate.NotAfter,
    CreatedAt: certificate.CreatedAt,
    IssuedAt: certificate.IssuedAt,
    ImportedAt: certificate.ImportedAt,
  };
}

/**
 * Returns a key algorithm as ACM really answers it: its API documents `RSA_2048`, and it says `RSA-2048`
 * (https://docs.aws.amazon.com/cli/latest/reference/acm/describe-certificate.html, under Examples).
 */
function spelt(keyAlgorithm: KeyAlgorithm | undefined): KeyAlgorithm | undefined {
  return keyAlgorithm?.replace('_', '-') as KeyAlgorithm | undefined;
}
