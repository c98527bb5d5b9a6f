import type { BackupEvaluation, Config } from '../context.ts';
import { evaluateExpiredPoints } from './evaluate-expired-points.ts';
import { evaluateJobs } from './evaluate-jobs.ts';
import { evaluatePlans } from './evaluate-plans.ts';
import { evaluateRecoveryPoints } from './evaluate-recovery-points.ts';
import { evaluateRestoreTests } from './evaluate-restore-tests.ts';
import { evaluateSeries } from './evaluate-series.ts';
import { evaluateVaults } from './evaluate-vaults.ts';
import type { AwsBackupFacts } from './facts.ts';

/**
 * Returns every broken rule on AWS Backup itself: its jobs, recovery points, vaults, plans and restore tests. Whether a resource
 * could be restored, whoever backed it up, is judged elsewhere.
 */
export function evaluateAwsBackup(
  facts: AwsBackupFacts,
  config: Config,
  now: Date,
): Pick<BackupEvaluation, 'findings' | 'unchecked'> {
  const parts = [
    evaluateJobs(facts, config, now),
    evaluateRecoveryPoints(facts, config, now),
    evaluateExpiredPoints(facts, now),
    evaluateSeries(facts, config),
    evaluateVaults(facts, config, now),
    evaluatePlans(facts),
    evaluateRestoreTests(facts, now),
  ];
  return {
    findings: parts.flatMap(({ findings }) => findings),
    unchecked: parts.flatMap(({ unchecked }) => unchecked),
  };
}
