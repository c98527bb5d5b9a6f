import type { KeyObject } from 'node:crypto';
import type { AuthorityName, LeafSpec } from './behaviour.ts';
import {
  type CertificateSpec,
  type IssuedCertificate,
  issueCertificate,
  type KeyKind,
  makeKey,
  type SignatureHash,
} from './certificate-authority.ts';

interface AuthoritySpec {
  readonly commonName: string;
  /** Left out for a root. */
  readonly issuer?: AuthorityName;
  readonly endsInDays: number;
  readonly key?: KeyKind;
  readonly hash?: SignatureHash;
  /** Has the name and the key of this authority: a cross-signed certificate. */
  readonly twinOf?: AuthorityName;
}

const years = 365;

const authoritySpecs: Record<AuthorityName, AuthoritySpec> = {
  root: { commonName: 'NYCMG Root', endsInDays: 15 * years, hash: 'sha1' },
  intermediate: { commonName: 'NYCMG Intermediate', issuer: 'root', endsInDays: 5 * years },
  'lower-intermediate': { commonName: 'NYCMG Lower Intermediate', issuer: 'intermediate', endsInDays: 4 * years },
  'rsa-intermediate': { commonName: 'NYCMG RSA Intermediate', issuer: 'root', endsInDays: 5 * years, key: 'rsa-2048' },
  'expired-intermediate': { commonName: 'NYCMG Expired Intermediate', issuer: 'root', endsInDays: -10 },
  'early-intermediate': { commonName: 'NYCMG Early Intermediate', issuer: 'root', endsInDays: 40 },
  'level-intermediate': { commonName: 'NYCMG Level Intermediate', issuer: 'root', endsInDays: 60 },
  'sha1-intermediate': { commonName: 'NYCMG SHA-1 Intermediate', issuer: 'root', endsInDays: 5 * years, hash: 'sha1' },
  'rsa1024-intermediate': {
    commonName: 'NYCMG RSA-1024 Intermediate',
    issuer: 'root',
    endsInDays: 5 * years,
    key: 'rsa-1024',
  },
  'ec192-intermediate': {
    commonName: 'NYCMG P-192 Intermediate',
    issuer: 'root',
    endsInDays: 5 * years,
    key: 'ec-p192',
  },
  'ec224-intermediate': {
    commonName: 'NYCMG P-224 Intermediate',
    issuer: 'root',
    endsInDays: 5 * years,
    key: 'ec-p224',
  },
  'expired-cross-root': { commonName: 'NYCMG Root', issuer: 'untrusted-root', endsInDays: -20, twinOf: 'root' },
  'untrusted-root': { commonName: 'Unknown Root', endsInDays: 15 * years },
  'untrusted-intermediate': { commonName: 'Unknown Intermediate', issuer: 'untrusted-root', endsInDays: 5 * years },
};

const msPerDay = 86_400_000;

/** Issues certificates for one farm; authorities and keys are made when they are first needed. */
export class FarmAuthorities {
  readonly #now: Date;
  readonly #authorities = new Map<AuthorityName, IssuedCertificate>();
  /** Servers share one key for each kind: making RSA keys is the slowest part of a farm. */
  readonly #serverKeys = new Map<KeyKind, KeyObject>();

  constructor(now: Date) {
    this.#now = now;
  }

  /** Returns the certificate of an authority, the same one every time. */
  authority(name: AuthorityName): IssuedCertificate {
    const known = this.#authorities.get(name);
    if (known !== undefined) return known;
    const spec = authoritySpecs[name];
    const made = issueCertificate({
      organization: 'NYCMG Sandbox',
      commonName: spec.commonName,
      // All authorities are older than any server's certificate but those that the farm dates back on purpose.
      notBefore: this.#inDays(-5 * years),
      notAfter: this.#inDays(spec.endsInDays),
      key: spec.twinOf === undefined ? makeKey(spec.key ?? 'ec-p256') : this.authority(spec.twinOf).key,
      isAuthority: true,
      ...(spec.issuer === undefined ? {} : { issuer: this.authority(spec.issuer) }),
      ...(spec.hash === undefined ? {} : { hash: spec.hash }),
    });
    this.#authorities.set(name, made);
    return made;
  }

  /** Returns a new certificate for the server `serverName`. */
  leaf(serverName: string, leaf: LeafSpec = {}): IssuedCertificate {
    const endsInDays = leaf.endsInDays ?? 60;
    const commonName = leaf.commonName === undefined ? serverName : leaf.commonName;
    const issuer = leaf.issuer ?? 'intermediate';
    const spec: CertificateSpec = {
      names: leaf.names ?? [serverName],
      notBefore: leaf.notBefore ?? this.#inDays(endsInDays - (leaf.lifetimeDays ?? 90)),
      notAfter: leaf.notAfter ?? this.#inDays(endsInDays),
      key: this.#serverKey(leaf.key ?? 'ec-p256'),
      ...(commonName === null ? {} : { commonName }),
      ...(leaf.organization === undefined ? {} : { organization: leaf.organization }),
      ...(issuer === 'self' ? {} : { issuer: this.authority(issuer) }),
      ...(leaf.hash === undefined ? {} : { hash: leaf.hash }),
      ...(leaf.purpose === undefined ? {} : { purpose: leaf.purpose }),
      ...(leaf.serialNumber === undefined ? {} : { serialNumber: leaf.serialNumber }),
    };
    return issueCertificate(spec);
  }

  #serverKey(kind: KeyKind): KeyObject {
    const known = this.#serverKeys.get(kind);
    if (known !== undefined) return known;
    const made = makeKey(kind);
    this.#serverKeys.set(kind, made);
    return made;
  }

  #inDays(days: number): Date {
    return new Date(this.#now.getTime() + days * msPerDay);
  }
}
