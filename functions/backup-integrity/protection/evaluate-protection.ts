import { evaluateRules, type RuleTest } from '../../../shared/evaluate-rules.ts';
import type { FindingDraft } from '../../../shared/finding.ts';
import { nextRun } from '../../../shared/schedule/next-run.ts';
import { parseScheduleExpression, ScheduleExpressionError } from '../../../shared/schedule/schedule-expression.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import { isOfRestoreTest, leakedRestore } from '../aws-backup/leaked-restore.ts';
import type { BackupEvaluation, Config, RuleId } from '../context.ts';
import type { PlanCoverage, RestorePoint } from '../items.ts';
import { daysText, minutesText } from './duration-text.ts';
import { type CopyState, postureOf } from './posture.ts';
import { type BlindSpot, goodPoints, type ProtectedResource } from './protected-resource.ts';

interface RuleContext {
  readonly config: Config;
  readonly now: Date;
}

type ProtectionRuleId = Extract<
  RuleId,
  | 'unprotected'
  | 'no-restore-point'
  | 'rpo-exceeded'
  | 'retention-short'
  | 'copy-missing'
  | 'not-immutable'
  | 'annual-missing'
  | 'restore-unproven'
  | 'rto-exceeded'
  | 'restore-blocked'
  | 'covered-without-point'
  | 'restore-test-leaked'
>;

type ProtectionRule = RuleTest<ProtectedResource, RuleContext, ProtectionRuleId>;

const minuteMs = 60_000;
const daysPerYear = 366;

/** An RPO exceeded by this much is no delay any more: the backup has stopped. */
const stoppedFactor = 2;
const stoppedMinutes = 1440;

/** A copy that nobody can delete may be older than the RPO by this: it is made daily at best. */
const immutableLagMinutes = 1560;

/**
 * Kinds whose service keeps copies of its own that nothing here looks at: point-in-time recovery and backups of DynamoDB, replicas of
 * EFS, automatic backups of FSx. Nor is it known how old they are. That AWS Backup has nothing of them wakes nobody up.
 */
const hasUnseenBackups: ReadonlySet<string> = new Set(['dynamodb-table', 'efs-file-system', 'fsx-file-system']);

/** Returns every broken rule on what resources can be restored from, whichever service made it. */
export function evaluateProtection(
  items: readonly ProtectedResource[],
  config: Config,
  now: Date,
): Pick<BackupEvaluation, 'findings' | 'unchecked'> {
  return evaluateRules(items, rules, { config, now });
}

/** Policy: somebody has decided for every resource what may be lost of it, be it everything. */
const unprotected: ProtectionRule = (item) => {
  if (item.requirement !== undefined || isCopyOfAnother(item) || isOfRestoreTest(item.resource.name)) return [];
  const has = goodPoints(item)[0];
  return finding(item, 'unprotected', has === undefined ? 'high' : 'medium', {
    summary:
      has === undefined
        ? 'No policy selects it, and there is nothing to restore it from.'
        : `No policy says what it needs; there is a ${has.method} of it.`,
    evidence: { points: item.points.length, plans: item.plans.map(({ planName }) => planName) },
    remedy: 'Select it in a policy, with an rpoMinutes or a reason why it mayBeUnprotected.',
  });
};

/** Policy: what needs a backup has one that is complete. */
const noRestorePoint: ProtectionRule = (item, { config, now }) => {
  if (!isJudged(item, config, now) || goodPoints(item).length > 0) return [];
  requireSight(item, {});
  const spoiled = item.points[0];
  const unproven = item.unproven ?? [];
  const isUnseen = hasUnseenBackups.has(item.resource.type);
  const nothing = isUnseen ? 'AWS Backup has nothing to restore it from' : 'There is nothing to restore it from';
  return finding(item, 'no-restore-point', isUnseen || unproven.length > 0 ? 'high' : 'critical', {
    summary: `${nothing}${spoiled === undefined ? '' : `: ${item.points.length} unusable, the newest ${spoiled.status}`}${
      unproven.length === 0 ? '' : `; there may be ${unproven.join(' and ')}`
    }.`,
    evidence: { unusablePoints: item.points.length, unproven: [...unproven] },
    remedy:
      unproven.length === 0
        ? 'Make a backup now, then find out why there was none.'
        : 'Name its copy in replicas, so that it is compared, or let a plan of AWS Backup take the bucket in.',
  });
};

