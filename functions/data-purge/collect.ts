import type { PolicyOutcome } from '../../shared/retention/policy-outcome.ts';
import { collectOutcomes } from '../../shared/retention/policy-work.ts';
import type { PurgeCollectContext } from './context.ts';
import { task } from './task.ts';

/** Returns what became of each policy: all of it was done by the work. */
export async function collect(context: PurgeCollectContext): Promise<PolicyOutcome[]> {
  return collectOutcomes(task.id, context.config.policies, context);
}
