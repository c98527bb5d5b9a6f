import { beforeAll, describe, expect, it } from 'vitest';
import { collectBuckets } from '../../functions/backup-integrity/buckets/collect-buckets.ts';
import { evaluateBuckets } from '../../functions/backup-integrity/buckets/evaluate-buckets.ts';
import { configSchema } from '../../functions/backup-integrity/config.ts';
import { contextFor } from '../../functions/backup-integrity/context-fixtures.ts';
import { evaluateVerification } from '../../functions/backup-integrity/verification/evaluate-verification.ts';
import { verificationFacts } from '../../functions/backup-integrity/verification/verification-facts.ts';
import {
  planVerifications,
  workVerification,
} from '../../functions/backup-integrity/verification/verification-work.ts';
import { uncheckedReason } from '../../shared/aws/unchecked-reason.ts';
import { CoverageLedger } from '../../shared/coverage.ts';
import type { FindingDraft } from '../../shared/finding.ts';
import type { FinishedWork } from '../../shared/run-task.ts';
import { backupBuckets } from './backup-buckets.ts';
import { account, accountOf, inEstate } from './estate-fixtures.ts';

const now = new Date('2026-11-22T12:00:00.500Z');
const { cases, buckets, policies, artifacts, replicas, verifications } = backupBuckets(now);
const config = configSchema.parse({ policies, artifacts, replicas, verifications });

let findings: FindingDraft[];
const unchecked = new Map<string, string>();

beforeAll(async () => {
  await inEstate(accountOf({ s3: { buckets } }), async (clients) => {
    const coverage = new CoverageLedger({ classify: uncheckedReason });
    const context = contextFor({ config, now, clients, coverage });
    const work: FinishedWork[] = [];
    for (const item of await planVerifications(context)) {
      work.push({ item, progress: await workVerification(item, undefined, context) });
    }
    const collecting = { ...context, work };
    const facts = await collectBuckets([{ id: account, in: (region) => ({ region }) }], collecting);
    const ofBuckets = evaluateBuckets(facts, config, now);
    const ofVerifications = evaluateVerification(verificationFacts(work, collecting), config, now);
    findings = [...ofBuckets.findings, ...ofVerifications.findings];
    for (const entry of [...ofBuckets.unchecked, ...ofVerifications.unchecked, ...coverage.summary().unchecked]) {
      unchecked.set(entry.resource.id, entry.reason);
    }
  });
});

describe('the buckets of the sample estate', () => {
  it.each(cases)('$resource: $why', (planted) => {
    const found = findings
      .filter(({ resource }) => resource.id === planted.resourceId)
      .map(({ rule, severity, discriminator }) => ({ rule, severity, ...(discriminator && { discriminator }) }));
    expect(found).toEqual(planted.findings);
    expect(unchecked.get(planted.resourceId)).toBe(planted.unchecked);
  });

  it('cause no finding that was not planted', () => {
    const known = new Set(cases.map(({ resourceId }) => resourceId));
    expect(findings.filter(({ resource }) => !known.has(resource.id))).toEqual([]);
    expect([...unchecked.keys()].filter((id) => !known.has(id))).toEqual([]);
  });

  it('break every rule about guards and bytes, beside healthy ones', () => {
    const broken = new Set(cases.flatMap((planted) => planted.findings.map(({ rule }) => rule)));
    expect([...broken].sort()).toEqual([
      'content-altered',
      'object-lock-off',
      'replication-off',
      'verification-overdue',
      'versioning-off',
    ]);
    expect(cases.some((planted) => planted.findings.length === 0 && planted.unchecked === undefined)).toBe(true);
  });

  it('tell which object was altered', () => {
    const altered = findings.find(({ rule }) => rule === 'content-altered');
    expect(altered?.evidence.keys).toEqual(['masters/bronx/01 — Courtyard.wav']);
  });
});