/**
 * Policy: the newest point that a resource can be restored to is not older than its RPO. For databases that is the latest restorable
 * time, which RDS moves on about every five minutes:
 * https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIT.html
 */
const rpoExceeded: ProtectionRule = (item, { config, now }) => {
  const target = item.requirement?.rpoMinutes;
  if (target === undefined || !isJudged(item, config, now)) return [];
  const { newest, actualRpoMinutes } = postureOf(item, now);
  // That there is none at all is another rule's finding.
  if (newest === undefined || actualRpoMinutes === undefined || actualRpoMinutes <= target) return [];
  // A stopped database loses nothing: there is nothing new in it.
  if (isStopped(item)) return [];
  // Of a database with continuous backup no other listing holds anything newer.
  if (item.database?.latestRestorableTime === undefined) requireSight(item, {});
  const hasStopped =
    actualRpoMinutes > Math.max(stoppedFactor * target, stoppedMinutes) && !hasUnseenBackups.has(item.resource.type);
  return finding(item, 'rpo-exceeded', hasStopped ? 'critical' : 'high', {
    summary: `The newest point to restore to is ${minutesText(actualRpoMinutes)} old; at most ${minutesText(target)} may be lost.`,
    evidence: {
      rpoTargetMinutes: target,
      rpoActualMinutes: Math.round(actualRpoMinutes),
      newestPoint: newest.id,
      method: newest.method,
      restorableTo: newest.restorableTo.toISOString(),
    },
    remedy: 'Find out why backups have fallen behind: failed jobs, a full disk, a replication that stands still.',
  });
};

/** Policy: points are kept as long as the policy says. */
const retentionShort: ProtectionRule = (item, { config, now }) => {
  const target = item.requirement?.retentionDays;
  if (target === undefined || !isJudged(item, config, now) || goodPoints(item).length === 0) return [];
  const { retentionDays } = postureOf(item, now);
  if (retentionDays !== undefined && retentionDays >= target) return [];
  requireSight(item, {});
  return finding(item, 'retention-short', 'medium', {
    summary:
      retentionDays === undefined
        ? `Nothing tells that its backups are kept; they must be for ${daysText(target)}.`
        : `Its backups are kept for ${daysText(retentionDays)}; they must be for ${daysText(target)}.`,
    evidence: {
      retentionTargetDays: target,
      ...(retentionDays === undefined ? {} : { retentionDays: Math.floor(retentionDays) }),
    },
    remedy: 'Raise the retention of its automated backups or of the backup plan’s rule.',
  });
};

/** Policy: every region and account that the policy names holds a copy that is not older than RPO and lag together. */
const copyMissing: ProtectionRule = (item, { config, now }) => {
  if (!isJudged(item, config, now) || goodPoints(item).length === 0) return [];
  return postureOf(item, now).copies.flatMap((copy) => {
    if (copy.ageMinutes !== undefined && (copy.ageMinutes <= copy.limitMinutes || isStopped(item))) return [];
    requireSight(item, { [copy.kind]: copy.place });
    return finding(item, 'copy-missing', 'high', {
      discriminator: copy.place,
      summary: copyText(copy),
      evidence: {
        [copy.kind]: copy.place,
        limitMinutes: copy.limitMinutes,
        ...(copy.newest === undefined
          ? {}
          : { newestCopy: copy.newest.id, ageMinutes: Math.round(copy.ageMinutes ?? 0) }),
      },
      remedy: `Replicate its backups to ${copy.place}: automated backup replication, a copy action of the plan, or S3 replication.`,
    });
  });
};

function copyText({ place, kind, ageMinutes, limitMinutes }: CopyState): string {
  if (ageMinutes === undefined) return `There is no copy in ${kind} ${place}.`;
  return `The newest copy in ${kind} ${place} is ${minutesText(ageMinutes)} old; it may be ${minutesText(limitMinutes)}.`;
}

/**
 * Policy: a recent backup is where nobody can delete it before its time, whoever has got hold of the account: a vault locked in
 * compliance mode whose cooling-off is over, an air-gapped vault, Object Lock in compliance mode.
 * https://docs.aws.amazon.com/aws-backup/latest/devguide/vault-lock.html
 */
