import { evaluateRules, type RuleTest } from '../../../shared/evaluate-rules.ts';
import type { FindingDraft, Severity } from '../../../shared/finding.ts';
import type { Unchecked } from '../../../shared/report.ts';
import type { BackupEvaluation, Config } from '../context.ts';
import { minutesText } from '../protection/duration-text.ts';
import type { AwsBackupFacts, BackupJob } from './facts.ts';
import { type JobHistory, jobHistories } from './job-history.ts';
import { nameOf } from './resource-kind.ts';

interface RuleContext {
  readonly config: Config;
  readonly now: Date;
  /** ARNs of recovery points that are being created, which are judged themselves. */
  readonly beingCreated: ReadonlySet<string>;
}

type HistoryRuleId = 'backup-job-failed' | 'backup-job-warning' | 'copy-job-failed' | 'recovery-point-stuck';

type HistoryRule = RuleTest<JobHistory, RuleContext, HistoryRuleId>;

const hourMs = 3_600_000;

/** https://docs.aws.amazon.com/aws-backup/latest/devguide/API_BackupJob.html, API_CopyJob.html and API_CopyJobSummary.html */
const failed: ReadonlySet<string> = new Set(['FAILED', 'EXPIRED', 'PARTIAL', 'ABORTED']);
const underWay: ReadonlySet<string> = new Set(['CREATED', 'PENDING', 'RUNNING', 'COMPLETING', 'ABORTING', 'FAILING']);

/** Returns the broken rules on the jobs that ended within the job window, and on those that do not end. */
export function evaluateJobs(
  facts: AwsBackupFacts,
  config: Config,
  now: Date,
): Pick<BackupEvaluation, 'findings' | 'unchecked'> {
  const creating = facts.recoveryPoints.filter(({ status }) => status === 'CREATING');
  const beingCreated = new Set(creating.map(({ resource }) => resource.id));
  const context: RuleContext = { config, now, beingCreated };
  const histories = jobHistories(facts.jobs);
  const { findings, unchecked } = evaluateRules(histories, rules, context);
  return { findings, unchecked: [...unchecked, ...histories.flatMap((history) => unjudgeable(history, context))] };
}

/** A state that no rule knows is no finding, and must not pass for good either. */
function unjudgeable({ resource, vaultArn, jobs }: JobHistory, context: RuleContext): Unchecked[] {
  const unknown = jobs.find(
    (job) => hasEndedRecently(job, context) && job.state !== 'COMPLETED' && !failed.has(job.state),
  );
  if (unknown === undefined) return [];
  const detail = `A job for ${nameOf(vaultArn)} is ${unknown.state}, for which there is no rule.`;
  return [{ resource, reason: 'unknown-status', detail }];
}

/** Policy: backup jobs end well. One that was made up for since is past trouble, and low. */
const backupJobFailed: HistoryRule = (history, context) =>
  history.kind === 'backup' ? failures(history, 'backup-job-failed', context) : [];

/** Policy: copy jobs end well; a backup without its copy is in one place only. */
const copyJobFailed: HistoryRule = (history, context) =>
  history.kind === 'copy' ? failures(history, 'copy-job-failed', context) : [];

function failures(history: JobHistory, rule: HistoryRuleId, context: RuleContext): FindingDraft<HistoryRuleId>[] {
  const recent = history.jobs.filter((job) => hasEndedRecently(job, context));
  const bad = recent.filter(({ state }) => failed.has(state));
  const newest = bad[0];
  return newest === undefined ? [] : [failure(history, rule, newest, bad.length)];
}

