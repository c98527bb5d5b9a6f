import { evaluateRules, type RuleTest } from '../../../shared/evaluate-rules.ts';
import type { Severity } from '../../../shared/finding.ts';
import type { Resource } from '../../../shared/resource.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { BackupEvaluation } from '../context.ts';
import type { AwsBackupFacts, RestoreJob } from './facts.ts';
import { nameOf, resourceOf } from './resource-kind.ts';

/** The newest restore test of a resource that has come to an end. */
interface LatestTest {
  /** What was restored. */
  readonly resource: Resource;
  readonly job: RestoreJob;
}

interface RuleContext {
  readonly now: Date;
}

const dayMs = 86_400_000;

const underWay: ReadonlySet<string> = new Set(['CREATED', 'PENDING', 'RUNNING']);

/**
 * For this long after a test, AWS Backup's word that it could not delete what it restored is told: whether it is still there, AWS
 * Backup does not say. What stays longer shows among the resources of its kind.
 */
const deletionNoticeDays = 30;

/** Returns the broken rules on restore tests. */
export function evaluateRestoreTests(
  { restoreJobs }: AwsBackupFacts,
  now: Date,
): Pick<BackupEvaluation, 'findings' | 'unchecked'> {
  const tests = restoreJobs.filter(({ testingPlanArn }) => testingPlanArn !== undefined);
  const failed = evaluateRules(latestTests(tests), latestRules, { now });
  const leaked = evaluateRules(tests, testRules, { now });
  return {
    findings: [...failed.findings, ...leaked.findings],
    unchecked: [...failed.unchecked, ...leaked.unchecked],
  };
}

/** A test under way says nothing yet, and the one before it stands. */
function latestTests(jobs: readonly RestoreJob[]): LatestTest[] {
  const ended = jobs.filter(({ status, validation }) => !underWay.has(status) && validation !== 'VALIDATING');
  const groups = Map.groupBy(ended, ({ protectedArn, resource }) => protectedArn ?? resource.id);
  return [...groups.values()].map((group) => {
    const [job] = [...group].sort((a, b) => b.startedAt.getTime() - a.startedAt.getTime()) as [RestoreJob];
    return {
      job,
      resource: job.protectedArn === undefined ? job.resource : resourceOf(job.protectedArn, job.resource),
    };
  });
}

/**
 * Policy: the last restore test of a resource brought it back, and whoever looked at it found it whole. A test without validation has
 * restored, which is what it says.
 * https://docs.aws.amazon.com/aws-backup/latest/devguide/restore-testing-validation.html
 */
const restoreTestFailed: RuleTest<LatestTest, RuleContext, 'restore-test-failed'> = ({ resource, job }) => {
  const fault = faultOf(job);
  if (fault === undefined) return [];
  return [
    {
      rule: 'restore-test-failed',
      severity: fault.severity,
      resource,
      summary: fault.summary,
      evidence: {
        restoreJob: job.id,
        status: job.status,
        validation: job.validation ?? 'none',
        recoveryPoint: job.recoveryPointArn,
        startedAt: job.startedAt.toISOString(),
        ...(job.message === undefined ? {} : { message: job.message }),
      },
      remedy: fault.remedy,
    },
  ];
};

function faultOf({
  status,
  validation,
}: RestoreJob): { severity: Severity; summary: string; remedy: string } | undefined {
  if (status === 'FAILED' || status === 'ABORTED') {
    return {
      severity: status === 'FAILED' ? 'high' : 'medium',
      summary: `The last restore test is ${status}: it is not known whether this can be restored.`,
      remedy: 'See the message; missing subnet groups, keys and quotas are the usual reasons. Then run the test again.',
    };
  }
  if (status !== 'COMPLETED')
    throw new UncheckedError('unknown-status', `Its restore job is ${status}, for which there is no rule.`);
  switch (validation) {
    case 'FAILED':
      return {
        severity: 'high',
        summary: 'The last restore test restored it, and the validation found that it is not whole.',
        remedy: 'Find the newest recovery point that does validate, and what damaged the data since.',
      };
    case 'TIMED_OUT':
      return {
        severity: 'medium',
        summary: 'The last restore test restored it, and nobody validated it in time.',
        remedy: 'Look at the function that validates, and at the validation window of the selection.',
      };
    case 'SUCCESSFUL':
    case undefined:
      return undefined;
    default:
      throw new UncheckedError('unknown-status', `Its validation is ${validation}, for which there is no rule.`);
  }
}

/** Policy: what a restore test created is deleted after it. */
const restoreTestLeaked: RuleTest<RestoreJob, RuleContext, 'restore-test-leaked'> = (job, { now }) => {
  if (job.deletion !== 'FAILED') return [];
  const ended = job.finishedAt ?? job.startedAt;
  if (now.getTime() - ended.getTime() > deletionNoticeDays * dayMs) return [];
  const resource = job.createdArn === undefined ? job.resource : resourceOf(job.createdArn, job.resource);
  return [
    {
      rule: 'restore-test-leaked',
      severity: 'medium',
      resource,
      summary: `AWS Backup could not delete what a restore test of ${nameOf(job.protectedArn ?? job.recoveryPointArn)} had created.`,
      evidence: {
        restoreJob: job.id,
        finishedAt: ended.toISOString(),
        ...(job.message === undefined ? {} : { message: job.message }),
      },
      remedy: 'Delete it if it is still there: it costs money and holds a copy of the data.',
    },
  ];
};

const latestRules = { 'restore-test-failed': restoreTestFailed };

const testRules = { 'restore-test-leaked': restoreTestLeaked };
