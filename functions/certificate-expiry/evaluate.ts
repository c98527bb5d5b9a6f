import { type Evaluation, evaluateRules, type RuleTest } from '../../shared/evaluate-rules.ts';
import type { FindingDraft, Severity } from '../../shared/finding.ts';
import type { Unchecked } from '../../shared/report.ts';
import type { ConfigOf, RuleOf } from '../../shared/task.ts';
import { UncheckedError } from '../../shared/unchecked-error.ts';
import type { CertificateFacts } from './certificate-facts.ts';
import { type AcmCertificate, type CertificateItem, type ChainEnd, notVerified, type ServedEndpoint } from './items.ts';
import { renewalState } from './renewal.ts';
import type { task } from './task.ts';

type RuleId = RuleOf<typeof task>;

/** What a rule may look at beside its own item. */
interface RuleContext {
  readonly config: ConfigOf<typeof task>;
  readonly now: Date;
  readonly acm: readonly AcmCertificate[];
}

type CertificateRule = RuleTest<CertificateItem, RuleContext, RuleId>;

const dayMs = 86_400_000;

/** Returns every broken rule of every certificate; a rule that throws makes its item unchecked. */
export function evaluate(
  items: readonly CertificateItem[],
  config: ConfigOf<typeof task>,
  now: Date,
): Evaluation<RuleId> {
  const acm = items.filter((item) => item.kind === 'acm');
  const evaluation = evaluateRules(items, rules, { config, now, acm });
  return { findings: evaluation.findings, unchecked: [...evaluation.unchecked, ...items.flatMap(unjudgeable)] };
}

/** ACM's statuses that the rules know: https://docs.aws.amazon.com/acm/latest/APIReference/API_CertificateDetail.html */
const knownStatuses: ReadonlySet<string> = new Set([
  'PENDING_VALIDATION',
  'ISSUED',
  'INACTIVE',
  'EXPIRED',
  'VALIDATION_TIMED_OUT',
  'REVOKED',
  'FAILED',
]);

/** What cannot be read is no finding, and must not pass for good either. */
function unjudgeable(item: CertificateItem): Unchecked[] {
  const { resource } = item;
  const reasons: { reason: string; detail: string }[] = [];
  const certificates = presented(item);
  if (item.kind === 'acm' && !knownStatuses.has(item.status)) {
    reasons.push({ reason: 'unknown-status', detail: `ACM calls it ${item.status}, for which there is no rule.` });
  }
  const hasNoEnd = validityOf(item).notAfter === undefined && needsDate(item);
  if (hasNoEnd || certificates.some(({ notAfter }) => notAfter === undefined)) {
    const detail = 'The end of its validity cannot be read, so nobody can tell when it will fail.';
    reasons.push({ reason: 'date-unreadable', detail });
  }
  const unreadable = certificates.find(({ keyType, signatureAlgorithm }) => !keyType || !signatureAlgorithm);
  if (unreadable !== undefined) {
    const detail = `The key or the signature of “${unreadable.subject}” is of a kind that OpenSSL does not know.`;
    reasons.push({ reason: 'unreadable', detail });
  }
  return reasons.map((reason) => ({ resource, ...reason }));
}

/** Policy: nothing in the estate shows or holds a certificate past its end; one that nothing uses is mere clutter. */
const expired: CertificateRule = (item, { now }) => {
  if (item.kind === 'rds-authority') return [];
  const findings: FindingDraft<RuleId>[] = [];
  const validity = validityOf(item);
  if (validity.notAfter !== undefined && validity.notAfter <= now) {
    const unused = item.kind === 'acm' && !item.isInUse;
    findings.push({
      rule: 'expired',
      severity: unused ? 'low' : 'critical',
      resource: item.resource,
      summary: `The certificate expired ${ago(validity.notAfter, now)}${unused ? '; nothing uses it' : ''}.`,
      evidence: { notAfter: validity.notAfter.toISOString(), ...servedEvidence(item) },
      remedy: unused ? 'Delete it.' : 'Replace it now: clients refuse the connection.',
    });
  }
  if (item.kind !== 'endpoint') return findings;
  for (const certificate of expiredAbove(item, now)) {
    const { subject, serial, notAfter } = certificate;
    findings.push({
      rule: 'expired',
      severity: 'critical',
      resource: item.resource,
      discriminator: nameAbove(certificate),
      summary: `The chain's certificate “${subject}” expired ${ago(notAfter, now)}.`,
      evidence: { notAfter: notAfter.toISOString(), subject, serial, verdict: item.verdict ?? 'none' },
      remedy: 'Install the current intermediate certificate of the issuer on the server.',
    });
  }
  return findings;
};

