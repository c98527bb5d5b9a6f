import type { Violations } from './outcome.ts';

/** Returns how many violations the rule tolerates: the larger of a number and a share of what was tested. */
export function toleratedViolations({ rule, tested }: Pick<Violations, 'rule' | 'tested'>): number {
  const maxViolations = 'maxViolations' in rule ? rule.maxViolations : 0;
  const maxPercent = 'maxPercent' in rule ? rule.maxPercent : 0;
  // Without what rounding has added or taken: 10,000 * 0.57 / 100 is 56.99999999999999.
  const share = Number((((tested ?? 0) * maxPercent) / 100).toPrecision(15));
  return Math.max(maxViolations, share);
}

/** Returns whether there are more violations than the rule tolerates. */
export function isBroken(violations: Pick<Violations, 'rule' | 'tested' | 'count'>): boolean {
  return violations.count > toleratedViolations(violations);
}
