import type { EndpointConfig, task } from '../../functions/certificate-expiry/task.ts';
import type { RuleOf } from '../../shared/task.ts';
import type { Behaviour } from '../tls-farm/behaviour.ts';
import type { PlantedCase, PlantedFinding } from './planted-case.ts';

/** Why an endpoint must be reported as unchecked. */
export type EndpointUncheckedReason =
  | 'dns-failed'
  | 'connect-refused'
  | 'connect-timeout'
  | 'tls-alert'
  | 'starttls-refused';

type EndpointRule = RuleOf<typeof task>;

/** An endpoint of the sample estate before it runs, when its port is not known. */
export interface EndpointCase {
  /** The first label of its server name. */
  readonly name: string;
  readonly behaviour: Behaviour;
  readonly why: string;
  readonly findings: readonly PlantedFinding<EndpointRule>[];
  readonly unchecked?: EndpointUncheckedReason;
}

/** An endpoint of the sample estate as the farm runs it, with what a scan must report. */
export interface PlantedEndpoint extends PlantedCase<EndpointConfig, EndpointRule> {
  readonly name: string;
  /** Given for an endpoint that cannot be looked at: it must be unchecked for this reason, and has no findings. */
  readonly unchecked?: EndpointUncheckedReason;
}

/** Returns the server name of a case: `expired` is `expired.nycmg.example`. */
export function serverNameOf(name: string): string {
  return `${name}.nycmg.example`;
}

const serves = (behaviour: Omit<Extract<Behaviour, { does: 'serve-tls' }>, 'does'> = {}): Behaviour => ({
  does: 'serve-tls',
  ...behaviour,
});

const oneMinuteInDays = 1 / 1440;

/** As many short names as fit in the 100 KB that OpenSSL accepts of a server's chain. */
const manyNames = Array.from({ length: 9_999 }, (_, index) => `${index.toString(36).padStart(3, '0')}.ny`);

const healthy: readonly EndpointCase[] = [
  { name: 'www', behaviour: serves(), why: 'nothing is wrong: 60 of 90 days remain', findings: [] },
  {
    name: 'api',
    behaviour: serves({ leaf: { issuer: 'lower-intermediate' }, sends: ['lower-intermediate', 'intermediate'] }),
    why: 'two intermediates, both sent',
    findings: [],
  },
  {
    name: 'cdn',
    behaviour: serves({ leaf: { commonName: 'nycmg.example', names: ['nycmg.example', '*.nycmg.example'] } }),
    why: 'a wildcard covers its name',
    findings: [],
  },
  {
    name: 'sni',
    behaviour: serves({
      leafForOtherNames: { commonName: 'default.nycmg.example', names: ['default.nycmg.example'], endsInDays: -90 },
    }),
    why: 'healthy for those who ask by name, an expired certificate of another name for all others',
    findings: [],
  },
  {
    name: 'reversed-chain',
    behaviour: serves({ leaf: { issuer: 'lower-intermediate' }, sends: ['intermediate', 'lower-intermediate'] }),
    why: 'intermediates in the wrong order, which TLS 1.3 and every client allow',
    findings: [],
  },
  {
    name: 'root-sent',
    behaviour: serves({ sends: ['intermediate', 'root'] }),
    why: 'sends the trusted root too, whose own signature is SHA-1: trust in a root does not rest on it',
    findings: [],
  },
  {
    name: 'no-subject',
    behaviour: serves({ leaf: { commonName: null } }),
    why: 'an empty subject, which RFC 5280 allows beside a critical subjectAltName',
    findings: [],
  },
  {
    name: 'no-common-name',
    behaviour: serves({ leaf: { commonName: null, organization: 'NYCMG' } }),
    why: 'a subject without a common name',
    findings: [],
  },
  {
    name: '10000-sans',
    behaviour: serves({ leaf: { names: [serverNameOf('10000-sans'), ...manyNames] } }),
    why: '10,000 names in a certificate of 80 KB, all of them allowed',
    findings: [],
  },
  {
    name: 'rsa2048',
    behaviour: serves({ leaf: { key: 'rsa-2048', issuer: 'rsa-intermediate' } }),
    why: 'the smallest RSA key that is not weak',
    findings: [],
  },
  {
    name: 'ec224-intermediate',
    behaviour: serves({ leaf: { issuer: 'ec224-intermediate' } }),
    why: 'the smallest elliptic curve that is not weak',
    findings: [],
  },
  {
    name: 'tls-v1-0',
    behaviour: serves({ onlyVersion: 'TLSv1' }),
    why: 'speaks TLS 1.0 alone, with a good certificate: the certificate is what is scanned',
    findings: [],
  },
  {
    name: 'no-expiry',
    behaviour: serves({ leaf: { notAfter: new Date('9999-12-31T23:59:59Z'), issuer: 'root' }, sends: [] }),
    why: 'ends in 9999, the date that RFC 5280 gives for "never"; signed by the root itself, which need not be sent',
    findings: [],
  },
  {
    name: 'pre-epoch',
    behaviour: serves({ leaf: { notBefore: new Date('1969-07-20T20:17:40Z') } }),
    why: 'began before 1970, at a negative Unix time',
    findings: [],
  },
  {
    name: 'negative-serial',
    behaviour: serves({ leaf: { serialNumber: -1969n } }),
    why: 'a negative serial number, which old authorities gave by mistake',
    findings: [],
  },
  {
    name: 'just-valid',
    behaviour: serves({ leaf: { endsInDays: 90 - oneMinuteInDays } }),
    why: 'became valid a minute ago',
    findings: [],
  },
  {
    name: 'just-not-overdue',
    behaviour: serves({ leaf: { endsInDays: 23.1 } }),
    why: 'renewal was due at 30 of 90 days and is tolerated until 23',
    findings: [],
  },
  {
    name: 'short-lived',
    behaviour: serves({ leaf: { endsInDays: 1.5, lifetimeDays: 6 } }),
    why: '1.5 of 6 days remain: renewal was due at 2 and is tolerated until 1.4',
    findings: [],
  },
  {
    name: 'intermediate-expires-with-leaf',
    behaviour: serves({ leaf: { issuer: 'level-intermediate' } }),
    why: 'the intermediate ends in the same second as the certificate, so not before it',
    findings: [],
  },
  {
    name: 'database',
    behaviour: serves({ startTls: 'postgres' }),
    why: 'PostgreSQL with a good certificate',
    findings: [],
  },
  { name: 'mail', behaviour: serves({ startTls: 'smtp' }), why: 'SMTP with a good certificate', findings: [] },
];

