import { issueCertificate, type KeyKind, makeKey, type SignatureHash } from '../tls-farm/certificate-authority.ts';

/** A server certificate to be made. */
export interface PemSpec {
  readonly commonName: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** P-256 unless given. */
  readonly key?: KeyKind;
  /** SHA-256 unless given. */
  readonly hash?: SignatureHash;
}

/** Returns a certificate and the chain above it, in PEM. */
export type PemGenerator = (spec: PemSpec) => { readonly body: string; readonly chain: string };

const dayMs = 86_400_000;
const authorityDays = 3650;

/**
 * Returns a generator of certificates that one authority of its own has signed. The keys are new each time; all else
 * depends on the arguments alone.
 */
export function pemGenerator(now: Date): PemGenerator {
  const issuer = issueCertificate({
    commonName: 'NYCMG Servers CA 1',
    organization: 'New York City Music Guild',
    notBefore: new Date(now.getTime() - authorityDays * dayMs),
    notAfter: new Date(now.getTime() + authorityDays * dayMs),
    key: makeKey('ec-p256'),
    isAuthority: true,
  });
  return ({ key = 'ec-p256', commonName, ...spec }) => {
    const { pem } = issueCertificate({ ...spec, commonName, names: [commonName], key: makeKey(key), issuer });
    return { body: pem, chain: issuer.pem };
  };
}