/**
 * Returns the certificates above the leaf for whose end the chain fails. Where the chain verifies, it does so without them; and
 * OpenSSL names only the last fault it met, so that any other verdict may hide this one.
 */
function expiredAbove(item: ServedEndpoint, now: Date): (CertificateFacts & { notAfter: Date })[] {
  if (item.verdict === undefined) return [];
  return item.chain
    .slice(1)
    .filter((certificate): certificate is CertificateFacts & { notAfter: Date } => isPast(certificate.notAfter, now))
    .filter(({ selfSigned: isRoot }) => !isRoot || item.verdict === 'CERT_HAS_EXPIRED');
}

/** Policy: a certificate is renewed when its issuer's schedule says so; see {@link renewalState} for the numbers. */
const expiring: CertificateRule = (item, { config, now }) => {
  const validity = validityOf(item);
  if (item.kind === 'rds-authority' || validity.notAfter === undefined || validity.notAfter <= now) return [];
  // Nothing fails when an unused certificate ends; `unused` speaks of it.
  if (item.kind === 'acm' && !(item.status === 'ISSUED' && item.isInUse)) return [];
  const { notBefore, notAfter } = validity;
  const isAcmManaged = item.kind === 'acm' && isManaged(item);
  const { severity, because, daysLeft, renewalDaysLeft } = renewalState(
    { notBefore, notAfter, isAcmManaged },
    config,
    now,
  );
  if (severity === undefined) return [];
  return [
    {
      rule: 'expiring',
      severity,
      resource: item.resource,
      summary:
        daysLeft < renewalDaysLeft
          ? `The certificate expires in ${daysText(daysLeft)}; it should have been renewed ${daysText(renewalDaysLeft)} before its end.`
          : `The certificate expires in ${daysText(daysLeft)}.`,
      evidence: {
        notAfter: notAfter.toISOString(),
        ...(notBefore === undefined ? {} : { notBefore: notBefore.toISOString() }),
        daysLeft: round(daysLeft),
        renewalDaysLeft: round(renewalDaysLeft),
        because: because as string,
        ...servedEvidence(item),
      },
      remedy: remedyForExpiring(item),
    },
  ];
};

function remedyForExpiring(item: CertificateItem): string {
  if (item.kind === 'rds-server') {
    return 'Rotate it: modify the instance with a current CA (aws rds modify-db-instance --ca-certificate-identifier …).';
  }
  if (item.kind === 'acm' && isManaged(item)) {
    return 'ACM should have renewed it: look at its renewal status and its validation records in DNS.';
  }
  if (item.kind === 'acm') return 'Issue a new certificate and import it under the same ARN.';
  if (item.kind === 'iam') return 'Upload a new certificate and switch its load balancers over, or move to ACM.';
  return 'Find out why its renewal did not run, and renew it.';
}

/** Policy: a certificate in service is valid already. */
const notYetValid: CertificateRule = (item, { now }) => {
  const notBefore = validityOf(item).notBefore;
  if (notBefore === undefined || notBefore <= now) return [];
  return [
    {
      rule: 'not-yet-valid',
      severity: item.kind === 'endpoint' ? 'critical' : 'high',
      resource: item.resource,
      summary: `The certificate is valid only from ${notBefore.toISOString()}.`,
      evidence: { notBefore: notBefore.toISOString(), ...servedEvidence(item) },
      remedy: 'Go back to the certificate before it, or correct the clock of whoever issued it.',
    },
  ];
};

