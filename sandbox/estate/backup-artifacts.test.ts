import { beforeAll, describe, expect, it } from 'vitest';
import { collectArtifacts } from '../../functions/backup-integrity/artifacts/collect-artifacts.ts';
import { evaluateArtifacts } from '../../functions/backup-integrity/artifacts/evaluate-artifacts.ts';
import type { ArtifactSet } from '../../functions/backup-integrity/artifacts/facts.ts';
import { configSchema } from '../../functions/backup-integrity/config.ts';
import { contextFor } from '../../functions/backup-integrity/context-fixtures.ts';
import { uncheckedReason } from '../../shared/aws/unchecked-reason.ts';
import { CoverageLedger } from '../../shared/coverage.ts';
import { backupArtifacts } from './backup-artifacts.ts';
import { accountOf, inEstate } from './estate-fixtures.ts';

const now = new Date('2026-11-22T12:00:00.500Z');
const { cases, buckets } = backupArtifacts(now);
const config = configSchema.parse({ artifacts: cases.map(({ resource }) => resource) });
const coverage = new CoverageLedger({ classify: uncheckedReason });

let sets: ArtifactSet[];

beforeAll(async () => {
  await inEstate(accountOf({ s3: { buckets } }), async (clients) => {
    sets = await collectArtifacts(
      contextFor({
        config,
        estate: { name: 'nycmg', timeZone: 'America/New_York', regions: ['us-east-1'], accounts: [] },
        now,
        clients,
        coverage,
      }),
    );
  });
});

describe('the artifacts of the sample estate', () => {
  it.each(cases)('$resource.id: $why', ({ resourceId, findings }) => {
    const found = evaluateArtifacts(sets, config, now)
      .findings.filter(({ resource }) => resource.id === resourceId)
      .map(({ rule, severity, discriminator }) => ({ rule, severity, ...(discriminator && { discriminator }) }));
    expect(found).toEqual(findings);
  });

  it('are all looked at, but for those that nobody can look into', () => {
    expect(evaluateArtifacts(sets, config, now).unchecked).toEqual([]);
    const { unchecked, byType } = coverage.summary();
    const planted = cases.flatMap(({ resourceId, unchecked: reason }) =>
      reason === undefined ? [] : `${resourceId} ${reason}`,
    );
    const seen = unchecked.map(({ resource, reason }) => `${resource.id.replace(/[^/]*$/, '')} ${reason}`);
    expect(seen.toSorted()).toEqual(planted.toSorted());
    expect(byType['backup-artifacts']).toEqual({ expected: cases.length, checked: cases.length });
    const empty = cases.filter(({ resource }) => resource.id === 'royalties').length;
    expect(byType['backup-artifact']?.expected).toBe(cases.length - empty);
  });

  it('are the same however often they are made', () => {
    expect(backupArtifacts(now)).toEqual({ cases, buckets });
  });
});