const notImmutable: ProtectionRule = (item, { config, now }) => {
  if (item.requirement?.isImmutable !== true || !isJudged(item, config, now)) return [];
  if (goodPoints(item).length === 0) return [];
  const { newestImmutable } = postureOf(item, now);
  const limitMinutes = (item.requirement.rpoMinutes ?? 0) + immutableLagMinutes;
  const ageMinutes = newestImmutable && (now.getTime() - newestImmutable.restorableTo.getTime()) / minuteMs;
  if (ageMinutes !== undefined && (ageMinutes <= limitMinutes || isStopped(item))) return [];
  requireSight(item, {});
  if (goodPoints(item).some(({ isImmutable }) => isImmutable === undefined)) {
    throw new UncheckedError('partly-seen', 'Whether its copies elsewhere can be deleted could not be found out.');
  }
  return finding(item, 'not-immutable', 'high', {
    summary:
      ageMinutes === undefined
        ? 'Every backup of it can be deleted by somebody.'
        : `The newest backup that nobody can delete is ${minutesText(ageMinutes)} old.`,
    evidence: {
      limitMinutes,
      ...(newestImmutable === undefined ? {} : { newestImmutable: newestImmutable.id }),
    },
    remedy: 'Let its plan copy into a vault that is locked in compliance mode.',
  });
};

/** Policy: once a year a point is made that is kept for years. */
const annualMissing: ProtectionRule = (item, { config, now }) => {
  const target = item.requirement?.annualRetentionDays;
  if (target === undefined || !isJudged(item, config, now)) return [];
  const isYoung = item.createdAt !== undefined && ageDays(item.createdAt, now) < daysPerYear;
  const { newestAnnual } = postureOf(item, now);
  const age = newestAnnual?.createdAt && ageDays(newestAnnual.createdAt, now);
  if (isYoung || (age !== undefined && age <= daysPerYear)) return [];
  requireSight(item, {});
  return finding(item, 'annual-missing', 'medium', {
    summary:
      age === undefined
        ? `There is no long-term backup of it that is kept for ${daysText(target)}.`
        : `Its newest long-term backup is ${daysText(age)} old; one is due each year.`,
    evidence: {
      retentionTargetDays: target,
      ...(newestAnnual === undefined ? {} : { newestAnnual: newestAnnual.id }),
    },
    remedy: 'Make a manual snapshot or an on-demand backup with that retention, and a yearly rule in its plan.',
  });
};

/** Policy: a backup counts once it has been restored, recently, and what came out has been looked at. */
const restoreUnproven: ProtectionRule = (item, { config, now }) => {
  const { requirement } = item;
  if (requirement === undefined || !isJudged(item, config, now)) return [];
  const { restoreTestDays, rtoMinutes } = requirement;
  if (restoreTestDays === undefined && rtoMinutes === undefined) return [];
  const { lastProof } = postureOf(item, now);
  const age = lastProof?.finishedAt && ageDays(lastProof.finishedAt, now);
  if (age === undefined) {
    requireSight(item, {}, 'restores');
    return finding(item, 'restore-unproven', restoreTestDays === undefined ? 'low' : 'medium', {
      summary: 'No restore of it has been proven: how long one takes, and whether it works, is not known.',
      evidence: { restores: item.proofs.length },
      remedy: 'Add it to a restore testing plan of AWS Backup, with a validation of what is in it.',
    });
  }
  if (restoreTestDays === undefined) return [];
  if (age > restoreTestDays) {
    requireSight(item, {}, 'restores');
    return finding(item, 'restore-unproven', 'medium', {
      summary: `Its last proven restore was ${daysText(age)} ago; one is due every ${daysText(restoreTestDays)}.`,
      evidence: { restoreTestDays, lastRestore: lastProof?.id ?? '' },
      remedy: 'Look at why its restore testing plan no longer restores it.',
    });
  }
  if (lastProof?.validation === 'SUCCESSFUL') return [];
  return finding(item, 'restore-unproven', 'low', {
    summary: `Its last restore ended well ${daysText(age)} ago, and nobody looked at what was in it.`,
    evidence: { lastRestore: lastProof?.id ?? '', validation: lastProof?.validation ?? 'none' },
    remedy: 'Validate restores: count rows, read the newest, and answer with PutRestoreValidationResult.',
  });
};