/** Policy: a managed renewal goes through; ACM retries by itself, but only DNS can give it what it asks for. */
const renewalStuck: CertificateRule = (item) => {
  if (item.kind !== 'acm') return [];
  if (item.renewalStatus !== 'PENDING_VALIDATION' && item.renewalStatus !== 'FAILED') return [];
  return [
    {
      rule: 'renewal-stuck',
      severity: 'high',
      resource: item.resource,
      summary: `ACM cannot renew the certificate: ${item.renewalStatus}${item.failureReason ? ` (${item.failureReason})` : ''}.`,
      evidence: {
        renewalStatus: item.renewalStatus,
        ...(item.failureReason === undefined ? {} : { reason: item.failureReason }),
        ...(item.notAfter === undefined ? {} : { notAfter: item.notAfter.toISOString() }),
        dnsRecords: item.validationRecords.map(recordText),
      },
      remedy: recordsRemedy(item, 'Request a new certificate with DNS validation and switch over to it.'),
    },
  ];
};

/** Policy: a requested certificate is validated within a day; ACM gives up after 72 hours. */
const validationPending: CertificateRule = (item, { now }) => {
  if (item.kind !== 'acm' || item.status !== 'PENDING_VALIDATION') return [];
  const hours = item.requestedAt === undefined ? undefined : (now.getTime() - item.requestedAt.getTime()) / 3_600_000;
  return [
    {
      rule: 'validation-pending',
      severity: hours !== undefined && hours < 24 ? 'low' : 'medium',
      resource: item.resource,
      summary: `The certificate was requested${hours === undefined ? '' : ` ${Math.floor(hours)} h ago`} and is not validated yet.`,
      evidence: {
        ...(hours === undefined ? {} : { pendingHours: round(hours) }),
        dnsRecords: item.validationRecords.map(recordText),
      },
      remedy: recordsRemedy(item, 'Answer the validation e-mail, or request it again with DNS validation.'),
    },
  ];
};

/** Policy: a request that failed is looked at and taken away or repeated. */
const validationFailed: CertificateRule = (item) => {
  if (item.kind !== 'acm' || (item.status !== 'VALIDATION_TIMED_OUT' && item.status !== 'FAILED')) return [];
  return [
    {
      rule: 'validation-failed',
      severity: 'medium',
      resource: item.resource,
      summary: `The certificate was never issued: ${item.status}${item.failureReason ? ` (${item.failureReason})` : ''}.`,
      evidence: { status: item.status, ...(item.failureReason === undefined ? {} : { reason: item.failureReason }) },
      remedy: 'Request it again and create its DNS record within 72 hours; delete this one.',
    },
  ];
};

/** Policy: somebody renews each certificate. ACM renews neither what was imported nor what was never attached. */
const renewalIneligible: CertificateRule = (item, { now }) => {
  if (item.kind !== 'acm' || item.status !== 'ISSUED' || isPast(item.notAfter, now)) return [];
  if (item.type !== 'IMPORTED' && item.isRenewalEligible) return [];
  const imported = item.type === 'IMPORTED';
  return [
    {
      rule: 'renewal-ineligible',
      severity: item.isInUse ? 'medium' : 'low',
      resource: item.resource,
      summary: imported
        ? 'The certificate was imported: ACM will not renew it.'
        : `ACM will not renew the certificate: it is not eligible${item.isInUse ? '' : ', as nothing uses it'}.`,
      evidence: {
        type: item.type,
        isInUse: item.isInUse,
        ...(item.notAfter === undefined ? {} : { notAfter: item.notAfter.toISOString() }),
      },
      remedy: imported
        ? 'Replace it by a certificate that ACM issues, or make sure that somebody imports its successor.'
        : item.isInUse
          ? 'Request a certificate that ACM renews by itself, and switch over to it before this one ends.'
          : 'Attach it to what it was made for, or delete it.',
    },
  ];
};

/** Policy: a certificate that nothing uses is attached or deleted. */
const unused: CertificateRule = (item, { now }) => {
  if (item.kind !== 'acm' || item.status !== 'ISSUED' || item.isInUse || isPast(item.notAfter, now)) return [];
  return [
    {
      rule: 'unused',
      severity: 'low',
      resource: item.resource,
      summary: 'Nothing uses the certificate.',
      evidence: { isInUse: false, names: item.names.slice(0, 10) },
      remedy: 'Attach it to what it was made for, or delete it.',
    },
  ];
};

