import { task } from '../task.ts';
import { amount } from './amount.ts';
import type { CorrectionContext } from './correction-context.ts';
import { openLedger } from './correction-ledger.ts';
import { planHash, readPlan } from './correction-plan.ts';
import { type CorrectionResult, resultOf } from './correction-result.ts';
import { countNow } from './plan-correction.ts';
import type { CorrectableRule } from './prepared-correction.ts';

/**
 * Writes into the ledger that a person has done what a rule asks of one, with the violations that were shown last and those that
 * there are now.
 */
export async function attendCorrection(
  rule: CorrectableRule,
  note: string,
  context: CorrectionContext,
): Promise<CorrectionResult> {
  const plan = await readPlan(context.store, rule.id);
  const violations = (await countNow(rule, context))?.violations ?? null;
  const ledger = await openLedger(rule.database, context);
  // Nothing is written on top of a record that cannot be trusted.
  await Array.fromAsync(ledger.entries());
  const entry = await ledger.append({
    actor: context.actor,
    task: task.id,
    subject: rule.id,
    target: rule.database,
    action: rule.correction.kind,
    planHash: plan === undefined ? null : planHash(plan),
    manifest: null,
    keysHash: null,
    before: plan?.violations ?? null,
    after: violations,
    facts: { note },
    outcome: 'attended',
    settles: null,
    confirms: null,
  });
  const left = violations === null ? '' : ` The rule has ${amount(violations, 'violation')} now.`;
  return resultOf(rule, {
    outcome: 'attended',
    message: `Written down.${left}`,
    violations: plan?.violations ?? null,
    remaining: violations,
    ledgerEntry: entry.sequence,
  });
}
