import { type Evaluation, evaluateRules, type RuleTest } from '../../../shared/evaluate-rules.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { BackupConfig, VerificationConfig } from '../config.ts';
import type { Verification } from './facts.ts';
import { stalenessBoundRuns } from './order.ts';

type RuleId = 'content-altered' | 'verification-overdue';

interface RuleContext {
  readonly verifications: ReadonlyMap<string, VerificationConfig>;
  readonly now: Date;
}

type VerificationRule = RuleTest<Verification, RuleContext, RuleId>;

const dayMs = 86_400_000;

/** Returns every broken rule of every verification; one that found nothing to verify is unchecked. */
export function evaluateVerification(
  verifications: readonly Verification[],
  config: Pick<BackupConfig, 'verifications'>,
  now: Date,
): Evaluation<RuleId> {
  const byId = new Map(config.verifications.map((entry) => [entry.id, entry]));
  return evaluateRules(verifications, rules, { verifications: byId, now });
}

/**
 * Policy: the bytes that are read are those that were written. Compared with the checksum that S3 keeps of the whole object since it
 * was written, else with the ETag where it is an MD5, else with what the first reading saw.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
 */
const contentAltered: VerificationRule = ({ resource, altered, alteredCount }) => {
  const first = altered[0];
  if (first === undefined) return [];
  const others = alteredCount === 1 ? '' : `, and ${alteredCount - 1} more`;
  return [
    {
      rule: 'content-altered',
      severity: 'critical',
      resource,
      summary: `The bytes of ${countOf(alteredCount)} are not those that were written: ${first.key}${others}.`,
      evidence: {
        alteredObjects: alteredCount,
        keys: altered.map(({ key }) => key),
        comparedBy: first.algorithm,
        expected: first.expected,
        actual: first.actual,
      },
      remedy:
        'Restore them from an older version or another copy, and compare that with the checksum first. ' +
        'Find out who or what wrote the bytes; the object was read twice, so that it is not the connection.',
    },
  ];
};

/**
 * Policy: no object stays unread for longer than `maximumAgeDays`, and what is read in each run suffices for that, at one run a day.
 * @throws UncheckedError when there is nothing that could be read.
 */
const verificationOverdue: VerificationRule = (verification, { verifications, now }) => {
  const { resource, configId, objects, bytes, archivedObjects, oldestUnverifiedSince } = verification;
  const config = verifications.get(configId);
  if (config === undefined) throw new RangeError(`no verification ${configId} is configured`);
  if (objects === 0) {
    throw new UncheckedError('nothing-found', 'There is no object to verify where some were expected.');
  }
  if (oldestUnverifiedSince === undefined) {
    throw new UncheckedError(
      'all-archived',
      `${archivedObjects === 1 ? 'The only object has' : `All ${archivedObjects} objects have`} to be restored before being read.`,
    );
  }
  const { maximumAgeDays, bytesPerRun } = config;
  const boundDays = stalenessBoundRuns(bytes, bytesPerRun);
  const neededBytesPerRun = Math.ceil(bytes / maximumAgeDays);
  const isTooLittle = boundDays > maximumAgeDays;
  const enough = `Set bytesPerRun to at least ${neededBytesPerRun} for a run each day.`;
  const ageMs = now.getTime() - oldestUnverifiedSince.getTime();
  const evidence = { maximumAgeDays, bytesPerRun, bytes, boundDays, neededBytesPerRun };
  if (ageMs > maximumAgeDays * dayMs) {
    const ageDays = Math.floor(ageMs / dayMs);
    return [
      {
        rule: 'verification-overdue',
        severity: 'medium',
        resource,
        summary: `The oldest unverified object has waited for ${ageDays} days; ${maximumAgeDays} are allowed.`,
        evidence: {
          ...evidence,
          oldestUnverifiedDays: ageDays,
          oldestUnverifiedSince: oldestUnverifiedSince.toISOString(),
          oldestUnverifiedKey: verification.oldestUnverifiedKey ?? '',
        },
        remedy: isTooLittle
          ? enough
          : `The runs to come will read it: all objects take ${boundDays} of them. Where it stays, see why it cannot be read.`,
      },
    ];
  }
  if (!isTooLittle) return [];
  return [
    {
      rule: 'verification-overdue',
      severity: 'low',
      resource,
      summary: `At ${bytesPerRun} bytes a day, all objects are verified within ${boundDays} days; ${maximumAgeDays} are allowed.`,
      evidence,
      remedy: enough,
    },
  ];
};

const rules: Readonly<Record<RuleId, VerificationRule>> = {
  'content-altered': contentAltered,
  'verification-overdue': verificationOverdue,
};

function countOf(objects: number): string {
  return objects === 1 ? 'one object' : `${objects} objects`;
}
