import type { FindingDraft } from '../../shared/finding.ts';
import type { AuditEvaluation, RuleId } from './context.ts';
import { ruleResource, type Violations } from './outcome.ts';
import { formatSample } from './samples.ts';
import { isBroken, toleratedViolations } from './tolerance.ts';

/** Returns a finding where there are more violations than the rule tolerates. */
export function evaluateViolations(violations: Violations): AuditEvaluation {
  if (!isBroken(violations)) return { findings: [], unchecked: [] };
  const { rule, breaks, severity, tested, unit, count, isAtLeast, samples, what, remedy, facts } = violations;
  const tolerated = toleratedViolations(violations);
  const of = tested === undefined ? '' : ` of ${formatCount(tested)}`;
  const finding: FindingDraft<RuleId> = {
    rule: breaks,
    severity,
    resource: ruleResource(rule),
    summary: `${isAtLeast ? 'At least ' : ''}${formatCount(count)}${of} ${unit} ${what}.`,
    evidence: {
      violations: count,
      ...(tested === undefined ? {} : { tested }),
      ...(isAtLeast ? { isAtLeast } : {}),
      ...(tolerated > 0 ? { tolerated } : {}),
      ...(samples.length === 0 ? {} : { samples: samples.map(formatSample) }),
      ...(rule.owner === undefined ? {} : { owner: rule.owner }),
      ...facts,
    },
    remedy: remedyOf(rule, remedy),
  };
  return { findings: [finding], unchecked: [] };
}

/** Returns what the rule says to do, or else what can be said of its kind; and how, where that is prepared. */
export function remedyOf(rule: Violations['rule'], otherwise: string): string {
  const given = rule.remedy ?? otherwise;
  const prepared =
    rule.correction === undefined ? '' : ` \`caretaker correct ${rule.id}\` shows the correction that is prepared.`;
  return `${given}${prepared}`;
}

function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}
