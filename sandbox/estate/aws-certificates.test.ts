import { X509Certificate } from 'node:crypto';
import { KeyAlgorithm } from '@aws-sdk/client-acm';
import { expect, test } from 'vitest';
import type { task } from '../../functions/certificate-expiry/task.ts';
import type { RuleOf } from '../../shared/task.ts';
import { awsCertificates, sampleRegions } from './aws-certificates.ts';

const now = new Date('2026-11-01T12:00:00.000Z');
const sample = awsCertificates(now);

test('breaks every rule about certificates in AWS', () => {
  const awsRules: RuleOf<typeof task>[] = [
    'ca-expiring',
    'expired',
    'expiring',
    'not-yet-valid',
    'renewal-ineligible',
    'renewal-stuck',
    'unused',
    'validation-failed',
    'validation-pending',
    'weak-key',
    'weak-signature',
  ];
  const broken = new Set(sample.cases.flatMap(({ findings }) => findings.map(({ rule }) => rule)));
  expect([...broken].sort()).toEqual(awsRules);
});

test('plants faults beside healthy resources of every kind', () => {
  const { acm, iam, rds } = sample;
  for (const cases of [acm, iam, rds.instances, rds.clusters, rds.authorities]) {
    expect(cases.some(({ findings }) => findings.length > 0)).toBe(true);
    expect(cases.some(({ findings }) => findings.length === 0)).toBe(true);
  }
});

test('gives every resource an id of its own and expects no finding twice', () => {
  const ids = sample.cases.map(({ resourceId }) => resourceId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { findings } of sample.cases) {
    expect(new Set(findings.map(({ rule, discriminator }) => `${rule} ${discriminator}`)).size).toBe(findings.length);
  }
});

test('has certificates of every key type', () => {
  const keyTypes = new Set(sample.acm.map(({ resource }) => resource.KeyAlgorithm));
  expect([...keyTypes].sort()).toEqual(Object.values(KeyAlgorithm).sort());
});

test('puts every case into the document once', () => {
  const account = sample.document.accounts[sample.document.homeAccount];
  const regional = sampleRegions.map((region) => account?.regions[region]);
  const served = [
    ...(account?.iam?.serverCertificates ?? []),
    ...regional.flatMap((region) => region?.acm?.certificates ?? []),
    ...regional.flatMap(({ rds = {} } = {}) =>
      [rds.instances ?? [], rds.clusters ?? [], rds.certificates ?? []].flat(),
    ),
  ];
  expect(new Set(served)).toEqual(new Set(sample.cases.map(({ resource }) => resource)));
  expect(served).toHaveLength(sample.cases.length);
});

test('gives IAM certificates the body that their metadata tells of', () => {
  for (const { resource } of sample.iam) {
    const certificate = new X509Certificate(resource.CertificateBody ?? '');
    expect(certificate.validToDate).toEqual(resource.ServerCertificateMetadata?.Expiration);
    expect(certificate.checkIssued(new X509Certificate(resource.CertificateChain ?? ''))).toBe(true);
  }
});

test('depends on the time alone, and moves with it', () => {
  const pem = () => ({ body: 'body', chain: 'chain' });
  expect(awsCertificates(now, pem)).toEqual(awsCertificates(now, pem));
  const dayLater = new Date(now.getTime() + 86_400_000);
  const remaining = (sampled: typeof sample, at: Date) =>
    sampled.acm.map(({ resource }) => resource.NotAfter && resource.NotAfter.getTime() - at.getTime());
  expect(remaining(awsCertificates(dayLater, pem), dayLater)).toEqual(remaining(sample, now));
});
