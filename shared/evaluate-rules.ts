import type { FindingDraft } from './finding.ts';
import type { Change, ReportTable, Unchecked } from './report.ts';
import type { Resource } from './resource.ts';
import { UncheckedError } from './unchecked-error.ts';

/** What evaluate returns: the rules that are broken, and the rules that could not be tested. */
export interface Evaluation<Rule extends string = string> {
  readonly findings: readonly FindingDraft<Rule>[];
  readonly unchecked: readonly Unchecked[];
  /** One sentence on the whole estate, for whoever reads no further. */
  readonly headline?: string;
  readonly tables?: readonly ReportTable[];
  /** What apply did, or in a dry run would have done. */
  readonly changes?: readonly Change[];
}

/** One condition: returns the findings for one item, none when it is met. Pure; no clock, no I/O. */
export type RuleTest<Item, Context, Rule extends string> = (
  item: Item,
  context: Context,
) => readonly FindingDraft<Rule>[];

/**
 * Tests every rule on every item. A rule that throws is never a pass, nor is one that says by an UncheckedError why it cannot
 * be tested: its item becomes unchecked, with the rule's name,
 * and the other rules and items go on.
 */
export function evaluateRules<Item extends { readonly resource: Resource }, Context, Rule extends string>(
  items: Iterable<Item>,
  rules: Readonly<Record<Rule, RuleTest<Item, Context, Rule>>>,
  context: Context,
): Evaluation<Rule> {
  const findings: FindingDraft<Rule>[] = [];
  const unchecked: Unchecked[] = [];
  const entries = Object.entries(rules) as [Rule, RuleTest<Item, Context, Rule>][];
  for (const item of items) {
    for (const [rule, test] of entries) {
      try {
        findings.push(...test(item, context));
      } catch (error) {
        if (error instanceof UncheckedError) {
          unchecked.push({ resource: item.resource, reason: error.reason, detail: error.detail });
          continue;
        }
        const detail = `The rule ${rule} could not be tested: ${error instanceof Error ? error.message : String(error)}`;
        unchecked.push({ resource: item.resource, reason: 'rule-failed', detail });
      }
    }
  }
  return { findings, unchecked };
}
