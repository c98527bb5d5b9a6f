import { evaluateRules, type RuleTest } from '../../../shared/evaluate-rules.ts';
import type { BackupEvaluation } from '../context.ts';
import { daysText } from '../protection/duration-text.ts';
import type { AwsBackupFacts, RecoveryPoint, Vault } from './facts.ts';

interface RuleContext {
  /** By the ARN of their vault. */
  readonly expired: ReadonlyMap<string, readonly RecoveryPoint[]>;
  readonly now: Date;
}

type ExpiredRule = RuleTest<Vault, RuleContext, 'recovery-point-bad'>;

const dayMs = 86_400_000;

/**
 * Returns the vaults in which recovery points have expired and are still there. What keeps AWS Backup from deleting one keeps it from
 * deleting all that follow, so that this is one finding for each vault, however many there are.
 */
export function evaluateExpiredPoints(
  { vaults, recoveryPoints }: AwsBackupFacts,
  now: Date,
): Pick<BackupEvaluation, 'findings' | 'unchecked'> {
  const whole = recoveryPoints.filter(({ parentArn, status }) => parentArn === undefined && status === 'EXPIRED');
  return evaluateRules(vaults, rules, { expired: Map.groupBy(whole, ({ vaultArn }) => vaultArn), now });
}

/**
 * Policy: what has reached the end of its retention is deleted: it costs, and is kept longer than anybody agreed to.
 * https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DescribeRecoveryPoint.html
 */
const expiredPoints: ExpiredRule = ({ resource }, { expired, now }) => {
  const points = expired.get(resource.id) ?? [];
  if (points.length === 0) return [];
  const ends = points.flatMap(({ deleteAt }) => (deleteAt === undefined ? [] : [deleteAt.getTime()]));
  const overdueDays = ends.length === 0 ? 0 : (now.getTime() - Math.min(...ends)) / dayMs;
  const since = overdueDays < 1 ? '' : `, the first ${daysText(overdueDays)} ago`;
  const what = points.length === 1 ? 'One recovery point' : `${points.length} recovery points`;
  const message = points.find(({ statusMessage }) => statusMessage !== undefined)?.statusMessage;
  return [
    {
      rule: 'recovery-point-bad',
      discriminator: 'expired',
      severity: 'low',
      resource,
      summary: `${what} should have been deleted${since}, and AWS Backup could not.`,
      evidence: {
        status: 'EXPIRED',
        recoveryPoints: points.length,
        examples: points.slice(0, 10).map((point) => point.resource.id),
        ...(message === undefined ? {} : { message }),
      },
      remedy:
        'Give the role that made them the permission to delete them, or delete them by hand: they cost, and are kept too long.',
    },
  ];
};

const rules = { 'recovery-point-bad': expiredPoints } satisfies Record<string, ExpiredRule>;