function failure(
  { resource, kind, vaultArn, jobs }: JobHistory,
  rule: HistoryRuleId,
  job: BackupJob,
  count: number,
): FindingDraft<HistoryRuleId> {
  const isMadeUpFor = jobs.slice(0, jobs.indexOf(job)).some(({ state }) => state === 'COMPLETED');
  const severity: Severity = isMadeUpFor ? 'low' : job.state === 'ABORTED' ? 'medium' : 'high';
  const what = kind === 'backup' ? 'backup' : 'copy';
  const since = isMadeUpFor ? '; a later one went well' : '';
  return {
    rule,
    discriminator: vaultArn,
    severity,
    resource,
    summary: `${count === 1 ? `The ${what} into` : `${count} jobs to ${what} into`} ${nameOf(vaultArn)} ${count === 1 ? 'is' : 'are'} ${job.state}${since}.`,
    evidence: {
      state: job.state,
      failedJobs: count,
      job: job.resource.id,
      vault: vaultArn,
      createdAt: job.createdAt.toISOString(),
      ...(job.message === undefined ? {} : { message: job.message }),
    },
    remedy: isMadeUpFor
      ? 'See in the message why it failed, lest it happens again.'
      : (remedies[job.state] ?? failedRemedy),
  };
}

const failedRemedy =
  'See the message; most often it is the role of the selection, the key of the vault or a retention outside its limits.';

const remedies: Readonly<Record<string, string>> = {
  EXPIRED: 'It did not begin within its start window: widen the window, or move it away from the maintenance window.',
  ABORTED: 'Find out who stopped it (CloudTrail: StopBackupJob), and run it again.',
  PARTIAL: 'See which parts are missing among its child jobs, and back them up again.',
};

/**
 * Policy: a job that ended well has nothing to say. AWS Backup calls one that has "completed with issues", such as objects that it
 * left out: https://docs.aws.amazon.com/aws-backup/latest/devguide/API_ListBackupJobs.html
 */
const backupJobWarning: HistoryRule = (history, context) => {
  if (history.kind !== 'backup') return [];
  const newest = history.jobs.find((job) => job.state === 'COMPLETED');
  if (newest?.message === undefined || !hasEndedRecently(newest, context)) return [];
  return [
    {
      rule: 'backup-job-warning',
      discriminator: history.vaultArn,
      severity: 'low',
      resource: history.resource,
      summary: `The newest backup into ${nameOf(history.vaultArn)} completed with issues.`,
      evidence: { message: newest.message, job: newest.resource.id, vault: history.vaultArn },
      remedy: 'See in the message what was left out of it.',
    },
  ];
};

/** Policy: a job comes to an end. What shows as a recovery point that is being created is judged as such. */
const stuckJob: HistoryRule = (history, { config, now, beingCreated }) => {
  const stuck = history.jobs.filter(({ state, createdAt, recoveryPointArn, kind }) => {
    if (kind === 'backup' && recoveryPointArn !== undefined && beingCreated.has(recoveryPointArn)) return false;
    return underWay.has(state) && now.getTime() - createdAt.getTime() > config.stuckHours * hourMs;
  });
  const oldest = stuck.at(-1);
  if (oldest === undefined) return [];
  const minutes = (now.getTime() - oldest.createdAt.getTime()) / 60_000;
  return [
    {
      rule: 'recovery-point-stuck',
      discriminator: `${history.kind} ${history.vaultArn}`,
      severity: 'medium',
      resource: history.resource,
      summary: `A ${history.kind} job into ${nameOf(history.vaultArn)} is ${oldest.state} since ${minutesText(minutes)}.`,
      evidence: {
        job: oldest.resource.id,
        state: oldest.state,
        createdAt: oldest.createdAt.toISOString(),
        stuckJobs: stuck.length,
      },
      remedy: 'Stop the job and start it again; when that does not help, ask AWS Support.',
    },
  ];
};

/** A job that ended, nobody knows when, is judged rather than missed. */
function hasEndedRecently({ state, completedAt }: BackupJob, { config, now }: RuleContext): boolean {
  if (underWay.has(state)) return false;
  return completedAt === undefined || now.getTime() - completedAt.getTime() <= config.jobWindowHours * hourMs;
}

const rules = {
  'backup-job-failed': backupJobFailed,
  'backup-job-warning': backupJobWarning,
  'copy-job-failed': copyJobFailed,
  'recovery-point-stuck': stuckJob,
} satisfies Record<HistoryRuleId, HistoryRule>;
