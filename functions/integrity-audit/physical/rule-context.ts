import type { RuleTest } from '../../../shared/evaluate-rules.ts';
import type { PhysicalConfig } from '../config.ts';
import type { RuleId } from '../context.ts';

/** What the rules on databases themselves may look at beside their own item. */
export interface PhysicalRuleContext {
  readonly settings: PhysicalConfig;
  readonly now: Date;
}

/** A rule on one of these items. */
export type PhysicalRule<Item, Rule extends RuleId> = RuleTest<Item, PhysicalRuleContext, Rule>;