/** Policy: an endpoint's certificate covers the name by which it is called (RFC 6125; the common name does not count). */
const hostnameMismatch: CertificateRule = (item) => {
  if (item.kind !== 'endpoint' || item.nameMatches) return [];
  return [
    {
      rule: 'hostname-mismatch',
      severity: 'high',
      resource: item.resource,
      summary: `The certificate does not cover ${item.serverName}.`,
      evidence: { serverName: item.serverName, ...servedEvidence(item) },
      remedy:
        'Serve a certificate with this name among its subject alternative names, or correct the name that is called.',
    },
  ];
};

function chainRule(
  rule: 'self-signed' | 'untrusted-root' | 'chain-incomplete',
  chainEnd: ChainEnd,
  what: string,
  remedy: string,
): CertificateRule {
  return (item) => {
    if (item.kind !== 'endpoint' || item.chainEnd !== chainEnd) return [];
    return [
      {
        rule,
        severity: 'high',
        resource: item.resource,
        summary: what,
        evidence: {
          verdict: item.verdict ?? 'none',
          chain: item.chain.map(({ subject, issuer }) => `${subject} ← ${issuer}`),
        },
        remedy,
      },
    ];
  };
}

/** Policy: the server sends every certificate between its own and a root that clients have. */
const chainIncomplete = chainRule(
  'chain-incomplete',
  'incomplete',
  'The server does not send the certificate of its issuer, and no trusted root is it.',
  'Configure the server with the full chain that the issuer delivers; a private root belongs into trustedCertificates.',
);

/** Policy: chains end in a root that clients trust; an estate's private root is named in `trustedCertificates`. */
const untrustedRoot = chainRule(
  'untrusted-root',
  'untrusted-root',
  'The chain ends in an authority that is not trusted.',
  'Use a publicly trusted certificate, or add your private root to trustedCertificates.',
);

/** Policy: no endpoint vouches for itself. */
const selfSigned = chainRule(
  'self-signed',
  'self-signed',
  'The certificate is signed by itself: no client can tell it from an impostor’s.',
  'Use a certificate of an authority, or add this one to trustedCertificates if clients pin it.',
);

/**
 * Policy: what OpenSSL refuses is refused by clients. This speaks of every verdict that no other rule explains: a wrong
 * purpose, a broken signature, a path that is too long, names outside the issuer's constraints.
 */
const chainInvalid: CertificateRule = (item, { now }) => {
  if (item.kind !== 'endpoint' || item.verdict === undefined || item.chainEnd !== 'trusted-root') return [];
  // That handshake was never finished, and the endpoint is unchecked for it.
  if (item.verdict === notVerified) return [];
  const [leaf] = item.chain;
  const expiryExplains =
    item.verdict === 'CERT_HAS_EXPIRED' && item.chain.some(({ notAfter }) => isPast(notAfter, now));
  const startExplains = item.verdict === 'CERT_NOT_YET_VALID' && leaf.notBefore !== undefined && leaf.notBefore > now;
  if (expiryExplains || startExplains) return [];
  return [
    {
      rule: 'chain-invalid',
      severity: 'high',
      resource: item.resource,
      summary: `OpenSSL refuses the chain: ${item.verdict}.`,
      evidence: {
        verdict: item.verdict,
        chain: item.chain.map(({ subject, issuer }) => `${subject} ← ${issuer}`),
      },
      remedy: 'Have the certificate issued again for servers, and install the chain that the issuer delivers with it.',
    },
  ];
};

