import type { CertificateDetail } from '@aws-sdk/client-acm';
import type { ServerCertificate } from '@aws-sdk/client-iam';
import type { task } from '../../functions/certificate-expiry/task.ts';
import type { RuleOf } from '../../shared/task.ts';
import type { EstateDocument, RegionDocument } from '../control-plane/estate-document.ts';
import { acmCases } from './aws-acm-certificates.ts';
import { iamCases } from './aws-iam-certificates.ts';
import { type PemGenerator, pemGenerator } from './aws-pem.ts';
import { type RdsCases, rdsCases } from './aws-rds-certificates.ts';
import type { PlantedCase } from './planted-case.ts';

type RuleId = RuleOf<typeof task>;

/** The account of the sample estate. */
export const sampleAccount = '123456789012';

/** The regions in which the sample estate has resources. */
export const sampleRegions = ['us-east-1', 'us-west-2'] as const;

/** The certificates that the sample estate has in AWS: planted faults beside healthy ones. */
export interface AwsCertificates {
  readonly acm: readonly PlantedCase<CertificateDetail, RuleId>[];
  readonly iam: readonly PlantedCase<ServerCertificate, RuleId>[];
  readonly rds: RdsCases;
  /** All of the above, for comparing what they must cause with what a run reports. */
  readonly cases: readonly PlantedCase<unknown, RuleId>[];
  /** The same resources as the control plane answers them. */
  readonly document: EstateDocument;
}

/**
 * Returns the certificates of the NYCMG platform in AWS as they stand at `now`: every date is relative to it, and nothing
 * else varies but the keys of the IAM certificates.
 *
 * @param pem makes the bodies of IAM certificates; nothing but their keys and signatures should depend on it.
 */
export function awsCertificates(now: Date, pem: PemGenerator = pemGenerator(now)): AwsCertificates {
  const acm = acmCases(sampleAccount, now);
  const iam = iamCases(sampleAccount, now, pem);
  const rds = rdsCases(sampleAccount, now);
  const regions = sampleRegions.map((region): [string, RegionDocument] => [
    region,
    {
      acm: { certificates: resourcesIn(region, acm) },
      rds: {
        instances: resourcesIn(region, rds.instances),
        clusters: resourcesIn(region, rds.clusters),
        certificates: resourcesIn(region, rds.authorities),
      },
    },
  ]);
  return {
    acm,
    iam,
    rds,
    cases: [...acm, ...iam, ...rds.instances, ...rds.clusters, ...rds.authorities],
    document: {
      homeAccount: sampleAccount,
      accounts: {
        [sampleAccount]: {
          iam: { serverCertificates: iam.map(({ resource }) => resource) },
          regions: Object.fromEntries(regions),
        },
      },
    },
  };
}

/** The fourth part of an ARN is its region. */
function resourcesIn<T>(region: string, cases: readonly PlantedCase<T>[]): T[] {
  return cases.filter(({ resourceId }) => resourceId.split(':')[3] === region).map(({ resource }) => resource);
}
