import { evaluateRules, type RuleTest } from '../../../shared/evaluate-rules.ts';
import type { FindingDraft, Severity } from '../../../shared/finding.ts';
import type { Unchecked } from '../../../shared/report.ts';
import type { BackupEvaluation, Config, RuleId } from '../context.ts';
import type { DifferenceKind, Differences, Replica } from './facts.ts';

type ReplicaRuleId = Extract<RuleId, `replica-${string}` | 'replication-failed'>;
type ReplicaRule = RuleTest<Replica, Config, ReplicaRuleId>;

/** Returns every broken rule of every replica. A source without objects is unchecked: nothing was compared. */
export function evaluateReplicas(replicas: readonly Replica[], config: Config, _now: Date): BackupEvaluation {
  const { findings, unchecked } = evaluateRules(replicas, rules, config);
  return { findings, unchecked: [...unchecked, ...replicas.flatMap(nothingCompared)] };
}

/** Comparing nothing finds no fault, whatever became of the source: one mistyped prefix, and all would be well for ever. */
function nothingCompared({ resource, compared, isPartial, differences }: Replica): Unchecked[] {
  if (compared > 0 || isPartial) return [];
  const { count } = differences.extra;
  const detail = `The source holds no object${count > 0 ? `, its copy ${count}` : ''}: nothing was compared.`;
  return [{ resource, reason: 'nothing-compared', detail }];
}

/** Policy: every object of the source that has had the time to be copied has been. */
const missing: ReplicaRule = (replica) =>
  finding(replica, 'replica-missing', 'critical', 'missing', {
    summary: (count) => `${count} of ${objects(replica.compared)} ${are(count)} not in the copy.`,
    remedy:
      'Copy them: for objects older than the replication rule, or that it has failed on, with S3 Batch Replication. Then find ' +
      'out why they were not copied.',
  });

/** Policy: what was written anew in the source has been copied anew. */
const stale: ReplicaRule = (replica) =>
  finding(replica, 'replica-stale', 'high', 'stale', {
    summary: (count) =>
      `${count} of ${objects(replica.compared)} ${are(count)} in the copy as ${count === 1 ? 'it was' : 'they were'} before.`,
    remedy: 'Copy them again, and find out why what was written last was not copied.',
  });

/** Policy: what the copy holds is what the source holds. */
const differs: ReplicaRule = (replica) =>
  finding(replica, 'replica-differs', 'critical', 'differs', {
    summary: (count) =>
      `${count} of ${objects(replica.compared)} ${are(count)} different in the copy, which was written later.`,
    remedy: 'Find out which side is right before anything is copied over the other, and what wrote to the copy.',
  });

/** Policy: unless `mayHaveExtra` says otherwise, the copy holds nothing that the source does not. */
const extra: ReplicaRule = (replica, { replicas }) => {
  const configured = replicas.find(({ id }) => id === replica.configId);
  if (configured?.mayHaveExtra !== false) return [];
  return finding(replica, 'replica-extra', 'low', 'extra', {
    summary: (count) => `The copy holds ${objects(count)} that the source does not.`,
    remedy: 'Delete them from the copy if they were rightly deleted from the source; restore them if not.',
  });
};

/**
 * Policy: S3 has not given up copying anything. It does not try again by itself:
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-status.html
 */
const replicationFailed: ReplicaRule = (replica) =>
  finding(replica, 'replication-failed', 'high', 'replication-failed', {
    summary: (count) => `S3 has given up copying ${objects(count)}.`,
    remedy: 'Mend the permissions, keys or buckets that it failed for, and copy the objects with S3 Batch Replication.',
  });

const rules: Readonly<Record<ReplicaRuleId, ReplicaRule>> = {
  'replica-missing': missing,
  'replica-stale': stale,
  'replica-differs': differs,
  'replica-extra': extra,
  'replication-failed': replicationFailed,
};

function finding(
  replica: Replica,
  rule: ReplicaRuleId,
  severity: Severity,
  kind: DifferenceKind,
  { summary, remedy }: { summary: (count: number) => string; remedy: string },
): FindingDraft<ReplicaRuleId>[] {
  const found = replica.differences[kind];
  if (found.count === 0) return [];
  return [
    {
      rule,
      severity,
      resource: replica.resource,
      summary: summary(found.count),
      evidence: evidence(replica, found),
      remedy,
    },
  ];
}

function evidence(
  { compared, inFlight, copy, listedIn }: Replica,
  { count, unconfirmed = 0, examples, oldest }: Differences,
) {
  return {
    objects: count,
    // What the listings show and nobody asked the objects about.
    unconfirmedObjects: unconfirmed,
    comparedObjects: compared,
    inFlightObjects: inFlight,
    ...(oldest === undefined ? {} : { oldestWrittenAt: oldest.toISOString() }),
    examples: [...examples],
    ...(listedIn === undefined ? {} : { everyKeyIn: listedIn }),
    copyBucket: copy.bucket,
    copyRegion: copy.region,
  };
}

function objects(count: number): string {
  return count === 1 ? '1 object' : `${count} objects`;
}

function are(count: number): string {
  return count === 1 ? 'is' : 'are';
}
