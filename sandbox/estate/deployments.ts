import type { CertificateDetail } from '@aws-sdk/client-acm';
import type { EndpointCase } from './endpoints.ts';
import { serverNameOf } from './endpoints.ts';

/** An endpoint of which ACM holds a certificate in use: the seam between store and wire. */
export interface DeploymentCase extends EndpointCase {
  /** Whether the certificate in ACM is the one that the endpoint serves. */
  readonly storedIs: 'the-one-served' | 'another';
}

const healthy = { does: 'serve-tls' } as const;

/** Planted beside a healthy twin. */
export const deploymentCases: readonly DeploymentCase[] = [
  {
    name: 'listener',
    behaviour: healthy,
    storedIs: 'the-one-served',
    why: 'the listener serves what ACM holds',
    findings: [],
  },
  {
    name: 'stale-listener',
    behaviour: healthy,
    storedIs: 'another',
    why: 'ACM holds a renewed certificate that never reached the listener',
    findings: [{ rule: 'deployed-differs-from-store', severity: 'high' }],
  },
];

const dayMs = 86_400_000;

/**
 * Returns what ACM in us-east-1 holds for these endpoints at `now`.
 *
 * @param servedSerial gives the serial number, in hexadecimal, of what an endpoint serves.
 */
export function deployedCertificates(
  account: string,
  now: Date,
  servedSerial: (name: string) => string,
): CertificateDetail[] {
  return deploymentCases.map(({ name, storedIs }, index) => {
    const domain = serverNameOf(name);
    const serial = storedIs === 'another' ? '0f0e0d0c0b0a' : servedSerial(name).toLowerCase();
    return {
      CertificateArn: `arn:aws:acm:us-east-1:${account}:certificate/00000000-0000-4000-8000-00000000000${index}`,
      DomainName: domain,
      SubjectAlternativeNames: [domain],
      Status: 'ISSUED',
      Type: 'AMAZON_ISSUED',
      Subject: `CN=${domain}`,
      Issuer: 'Amazon',
      Serial: serial.replace(/..(?=.)/g, '$&:'),
      KeyAlgorithm: 'EC_prime256v1',
      SignatureAlgorithm: 'SHA256WITHECDSA',
      CreatedAt: new Date(now.getTime() - 38 * dayMs),
      IssuedAt: new Date(now.getTime() - 38 * dayMs),
      NotBefore: new Date(now.getTime() - 38 * dayMs),
      NotAfter: new Date(now.getTime() + 160 * dayMs),
      InUseBy: [`arn:aws:elasticloadbalancing:us-east-1:${account}:loadbalancer/app/${name}/0123456789abcdef`],
      RenewalEligibility: 'ELIGIBLE',
    };
  });
}
