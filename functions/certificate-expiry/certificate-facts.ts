import type { X509Certificate } from 'node:crypto';

/** What the rules need to know of one certificate, small enough to keep for every endpoint of a large estate. */
export interface CertificateFacts {
  /** Common name, else the whole subject on one line, else `(no subject)`. */
  readonly subject: string;
  readonly issuer: string;
  /** Upper-case hexadecimal without separators or leading zeros, as {@link normalizeSerial} writes it. */
  readonly serial: string;
  /** SHA-256 over the DER, upper-case hexadecimal with colons. */
  readonly fingerprint: string;
  /** Undefined when the certificate's date cannot be read as RFC 5280, 4.1.2.5 asks. */
  readonly notBefore: Date | undefined;
  readonly notAfter: Date | undefined;
  /** `rsa`, `ec`, `ed25519` …; undefined when OpenSSL does not know the key. */
  readonly keyType: string | undefined;
  /** Modulus length of RSA and DSA, order of the curve of EC, in bits; undefined when it is not known. */
  readonly keyBits: number | undefined;
  /** OpenSSL's name of an elliptic curve, such as `prime256v1`. */
  readonly keyCurve: string | undefined;
  /** OpenSSL's name, such as `sha256WithRSAEncryption` or `ecdsa-with-SHA256`; of RSASSA-PSS with its hash. */
  readonly signatureAlgorithm: string | undefined;
  /** Issuer and subject are the same and the signature is by its own key. */
  readonly selfSigned: boolean;
  readonly isAuthority: boolean;
}

/** Bits of the named curves' orders (SEC 2, RFC 5639): the name itself is all that node:crypto tells. */
const curveBits: Readonly<Record<string, number>> = {
  secp192k1: 192,
  prime192v1: 192,
  secp224k1: 224,
  secp224r1: 224,
  prime256v1: 256,
  secp256k1: 256,
  secp384r1: 384,
  secp521r1: 521,
  brainpoolP256r1: 256,
  brainpoolP384r1: 384,
  brainpoolP512r1: 512,
};

/**
 * Returns the facts of a certificate. Never throws: a part that cannot be read is undefined, so that one odd certificate
 * cannot end a scan.
 */
export function certificateFacts(certificate: X509Certificate): CertificateFacts {
  const subject = read(() => certificate.subject) ?? '';
  const issuer = read(() => certificate.issuer) ?? '';
  const key = read(() => certificate.publicKey);
  return {
    subject: shortName(subject),
    issuer: shortName(issuer),
    serial: normalizeSerial(read(() => certificate.serialNumber) ?? ''),
    fingerprint: certificate.fingerprint256,
    notBefore: readDate(() => certificate.validFromDate),
    notAfter: readDate(() => certificate.validToDate),
    keyType: key?.asymmetricKeyType,
    keyBits: key?.asymmetricKeyDetails?.modulusLength ?? curveBits[key?.asymmetricKeyDetails?.namedCurve ?? ''],
    keyCurve: key?.asymmetricKeyDetails?.namedCurve,
    signatureAlgorithm: signatureAlgorithmOf(certificate),
    // Verifying costs a signature check, so only where the names already agree.
    selfSigned: subject === issuer && key !== undefined && (read(() => certificate.verify(key)) ?? false),
    isAuthority: read(() => certificate.ca) ?? false,
  };
}

/** Returns a serial number in one form, whether it came from OpenSSL (`0A1B`, `-0A`) or ACM (`0a:1b`). */
export function normalizeSerial(serial: string): string {
  return serial
    .replaceAll(':', '')
    .toUpperCase()
    .replace(/^(-?)0+(?=.)/, '$1');
}

/** DER of what the object identifiers of SHA-2, 2.16.840.1.101.3.4.2, begin with. */
const sha2 = Buffer.from('6086480165030402', 'hex');

/**
 * OpenSSL's name of RSASSA-PSS does not say over which hash, which is in its parameters: SHA-1 where they name none (RFC 4055,
 * 3.1). The algorithm stands behind the signed part, as the second element of the certificate (RFC 5280, 4.1).
 */
function signatureAlgorithmOf(certificate: X509Certificate): string | undefined {
  const name = read(() => certificate.signatureAlgorithm);
  if (name === undefined || !/pss/i.test(name)) return name;
  return read(() => {
    const { raw } = certificate;
    const signed = elementAt(raw, elementAt(raw, 0).start);
    const algorithm = elementAt(raw, signed.end);
    return `${name} with ${raw.subarray(algorithm.start, algorithm.end).includes(sha2) ? 'SHA-2' : 'SHA-1'}`;
  });
}

/** Where the content of the DER element at `offset` begins and ends (X.690, 8.1). */
function elementAt(der: Buffer, offset: number): { start: number; end: number } {
  const first = der.readUInt8(offset + 1);
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const start = offset + 2 + lengthBytes;
  const length = lengthBytes === 0 ? first : der.readUIntBE(offset + 2, lengthBytes);
  return { start, end: start + length };
}

function read<T>(get: () => T): T | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}

function readDate(get: () => Date): Date | undefined {
  const date = read(get);
  return date === undefined || Number.isNaN(date.getTime()) ? undefined : date;
}

/** OpenSSL writes a name as lines of `CN=…`. */
function shortName(name: string): string {
  const lines = name.split('\n').filter((line) => line !== '');
  if (lines.length === 0) return '(no subject)';
  return lines.find((line) => line.startsWith('CN='))?.slice(3) ?? lines.join(', ');
}
