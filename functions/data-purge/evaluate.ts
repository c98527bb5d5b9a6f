import type { Evaluation } from '../../shared/evaluate-rules.ts';
import { evaluateOutcomes, type FaultRules } from '../../shared/retention/evaluate-outcomes.ts';
import type { PolicyOutcome } from '../../shared/retention/policy-outcome.ts';
import type { Config, RuleId } from './context.ts';
import { task } from './task.ts';

const faultRules: FaultRules<'deletion-failed' | 'object-kept' | 'ledger-broken'> = {
  'deletion-failed': {
    severity: 'high',
    remedy: 'Look at what the service or the server says of it; what was not deleted is tried again by the next run.',
  },
  'object-kept': {
    severity: 'low',
    remedy: 'Nothing, as long as the lock or the legal hold is meant to be there; the next run asks again.',
  },
  'ledger-broken': {
    severity: 'critical',
    remedy:
      'Find out who has changed the ledger: caretaker ledger verify names the entry. Nothing is deleted until then.',
  },
};

/** Returns what became of the policies, as findings, changes and a table. */
export function evaluate(outcomes: readonly PolicyOutcome[], config: Config): Evaluation<RuleId> {
  return evaluateOutcomes(task.id, outcomes, faultRules, config);
}
