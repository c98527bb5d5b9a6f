import { evaluateArtifacts } from './artifacts/evaluate-artifacts.ts';
import { evaluateAwsBackup } from './aws-backup/evaluate-aws-backup.ts';
import { evaluateBuckets } from './buckets/evaluate-buckets.ts';
import type { BackupItems } from './collect.ts';
import type { BackupEvaluation, Config } from './context.ts';
import { evaluateDatabases } from './databases/evaluate-databases.ts';
import { evaluateProtection } from './protection/evaluate-protection.ts';
import { headline } from './protection/headline.ts';
import { protectionTable } from './protection/protection-table.ts';
import { evaluateReplicas } from './replicas/evaluate-replicas.ts';
import { replicaTable } from './replicas/replica-table.ts';
import { evaluateVerification } from './verification/evaluate-verification.ts';
import { verificationTable } from './verification/verification-table.ts';

/** Returns every broken rule of every family, the table of what could be restored, and a sentence on the whole. */
export function evaluate(
  { facts, protection, verifications, unseen }: BackupItems,
  config: Config,
  now: Date,
): BackupEvaluation {
  const judged = evaluateProtection(protection, config, now);
  const parts = [
    judged,
    evaluateDatabases(facts.databases, config, now),
    evaluateAwsBackup(facts.awsBackup, config, now),
    evaluateBuckets({ buckets: facts.buckets }, config, now),
    evaluateArtifacts(facts.artifacts, config, now),
    evaluateReplicas(facts.replicas, config, now),
    evaluateVerification(verifications, config, now),
  ];
  const unchecked = parts.flatMap((part) => part.unchecked);
  const atFault = new Set(judged.findings.map(({ resource }) => resource.id));
  return {
    findings: parts.flatMap((part) => part.findings),
    unchecked,
    headline: headline(
      protection,
      { findings: judged.findings, unchecked: [...unseen, ...unchecked], verifications },
      now,
    ),
    tables: [
      protectionTable(protection, atFault, now),
      ...(facts.replicas.length === 0 ? [] : [replicaTable(facts.replicas)]),
      ...(verifications.length === 0 ? [] : [verificationTable(verifications, now)]),
    ],
  };
}
