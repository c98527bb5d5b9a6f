import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import {
  bitString,
  booleanTrue,
  certificateTime,
  contextConstructed,
  contextPrimitive,
  generalizedTime,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  utf8String,
} from './der.ts';

/** Kinds of key; those after the first exist because a rule is about them. */
const keyKinds = ['ec-p256', 'ec-p224', 'ec-p192', 'rsa-2048', 'rsa-1024'] as const;

/** One of {@link keyKinds}. */
export type KeyKind = (typeof keyKinds)[number];

/** Hash that an issuer signs with; MD5 exists for RSA issuers only. */
export type SignatureHash = 'sha256' | 'sha1' | 'md5';

/** A time as it stands in the certificate: a `Date` in the proper form, or a GeneralizedTime with exactly this text. */
export type TimeSpec = Date | { readonly generalizedTime: string };

/** What a certificate says. Without `issuer` it is signed by its own key. */
export interface CertificateSpec {
  /** Left out, the subject has no common name; with no `organization` either, it is empty. */
  readonly commonName?: string;
  readonly organization?: string;
  /** Subject alternative names, DNS names or IP addresses; left out or empty, there is no such extension. */
  readonly names?: readonly string[];
  readonly notBefore: TimeSpec;
  readonly notAfter: TimeSpec;
  readonly key: KeyObject;
  readonly issuer?: IssuedCertificate;
  readonly hash?: SignatureHash;
  /** May sign certificates. */
  readonly isAuthority?: boolean;
  /** What one that is no authority is for; `server` unless given. */
  readonly purpose?: 'server' | 'client';
  /** Derived from the rest of the certificate unless given; a negative one violates RFC 5280 but is met in the wild. */
  readonly serialNumber?: bigint;
}

/** A certificate with what is needed to serve it and to issue others from it. */
export interface IssuedCertificate {
  readonly certificate: X509Certificate;
  readonly pem: string;
  readonly key: KeyObject;
  readonly keyPem: string;
  /** The subject as it stands in the certificate, which is the issuer of what this one signs. */
  readonly subjectDer: Buffer;
}

const ecCurves: Partial<Record<KeyKind, string>> = {
  'ec-p256': 'prime256v1',
  'ec-p224': 'secp224r1',
  'ec-p192': 'prime192v1',
};

/** Returns a new private key. RSA-2048 takes a tenth of a second, the others a few milliseconds. */
export function makeKey(kind: KeyKind): KeyObject {
  const namedCurve = ecCurves[kind];
  if (namedCurve !== undefined) return generateKeyPairSync('ec', { namedCurve }).privateKey;
  return generateKeyPairSync('rsa', { modulusLength: kind === 'rsa-1024' ? 1024 : 2048 }).privateKey;
}

const signatureAlgorithms: Record<string, string> = {
  'ec sha256': '1.2.840.10045.4.3.2',
  'ec sha1': '1.2.840.10045.4.1',
  'rsa sha256': '1.2.840.113549.1.1.11',
  'rsa sha1': '1.2.840.113549.1.1.5',
  'rsa md5': '1.2.840.113549.1.1.4',
};

function signatureAlgorithm(key: KeyObject, hash: SignatureHash): Buffer {
  const identifier = signatureAlgorithms[`${key.asymmetricKeyType} ${hash}`];
  if (identifier === undefined)
    throw new RangeError(`no signature algorithm for ${key.asymmetricKeyType} with ${hash}`);
  // RFC 3279: the parameters are NULL for RSA and absent for ECDSA.
  const nullParameters = key.asymmetricKeyType === 'rsa' ? [Buffer.of(0x05, 0x00)] : [];
  return sequence(objectIdentifier(identifier), ...nullParameters);
}

function attribute(type: string, value: string | undefined): Buffer[] {
  return value === undefined ? [] : [setOf(sequence(objectIdentifier(type), utf8String(value)))];
}

