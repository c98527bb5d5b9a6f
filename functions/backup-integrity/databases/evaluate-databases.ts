import { evaluateRules } from '../../../shared/evaluate-rules.ts';
import type { Unchecked } from '../../../shared/report.ts';
import type { BackupEvaluation, Config } from '../context.ts';
import { type DatabaseRuleContext, databaseRules } from './database-rules.ts';
import type { DatabaseFacts, Snapshot } from './facts.ts';
import { snapshotRules } from './snapshot-rules.ts';
import { snapshotState } from './snapshot-state.ts';

/**
 * Returns every broken rule on how databases and their snapshots are set up. What could be restored from them, and what policies ask of
 * that, is judged together with the backups that other services made.
 */
export function evaluateDatabases(facts: DatabaseFacts, config: Config, now: Date): BackupEvaluation {
  const context: DatabaseRuleContext = { config, now, facts };
  const ofDatabases = evaluateRules(facts.databases, databaseRules, context);
  const ofSnapshots = evaluateRules(facts.snapshots, snapshotRules, context);
  return {
    findings: [...ofDatabases.findings, ...ofSnapshots.findings],
    unchecked: [...ofDatabases.unchecked, ...ofSnapshots.unchecked, ...facts.snapshots.flatMap(unjudgeable)],
  };
}

/** What cannot be read is no finding, and must not pass for good either. */
function unjudgeable(snapshot: Snapshot): Unchecked[] {
  const { resource, status, createdAt } = snapshot;
  const state = snapshotState(snapshot);
  if (state === 'unknown') {
    const detail = `RDS calls it ${status}, for which there is no rule.`;
    return [{ resource, reason: 'unknown-status', detail }];
  }
  if (state === 'good' && createdAt === undefined) {
    return [{ resource, reason: 'date-unreadable', detail: 'RDS does not say when it was made.' }];
  }
  return [];
}
