import type { FindingDraft } from '../../shared/finding.ts';
import type { AuditEvaluation, RuleId } from './context.ts';
import { type Predicate, ruleResource, singular, type Violations } from './outcome.ts';
import { formatSample } from './samples.ts';
import { isBroken, toleratedViolations } from './tolerance.ts';

/** Returns a finding where there are more violations than the rule tolerates. */
export function evaluateViolations(violations: Violations): AuditEvaluation {
  if (!isBroken(violations)) return { findings: [], unchecked: [] };
  const { rule, breaks, severity, tested, count, isAtLeast, samples, remedy, facts } = violations;
  const tolerated = toleratedViolations(violations);
  const finding: FindingDraft<RuleId> = {
    rule: breaks,
    severity,
    resource: ruleResource(rule),
    summary: violations.summary ?? sentenceOf(violations),
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

function sentenceOf({ tested, unit, count, isAtLeast, what }: Violations): string {
  const of = tested === undefined ? '' : ` of ${formatCount(tested)}`;
  return `${isAtLeast ? 'At least ' : ''}${formatCount(count)}${of} ${unit} ${agreeing(count, what)}.`;
}

/** Returns a predicate in the number that goes with a count: "1 of 120 rows has", "2 of 120 rows have". */
function agreeing(count: number, what: Predicate): string {
  if (count !== 1) return what;
  const end = what.indexOf(' ');
  return `${singular[what.slice(0, end) as keyof typeof singular]}${what.slice(end)}`;
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
