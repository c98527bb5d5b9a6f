import type { WorkContext } from '../run-task.ts';
import type { TrippedGuard } from './guard.ts';
import { approvalOf, hasBegun, type StoredPlan } from './plans.ts';
import type { Guards } from './retention-config.ts';
import { approvalMissing } from './row-guards.ts';

/** What a policy, and a run of it, say of approvals. */
export interface ApprovalRules {
  readonly policy: { readonly mode: 'dry-run' | 'apply'; readonly guards: Pick<Guards, 'approval'> };
  readonly context: Pick<WorkContext<unknown>, 'mode' | 'actor' | 'control'>;
}

/** What there is to say of a plan's approval; nothing where it can be begun. */
export interface ApprovalVerdict {
  /** Of a run that would begin it. */
  readonly guard?: TrippedGuard;
  /** Of one that only shows it: what is to be done before. */
  readonly note?: string;
}

/**
 * Returns whether a plan that has something in it waits for an approval. Of a policy that is not to be applied, no plan ever does.
 *
 * @param replaced why the plan that waited before was of no use any more.
 */
export async function judgeApproval(
  { policy, context }: ApprovalRules,
  stored: StoredPlan,
  replaced: string | undefined,
): Promise<ApprovalVerdict> {
  if (policy.mode !== 'apply') return {};
  const { control, actor } = context;
  const approval = await approvalOf(control, stored.hash);
  const begun = await hasBegun(control, stored.plan);
  const guard = approvalMissing({ stored, approval, hasBegun: begun, runBy: actor, replaced }, policy.guards);
  if (guard === undefined) return {};
  if (context.mode === 'apply') return { guard };
  const command = `caretaker approve ${stored.hash}`;
  return { note: `Before it can be begun, somebody else than ${stored.plan.plannedBy} has to approve it: ${command}` };
}
