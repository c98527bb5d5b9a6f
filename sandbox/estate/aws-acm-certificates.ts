import { createHash } from 'node:crypto';
import type { CertificateDetail, DomainValidation, KeyAlgorithm, RenewalStatus } from '@aws-sdk/client-acm';
import type { task } from '../../functions/certificate-expiry/task.ts';
import type { RuleOf } from '../../shared/task.ts';
import type { PlantedCase, PlantedFinding } from './planted-case.ts';

type RuleId = RuleOf<typeof task>;
type AcmCase = PlantedCase<CertificateDetail, RuleId>;

const dayMs = 86_400_000;
const hour = 1 / 24;

/** ACM's public certificates live this long since 2026: https://docs.aws.amazon.com/acm/latest/userguide/acm-certificate-characteristics.html */
const publicLifetimeDays = 198;

interface CertificateSpec extends Partial<CertificateDetail> {
  /** Days from now to the end. */
  readonly daysLeft: number;
  readonly lifetimeDays?: number;
  readonly region?: string;
}

/** Returns the ACM certificates of the sample estate's account, in us-east-1 and us-west-2, as they stand at `now`. */
export function acmCases(account: string, now: Date): AcmCase[] {
  const inDays = (days: number) => new Date(now.getTime() + days * dayMs);

  /** The ARN and all that a certificate has from the day it is asked for. */
  function requested(domain: string, region: string) {
    const id = createHash('sha256').update(`${region} ${domain}`).digest('hex');
    const uuid = [id.slice(0, 8), id.slice(8, 12), id.slice(12, 16), id.slice(16, 20), id.slice(20, 32)].join('-');
    return {
      CertificateArn: `arn:aws:acm:${region}:${account}:certificate/${uuid}`,
      DomainName: domain,
      SubjectAlternativeNames: [domain],
      Type: 'AMAZON_ISSUED' as const,
      KeyAlgorithm: 'RSA_2048' as KeyAlgorithm,
      InUseBy: [],
    };
  }

  function issued(domain: string, spec: CertificateSpec): CertificateDetail {
    const { daysLeft, lifetimeDays = publicLifetimeDays, region = 'us-east-1', ...details } = spec;
    const basis = requested(domain, region);
    const keyAlgorithm = details.KeyAlgorithm ?? basis.KeyAlgorithm;
    const notBefore = inDays(daysLeft - lifetimeDays);
    const serial = createHash('sha256').update(basis.CertificateArn).digest('hex').slice(0, 32);
    return {
      ...basis,
      Status: 'ISSUED',
      Subject: `CN=${domain}`,
      Issuer: 'Amazon',
      Serial: `0${serial.slice(1)}`.replace(/..(?=.)/g, '$&:'),
      SignatureAlgorithm: keyAlgorithm.startsWith('EC') ? 'SHA256WITHECDSA' : 'SHA256WITHRSA',
      CreatedAt: notBefore,
      IssuedAt: notBefore,
      NotBefore: notBefore,
      NotAfter: inDays(daysLeft),
      InUseBy: [`arn:aws:cloudfront::${account}:distribution/E${serial.slice(0, 12).toUpperCase()}`],
      RenewalEligibility: 'ELIGIBLE',
      DomainValidationOptions: [validation(domain, 'SUCCESS')],
      ...details,
    };
  }

  function imported(domain: string, spec: CertificateSpec): CertificateDetail {
    const {
      IssuedAt: _,
      DomainValidationOptions: __,
      ...rest
    } = issued(domain, {
      lifetimeDays: 365,
      Type: 'IMPORTED',
      Issuer: 'NYCMG Servers CA 1',
      RenewalEligibility: 'INELIGIBLE',
      ...spec,
    });
    return { ...rest, ImportedAt: rest.NotBefore };
  }

  /** A certificate that is not issued, or not yet. */
  function unissued(
    domain: string,
    details: Partial<CertificateDetail> & { requestedHoursAgo: number },
  ): CertificateDetail {
    const { requestedHoursAgo, ...rest } = details;
    return {
      ...requested(domain, 'us-east-1'),
      Subject: `CN=${domain}`,
      CreatedAt: inDays(-requestedHoursAgo * hour),
      RenewalEligibility: 'INELIGIBLE',
      DomainValidationOptions: [validation(domain, 'PENDING_VALIDATION')],
      ...rest,
    };
  }

  function renewal(domain: string, RenewalStatus: RenewalStatus, details: { RenewalStatusReason?: 'CAA_ERROR' } = {}) {
    const validationStatus = RenewalStatus === 'PENDING_VALIDATION' ? 'PENDING_VALIDATION' : 'SUCCESS';
    const DomainValidationOptions = [validation(domain, validationStatus)];
    return { RenewalStatus, DomainValidationOptions, UpdatedAt: inDays(-1), ...details };
  }

  return [
    planted('a public certificate in its prime', issued('www.web.nycmg.example', { daysLeft: 120 })),
    planted(
      'an ECDSA certificate in its prime, which a listing without key types hides',
      issued('artists.web.nycmg.example', { daysLeft: 60, KeyAlgorithm: 'EC_prime256v1' }),
    ),
    planted(
      'renewal is under way and an hour from being overdue',
      issued('tracks.web.nycmg.example', {
        daysLeft: 38 + hour,
        KeyAlgorithm: 'EC_secp384r1',
        RenewalSummary: renewal('tracks.web.nycmg.example', 'PENDING_AUTO_RENEWAL'),
      }),
    ),
    planted(
      'an ECDSA certificate that ACM should have renewed a fortnight ago',
      issued('rights.web.nycmg.example', {
        daysLeft: 30,
        KeyAlgorithm: 'EC_prime256v1',
        RenewalSummary: renewal('rights.web.nycmg.example', 'PENDING_AUTO_RENEWAL'),
      }),
      { rule: 'expiring', severity: 'medium' },
    ),
    planted('overdue, and an hour from being critical', issued('brooklyn.web.nycmg.example', { daysLeft: 14 + hour }), {
      rule: 'expiring',
      severity: 'medium',
    }),
    planted('less than a fortnight left', issued('queens.web.nycmg.example', { daysLeft: 13 }), {
      rule: 'expiring',
      severity: 'critical',
    }),
    planted(
      'in use, and expired two days ago',
      issued('bronx.web.nycmg.example', { daysLeft: -2, Status: 'EXPIRED', KeyAlgorithm: 'EC_secp384r1' }),
      { rule: 'expired', severity: 'critical' },
    ),
    planted(
      'expires at this very instant, and ACM still calls it issued',
      imported('harlem.web.nycmg.example', { daysLeft: 0, KeyAlgorithm: 'RSA_4096' }),
      { rule: 'expired', severity: 'critical' },
    ),
    planted(
      'expired long ago, and nothing uses it',
      imported('old-charts.web.nycmg.example', { daysLeft: -400, Status: 'EXPIRED', InUseBy: [] }),
      { rule: 'expired', severity: 'low' },
    ),
    planted(
      'attached two days before it becomes valid',
      issued('premieres.web.nycmg.example', {
        daysLeft: 397,
        lifetimeDays: 395,
        Type: 'PRIVATE',
        Issuer: 'NYCMG Private CA',
        KeyAlgorithm: 'EC_prime256v1',
      }),
      { rule: 'not-yet-valid', severity: 'high' },
    ),
    planted(
      'its validation record has gone from DNS, so that renewal waits',
      issued('venues.web.nycmg.example', {
        daysLeft: 40,
        KeyAlgorithm: 'EC_prime256v1',
        RenewalSummary: renewal('venues.web.nycmg.example', 'PENDING_VALIDATION'),
      }),
      { rule: 'renewal-stuck', severity: 'high' },
    ),
    planted(
      'renewal failed, and time runs out',
      issued('tickets.web.nycmg.example', {
        daysLeft: 20,
        RenewalSummary: renewal('tickets.web.nycmg.example', 'FAILED', { RenewalStatusReason: 'CAA_ERROR' }),
      }),
      { rule: 'renewal-stuck', severity: 'high' },
      { rule: 'expiring', severity: 'medium' },
    ),
    planted(
      'renewed last week',
      issued('royalties.web.nycmg.example', {
        daysLeft: 191,
        RenewalSummary: renewal('royalties.web.nycmg.example', 'SUCCESS'),
      }),
    ),
    planted(
      'requested 23 hours ago',
      unissued('podcasts.web.nycmg.example', { requestedHoursAgo: 23, Status: 'PENDING_VALIDATION' }),
      { rule: 'validation-pending', severity: 'low' },
    ),
    planted(
      'requested 25 hours ago, and its record is still not in DNS',
      unissued('archive.web.nycmg.example', {
        requestedHoursAgo: 25,
        Status: 'PENDING_VALIDATION',
        KeyAlgorithm: 'EC_prime256v1',
      }),
      { rule: 'validation-pending', severity: 'medium' },
    ),
    planted(
      'nobody created its record within 72 hours',
      unissued('radio.web.nycmg.example', { requestedHoursAgo: 100, Status: 'VALIDATION_TIMED_OUT' }),
      { rule: 'validation-failed', severity: 'medium' },
    ),
    planted(
      'a CAA record forbids Amazon to issue it',
      unissued('labels.web.nycmg.example', { requestedHoursAgo: 400, Status: 'FAILED', FailureReason: 'CAA_ERROR' }),
      { rule: 'validation-failed', severity: 'medium' },
    ),
    planted(
      'imported: it has time, but nobody at AWS will renew it',
      imported('partners.web.nycmg.example', {
        daysLeft: 200,
        KeyAlgorithm: 'RSA_4096',
        Subject: 'CN=partners.web.nycmg.example, O="Café <Söhne> & \'Filles\'", C=US',
      }),
      { rule: 'renewal-ineligible', severity: 'medium' },
    ),
    planted(
      'imported 47-day certificate, a day from being overdue',
      imported('kiosk.web.nycmg.example', { daysLeft: 12, lifetimeDays: 47, KeyAlgorithm: 'RSA_3072' }),
      { rule: 'renewal-ineligible', severity: 'medium' },
    ),
    planted(
      'imported 47-day certificate that its robot did not renew',
      imported('turnstile.web.nycmg.example', { daysLeft: 10, lifetimeDays: 47, KeyAlgorithm: 'RSA_3072' }),
      { rule: 'renewal-ineligible', severity: 'medium' },
      { rule: 'expiring', severity: 'medium' },
    ),
    planted(
      'issued by the private authority itself and not through ACM, so that ACM cannot renew it',
      issued('ledger.web.nycmg.example', {
        daysLeft: 300,
        lifetimeDays: 395,
        Type: 'PRIVATE',
        Issuer: 'NYCMG Private CA',
        KeyAlgorithm: 'EC_secp521r1',
        RenewalEligibility: 'INELIGIBLE',
      }),
      { rule: 'renewal-ineligible', severity: 'medium' },
    ),
    planted(
      'never attached: ACM lets it expire',
      issued('summer-festival.web.nycmg.example', { daysLeft: 100, InUseBy: [], RenewalEligibility: 'INELIGIBLE' }),
      { rule: 'renewal-ineligible', severity: 'low' },
      { rule: 'unused', severity: 'low' },
    ),
    planted(
      'exported, which keeps it eligible, but attached to nothing; that it ends in ten days harms nobody',
      issued('studio.web.nycmg.example', { daysLeft: 10, InUseBy: [], KeyAlgorithm: 'EC_prime256v1' }),
      { rule: 'unused', severity: 'low' },
    ),
    planted(
      'a 1,024-bit key in service',
      imported('jukebox.web.nycmg.example', { daysLeft: 150, KeyAlgorithm: 'RSA_1024' }),
      { rule: 'weak-key', severity: 'high' },
      { rule: 'renewal-ineligible', severity: 'medium' },
    ),
    planted(
      'a 1,024-bit key that nothing uses',
      imported('cassette.web.nycmg.example', { daysLeft: 150, KeyAlgorithm: 'RSA_1024', InUseBy: [] }),
      { rule: 'weak-key', severity: 'low' },
      { rule: 'renewal-ineligible', severity: 'low' },
      { rule: 'unused', severity: 'low' },
    ),
    planted(
      'signed with SHA-1',
      imported('vinyl.web.nycmg.example', { daysLeft: 150, SignatureAlgorithm: 'SHA1WITHRSA' }),
      { rule: 'weak-signature', severity: 'high' },
      { rule: 'renewal-ineligible', severity: 'medium' },
    ),
    planted(
      'the western region has its own listing',
      issued('west.web.nycmg.example', {
        daysLeft: 100,
        region: 'us-west-2',
        InUseBy: [loadBalancer(account, 'west')],
      }),
    ),
    planted(
      'overdue in the western region, and ECDSA besides',
      issued('replica.web.nycmg.example', {
        daysLeft: 25,
        region: 'us-west-2',
        KeyAlgorithm: 'EC_secp384r1',
        InUseBy: [loadBalancer(account, 'replica')],
      }),
      { rule: 'expiring', severity: 'medium' },
    ),
  ];
}

function planted(why: string, resource: CertificateDetail, ...findings: PlantedFinding<RuleId>[]): AcmCase {
  return { resource, resourceId: resource.CertificateArn as string, why, findings };
}

function loadBalancer(account: string, name: string): string {
  return `arn:aws:elasticloadbalancing:us-west-2:${account}:loadbalancer/app/${name}/50dc6c495c0c9188`;
}

/** The record that ACM looks for in DNS: https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html */
function validation(domain: string, ValidationStatus: 'PENDING_VALIDATION' | 'SUCCESS'): DomainValidation {
  const token = createHash('md5').update(domain).digest('hex');
  return {
    DomainName: domain,
    ValidationDomain: domain,
    ValidationMethod: 'DNS',
    ValidationStatus,
    ResourceRecord: {
      Name: `_${token}.${domain}.`,
      Type: 'CNAME',
      Value: `_${createHash('md5').update(token).digest('hex')}.acm-validations.aws.`,
    },
  };
}
