import { X509Certificate } from 'node:crypto';
import { getCACertificates } from 'node:tls';
import { ConfigError, type ConfigFault } from '../../shared/config-error.ts';

/**
 * The roots that are trusted: node's own and an estate's private ones. OpenSSL alone judges a chain, but it names only the
 * last fault it met; where an expired certificate hides whether the rest of the chain leads anywhere, this looks it up.
 */
export class TrustAnchors {
  readonly #own: readonly X509Certificate[];
  #roots: readonly X509Certificate[] | undefined;

  /**
   * @param pems further roots beside node's own, which are read only when they are needed.
   * @throws ConfigError that names every text with a certificate that OpenSSL cannot read: everything that rests on it would be
   *   accused of an untrusted root.
   */
  constructor(pems: readonly string[]) {
    const faults: ConfigFault[] = [];
    this.#own = pems.flatMap((pem, index) => {
      const certificates = readCertificates(pem);
      if (!certificates.includes(undefined)) return certificates as X509Certificate[];
      faults.push({ path: `trustedCertificates[${index}]`, message: 'OpenSSL cannot read a certificate in it' });
      return [];
    });
    if (faults.length > 0) throw new ConfigError('certificate-expiry', faults);
  }

  /** Returns whether the certificates that were sent lead from the first of them to a trusted root. */
  reachedBy(chain: readonly X509Certificate[]): boolean {
    this.#roots ??= [...getCACertificates('default').flatMap(readCertificates), ...this.#own].filter(
      (root) => root !== undefined,
    );
    let current = chain[0];
    // Each step uses up one certificate, so that a circle of cross-signatures ends.
    const rest = chain.slice(1);
    while (current !== undefined) {
      const certificate: X509Certificate = current;
      if (
        this.#roots.some((root) => root.fingerprint256 === certificate.fingerprint256 || isIssuedBy(certificate, root))
      ) {
        return true;
      }
      const index = rest.findIndex((candidate) => isIssuedBy(certificate, candidate));
      current = index < 0 ? undefined : rest.splice(index, 1)[0];
    }
    return false;
  }
}

/** Returns whether `issuer` signed `certificate`. */
export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

/** Returns the certificates in a PEM text, which may hold several; `undefined` stands for one that cannot be read. */
function readCertificates(pem: string): (X509Certificate | undefined)[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => {
    try {
      return new X509Certificate(block);
    } catch {
      return undefined;
    }
  });
}
