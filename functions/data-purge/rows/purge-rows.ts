import type { Reader } from '../../../shared/postgres/reader.ts';
import { runBatches } from '../../../shared/retention/batch-loop.ts';
import { outcomeOfBatches } from '../../../shared/retention/batch-loop-outcome.ts';
import {
  type Deletion,
  type DeletionContext,
  openDeletion,
} from '../../../shared/retention/batch-loop-surroundings.ts';
import { beginPlan } from '../../../shared/retention/begin-plan.ts';
import { measureBacklog } from '../../../shared/retention/measure-rows.ts';
import { pausedBy } from '../../../shared/retention/pause.ts';
import { recordRun } from '../../../shared/retention/plans.ts';
import { type PolicyOutcome, policyOutcomeSchema } from '../../../shared/retention/policy-outcome.ts';
import { openDryReader, policyStep, type Tell } from '../../../shared/retention/policy-step.ts';
import { type PreparedPlan, prepareRowPlan } from '../../../shared/retention/prepare-plan.ts';
import { resolveTarget } from '../../../shared/retention/resolve-target.ts';
import type { RowTarget } from '../../../shared/retention/row-target.ts';
import type { WorkProgress } from '../../../shared/run-task.ts';
import type { RowsPolicy } from '../config.ts';
import { PurgeSource } from './purge-source.ts';

const task = 'data-purge';

/**
 * Deletes the rows of a policy that are past their retention, or shows what it would delete, and returns what became of it. When the time
 * is up it is not done, and the next step goes on with the same plan; a step that was killed leaves nothing that the next one does not find.
 */
export async function purgeRows(
  policy: RowsPolicy,
  context: DeletionContext,
  progress: WorkProgress | undefined,
): Promise<WorkProgress> {
  return policyStep(policy, context, progress, {
    apply: (before, tell) => apply(policy, context, before, tell),
    show: (before, tell) => show(policy, context, before, tell),
  });
}

/** Reads from the replica where there is one, and changes nothing. */
async function show(policy: RowsPolicy, context: DeletionContext, before: PolicyOutcome, tell: Tell): Promise<void> {
  await using reader = await openDryReader(policy, context);
  const prepared = await prepareRowPlan(policy, 'purge', context, reader);
  const outcome = { ...planned(before, prepared), state: 'planned' as const };
  tell(outcome);
  tell({ ...outcome, ...(await backlogOf(policy, context, prepared, reader)) });
}

/** All of it on the primary: what a replica does not know yet is no ground to delete on. */
async function apply(policy: RowsPolicy, context: DeletionContext, before: PolicyOutcome, tell: Tell): Promise<void> {
  await using deletion = await openDeletion(task, policy, context);
  const { primary } = deletion;
  const resume = before.state === 'working' ? (before.planHash ?? undefined) : undefined;
  const prepared = await prepareRowPlan(policy, 'purge', context, primary, { resume });
  const { plan, planHash } = prepared;
  const outcome = planned(before, prepared);
  // One that is paused has not begun: it may still be approved, or expire.
  const isPaused = (await pausedBy(context.control, task, policy.id)) !== undefined;
  if (isPaused || prepared.guards.length > 0) {
    const state = isPaused ? 'paused' : 'guarded';
    tell({ ...outcome, state });
    tell({ ...outcome, state, ...(await backlogOf(policy, context, prepared, primary)) });
    return;
  }
  // As the role that deletes: that it may.
  const target = await resolveTarget(policy, primary, { task, deletes: true, cutoff: plan.cutoff });
  const after = await purge(context, { deletion, target, prepared }, outcome);
  tell(after);
  if (after.deleted > 0 || (after.state === 'done' && plan.rows === 0)) {
    await recordRun(context.control, plan, { planHash, at: context.now.toISOString(), amount: after.deleted });
  }
  if (after.state !== 'working') tell({ ...after, ...(await backlogOf(policy, context, prepared, primary)) });
}

async function purge(
  context: DeletionContext,
  {
    deletion,
    target,
    prepared,
  }: { readonly deletion: Deletion; readonly target: RowTarget; readonly prepared: PreparedPlan },
  outcome: PolicyOutcome,
): Promise<PolicyOutcome> {
  const { plan, planHash, measure } = prepared;
  const { pacer, lock, limits, openWriter } = deletion;
  const ledger = await deletion.openLedger(planHash, 'purge');
  await beginPlan(context, planHash, plan);
  const left = Math.max(0, plan.rows - outcome.deleted);
  const source = new PurgeSource(target, left);
  const result = await runBatches({ source, limits, openWriter, pacer, ledger, lock, remaining: measure.rows });
  return outcomeOfBatches(outcome, result, pacer);
}

function planned(outcome: PolicyOutcome, { plan, planHash, guards, notes }: PreparedPlan): PolicyOutcome {
  return policyOutcomeSchema.parse({ ...outcome, planHash, planned: plan.rows, guards, notes });
}

async function backlogOf(
  policy: RowsPolicy,
  { now }: DeletionContext,
  { target }: PreparedPlan,
  reader: Reader,
): Promise<Pick<PolicyOutcome, 'backlog' | 'backlogAgeHours'>> {
  const { backlog, backlogAgeHours } = await measureBacklog(target, policy, now, policy.guards.maximumRows, reader);
  return { backlog, backlogAgeHours: backlogAgeHours === null ? null : Math.max(0, backlogAgeHours) };
}
