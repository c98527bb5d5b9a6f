import { describe, expect, it } from 'vitest';
import type { CertificateFacts } from './certificate-facts.ts';
import { evaluate } from './evaluate.ts';
import {
  type AcmCertificate,
  type CertificateItem,
  type IamCertificate,
  notVerified,
  type RdsAuthority,
  type RdsServerCertificate,
  type ServedEndpoint,
} from './items.ts';
import { task } from './task.ts';

const now = new Date('2026-11-22T12:00:00Z');
const dayMs = 86_400_000;
const inDays = (days: number) => new Date(now.getTime() + days * dayMs);

function facts(overrides: Partial<CertificateFacts> = {}): CertificateFacts {
  return {
    subject: 'www.nycmg.example',
    issuer: 'Intermediate',
    serial: 'AB12',
    fingerprint: '00:11',
    notBefore: inDays(-30),
    notAfter: inDays(60),
    keyType: 'ec',
    keyBits: 256,
    keyCurve: 'prime256v1',
    signatureAlgorithm: 'ecdsa-with-SHA256',
    selfSigned: false,
    isAuthority: false,
    ...overrides,
  };
}

const intermediate = (overrides: Partial<CertificateFacts> = {}) =>
  facts({
    subject: 'Intermediate',
    issuer: 'Root',
    serial: 'CC',
    notBefore: inDays(-500),
    notAfter: inDays(1500),
    isAuthority: true,
    ...overrides,
  });

function endpoint(overrides: Partial<ServedEndpoint> = {}, leaf: Partial<CertificateFacts> = {}): ServedEndpoint {
  return {
    kind: 'endpoint',
    resource: { type: 'endpoint', id: 'tls://www.nycmg.example:443', name: 'www.nycmg.example:443' },
    serverName: 'www.nycmg.example',
    certificateArn: undefined,
    chain: [facts(leaf), intermediate()],
    verdict: undefined,
    chainEnd: 'trusted-root',
    address: undefined,
    nameMatches: true,
    ...overrides,
  };
}

function acm(overrides: Partial<AcmCertificate> = {}): AcmCertificate {
  return {
    kind: 'acm',
    resource: {
      type: 'acm-certificate',
      id: 'arn:aws:acm:us-east-1:123456789012:certificate/1',
      name: 'www.nycmg.example',
    },
    status: 'ISSUED',
    type: 'AMAZON_ISSUED',
    isInUse: true,
    isRenewalEligible: true,
    requestedAt: inDays(-100),
    notBefore: inDays(-98),
    notAfter: inDays(100),
    renewalStatus: undefined,
    failureReason: undefined,
    validationRecords: [],
    names: ['www.nycmg.example'],
    keyAlgorithm: 'EC_prime256v1',
    signatureAlgorithm: 'SHA256WITHRSA',
    serial: 'AB12',
    ...overrides,
  };
}

const iam = (overrides: Partial<CertificateFacts> = {}): IamCertificate => ({
  kind: 'iam',
  resource: { type: 'iam-certificate', id: 'arn:aws:iam::123456789012:server-certificate/old', name: 'old' },
  facts: facts(overrides),
});

const rdsServer = (notAfter: Date | undefined): RdsServerCertificate => ({
  kind: 'rds-server',
  resource: { type: 'rds-instance', id: 'arn:aws:rds:us-east-1:123456789012:db:main', name: 'main' },
  authority: 'rds-ca-rsa2048-g1',
  notAfter,
});

const rdsAuthority = (overrides: Partial<RdsAuthority> = {}): RdsAuthority => ({
  kind: 'rds-authority',
  resource: { type: 'rds-authority', id: 'arn:aws:rds:us-east-1::cert:rds-ca-2019', name: 'rds-ca-2019' },
  notAfter: inDays(9000),
  overrideNotAfter: undefined,
  usedBy: ['main'],
  ...overrides,
});

/** `rule severity` of every finding, and `? reason` of everything unchecked. */
function judge(...items: CertificateItem[]): string[] {
  const config = task.config.parse({});
  const { findings, unchecked } = evaluate(items, config, now);
  return [
    ...findings.map(({ rule, severity }) => `${rule} ${severity}`),
    ...unchecked.map(({ reason }) => `? ${reason}`),
  ].sort();
}

describe('a healthy certificate', () => {
  it.each([
    ['endpoint', endpoint()],
    ['ACM certificate', acm()],
    ['IAM certificate', iam()],
    ['RDS server certificate', rdsServer(inDays(200))],
    ['RDS authority', rdsAuthority()],
  ])('breaks no rule: %s', (_, item) => {
    expect(judge(item)).toEqual([]);
  });
});