function nameDer(spec: CertificateSpec): Buffer {
  return sequence(...attribute('2.5.4.10', spec.organization), ...attribute('2.5.4.3', spec.commonName));
}

function timeDer(time: TimeSpec): Buffer {
  return time instanceof Date ? certificateTime(time) : generalizedTime(time.generalizedTime);
}

function generalName(name: string): Buffer {
  if (isIP(name) === 4) return contextPrimitive(7, Buffer.from(name.split('.').map(Number)));
  return contextPrimitive(2, Buffer.from(name, 'latin1'));
}

function extension(type: string, value: Buffer, isCritical = false): Buffer {
  return sequence(objectIdentifier(type), ...(isCritical ? [booleanTrue()] : []), octetString(value));
}

const extendedKeyUsages = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const;

function extensions(spec: CertificateSpec, publicKeyInfo: Buffer): Buffer {
  const list = spec.isAuthority
    ? [
        extension('2.5.29.19', sequence(booleanTrue()), true),
        // keyCertSign and cRLSign: bits 5 and 6.
        extension('2.5.29.15', bitString(Buffer.of(0b0000_0110), 1), true),
      ]
    : [
        extension('2.5.29.19', sequence(), true),
        // digitalSignature: bit 0.
        extension('2.5.29.15', bitString(Buffer.of(0b1000_0000), 7), true),
        extension('2.5.29.37', sequence(objectIdentifier(extendedKeyUsages[spec.purpose ?? 'server']))),
      ];
  list.push(extension('2.5.29.14', octetString(keyIdentifier(publicKeyInfo))));
  if (spec.issuer !== undefined) {
    const issuerKeyIdentifier = keyIdentifier(publicKeyInfoOf(spec.issuer.key));
    list.push(extension('2.5.29.35', sequence(contextPrimitive(0, issuerKeyIdentifier))));
  }
  if (spec.names !== undefined && spec.names.length > 0) {
    // RFC 5280, section 4.2.1.6: critical when the subject is empty.
    const hasSubject = spec.commonName !== undefined || spec.organization !== undefined;
    list.push(extension('2.5.29.17', sequence(...spec.names.map(generalName)), !hasSubject));
  }
  return sequence(...list);
}

function publicKeyInfoOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}

function keyIdentifier(publicKeyInfo: Buffer): Buffer {
  return createHash('sha1').update(publicKeyInfo).digest();
}

function derivedSerialNumber(...parts: readonly Buffer[]): bigint {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return BigInt(`0x${hash.digest('hex').slice(0, 30)}`);
}

/**
 * Returns an X.509 v3 certificate that says what `spec` says, whether or not a real authority would sign it.
 *
 * @throws RangeError for a hash that the issuer's key cannot sign with.
 */
export function issueCertificate(spec: CertificateSpec): IssuedCertificate {
  const signingKey = spec.issuer?.key ?? spec.key;
  const hash = spec.hash ?? 'sha256';
  const subject = nameDer(spec);
  const issuer = spec.issuer?.subjectDer ?? subject;
  const validity = sequence(timeDer(spec.notBefore), timeDer(spec.notAfter));
  const publicKeyInfo = publicKeyInfoOf(spec.key);
  const algorithm = signatureAlgorithm(signingKey, hash);
  const body = [
    algorithm,
    issuer,
    validity,
    subject,
    publicKeyInfo,
    contextConstructed(3, extensions(spec, publicKeyInfo)),
  ];
  const serialNumber = spec.serialNumber ?? derivedSerialNumber(...body);
  const version3 = contextConstructed(0, integer(2n));
  const signed = sequence(version3, integer(serialNumber), ...body);
  const certificate = new X509Certificate(sequence(signed, algorithm, bitString(sign(hash, signed, signingKey))));
  return {
    certificate,
    pem: certificate.toString(),
    key: spec.key,
    keyPem: spec.key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    subjectDer: subject,
  };
}
