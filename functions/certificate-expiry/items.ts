import type { Resource } from '../../shared/resource.ts';
import type { CertificateFacts } from './certificate-facts.ts';

/** A record that must stand in DNS for AWS to issue or renew a certificate. */
export interface ValidationRecord {
  readonly domain: string;
  readonly name: string;
  readonly type: string;
  readonly value: string;
}

/** A certificate in AWS Certificate Manager. */
export interface AcmCertificate {
  readonly kind: 'acm';
  readonly resource: Resource;
  /** As ACM names it: `ISSUED`, `PENDING_VALIDATION`, `EXPIRED` … */
  readonly status: string;
  /** `AMAZON_ISSUED`, `IMPORTED` or `PRIVATE`. */
  readonly type: string;
  readonly isInUse: boolean;
  readonly isRenewalEligible: boolean;
  readonly requestedAt: Date | undefined;
  readonly notBefore: Date | undefined;
  readonly notAfter: Date | undefined;
  readonly renewalStatus: string | undefined;
  /** Why renewal or issue does not go on, in ACM's word. */
  readonly failureReason: string | undefined;
  readonly validationRecords: readonly ValidationRecord[];
  /** Every name on it, lower case. */
  readonly names: readonly string[];
  /** Such as `RSA_1024`, `EC_prime256v1`. */
  readonly keyAlgorithm: string | undefined;
  /** Such as `SHA256WITHRSA`. */
  readonly signatureAlgorithm: string | undefined;
  /** In the form of `normalizeSerial`; undefined until issued. */
  readonly serial: string | undefined;
}

/** A server certificate in IAM. */
export interface IamCertificate {
  readonly kind: 'iam';
  readonly resource: Resource;
  readonly facts: CertificateFacts;
}

/** The certificate that an RDS instance or Multi-AZ cluster itself shows. */
export interface RdsServerCertificate {
  readonly kind: 'rds-server';
  readonly resource: Resource;
  readonly authority: string | undefined;
  readonly notAfter: Date | undefined;
}

/** A certificate authority of RDS, in one region. */
export interface RdsAuthority {
  readonly kind: 'rds-authority';
  readonly resource: Resource;
  readonly notAfter: Date | undefined;
  /** When the customer's override of the default authority ends. */
  readonly overrideNotAfter: Date | undefined;
  /** Names of the instances and clusters whose certificate it signed. */
  readonly usedBy: readonly string[];
}

/** Stands for OpenSSL's verdict on a chain that was shown in a handshake that the server then broke off. */
export const notVerified = 'NOT_VERIFIED';

/** Where the certificates that a server sends lead, whether they are valid today or not. */
export type ChainEnd =
  | 'trusted-root'
  /** The leaf vouches for itself. */
  | 'self-signed'
  /** The issuer of the leaf was not sent, and is no trusted root. */
  | 'incomplete'
  | 'untrusted-root';

/** What a live endpoint showed in a handshake. */
export interface ServedEndpoint {
  readonly kind: 'endpoint';
  readonly resource: Resource;
  readonly serverName: string;
  /** The configured ACM certificate, `none` for an endpoint that ACM does not serve, undefined when nothing is said. */
  readonly certificateArn: string | undefined;
  /** In the server's order, the leaf first. */
  readonly chain: readonly [CertificateFacts, ...CertificateFacts[]];
  /** OpenSSL's verdict on the chain; undefined when it verifies, {@link notVerified} when the handshake did not get so far. */
  readonly verdict: string | undefined;
  readonly chainEnd: ChainEnd;
  /** The IP address that showed this, where the host has several. */
  readonly address: string | undefined;
  readonly nameMatches: boolean;
}

export type CertificateItem = AcmCertificate | IamCertificate | RdsServerCertificate | RdsAuthority | ServedEndpoint;