describe('expired', () => {
  it('is critical at the very end of the validity, and not a millisecond before', () => {
    expect(judge(endpoint({ verdict: 'CERT_HAS_EXPIRED' }, { notAfter: now }))).toEqual(['expired critical']);
    const before = new Date(now.getTime() + 1);
    expect(judge(endpoint({}, { notAfter: before }))).toEqual(['expiring critical']);
  });

  it('is found in every source', () => {
    const notAfter = inDays(-1);
    expect(judge(acm({ notAfter, status: 'EXPIRED' }))).toEqual(['expired critical']);
    expect(judge(iam({ notAfter }))).toEqual(['expired critical']);
    expect(judge(rdsServer(notAfter))).toEqual(['expired critical']);
  });

  it('is mere clutter in ACM when nothing uses the certificate', () => {
    expect(judge(acm({ notAfter: inDays(-1), isInUse: false }))).toEqual(['expired low']);
  });

  it('names an expired intermediate for which the chain fails', () => {
    const chain = [facts(), intermediate({ notAfter: inDays(-1) })] as const;
    expect(judge(endpoint({ chain, verdict: 'CERT_HAS_EXPIRED' }))).toEqual(['expired critical']);
  });
});

describe('expiring', () => {
  it('follows the renewal schedule of the issuer', () => {
    expect(judge(endpoint({}, { notAfter: inDays(22), notBefore: inDays(-68) }))).toEqual(['expiring medium']);
    expect(judge(acm({ notAfter: inDays(37), notBefore: inDays(-161) }))).toEqual(['expiring medium']);
    expect(judge(acm({ notAfter: inDays(39), notBefore: inDays(-159) }))).toEqual([]);
    expect(judge(iam({ notAfter: inDays(3) }))).toEqual(['expiring critical']);
    expect(judge(rdsServer(inDays(13.9)))).toEqual(['expiring critical']);
    expect(judge(rdsServer(inDays(14.1)))).toEqual(['expiring medium']);
  });

  it('does not speak of certificates that nothing uses', () => {
    expect(judge(acm({ notAfter: inDays(5), isInUse: false }))).toEqual(['unused low']);
  });
});

describe('not-yet-valid', () => {
  it('is critical where clients meet it', () => {
    const verdict = 'CERT_NOT_YET_VALID';
    expect(judge(endpoint({ verdict }, { notBefore: inDays(1) }))).toEqual(['not-yet-valid critical']);
    expect(judge(iam({ notBefore: inDays(1) }))).toEqual(['not-yet-valid high']);
    expect(judge(iam({ notBefore: now, notAfter: inDays(90) }))).toEqual([]);
  });
});

describe('renewal-stuck', () => {
  const validationRecords = [
    { domain: 'www.nycmg.example', name: '_a.www.nycmg.example.', type: 'CNAME', value: '_b.acm-validations.aws.' },
  ];

  it('says which record must exist in DNS', () => {
    const stuck = acm({ renewalStatus: 'PENDING_VALIDATION', validationRecords });
    expect(judge(stuck)).toEqual(['renewal-stuck high']);
    const [finding] = evaluate([stuck], task.config.parse({}), now).findings;
    expect(finding?.remedy).toContain('_a.www.nycmg.example. CNAME _b.acm-validations.aws.');
  });

  it('is found for a failed renewal without any record too', () => {
    expect(judge(acm({ renewalStatus: 'FAILED', failureReason: 'CAA_ERROR' }))).toEqual(['renewal-stuck high']);
  });

  it('is not found for a renewal under way or done', () => {
    expect(judge(acm({ renewalStatus: 'PENDING_AUTO_RENEWAL' }), acm({ renewalStatus: 'SUCCESS' }))).toEqual([]);
  });
});

describe('validation-pending and validation-failed', () => {
  const pending = {
    status: 'PENDING_VALIDATION',
    notAfter: undefined,
    notBefore: undefined,
    serial: undefined,
    isInUse: false,
  };

  it('gives a request a day', () => {
    expect(judge(acm({ ...pending, requestedAt: inDays(-0.9) }))).toEqual(['validation-pending low']);
    expect(judge(acm({ ...pending, requestedAt: inDays(-1) }))).toEqual(['validation-pending medium']);
    expect(judge(acm({ ...pending, requestedAt: undefined }))).toEqual(['validation-pending medium']);
  });

  it('finds requests that were given up', () => {
    for (const status of ['VALIDATION_TIMED_OUT', 'FAILED']) {
      expect(judge(acm({ ...pending, status }))).toEqual(['validation-failed medium']);
    }
  });
});

