import { beforeAll, describe, expect, it } from 'vitest';
import { configSchema } from '../../functions/backup-integrity/config.ts';
import { contextFor } from '../../functions/backup-integrity/context-fixtures.ts';
import { evaluateReplicas } from '../../functions/backup-integrity/replicas/evaluate-replicas.ts';
import type { Replica } from '../../functions/backup-integrity/replicas/facts.ts';
import { planReplicas, replicaFacts, workReplica } from '../../functions/backup-integrity/replicas/replica-work.ts';
import { uncheckedReason } from '../../shared/aws/unchecked-reason.ts';
import { CoverageLedger } from '../../shared/coverage.ts';
import { backupReplicas } from './backup-replicas.ts';
import { accountOf, inEstate } from './estate-fixtures.ts';

const now = new Date('2026-11-22T12:00:00.500Z');
const { cases, buckets } = backupReplicas(now);
const config = configSchema.parse({ replicas: cases.map(({ resource }) => resource) });
const coverage = new CoverageLedger({ classify: uncheckedReason });

let replicas: Replica[];

beforeAll(async () => {
  await inEstate(accountOf({ s3: { buckets } }), async (clients) => {
    const context = contextFor({ config, now, clients, coverage });
    const items = await planReplicas(context);
    const work = await Promise.all(
      items.map(async (item) => ({ item, progress: await workReplica(item, undefined, context) })),
    );
    replicas = replicaFacts(work, context);
  });
});

describe('the copied buckets of the sample estate', () => {
  it.each(cases)('$resource.id: $why', ({ resourceId, findings, unchecked }) => {
    const evaluation = evaluateReplicas(replicas, config, now);
    const found = evaluation.findings
      .filter(({ resource }) => resource.id === resourceId)
      .map(({ rule, severity }) => `${rule} ${severity}`);
    expect(found.sort()).toEqual(findings.map(({ rule, severity }) => `${rule} ${severity}`).sort());
    const reasons = evaluation.unchecked
      .filter(({ resource }) => resource.id === resourceId)
      .map(({ reason }) => reason);
    expect(reasons).toEqual(unchecked === undefined ? [] : [unchecked]);
  });

  it('have one object at fault in each way, and one on its way', () => {
    const audio = replicas.find(({ configId }) => configId === 'audio');
    const counts = Object.entries(audio?.differences ?? {}).map(([kind, { count, unconfirmed }]) => [
      kind,
      count,
      unconfirmed,
    ]);
    expect(counts).toEqual([
      ['missing', 2, 0],
      ['stale', 1, 0],
      ['differs', 1, 0],
      ['extra', 1, 0],
      ['replication-failed', 1, 0],
    ]);
    expect(audio?.inFlight).toBe(1);
  });

  it('are all read to their end', () => {
    expect(coverage.summary()).toMatchObject({ expected: cases.length, checked: cases.length, unchecked: [] });
  });
});
