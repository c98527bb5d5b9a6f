import { beforeAll, describe, expect, test } from 'vitest';
import { configSchema } from '../../functions/backup-integrity/config.ts';
import { contextFor } from '../../functions/backup-integrity/context-fixtures.ts';
import { collectDatabases } from '../../functions/backup-integrity/databases/collect-databases.ts';
import { evaluateDatabases } from '../../functions/backup-integrity/databases/evaluate-databases.ts';
import type { DatabaseFacts } from '../../functions/backup-integrity/databases/facts.ts';
import { databaseRestorePoints } from '../../functions/backup-integrity/databases/restore-points.ts';
import { collectKeys, type KeyState } from '../../functions/backup-integrity/keys/collect-keys.ts';
import { evaluateProtection } from '../../functions/backup-integrity/protection/evaluate-protection.ts';
import { policiesFor, requirementOf } from '../../functions/backup-integrity/protection/policies.ts';
import type { ProtectedResource } from '../../functions/backup-integrity/protection/protected-resource.ts';
import { uncheckedReason } from '../../shared/aws/unchecked-reason.ts';
import { CoverageLedger } from '../../shared/coverage.ts';
import type { FindingDraft } from '../../shared/finding.ts';
import { rdsCases } from './aws-rds-certificates.ts';
import { backupDatabaseCases, databasePolicies, trustedAccount } from './backup-databases.ts';
import { account, accountOf, inEstate } from './estate-fixtures.ts';
import type { PlantedFinding } from './planted-case.ts';

const now = new Date('2026-11-22T03:00:00Z');
const planted = backupDatabaseCases(account, now);
const certified = rdsCases(account, now);

const config = configSchema.parse({ policies: databasePolicies, trustedAccounts: [trustedAccount] });
const accounts = [{ id: account, in: (region: string) => ({ region }) }];

let facts: DatabaseFacts;
let keys: ReadonlyMap<string, KeyState>;
const coverage = new CoverageLedger({ classify: uncheckedReason });

beforeAll(async () => {
  await inEstate(accountOf({ regions: planted.regions }), async (clients) => {
    const context = contextFor({ config, now, clients, coverage });
    facts = await collectDatabases(accounts, context);
    const named = new Set(
      protection(new Map()).flatMap(({ points }) => points.flatMap(({ kmsKeyArn }) => kmsKeyArn ?? [])),
    );
    keys = await collectKeys(named, accounts, context);
  });
});

/** The databases as the rules on what could be restored see them, with nothing but RDS to restore them from. */
function protection(known: ReadonlyMap<string, KeyState>): ProtectedResource[] {
  return facts.databases.map((database) => ({
    resource: database.resource,
    tags: database.tags,
    createdAt: database.createdAt,
    requirement: requirementOf(policiesFor(database.resource, database.tags, config)),
    points: databaseRestorePoints(database, facts.snapshots),
    plans: [],
    proofs: [],
    database,
    keys: known,
    blindSpots: [],
  }));
}

type Told = Pick<FindingDraft, 'rule' | 'severity' | 'discriminator' | 'resource'>;

/** One line for each finding, in an order that does not depend on where they came from. */
function lines(findings: readonly Told[]): string[] {
  return findings
    .map(({ rule, severity, discriminator = '', resource }) => `${resource.id} ${rule} ${severity} ${discriminator}`)
    .sort();
}

function linesOf(pick: (planted: (typeof cases)[number]) => readonly PlantedFinding[]): string[] {
  return lines(
    cases.flatMap((one) =>
      pick(one).map((finding) => ({ ...finding, resource: { type: '', id: one.resourceId, name: '' } })),
    ),
  );
}

const { cases } = planted;

test('everything planted is read, and nothing is left unchecked', () => {
  const { unchecked, byType } = coverage.summary();
  expect(unchecked).toEqual([]);
  const read = [...facts.databases, ...facts.snapshots].map(({ resource }) => resource.id);
  expect(read.toSorted()).toEqual(cases.map(({ resourceId }) => resourceId).sort());
  expect(byType['rds-snapshot']?.checked).toBe(facts.snapshots.length);
  expect(byType['kms-key']).toEqual({ expected: 4, checked: 4 });
});

test('the planted faults are found by the rules on databases, all and only those', () => {
  const { findings, unchecked } = evaluateDatabases(facts, config, now);
  expect(lines(findings)).toEqual(linesOf(({ findings: wanted }) => wanted));
  expect(unchecked).toEqual([]);
});

test('the planted faults are found by the rules on what could be restored, all and only those', () => {
  const { findings, unchecked } = evaluateProtection(protection(keys), config, now);
  expect(lines(findings)).toEqual(linesOf(({ underPolicies }) => underPolicies));
  expect(unchecked).toEqual([]);
});

describe('the estate itself', () => {
  test('has no two resources of one name, and none that the certificates’ estate has', () => {
    const ids = cases.map(({ resourceId }) => resourceId);
    expect(new Set(ids).size).toBe(ids.length);
    const others = [...certified.instances, ...certified.clusters].map(({ resourceId }) => resourceId);
    expect(ids.filter((id) => others.includes(id))).toEqual([]);
  });

  test('shows good certificates alone', () => {
    const instances = Object.values(planted.regions).flatMap(({ rds }) => rds?.instances ?? []);
    for (const { CertificateDetails: details } of instances) {
      expect(details?.ValidTill?.getTime()).toBeGreaterThan(now.getTime() + 200 * 86_400_000);
    }
  });

  test('has healthy resources beside every kind of fault', () => {
    const healthy = cases.filter(({ findings, underPolicies }) => findings.length + underPolicies.length === 0);
    expect(healthy.length).toBeGreaterThan(cases.length / 2);
    expect(cases.every(({ why }) => why.length > 0)).toBe(true);
  });
});