/** Policy: the leaf is the first of its chain to expire; nobody watches an intermediate. */
const intermediateExpiresFirst: CertificateRule = (item, { now }) => {
  if (item.kind !== 'endpoint') return [];
  const [leaf, ...rest] = item.chain;
  const leafEnd = leaf.notAfter;
  if (leafEnd === undefined) return [];
  const earlier = rest.filter(
    ({ notAfter, selfSigned: isRoot }) => !isRoot && notAfter !== undefined && notAfter < leafEnd,
  );
  const failing: readonly CertificateFacts[] = expiredAbove(item, now);
  return earlier.flatMap((certificate) => {
    const { notAfter, subject } = certificate;
    // The chain fails already, and `expired` says so.
    if (notAfter === undefined || failing.includes(certificate)) return [];
    return [
      {
        rule: 'intermediate-expires-first' as const,
        severity: 'medium' as const,
        resource: item.resource,
        discriminator: nameAbove(certificate),
        summary: `The chain's certificate “${subject}” ${notAfter <= now ? 'expired' : 'expires'} before the server's own: ${notAfter.toISOString()}.`,
        evidence: { subject, notAfter: notAfter.toISOString(), leafNotAfter: leafEnd.toISOString() },
        remedy: 'Install the current intermediate certificate of the issuer on the server.',
      },
    ];
  });
};

/** Smallest keys that are still safe: NIST SP 800-131A Rev. 2 and the CA/Browser Forum's Baseline Requirements, 6.1.5. */
const minimumKeyBits: Readonly<Record<string, number>> = { rsa: 2048, 'rsa-pss': 2048, dsa: 2048, ec: 224 };

/** Policy: RSA of at least 2,048 bits, elliptic curves of at least 224. */
const weakKey: CertificateRule = (item) => {
  if (item.kind === 'acm') {
    // ACM knows one key algorithm that is too weak, and only imports can have it.
    if (item.keyAlgorithm !== 'RSA_1024') return [];
    const evidence = { keyAlgorithm: item.keyAlgorithm };
    return [weakKeyFinding(item, item.isInUse ? 'high' : 'low', 'The certificate has a 1024-bit RSA key.', evidence)];
  }
  return presented(item).flatMap((certificate, index) => {
    const { keyType, keyBits, keyCurve, subject } = certificate;
    const minimum = keyType === undefined ? undefined : minimumKeyBits[keyType];
    // A curve whose size is not listed is none that a browser takes.
    const isUnknownCurve = keyType === 'ec' && keyBits === undefined;
    if (keyType === undefined || minimum === undefined || !(isUnknownCurve || (keyBits ?? minimum) < minimum))
      return [];
    const key = isUnknownCurve
      ? `a key on the curve ${keyCurve ?? 'unknown'}`
      : `a ${keyBits}-bit ${keyType.toUpperCase()} key`;
    const evidence = { keyType, subject, ...(keyBits === undefined ? { curve: keyCurve ?? '' } : { keyBits }) };
    const finding = weakKeyFinding(item, 'high', `${certificateName(index, subject)} has ${key}.`, evidence);
    return [{ ...finding, ...discriminate(index, certificate) }];
  });
};

function weakKeyFinding(
  { resource }: CertificateItem,
  severity: Severity,
  summary: string,
  evidence: FindingDraft['evidence'],
): FindingDraft<RuleId> {
  const remedy = 'Issue a new certificate with an RSA key of 2048 bits or more, or an elliptic-curve key.';
  return { rule: 'weak-key', severity, resource, summary, evidence, remedy };
}

/** Policy: no signature over MD5 or SHA-1 (RFC 6194, RFC 6151); a root's own signature proves nothing and is left out. */
const weakSignature: CertificateRule = (item) => {
  if (item.kind === 'acm')
    return isWeakAlgorithm(item.signatureAlgorithm) ? [weakSignatureFinding(item, item.signatureAlgorithm)] : [];
  return presented(item).flatMap((certificate, index) => {
    const { signatureAlgorithm, selfSigned: isRoot, subject } = certificate;
    if ((isRoot && index > 0) || !isWeakAlgorithm(signatureAlgorithm)) return [];
    const finding = weakSignatureFinding(item, signatureAlgorithm, certificateName(index, subject));
    return [{ ...finding, ...discriminate(index, certificate) }];
  });
};

function isWeakAlgorithm(algorithm: string | undefined): algorithm is string {
  return algorithm !== undefined && /md[245]|sha-?1(?!\d)/i.test(algorithm);
}

function weakSignatureFinding(
  { resource }: CertificateItem,
  signatureAlgorithm: string,
  what = 'The certificate',
): FindingDraft<RuleId> {
  return {
    rule: 'weak-signature',
    severity: 'high',
    resource,
    summary: `${what} is signed with ${signatureAlgorithm}.`,
    evidence: { signatureAlgorithm },
    remedy: 'Issue it again: every authority signs with SHA-256 or better today.',
  };
}