const faulty: readonly EndpointCase[] = [
  {
    name: 'expired',
    behaviour: serves({ leaf: { endsInDays: -3 } }),
    why: 'ended 3 days ago',
    findings: [{ rule: 'expired', severity: 'critical' }],
  },
  {
    name: 'just-expired',
    behaviour: serves({ leaf: { endsInDays: -oneMinuteInDays } }),
    why: 'ended a minute ago',
    findings: [{ rule: 'expired', severity: 'critical' }],
  },
  {
    name: 'expiring-soon',
    behaviour: serves({ leaf: { endsInDays: 8.9 } }),
    why: 'less than 10 % of its 90 days remain',
    findings: [{ rule: 'expiring', severity: 'critical' }],
  },
  {
    name: 'overdue',
    behaviour: serves({ leaf: { endsInDays: 20 } }),
    why: 'renewal is 10 days late',
    findings: [{ rule: 'expiring', severity: 'medium' }],
  },
  {
    name: 'just-overdue',
    behaviour: serves({ leaf: { endsInDays: 23 - oneMinuteInDays } }),
    why: 'renewal has been late for longer than the 7 days that are tolerated, by a minute',
    findings: [{ rule: 'expiring', severity: 'medium' }],
  },
  {
    name: 'just-not-critical',
    behaviour: serves({ leaf: { endsInDays: 9.1 } }),
    why: 'more than 10 % of its 90 days remain, yet renewal is late',
    findings: [{ rule: 'expiring', severity: 'medium' }],
  },
  {
    name: 'long-lived-expiring-soon',
    behaviour: serves({ leaf: { endsInDays: 13.9, lifetimeDays: 398 } }),
    why: 'less than 14 of 398 days remain: 10 % would be 39',
    findings: [{ rule: 'expiring', severity: 'critical' }],
  },
  {
    name: 'long-lived-overdue',
    behaviour: serves({ leaf: { endsInDays: 14.1, lifetimeDays: 398 } }),
    why: 'renewal was due at 30 of 398 days',
    findings: [{ rule: 'expiring', severity: 'medium' }],
  },
  {
    name: 'short-lived-overdue',
    behaviour: serves({ leaf: { endsInDays: 1, lifetimeDays: 6 } }),
    why: '1 of 6 days remains: renewal is tolerated until 1.4',
    findings: [{ rule: 'expiring', severity: 'medium' }],
  },
  {
    name: 'not-yet-valid',
    behaviour: serves({ leaf: { endsInDays: 91 } }),
    why: 'begins tomorrow',
    findings: [{ rule: 'not-yet-valid', severity: 'critical' }],
  },
  {
    name: 'wrong.host',
    behaviour: serves({ leaf: { commonName: 'www.nycmg.example', names: ['www.nycmg.example'] } }),
    why: 'shows the certificate of another host',
    findings: [{ rule: 'hostname-mismatch', severity: 'high' }],
  },
  {
    name: 'deep.wildcard',
    behaviour: serves({ leaf: { commonName: '*.nycmg.example', names: ['*.nycmg.example'] } }),
    why: 'a wildcard stands for one label, and its name has two there',
    findings: [{ rule: 'hostname-mismatch', severity: 'high' }],
  },
  {
    name: 'no-sans',
    behaviour: serves({ leaf: { names: [] } }),
    why: 'its name stands in the common name alone, where no browser looks any more',
    findings: [{ rule: 'hostname-mismatch', severity: 'high' }],
  },
  {
    name: 'self-signed',
    behaviour: serves({ leaf: { issuer: 'self' } }),
    why: 'signed by its own key',
    findings: [{ rule: 'self-signed', severity: 'high' }],
  },
  {
    name: 'untrusted-root',
    behaviour: serves({
      leaf: { issuer: 'untrusted-intermediate' },
      sends: ['untrusted-intermediate', 'untrusted-root'],
    }),
    why: 'sends a whole chain that ends in a root nobody trusts',
    findings: [{ rule: 'untrusted-root', severity: 'high' }],
  },
  {
    name: 'untrusted-root-not-sent',
    behaviour: serves({ leaf: { issuer: 'untrusted-intermediate' } }),
    why: 'sends an intermediate whose issuer nobody knows',
    findings: [{ rule: 'untrusted-root', severity: 'high' }],
  },
  {
    name: 'incomplete-chain',
    behaviour: serves({ sends: [] }),
    why: 'does not send the intermediate that signed it',
    findings: [{ rule: 'chain-incomplete', severity: 'high' }],
  },
  {
    name: 'client-certificate',
    behaviour: serves({ leaf: { purpose: 'client' } }),
    why: 'shows a certificate that was issued for clients, as a service does that has a single one for both',
    findings: [{ rule: 'chain-invalid', severity: 'high' }],
  },
  {
    name: 'intermediate-expires-first',
    behaviour: serves({ leaf: { issuer: 'early-intermediate' } }),
    why: 'its intermediate ends in 40 days, the certificate in 60',
    findings: [{ rule: 'intermediate-expires-first', severity: 'medium', discriminator: 'NYCMG Early Intermediate' }],
  },
  {
    name: 'intermediate-expired',
    behaviour: serves({ leaf: { issuer: 'expired-intermediate' } }),
    why: 'its intermediate ended 10 days ago, and nothing else leads to the root',
    findings: [{ rule: 'expired', severity: 'critical', discriminator: 'NYCMG Expired Intermediate' }],
  },
  {
    name: 'expired-cross-sign',
    behaviour: serves({ sends: ['intermediate', 'expired-cross-root'] }),
    why: 'sends an expired cross-signed root beside a chain that verifies without it: old clients follow it and fail',
    findings: [{ rule: 'intermediate-expires-first', severity: 'medium', discriminator: 'NYCMG Root' }],
  },
  {
    name: 'rsa1024',
    behaviour: serves({ leaf: { key: 'rsa-1024', issuer: 'rsa-intermediate' } }),
    why: 'an RSA key of 1,024 bits',
    findings: [{ rule: 'weak-key', severity: 'high' }],
  },
  {
    name: 'rsa1024-intermediate',
    behaviour: serves({ leaf: { issuer: 'rsa1024-intermediate' } }),
    why: 'its intermediate has an RSA key of 1,024 bits',
    findings: [{ rule: 'weak-key', severity: 'high', discriminator: 'NYCMG RSA-1024 Intermediate' }],
  },
  {
    name: 'ec192-intermediate',
    behaviour: serves({ leaf: { issuer: 'ec192-intermediate' } }),
    why: 'its intermediate has an elliptic curve of 192 bits',
    findings: [{ rule: 'weak-key', severity: 'high', discriminator: 'NYCMG P-192 Intermediate' }],
  },
  {
    name: 'sha1-leaf',
    behaviour: serves({ leaf: { hash: 'sha1' } }),
    why: 'signed with SHA-1',
    findings: [{ rule: 'weak-signature', severity: 'high' }],
  },
  {
    name: 'sha1-intermediate',
    behaviour: serves({ leaf: { issuer: 'sha1-intermediate' } }),
    why: 'its intermediate is signed with SHA-1',
    findings: [{ rule: 'weak-signature', severity: 'high', discriminator: 'NYCMG SHA-1 Intermediate' }],
  },
  {
    name: 'md5-leaf',
    behaviour: serves({ leaf: { issuer: 'rsa-intermediate', hash: 'md5' } }),
    why: 'signed with MD5',
    findings: [{ rule: 'weak-signature', severity: 'high' }],
  },
  {
    name: 'expired-self-signed',
    behaviour: serves({ leaf: { issuer: 'self', endsInDays: -3 } }),
    why: 'two faults, of which OpenSSL names one',
    findings: [
      { rule: 'expired', severity: 'critical' },
      { rule: 'self-signed', severity: 'high' },
    ],
  },
  {
    name: 'expired-untrusted-root',
    behaviour: serves({ leaf: { issuer: 'untrusted-intermediate', endsInDays: -3 } }),
    why: 'two faults, of which OpenSSL names one',
    findings: [
      { rule: 'expired', severity: 'critical' },
      { rule: 'untrusted-root', severity: 'high' },
    ],
  },
  {
    name: 'everything-wrong',
    behaviour: serves({
      leaf: { issuer: 'self', endsInDays: -400, lifetimeDays: 3_650, key: 'rsa-1024', names: ['localhost'] },
    }),
    why: 'a forgotten appliance: expired, signed by itself, a weak key and the name localhost',
    findings: [
      { rule: 'expired', severity: 'critical' },
      { rule: 'hostname-mismatch', severity: 'high' },
      { rule: 'self-signed', severity: 'high' },
      { rule: 'weak-key', severity: 'high' },
    ],
  },
  {
    name: 'expired-database',
    behaviour: serves({ startTls: 'postgres', leaf: { endsInDays: -3 } }),
    why: 'PostgreSQL with a certificate that ended 3 days ago',
    findings: [{ rule: 'expired', severity: 'critical' }],
  },
  {
    name: 'expired-mail',
    behaviour: serves({ startTls: 'smtp', leaf: { endsInDays: -3 } }),
    why: 'SMTP with a certificate that ended 3 days ago',
    findings: [{ rule: 'expired', severity: 'critical' }],
  },
];