/** Policy: a restore, as measured, does not take longer than the RTO. */
const rtoExceeded: ProtectionRule = (item, { now }) => {
  const target = item.requirement?.rtoMinutes;
  const { measuredRtoMinutes, lastProof } = postureOf(item, now);
  if (target === undefined || measuredRtoMinutes === undefined || measuredRtoMinutes <= target) return [];
  return finding(item, 'rto-exceeded', 'high', {
    summary: `Its last restore took ${minutesText(measuredRtoMinutes)}; it may take ${minutesText(target)}.`,
    evidence: {
      rtoTargetMinutes: target,
      rtoMeasuredMinutes: Math.round(measuredRtoMinutes),
      restoreJob: lastProof?.id ?? '',
    },
    remedy: 'Restore into a larger class, keep a warm replica, or agree on another RTO.',
  });
};

/**
 * Policy: what a restore needs is still there: the keys enabled, the subnet group and the parameter groups. A key that is pending
 * deletion takes every backup encrypted with it along:
 * https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html
 */
const restoreBlocked: ProtectionRule = (item) => {
  if (item.requirement?.mayBeUnprotected !== undefined || isOfRestoreTest(item.resource.name)) return [];
  const findings: FindingDraft<ProtectionRuleId>[] = [];
  const good = goodPoints(item);
  const blocked = good.filter((point) => keyState(item, point) === 'blocked');
  const isAsked = item.requirement !== undefined && !isCopyOfAnother(item);
  const newestBlocked = blocked[0];
  if (newestBlocked !== undefined) {
    const isAll = blocked.length === good.length;
    const key = item.keys.get(newestBlocked.kmsKeyArn ?? '');
    findings.push(
      ...finding(item, 'restore-blocked', isAll && isAsked ? 'critical' : 'high', {
        summary: `${isAll ? 'No' : 'Not every'} backup of it can be decrypted: the key is ${key?.detail ?? 'blocked'}.`,
        evidence: { kmsKey: newestBlocked.kmsKeyArn ?? '', blockedPoints: blocked.length, goodPoints: good.length },
        remedy: 'Cancel the deletion of the key or enable it again, today.',
      }),
    );
  }
  const missing = [
    ...(item.database?.missingSubnetGroup === undefined ? [] : [`subnet group ${item.database.missingSubnetGroup}`]),
    ...(item.database?.missingParameterGroups ?? []).map((name) => `parameter group ${name}`),
  ];
  if (missing.length > 0) {
    findings.push(
      ...finding(item, 'restore-blocked', 'high', {
        discriminator: 'groups',
        summary: `A restore would fail: ${missing.join(' and ')} no longer ${missing.length === 1 ? 'exists' : 'exist'}.`,
        evidence: { missing },
        remedy: 'Create the group again, or write down which one a restore is to use.',
      }),
    );
  }
  // What is known to be blocked is told, whatever else is not known; the key itself is unchecked all the same.
  const unseen = good.find((point) => keyState(item, point) === 'unknown');
  if (findings.length > 0 || unseen === undefined) return findings;
  throw new UncheckedError('partly-seen', `The key ${unseen.kmsKeyArn} of its backups could not be looked at.`);
};

/** Returns the state of the key that a point needs; unknown when the key could not be asked about. */
function keyState({ keys }: ProtectedResource, { kmsKeyArn }: RestorePoint): 'usable' | 'blocked' | 'unknown' {
  if (kmsKeyArn === undefined) return 'usable';
  return keys.get(kmsKeyArn)?.state ?? 'unknown';
}

/** Policy: a plan that takes a resource in has made a recovery point of it; membership alone restores nothing. */
const coveredWithoutPoint: ProtectionRule = (item, { config, now }) => {
  if (item.plans.length === 0 || isNew(item, config, now) || isOfRestoreTest(item.resource.name)) return [];
  if (goodPoints(item).some(({ method }) => method === 'recovery-point')) return [];
  if (!item.plans.some((plan) => hasBeenDue(plan, item, config, now))) return [];
  requireSight(item, {});
  requireSight(item, {}, 'settings');
  const names = [...new Set(item.plans.map(({ planName }) => planName))];
  return finding(item, 'covered-without-point', 'high', {
    summary: `The backup plan ${names.join(', ')} takes it in, and has made no usable recovery point of it.`,
    evidence: { plans: names, rules: item.plans.map(({ ruleName }) => ruleName) },
    remedy: 'Look at its backup jobs and at the role of the selection.',
  });
};

/** Returns whether the time of a rule has come since the resource was created, and as long ago as a new resource has to get a backup. */
function hasBeenDue(
  { schedule }: PlanCoverage,
  { createdAt }: ProtectedResource,
  { newResourceGraceMinutes }: Config,
  now: Date,
): boolean {
  if (schedule === undefined || createdAt === undefined) return true;
  const first = firstRun(schedule, createdAt);
  return first === undefined || now.getTime() - first.getTime() >= newResourceGraceMinutes * minuteMs;
}

