import type { AuditEvaluation } from './context.ts';
import { durationText } from './duration-text.ts';
import { remedyOf } from './evaluate-violations.ts';
import { type Freshness, ruleResource } from './outcome.ts';

const minuteMs = 60_000;

/** Returns a finding where the newest row is too old, where it is from the future, and where there is none. */
export function evaluateFreshness({ rule, newestAt }: Freshness, now: Date): AuditEvaluation {
  const { table, column, maximumAgeMinutes, futureToleranceMinutes } = rule;
  const stopped = 'Find out what has stopped writing to the table.';
  if (newestAt === undefined) {
    return found(rule, `No row of ${table} has a value in ${column}.`, { maximumAgeMinutes }, stopped);
  }
  // Away from zero: a limit that is passed by a second is passed.
  const age = (now.getTime() - newestAt.getTime()) / minuteMs;
  const ageMinutes = age > 0 ? Math.ceil(age) : Math.floor(age);
  const evidence = { newestAt: newestAt.toISOString(), ageMinutes };
  if (ageMinutes > maximumAgeMinutes) {
    const [age, allowed] = [durationText(ageMinutes), durationText(maximumAgeMinutes)];
    // A text of two units is rounded down.
    const summary = `The newest ${column} of ${table} is ${age === allowed ? 'over ' : ''}${age} old; at most ${allowed} is allowed.`;
    return found(rule, summary, { ...evidence, maximumAgeMinutes }, stopped);
  }
  if (-ageMinutes > futureToleranceMinutes) {
    const summary = `The newest ${column} of ${table} is ${durationText(-ageMinutes)} in the future.`;
    const remedy =
      'Find out what writes times to come, such as a clock or a time zone that is wrong, and correct the rows.';
    return found(rule, summary, { ...evidence, futureToleranceMinutes }, remedy);
  }
  return { findings: [], unchecked: [] };
}

function found(
  rule: Freshness['rule'],
  summary: string,
  evidence: Record<string, string | number>,
  remedy: string,
): AuditEvaluation {
  const finding = {
    rule: 'freshness',
    severity: rule.severity,
    resource: ruleResource(rule),
    summary,
    evidence: { ...evidence, ...(rule.owner === undefined ? {} : { owner: rule.owner }) },
    remedy: remedyOf(rule, remedy),
  } as const;
  return { findings: [finding], unchecked: [] };
}
