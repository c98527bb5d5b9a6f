import type { Violations } from './outcome.ts';

/** Returns how many violations the rule tolerates: the larger of a number and a share of what was tested. */
export function toleratedViolations({ rule, tested }: Pick<Violations, 'rule' | 'tested'>): number {
  const maxViolations = 'maxViolations' in rule ? rule.maxViolations : 0;
  const maxPercent = 'maxPercent' in rule ? rule.maxPercent : 0;
  return Math.max(maxViolations, ((tested ?? 0) * maxPercent) / 100);
}

/** Returns whether there are more violations than the rule tolerates. */
export function isBroken(violations: Pick<Violations, 'rule' | 'tested' | 'count'>): boolean {
  return violations.count > toleratedViolations(violations);
}