describe('renewal-ineligible and unused', () => {
  it('speaks of what nobody will renew', () => {
    expect(judge(acm({ type: 'IMPORTED', isRenewalEligible: false }))).toEqual(['renewal-ineligible medium']);
    expect(judge(acm({ isInUse: false, isRenewalEligible: false }))).toEqual(['renewal-ineligible low', 'unused low']);
    expect(judge(acm({ isInUse: false, isRenewalEligible: true }))).toEqual(['unused low']);
  });
});

describe('the chain', () => {
  it.each([
    ['self-signed', 'self-signed high'],
    ['incomplete', 'chain-incomplete high'],
    ['untrusted-root', 'untrusted-root high'],
  ] as const)('that ends %s is found as %s', (chainEnd, expected) => {
    expect(judge(endpoint({ chainEnd, verdict: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }))).toEqual([expected]);
  });

  it('is judged also where expiry hides it from OpenSSL', () => {
    const chain = [facts({ selfSigned: true, notAfter: inDays(-1) })] as const;
    const hidden = endpoint({ chainEnd: 'self-signed', verdict: 'CERT_HAS_EXPIRED', chain });
    expect(judge(hidden)).toEqual(['expired critical', 'self-signed high']);
  });

  it('that fails for an expired intermediate says so whatever verdict hides it', () => {
    const chain = [facts(), intermediate({ notAfter: inDays(-1) })] as const;
    const hidden = endpoint({ chainEnd: 'untrusted-root', verdict: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', chain });
    expect(judge(hidden)).toEqual(['expired critical', 'untrusted-root high']);
    // Where it verifies all the same, it does so by another way.
    expect(judge(endpoint({ chain }))).toEqual(['intermediate-expires-first medium']);
  });

  it('that the server broke off is judged by what it showed', () => {
    const chain = [facts({ notAfter: inDays(-1) }), intermediate()] as const;
    expect(judge(endpoint({ verdict: notVerified, chain }))).toEqual(['expired critical']);
    expect(judge(endpoint({ verdict: notVerified }))).toEqual([]);
  });

  it('is never clean when OpenSSL refuses it for a reason that no other rule explains', () => {
    expect(judge(endpoint({ verdict: 'INVALID_PURPOSE' }))).toEqual(['chain-invalid high']);
    expect(judge(endpoint({ verdict: 'CERT_HAS_EXPIRED' }))).toEqual(['chain-invalid high']);
    expect(judge(endpoint({ verdict: 'CERT_NOT_YET_VALID' }))).toEqual(['chain-invalid high']);
  });

  it('has no certificate that ends before the server’s own', () => {
    const early = (notAfter: Date) => endpoint({ chain: [facts(), intermediate({ notAfter })] });
    expect(judge(early(inDays(59)))).toEqual(['intermediate-expires-first medium']);
    expect(judge(early(inDays(60)))).toEqual([]);
    const root = intermediate({ subject: 'Root', selfSigned: true, notAfter: inDays(10) });
    expect(judge(endpoint({ chain: [facts(), intermediate(), root] }))).toEqual([]);
  });
});

describe('hostname-mismatch', () => {
  it('goes by what the handshake found', () => {
    expect(judge(endpoint({ nameMatches: false }))).toEqual(['hostname-mismatch high']);
  });
});

describe('weak-key and weak-signature', () => {
  it.each([
    ['rsa', 2047, true],
    ['rsa', 2048, false],
    ['ec', 192, true],
    ['ec', 224, false],
    ['ed25519', undefined, false],
    ['gost', 1, false],
    ['ec', undefined, true],
  ])('judges a key of %s with %s bits as weak: %s', (keyType, keyBits, isWeak) => {
    expect(judge(endpoint({}, { keyType, keyBits }))).toEqual(isWeak ? ['weak-key high'] : []);
  });

  it.each([
    ['sha1WithRSAEncryption', true],
    ['ecdsa-with-SHA1', true],
    ['md5WithRSAEncryption', true],
    ['sha256WithRSAEncryption', false],
    ['sha512WithRSAEncryption', false],
    ['RSASSA-PSS', false],
    ['ED25519', false],
    ['rsassaPss with SHA-1', true],
    ['rsassaPss with SHA-2', false],
  ])('judges the signature algorithm %s as weak: %s', (signatureAlgorithm, isWeak) => {
    expect(judge(endpoint({}, { signatureAlgorithm }))).toEqual(isWeak ? ['weak-signature high'] : []);
  });

  it('reads ACM’s own words', () => {
    expect(judge(acm({ keyAlgorithm: 'RSA_1024' }))).toEqual(['weak-key high']);
    expect(judge(acm({ signatureAlgorithm: 'SHA1WITHRSA' }))).toEqual(['weak-signature high']);
  });

  it('looks at intermediates, but not at the signature of a root', () => {
    const weak = { keyType: 'rsa', keyBits: 1024, signatureAlgorithm: 'sha1WithRSAEncryption' };
    expect(judge(endpoint({ chain: [facts(), intermediate(weak)] }))).toEqual(['weak-key high', 'weak-signature high']);
    expect(judge(endpoint({ chain: [facts(), intermediate({ ...weak, selfSigned: true })] }))).toEqual([
      'weak-key high',
    ]);
  });
});

describe('ca-expiring', () => {
  it.each([
    [180.1, []],
    [180, ['ca-expiring low']],
    [90, ['ca-expiring medium']],
    [30, ['ca-expiring high']],
    [0, ['ca-expiring critical']],
    [-5, ['ca-expiring critical']],
  ])('with %s days left gives %s', (days, expected) => {
    expect(judge(rdsAuthority({ notAfter: inDays(days) }))).toEqual(expected);
  });

  it('goes by the override where that ends earlier, and leaves authorities alone that nothing uses', () => {
    expect(judge(rdsAuthority({ overrideNotAfter: inDays(20) }))).toEqual(['ca-expiring high']);
    expect(judge(rdsAuthority({ notAfter: inDays(1), usedBy: [] }))).toEqual([]);
  });
});

describe('deployed-differs-from-store', () => {
  const served = endpoint();

  it('is found when the endpoint shows another certificate than ACM holds for its name', () => {
    expect(judge(served, acm({ serial: 'FFFF' }))).toEqual(['deployed-differs-from-store high']);
    expect(judge(served, acm({ serial: 'FFFF', names: ['*.nycmg.example'] }))).toEqual([
      'deployed-differs-from-store high',
    ]);
  });

  it('is not found when one of ACM’s certificates is the one served, or none is for this name', () => {
    expect(judge(served, acm({ serial: 'FFFF' }), acm())).toEqual([]);
    expect(
      judge(served, acm({ serial: 'FFFF', names: ['*.www.nycmg.example', '*.example', 'nycmg.example'] })),
    ).toEqual([]);
  });

  it('follows what the configuration says of the endpoint', () => {
    const stored = acm({ serial: 'FFFF' });
    expect(judge(endpoint({ certificateArn: 'none' }), stored)).toEqual([]);
    expect(judge(endpoint({ certificateArn: 'arn:aws:acm:elsewhere' }), stored)).toEqual(['? certificate-not-found']);
    const gone = acm({ status: 'REVOKED', isInUse: false });
    expect(judge(endpoint({ certificateArn: gone.resource.id }), gone)).toContain('deployed-differs-from-store high');
    expect(judge(endpoint({ certificateArn: stored.resource.id }), acm({ serial: 'FFFF', names: [] }))).toEqual([
      'deployed-differs-from-store high',
    ]);
  });
});

describe('revoked', () => {
  it('is critical where something uses the certificate', () => {
    expect(judge(acm({ status: 'REVOKED' }))).toEqual(['revoked critical']);
    expect(judge(acm({ status: 'INACTIVE', isInUse: false }))).toEqual(['revoked low']);
  });
});

describe('odd certificates', () => {
  it('of a kind that nobody knows are unchecked, not passed', () => {
    expect(judge(acm({ status: 'NEW_STATUS' }))).toEqual(['? unknown-status']);
    expect(judge(endpoint({}, { keyType: undefined }))).toEqual(['? unreadable']);
    expect(judge(endpoint({}, { signatureAlgorithm: undefined }))).toEqual(['? unreadable']);
    expect(judge(endpoint({ chain: [facts(), intermediate({ notAfter: undefined })] }))).toEqual(['? date-unreadable']);
  });

  it('are unchecked when their end cannot be read, and judged by every other rule', () => {
    expect(judge(endpoint({ nameMatches: false }, { notAfter: undefined }))).toEqual([
      '? date-unreadable',
      'hostname-mismatch high',
    ]);
    expect(judge(rdsServer(undefined))).toEqual(['? date-unreadable']);
    expect(judge(acm({ notAfter: undefined }))).toEqual(['? date-unreadable']);
  });

  it('may end in the year 9999 or begin before 1970', () => {
    const notAfter = new Date('9999-12-31T23:59:59Z');
    expect(judge(endpoint({ chain: [facts({ notAfter })] }))).toEqual([]);
    expect(judge(endpoint({}, { notBefore: new Date('1950-01-01T00:00:00Z') }))).toEqual([]);
  });
});
