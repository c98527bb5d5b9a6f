import { evaluateRules, type RuleTest } from '../../../shared/evaluate-rules.ts';
import type { Severity } from '../../../shared/finding.ts';
import type { Unchecked } from '../../../shared/report.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { BackupEvaluation, Config } from '../context.ts';
import { minutesText } from '../protection/duration-text.ts';
import type { AwsBackupFacts, RecoveryPoint } from './facts.ts';
import { nameOf } from './resource-kind.ts';
import { isUsable } from './restore-points.ts';

interface RuleContext {
  readonly config: Config;
  readonly now: Date;
  /** When the newest usable point of a resource in a vault was created, by both ARNs. */
  readonly newestUsable: ReadonlyMap<string, number>;
}

type PointRuleId = 'recovery-point-bad' | 'recovery-point-stuck' | 'recovery-point-infected';

type PointRule = RuleTest<RecoveryPoint, RuleContext, PointRuleId>;

const minuteMs = 60_000;

/** Returns the broken rules on single recovery points. Those that are parts of another one are judged with it. */
export function evaluateRecoveryPoints(
  { recoveryPoints }: AwsBackupFacts,
  config: Config,
  now: Date,
): Pick<BackupEvaluation, 'findings' | 'unchecked'> {
  const newestUsable = new Map<string, number>();
  for (const point of recoveryPoints.filter(isUsable)) {
    const created = point.createdAt?.getTime() ?? 0;
    newestUsable.set(seriesOf(point), Math.max(created, newestUsable.get(seriesOf(point)) ?? 0));
  }
  const whole = recoveryPoints.filter(({ parentArn }) => parentArn === undefined);
  const { findings, unchecked } = evaluateRules(whole, rules, { config, now, newestUsable });
  return { findings, unchecked: [...unchecked, ...recoveryPoints.flatMap(undated)] };
}

/**
 * Policy: recovery points can be used. PARTIAL: parts of it are missing. STOPPED: the continuous backup has ended. Those that are
 * EXPIRED are judged vault by vault.
 * https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DescribeRecoveryPoint.html
 */
const recoveryPointBad: PointRule = (point, { newestUsable }) => {
  if (isUsable(point) || judgedElsewhere.has(point.status)) return [];
  const isSuperseded = (newestUsable.get(seriesOf(point)) ?? 0) > (point.createdAt?.getTime() ?? 0);
  const said = badTexts[point.status];
  if (said === undefined) {
    throw new UncheckedError('unknown-status', `AWS Backup calls it ${point.status}, for which there is no rule.`);
  }
  const severity: Severity = isSuperseded ? 'low' : 'high';
  return [
    {
      rule: 'recovery-point-bad',
      severity,
      resource: point.resource,
      summary: `${said.summary}${isSuperseded ? '; a newer one is good' : ''}.`,
      evidence: { ...evidenceOf(point), hasNewerGoodPoint: isSuperseded },
      remedy: said.remedy,
    },
  ];
};

const judgedElsewhere: ReadonlySet<string> = new Set(['CREATING', 'DELETING', 'EXPIRED']);

const badTexts: Readonly<Record<string, { summary: string; remedy: string }>> = {
  PARTIAL: {
    summary: 'The recovery point is partial: not everything in it was backed up',
    remedy: 'Look at the child jobs of its backup job, and back up what is missing.',
  },
  STOPPED: {
    summary: 'The continuous backup has stopped: nothing newer can be restored from it',
    remedy:
      'See its status message: permissions, versioning of the bucket, EventBridge. The next run of its rule begins a new one.',
  },
};

/** Policy: what is being created gets done, within stuckHours. */
const recoveryPointStuck: PointRule = (point, { config, now }) => {
  if (point.status !== 'CREATING') return [];
  if (point.createdAt === undefined)
    throw new UncheckedError('date-unreadable', 'It is being created, and nothing says since when.');
  const minutes = (now.getTime() - point.createdAt.getTime()) / minuteMs;
  if (minutes <= config.stuckHours * 60) return [];
  return [
    {
      rule: 'recovery-point-stuck',
      severity: 'medium',
      resource: point.resource,
      summary: `The recovery point is being created since ${minutesText(minutes)}.`,
      evidence: { ...evidenceOf(point), ageHours: Math.round(minutes / 60), stuckHours: config.stuckHours },
      remedy: 'Stop its backup job and start it again; when that does not help, ask AWS Support.',
    },
  ];
};

/** Policy: nothing malicious would be restored. https://docs.aws.amazon.com/aws-backup/latest/devguide/malware-protection.html */
const recoveryPointInfected: PointRule = (point) => {
  if (point.scan !== 'infected' || point.status === 'DELETING') return [];
  return [
    {
      rule: 'recovery-point-infected',
      severity: 'high',
      resource: point.resource,
      summary: 'A scan found malware in the recovery point.',
      evidence: evidenceOf(point),
      remedy: 'Do not restore it in place; find the newest point before it that is clean, and how the malware came in.',
    },
  ];
};

/** What could be restored, nobody knows to which time, counts as no backup, and must not pass for none either. */
function undated(point: RecoveryPoint): Unchecked[] {
  if (point.createdAt !== undefined || !isUsable(point)) return [];
  const detail = 'Nothing says when it was made, so that it cannot be counted as a backup.';
  return [{ resource: point.resource, reason: 'date-unreadable', detail }];
}

function evidenceOf(point: RecoveryPoint): Record<string, string> {
  return {
    status: point.status,
    protects: point.protectedArn,
    vault: nameOf(point.vaultArn),
    ...(point.createdAt === undefined ? {} : { createdAt: point.createdAt.toISOString() }),
    ...(point.deleteAt === undefined ? {} : { deleteAt: point.deleteAt.toISOString() }),
    ...(point.statusMessage === undefined ? {} : { message: point.statusMessage }),
  };
}

function seriesOf({ protectedArn, vaultArn }: RecoveryPoint): string {
  return JSON.stringify([protectedArn, vaultArn]);
}

const rules = {
  'recovery-point-bad': recoveryPointBad,
  'recovery-point-stuck': recoveryPointStuck,
  'recovery-point-infected': recoveryPointInfected,
} satisfies Record<PointRuleId, PointRule>;
