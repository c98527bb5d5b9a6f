import type { AuditEvaluation } from './context.ts';
import { remedyOf } from './evaluate-violations.ts';
import { type Freshness, ruleResource } from './outcome.ts';

const minuteMs = 60_000;

/** Returns a finding where the newest row is too old, where it is from the future, and where there is none. */
export function evaluateFreshness({ rule, newestAt }: Freshness, now: Date): AuditEvaluation {
  const { table, column, maximumAgeMinutes, futureToleranceMinutes, severity } = rule;
  const found = (summary: string, evidence: Record<string, string | number>): AuditEvaluation => ({
    findings: [
      {
        rule: 'freshness',
        severity,
        resource: ruleResource(rule),
        summary,
        evidence: { ...evidence, ...(rule.owner === undefined ? {} : { owner: rule.owner }) },
        remedy: remedyOf(rule, 'Find out what has stopped writing to the table.'),
      },
    ],
    unchecked: [],
  });
  if (newestAt === undefined) return found(`${table} has no row with a ${column}.`, { maximumAgeMinutes });
  const ageMinutes = Math.floor((now.getTime() - newestAt.getTime()) / minuteMs);
  const evidence = { newestAt: newestAt.toISOString(), ageMinutes, maximumAgeMinutes };
  if (ageMinutes > maximumAgeMinutes) {
    return found(
      `The newest ${column} of ${table} is ${ageMinutes} minutes old; ${maximumAgeMinutes} are allowed.`,
      evidence,
    );
  }
  if (-ageMinutes > futureToleranceMinutes) {
    return found(`The newest ${column} of ${table} is ${-ageMinutes} minutes in the future.`, evidence);
  }
  return { findings: [], unchecked: [] };
}
