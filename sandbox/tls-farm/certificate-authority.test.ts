import { describe, expect, test } from 'vitest';
import { type CertificateSpec, issueCertificate, makeKey } from './certificate-authority.ts';

const notBefore = new Date('2026-01-01T00:00:00Z');
const notAfter = new Date('2036-01-01T00:00:00Z');
const rootKey = makeKey('ec-p256');
const root = issueCertificate({ commonName: 'Root', notBefore, notAfter, key: rootKey, isAuthority: true });
const leafSpec: CertificateSpec = {
  commonName: 'leaf.example',
  names: ['leaf.example', '127.0.0.1'],
  notBefore,
  notAfter,
  key: makeKey('ec-p256'),
  issuer: root,
};

describe('an ordinary certificate', () => {
  const { certificate } = issueCertificate(leafSpec);

  test('is issued and signed by its issuer', () => {
    expect(certificate.checkIssued(root.certificate)).toBe(true);
    expect(certificate.verify(root.certificate.publicKey)).toBe(true);
    expect(certificate.verify(certificate.publicKey)).toBe(false);
  });

  test('says what it was asked to', () => {
    expect(certificate.subject).toBe('CN=leaf.example');
    expect(certificate.subjectAltName).toBe('DNS:leaf.example, IP Address:127.0.0.1');
    expect(certificate.validFromDate).toEqual(notBefore);
    expect(certificate.validToDate).toEqual(notAfter);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect([certificate.ca, root.certificate.ca]).toEqual([false, true]);
  });

  test('has the same serial number when it is issued again, and another one when it says something else', () => {
    expect(issueCertificate(leafSpec).certificate.serialNumber).toBe(certificate.serialNumber);
    expect(issueCertificate({ ...leafSpec, names: [] }).certificate.serialNumber).not.toBe(certificate.serialNumber);
  });
});

describe('an odd certificate', () => {
  test.each([
    ['ec-p256', 'sha1', 'ecdsa-with-SHA1'],
    ['rsa-2048', 'sha256', 'sha256WithRSAEncryption'],
    ['rsa-1024', 'sha1', 'sha1WithRSAEncryption'],
    ['rsa-1024', 'md5', 'md5WithRSAEncryption'],
    ['ec-p192', 'sha256', 'ecdsa-with-SHA256'],
    ['ec-p224', 'sha256', 'ecdsa-with-SHA256'],
  ] as const)('is signed by %s with %s', (kind, hash, algorithm) => {
    const key = makeKey(kind);
    const issuer = issueCertificate({ commonName: kind, notBefore, notAfter, key, isAuthority: true });
    const { certificate } = issueCertificate({ ...leafSpec, issuer, hash });
    expect(certificate.signatureAlgorithm).toBe(algorithm);
    expect(certificate.verify(issuer.certificate.publicKey)).toBe(true);
  });

  test('is refused where no such signature exists', () => {
    expect(() => issueCertificate({ ...leafSpec, hash: 'md5' })).toThrow(RangeError);
  });

  test('has an empty subject, and its names are critical then', () => {
    const { commonName: _, ...nameless } = leafSpec;
    const { certificate } = issueCertificate(nameless);
    expect(certificate.subject).toBeUndefined();
    // The extension's identifier, then BOOLEAN TRUE.
    expect(certificate.raw.includes(Buffer.from('0603551d110101ff', 'hex'))).toBe(true);
    expect(issueCertificate(leafSpec).certificate.raw.includes(Buffer.from('0603551d110101ff', 'hex'))).toBe(false);
  });

  test('has a negative serial number', () => {
    expect(issueCertificate({ ...leafSpec, serialNumber: -1969n }).certificate.serialNumber).toBe('-07B1');
  });

  test.each(['20351231230000+0100', '20351231230000.5Z'])('ends at the GeneralizedTime %s, to the letter', (text) => {
    const { certificate } = issueCertificate({ ...leafSpec, notAfter: { generalizedTime: text } });
    expect(certificate.raw.includes(Buffer.from(text))).toBe(true);
    expect(certificate.verify(root.certificate.publicKey)).toBe(true);
  });
});