/** Returns undefined for a schedule that says nothing. The zone of a plan matters less than the grace. */
function firstRun(schedule: string, from: Date): Date | undefined {
  try {
    return nextRun(parseScheduleExpression(schedule), from, 'UTC');
  } catch (error) {
    if (error instanceof ScheduleExpressionError) return undefined;
    throw error;
  }
}

/** Policy: what a restore test created is gone when the test is over. */
const restoreTestLeaked: ProtectionRule = (item, { now }) => {
  const leaked = leakedRestore(item.resource.name, item.createdAt, now);
  if (leaked === undefined) return [];
  return finding(item, 'restore-test-leaked', 'medium', {
    summary: `A restore test left it behind ${daysText(leaked.ageDays)} ago; it costs money and holds a copy of the data.`,
    evidence: { ageDays: Math.floor(leaked.ageDays) },
    remedy: 'Delete it, and look at the restore job’s deletion status.',
  });
};

const rules: Readonly<Record<ProtectionRuleId, ProtectionRule>> = {
  unprotected,
  'no-restore-point': noRestorePoint,
  'rpo-exceeded': rpoExceeded,
  'retention-short': retentionShort,
  'copy-missing': copyMissing,
  'not-immutable': notImmutable,
  'annual-missing': annualMissing,
  'restore-unproven': restoreUnproven,
  'rto-exceeded': rtoExceeded,
  'restore-blocked': restoreBlocked,
  'covered-without-point': coveredWithoutPoint,
  'restore-test-leaked': restoreTestLeaked,
};

/** Whether a policy asks for a backup that there has been time to make. */
function isJudged(item: ProtectedResource, config: Config, now: Date): boolean {
  if (item.requirement === undefined || item.requirement.mayBeUnprotected !== undefined) return false;
  return !isCopyOfAnother(item) && !isOfRestoreTest(item.resource.name) && !isNew(item, config, now);
}

function isNew({ createdAt }: ProtectedResource, { newResourceGraceMinutes }: Config, now: Date): boolean {
  return createdAt !== undefined && now.getTime() - createdAt.getTime() < newResourceGraceMinutes * minuteMs;
}

/** A read replica holds nothing that its source does not, and cannot have automated backups on every engine. */
function isCopyOfAnother({ database }: ProtectedResource): boolean {
  return database?.replicaOf !== undefined;
}

function isStopped({ database }: ProtectedResource): boolean {
  return database?.status === 'stopped' || database?.status === 'stopping';
}

/**
 * Makes sure that what was not found can really not be there.
 *
 * @throws UncheckedError when a listing could not be read that may hold it.
 */
function requireSight(
  item: ProtectedResource,
  where: { region?: string; account?: string },
  what: BlindSpot['hides'] = 'points',
): void {
  const unknown = item.points.find(({ state }) => state === 'unknown');
  if (unknown !== undefined && what === 'points') {
    throw new UncheckedError('unknown-status', `${unknown.id} is ${unknown.status}, for which there is no rule.`);
  }
  const hidden = item.blindSpots.filter(
    ({ region, account, hides = what }) =>
      hides === what &&
      (where.region === undefined || region === undefined || region === where.region) &&
      (where.account === undefined || account === undefined || account === where.account),
  );
  if (hidden.length === 0) return;
  const names = hidden.slice(0, 3).map(({ name }) => name);
  const more = hidden.length > names.length ? ` and ${hidden.length - names.length} more` : '';
  throw new UncheckedError(
    'partly-seen',
    `What is missing may be in what could not be read: ${names.join(', ')}${more}.`,
  );
}

function ageDays(time: Date, now: Date): number {
  return (now.getTime() - time.getTime()) / (1440 * minuteMs);
}

function finding(
  { resource, requirement }: ProtectedResource,
  rule: ProtectionRuleId,
  severity: FindingDraft['severity'],
  said: Pick<FindingDraft, 'summary' | 'evidence' | 'remedy' | 'discriminator'>,
): FindingDraft<ProtectionRuleId>[] {
  const policies = requirement?.policyIds ?? [];
  const evidence = policies.length === 0 ? said.evidence : { ...said.evidence, policies: [...policies] };
  return [{ rule, severity, resource, ...said, evidence }];
}
