import type { FindingDraft, Severity } from '../../../shared/finding.ts';
import type { FaultRules } from '../../../shared/retention/evaluate-outcomes.ts';
import type { Config, RuleId } from '../context.ts';
import type { DrillFacts, DrillRule } from './drill-facts.ts';
import { drillResource } from './drill-resource.ts';

type SharedRule = Exclude<DrillRule, 'restore-drill-failed'>;

/** Returns what a drill has found: that an archive cannot be restored as it was, or that none was tried for too long. */
export function evaluateDrill(
  { policy, manifest, rows, seconds, fault, lastGoodAt, isOverdue }: DrillFacts,
  { drill }: Pick<Config, 'drill'>,
  rules: FaultRules<SharedRule>,
): FindingDraft<RuleId>[] {
  const resource = drillResource(policy);
  const findings: FindingDraft<RuleId>[] = [];
  if (fault !== null) {
    const { severity, remedy } = ruleOf(fault.rule, rules);
    findings.push({
      rule: fault.rule,
      severity,
      resource,
      summary: `An archive could not be restored as it was: ${fault.detail}`,
      evidence: { subject: fault.subject, rows, seconds, ...(manifest === null ? {} : { manifest }) },
      remedy,
    });
  }
  if (isOverdue) {
    findings.push({
      rule: 'restore-drill-overdue',
      severity: 'high',
      resource,
      summary:
        lastGoodAt === null
          ? 'No archive of the policy has ever been restored.'
          : `No archive of the policy has been restored since ${lastGoodAt}.`,
      evidence: { everyDays: drill.everyDays, ...(lastGoodAt === null ? {} : { lastGoodAt }) },
      remedy: 'See why no drill is good: what this run says is unchecked or failed. By hand: caretaker restore.',
    });
  }
  return findings;
}

function ruleOf(rule: DrillRule, rules: FaultRules<SharedRule>): { severity: Severity; remedy: string } {
  if (rule !== 'restore-drill-failed') return rules[rule];
  return {
    severity: 'critical',
    remedy: 'Restore it by hand into a scratch schema, which says what is wrong, and pause the policy until it works.',
  };
}
