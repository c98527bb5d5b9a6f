import { Ledger } from '../ledger/ledger.ts';
import type { WorkContext } from '../run-task.ts';
import type { Plan } from './plan.ts';
import { approvalOf, markBegun, plannedAmount, wasBegun } from './plans.ts';

/** What a run has to say of a plan that it begins. */
type Beginner = Pick<WorkContext<unknown>, 'control' | 'ledgers' | 'actor' | 'now'>;

/**
 * Says that something is now deleted by a plan, and writes into the ledger who made it and who has approved it: what approved it is
 * forgotten some day, and the ledger is not. It has a chain of its own, `<task>/<policy>.plans`, so that the last entry of a policy's own
 * stays that of a batch. Said again of the same plan, it is not written again.
 *
 * @throws LedgerError when it cannot be written down: nothing is to be deleted then.
 */
export async function beginPlan({ control, ledgers, actor, now }: Beginner, hash: string, plan: Plan): Promise<void> {
  if (plannedAmount(plan) > 0 && !(await wasBegun(control, hash))) {
    const approval = await approvalOf(control, hash);
    const ledger = await Ledger.open(ledgers, `${plan.task}/${plan.policy}.plans`, () => now);
    await ledger.append({
      actor,
      task: plan.task,
      subject: plan.policy,
      target: plan.kind === 'objects' ? plan.bucket : plan.database,
      action: 'begin-plan',
      outcome: 'done',
      planHash: hash,
      manifest: null,
      keysHash: null,
      before: plannedAmount(plan),
      after: null,
      facts: {
        plannedBy: plan.plannedBy,
        plannedAt: plan.plannedAt,
        approvedBy: approval?.by ?? null,
        approvedAt: approval?.at ?? null,
      },
      settles: null,
      confirms: null,
    });
  }
  await markBegun(control, hash, plan, actor, now);
}