/** Days before the end of an RDS authority from which its clients have to be given the next one, by severity. */
const authorityDays: readonly (readonly [Severity, number])[] = [
  ['critical', 0],
  ['high', 30],
  ['medium', 90],
  ['low', 180],
];

/**
 * Policy: databases move to the next RDS authority well before theirs ends, because every client has to trust it first:
 * https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html
 */
const caExpiring: CertificateRule = (item, { now }) => {
  if (item.kind !== 'rds-authority' || item.usedBy.length === 0) return [];
  const ends = [item.notAfter, item.overrideNotAfter].filter((date) => date !== undefined);
  if (ends.length === 0) return [];
  const end = new Date(Math.min(...ends.map((date) => date.getTime())));
  const daysLeft = (end.getTime() - now.getTime()) / dayMs;
  const level = authorityDays.find(([, days]) => daysLeft <= days);
  if (level === undefined) return [];
  const databases = item.usedBy.length === 1 ? '1 database' : `${item.usedBy.length} databases`;
  return [
    {
      rule: 'ca-expiring',
      severity: level[0],
      resource: item.resource,
      summary:
        daysLeft <= 0
          ? `The authority of ${databases} expired ${ago(end, now)}.`
          : `The authority of ${databases} ends in ${daysText(daysLeft)}.`,
      evidence: {
        ends: end.toISOString(),
        daysLeft: round(daysLeft),
        isOverrideEnd: item.overrideNotAfter !== undefined && end.getTime() === item.overrideNotAfter.getTime(),
        usedBy: item.usedBy.slice(0, 20),
      },
      remedy:
        'Give clients the new RDS bundle, then modify each database to a CA that lasts (rds-ca-rsa2048-g1 or later).',
    },
  ];
};

/** Policy: an endpoint shows the certificate that ACM holds for its name; another one means a failed or foreign deployment. */
const deployedDiffersFromStore: CertificateRule = (item, { acm }) => {
  if (item.kind !== 'endpoint' || item.certificateArn === 'none') return [];
  const pinned = item.certificateArn;
  const candidates = acm.filter(({ resource, isInUse, names }) => {
    if (pinned !== undefined) return resource.id === pinned;
    return isInUse && names.some((name) => coversName(name, item.serverName.toLowerCase()));
  });
  // A rule that cannot be tested must not pass: this makes the endpoint unchecked.
  if (pinned !== undefined && candidates.length === 0)
    throw new UncheckedError('certificate-not-found', `${pinned} is not among the certificates that could be read.`);
  const wanted = candidates.filter(({ status, serial }) => status === 'ISSUED' && serial !== undefined);
  const served = item.chain[0].serial;
  if (wanted.some(({ serial }) => serial === served) || (wanted.length === 0 && pinned === undefined)) return [];
  const [unusable] = wanted.length === 0 ? candidates : [];
  return [
    {
      rule: 'deployed-differs-from-store',
      severity: 'high',
      resource: item.resource,
      summary:
        unusable === undefined
          ? 'The endpoint serves another certificate than the one that ACM holds for its name.'
          : `The certificate that the endpoint must serve is ${unusable.status} in ACM.`,
      evidence: {
        servedSerial: served,
        servedIssuer: item.chain[0].issuer,
        acmSerials: candidates.map(({ serial }) => serial ?? 'none'),
        acmArns: candidates.map(({ resource }) => resource.id),
      },
      remedy: 'Compare the listener with ACM, or say certificateArn: "none" if this endpoint is not served from ACM.',
    },
  ];
};

/** Policy: nothing relies on a certificate that was taken back. */
const revoked: CertificateRule = (item) => {
  if (item.kind !== 'acm' || (item.status !== 'REVOKED' && item.status !== 'INACTIVE')) return [];
  return [
    {
      rule: 'revoked',
      severity: item.isInUse ? 'critical' : 'low',
      resource: item.resource,
      summary: `The certificate is ${item.status} in ACM${item.isInUse ? ', and something uses it' : ''}.`,
      evidence: { status: item.status, isInUse: item.isInUse },
      remedy: item.isInUse ? 'Request a new certificate and switch over to it now.' : 'Delete it.',
    },
  ];
};