const unreachable: readonly EndpointCase[] = [
  {
    name: 'unknown-host',
    behaviour: { does: 'not-resolve' },
    why: 'its host has no address',
    findings: [],
    unchecked: 'dns-failed',
  },
  {
    name: 'refused',
    behaviour: { does: 'refuse-connection' },
    why: 'nothing listens on its port',
    findings: [],
    unchecked: 'connect-refused',
  },
  {
    name: 'silent',
    behaviour: { does: 'stay-silent' },
    why: 'accepts the connection and says nothing',
    findings: [],
    unchecked: 'connect-timeout',
  },
  {
    name: 'reset',
    behaviour: { does: 'reset-connection' },
    why: 'resets the connection in the handshake',
    findings: [],
    unchecked: 'tls-alert',
  },
  {
    name: 'unrecognized-name',
    behaviour: { does: 'send-alert' },
    why: 'ends the handshake with the alert unrecognized_name',
    findings: [],
    unchecked: 'tls-alert',
  },
  {
    name: 'plain-http',
    behaviour: { does: 'answer-plain-http' },
    why: 'answers the handshake in plain HTTP',
    findings: [],
    unchecked: 'tls-alert',
  },
  {
    name: 'plain-database',
    behaviour: { does: 'refuse-start-tls', startTls: 'postgres' },
    why: 'PostgreSQL with TLS switched off',
    findings: [],
    unchecked: 'starttls-refused',
  },
  {
    name: 'plain-mail',
    behaviour: { does: 'refuse-start-tls', startTls: 'smtp' },
    why: 'SMTP that answers STARTTLS with 454',
    findings: [],
    unchecked: 'starttls-refused',
  },
];

/** Every endpoint of the sample estate. */
export const endpointCases: readonly EndpointCase[] = [...healthy, ...faulty, ...unreachable];
