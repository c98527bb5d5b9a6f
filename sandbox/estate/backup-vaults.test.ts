import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { collectAwsBackup } from '../../functions/backup-integrity/aws-backup/collect-aws-backup.ts';
import { evaluateAwsBackup } from '../../functions/backup-integrity/aws-backup/evaluate-aws-backup.ts';
import {
  recoveryPointsAsRestorePoints,
  restoreProofs,
} from '../../functions/backup-integrity/aws-backup/restore-points.ts';
import { planCoverage } from '../../functions/backup-integrity/aws-backup/selection.ts';
import type { RuleId } from '../../functions/backup-integrity/context.ts';
import { contextFor } from '../../functions/backup-integrity/context-fixtures.ts';
import { task } from '../../functions/backup-integrity/task.ts';
import { AwsClients } from '../../shared/aws/clients.ts';
import { uncheckedReason } from '../../shared/aws/unchecked-reason.ts';
import { CoverageLedger } from '../../shared/coverage.ts';
import { type ControlPlane, startControlPlane } from '../control-plane/control-plane.ts';
import { sampleAccount } from './aws-certificates.ts';
import { backupVaultCases, copyAccount } from './backup-vaults.ts';

const now = new Date('2026-11-20T12:00:00.000Z');
const planted = backupVaultCases(sampleAccount, now);
const config = task.config.parse({ policies: [{ id: 'critical', select: { ids: ['nycmg-*'] }, immutable: true }] });

let plane: ControlPlane;
let clients: AwsClients;

beforeEach(async () => {
  const regions = Object.fromEntries(Object.entries(planted.documents).map(([region, backup]) => [region, { backup }]));
  plane = await startControlPlane({
    estate: { homeAccount: sampleAccount, accounts: { [sampleAccount]: { regions } } },
  });
  for (const [name, value] of Object.entries(plane.environment)) vi.stubEnv(name, value);
  clients = new AwsClients();
});

afterEach(async () => {
  clients.destroy();
  await plane.stop();
  vi.unstubAllEnvs();
});

function collect(coverage: CoverageLedger) {
  const context = contextFor({ config, now, clients, coverage });
  return collectAwsBackup([{ id: sampleAccount, in: (region) => ({ region }) }], context);
}

test('every planted fault is found over the wire, and nothing else', async () => {
  const coverage = new CoverageLedger({ classify: uncheckedReason });
  const { findings, unchecked } = evaluateAwsBackup(await collect(coverage), config, now);
  const line = (
    id: string,
    { rule, severity, discriminator = '' }: { rule: string; severity: string; discriminator?: string },
  ) => `${id} ${rule} ${severity} ${discriminator}`;
  expect(findings.map((finding) => line(finding.resource.id, finding)).sort()).toEqual(
    planted.cases
      .flatMap(({ resourceId, findings: expected }) => expected.map((each) => line(resourceId, each)))
      .sort(),
  );
  expect(unchecked).toEqual([]);
  expect(coverage.summary().unchecked).toEqual([]);
});

test('breaks every rule on AWS Backup but those that have to be asked for', () => {
  const rules: RuleId[] = [
    'backup-job-failed',
    'backup-job-warning',
    'copy-job-failed',
    'not-encrypted',
    'plan-below-vault-minimum',
    'recovery-point-bad',
    'recovery-point-infected',
    'recovery-point-stuck',
    'restore-test-failed',
    'restore-test-leaked',
    'size-drop',
    'vault-deletable',
    'vault-not-locked',
  ];
  const broken = new Set(planted.cases.flatMap(({ findings }) => findings.map(({ rule }) => rule)));
  expect([...broken].sort()).toEqual(rules);
});

test('gives every resource an id of its own and expects no finding twice', () => {
  const ids = planted.cases.map(({ resourceId }) => resourceId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { findings } of planted.cases) {
    expect(new Set(findings.map(({ rule, discriminator }) => `${rule} ${discriminator}`)).size).toBe(findings.length);
  }
});

test('depends on the time alone, and moves with it', () => {
  expect(backupVaultCases(sampleAccount, now)).toEqual(planted);
  const day = 86_400_000;
  const later = backupVaultCases(sampleAccount, new Date(now.getTime() + day));
  const created = ({ documents }: typeof planted) =>
    documents['us-east-1']?.jobs?.map(({ CreationDate }) => CreationDate?.getTime() ?? 0) ?? [];
  expect(created(later)).toEqual(created(planted).map((time) => time + day));
});

test('says of the resources that other families plant what these count on', async () => {
  const facts = await collect(new CoverageLedger({ classify: uncheckedReason }));
  const of = (name: string, service = 'rds', kind = 'db:') => {
    const arn = `arn:aws:${service}:us-east-1:${sampleAccount}:${kind}${name}`;
    const good = recoveryPointsAsRestorePoints(facts, arn, now).filter(({ state }) => state === 'good');
    const resource = { arn, tags: {}, account: sampleAccount, region: 'us-east-1' };
    return {
      plans: [...new Set(planCoverage(facts, resource).map(({ planName }) => planName))],
      newestHours: good[0] && (now.getTime() - good[0].restorableTo.getTime()) / 3_600_000,
      regions: [...new Set(good.map(({ region }) => region))].sort(),
      accounts: [...new Set(good.map(({ account }) => account))].sort(),
      hasImmutable: good.some(({ isImmutable }) => isImmutable === true),
      hasAnnual: good.some(
        ({ createdAt, deleteAt }) =>
          createdAt && deleteAt && deleteAt.getTime() - createdAt.getTime() > 366 * 86_400_000,
      ),
      restores: restoreProofs(facts, arn).map(({ status, validation, startedAt, finishedAt }) => [
        status,
        validation,
        finishedAt && (finishedAt.getTime() - startedAt.getTime()) / 60_000,
      ]),
    };
  };
  const home = [sampleAccount];
  expect(of('nycmg-db-rights')).toEqual({
    plans: ['nycmg-daily'],
    // Proven by the last job that updated its continuous backup.
    newestHours: 6 - 40 / 60,
    regions: ['us-east-1', 'us-west-2'],
    accounts: home,
    hasImmutable: true,
    hasAnnual: true,
    restores: [['COMPLETED', 'SUCCESSFUL', 42]],
  });
  expect(of('nycmg-db-catalog')).toEqual({
    plans: ['nycmg-catalog'],
    newestHours: 5,
    regions: ['us-east-1'],
    accounts: home,
    hasImmutable: false,
    hasAnnual: false,
    restores: [['COMPLETED', undefined, 310]],
  });
  expect(of('nycmg-db-listens')).toEqual({
    plans: ['nycmg-hot'],
    newestHours: undefined,
    regions: [],
    accounts: [],
    hasImmutable: false,
    hasAnnual: false,
    restores: [['ABORTED', undefined, 5]],
  });
  expect(of('nycmg-sessions', 'dynamodb', 'table/')).toEqual({
    plans: ['nycmg-tables'],
    newestHours: 4,
    regions: ['us-east-1', 'us-west-2'],
    accounts: [sampleAccount, copyAccount],
    hasImmutable: true,
    hasAnnual: false,
    restores: [['FAILED', undefined, 9]],
  });
});