const rules: Readonly<Record<RuleId, CertificateRule>> = {
  expired,
  expiring,
  revoked,
  'not-yet-valid': notYetValid,
  'renewal-stuck': renewalStuck,
  'validation-pending': validationPending,
  'validation-failed': validationFailed,
  'renewal-ineligible': renewalIneligible,
  unused,
  'hostname-mismatch': hostnameMismatch,
  'chain-incomplete': chainIncomplete,
  'untrusted-root': untrustedRoot,
  'self-signed': selfSigned,
  'chain-invalid': chainInvalid,
  'intermediate-expires-first': intermediateExpiresFirst,
  'weak-key': weakKey,
  'weak-signature': weakSignature,
  'ca-expiring': caExpiring,
  'deployed-differs-from-store': deployedDiffersFromStore,
};

function validityOf(item: CertificateItem): { notBefore: Date | undefined; notAfter: Date | undefined } {
  if (item.kind === 'endpoint') return item.chain[0];
  if (item.kind === 'iam') return item.facts;
  if (item.kind === 'acm') return item;
  return { notBefore: undefined, notAfter: item.notAfter };
}

/** A certificate that was never issued has no dates, and that is as it should be. */
function needsDate(item: CertificateItem): boolean {
  return item.kind !== 'acm' || item.status === 'ISSUED' || item.status === 'EXPIRED';
}

function isManaged({ type, isRenewalEligible }: AcmCertificate): boolean {
  return type === 'AMAZON_ISSUED' || (type === 'PRIVATE' && isRenewalEligible);
}

function isPast(date: Date | undefined, now: Date): boolean {
  return date !== undefined && date <= now;
}

/** The certificates that a client is shown, the leaf first. */
function presented(item: CertificateItem): readonly CertificateFacts[] {
  if (item.kind === 'endpoint') return item.chain;
  return item.kind === 'iam' ? [item.facts] : [];
}

function certificateName(index: number, subject: string): string {
  return index === 0 ? 'The certificate' : `The chain's certificate “${subject}”`;
}

/** The leaf keeps the plain identity, so that its successor's finding is the same incident. */
function discriminate(index: number, certificate: CertificateFacts): { discriminator?: string } {
  return index === 0 ? {} : { discriminator: nameAbove(certificate) };
}

/** Tells the certificates of a chain apart for longer than their serial numbers last. */
function nameAbove({ subject, issuer }: CertificateFacts): string {
  return subject === issuer ? subject : `${subject} ← ${issuer}`;
}

function servedEvidence(item: CertificateItem): Record<string, string> {
  if (item.kind !== 'endpoint') return {};
  const [{ subject, issuer, serial }] = item.chain;
  return { subject, issuer, serial, ...(item.address === undefined ? {} : { address: item.address }) };
}

function recordText({ name, type, value }: { name: string; type: string; value: string }): string {
  return `${name} ${type} ${value}`;
}

function recordsRemedy({ validationRecords }: AcmCertificate, otherwise: string): string {
  if (validationRecords.length === 0) return otherwise;
  return `This must exist in DNS: ${validationRecords.map(recordText).join('; ')}`;
}

/** A wildcard stands for exactly one label (RFC 6125, 6.4.3). */
function coversName(pattern: string, name: string): boolean {
  if (!pattern.startsWith('*.')) return pattern === name;
  const dot = name.indexOf('.');
  return dot > 0 && name.slice(dot) === pattern.slice(1);
}

function ago(date: Date, now: Date): string {
  return `${daysText((now.getTime() - date.getTime()) / dayMs)} ago`;
}

function daysText(days: number): string {
  const whole = Math.floor(days);
  if (whole === 1) return '1 day';
  if (whole > 1) return `${whole} days`;
  const hours = Math.floor(days * 24);
  if (hours === 0) return 'less than an hour';
  return hours === 1 ? '1 hour' : `${hours} hours`;
}

/** Down, as the sentences do: a day that has not passed is not counted. */
function round(value: number): number {
  return Math.floor(value * 10) / 10;
}
