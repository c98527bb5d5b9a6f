import { uncheckedReason } from '../../../shared/aws/unchecked-reason.ts';
import { Hold } from '../../../shared/control/hold.ts';
import { Ledger } from '../../../shared/ledger/ledger.ts';
import { LedgerError } from '../../../shared/ledger/ledger-error.ts';
import { postgresUncheckedReason } from '../../../shared/postgres/unchecked-reason.ts';
import { beginPlan } from '../../../shared/retention/begin-plan.ts';
import { definitionHash } from '../../../shared/retention/definition-hash.ts';
import { pausedBy } from '../../../shared/retention/pause.ts';
import { PlanRefused, readPlan } from '../../../shared/retention/plans.ts';
import { type PolicyOutcome, policyOutcomeSchema } from '../../../shared/retention/policy-outcome.ts';
import type { WorkProgress } from '../../../shared/run-task.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import { BatchEntries } from './batch-entries.ts';
import { type BegunPlan, deleteListed } from './delete-listed.ts';
import { FrozenList } from './frozen-list.ts';
import { backlogHours, emptyOutcome, type HeldWork, type ObjectWork, purgeTask } from './object-work.ts';
import { type PreparedObjects, planObjects, youngerThanRetention } from './plan-objects.ts';
import { firstCursor, type PurgeCursor, readCursor, removeCursor, writeCursor } from './purge-cursor.ts';

/**
 * Carries out a policy about objects, as far as the time allows: goes on with a plan that was begun, or makes one, and deletes what it
 * names where that is asked for and no guard says no.
 *
 * @throws whatever is not about the bucket, the ledger or the database.
 */
export async function purgeListed(work: ObjectWork, progress: WorkProgress | undefined): Promise<WorkProgress> {
  const outcome =
    progress === undefined ? emptyOutcome(work) : policyOutcomeSchema.parse(structuredClone(progress.state));
  try {
    const { control, runId, actor } = work.context;
    // Two runs at once would delete nothing that either would not, but neither could tell which of them had done it.
    await using hold = await Hold.take(control, `${purgeTask}/${work.policy.id}`, { runId, actor, clock: work.clock });
    const isDone = await goOn({ ...work, hold }, outcome);
    return { isDone, state: outcome };
  } catch (error) {
    if (error instanceof LedgerError) {
      outcome.faults.push({ rule: 'ledger-broken', subject: work.policy.id, detail: error.message, evidence: {} });
      outcome.state = 'stopped';
      return { isDone: true, state: outcome };
    }
    const reason = reasonOf(error);
    if (reason === undefined) throw error;
    // The time was up in the middle of a question: the next step asks it again.
    if (work.context.signal.aborted && reason.reason === 'not-reached') return { isDone: false, state: outcome };
    note(outcome, reason);
    outcome.state = 'stopped';
    return { isDone: true, state: outcome };
  }
}

/** Says it once, however many steps meet it. */
function note(
  { unchecked }: PolicyOutcome,
  { reason, detail }: { readonly reason: string; readonly detail: string },
): void {
  if (!unchecked.some((known) => known.reason === reason && known.detail === detail))
    unchecked.push({ reason, detail });
}

function reasonOf(error: unknown) {
  if (error instanceof UncheckedError) return { reason: error.reason, detail: error.detail };
  return uncheckedReason(error) ?? postgresUncheckedReason(error);
}

/** Returns whether there is nothing more to do in this run. */
async function goOn(work: HeldWork, outcome: PolicyOutcome): Promise<boolean> {
  const { policy, context } = work;
  if (work.applies && (await pausedBy(context.control, purgeTask, policy.id)) !== undefined) {
    return paused(work, outcome);
  }
  if (work.applies) {
    const begun = await begunPlan(work);
    if (begun !== undefined) return goOnWith(work, begun.begun, begun.cursor, outcome);
  }
  const prepared = await preparedPlan(work, outcome);
  if (prepared === undefined) return false;
  const { planned, guards, notes, isUnusable } = prepared;
  outcome.notes = [...notes];
  outcome.guards = guards.map(({ guard, detail, evidence }) => ({ guard, detail, evidence: { ...evidence } }));
  if (planned !== undefined) {
    outcome.planHash = planned.hash;
    outcome.planned = planned.plan.objects;
    outcome.backlog = planned.plan.objects;
    outcome.backlogAgeHours = backlogHours(policy, context.now, planned.list.oldestFrom(1));
  }
  if (!work.applies) {
    outcome.state = 'planned';
    return true;
  }
  if (guards.length > 0 || planned === undefined) {
    outcome.state = 'guarded';
    return true;
  }
  if (planned.plan.objects === 0) {
    outcome.state = 'done';
    return true;
  }
  if (isUnusable) {
    outcome.state = 'stopped';
    return true;
  }
  const { plan, hash, list } = planned;
  const cursor = firstCursor(hash, plan.definitionHash);
  await writeCursor(context.control, policy.id, cursor);
  const entries = new BatchEntries(await openLedger(work), work, { plan, hash });
  await entries.giveUpOthers();
  return carryOut(work, { plan, hash, list, entries }, cursor, outcome);
}

/**
 * Returns the plan, with a list that is as it was planned. Where that list is lost or was changed, this is said, and there is a new plan,
 * which is not begun in this run: somebody may want to know first who has done it.
 */
async function preparedPlan(
  work: HeldWork,
  outcome: PolicyOutcome,
): Promise<(PreparedObjects & { readonly isUnusable: boolean }) | undefined> {
  try {
    const prepared = await planObjects(work);
    const mayBegin = work.applies && prepared?.guards.length === 0;
    // Whoever has changed a part of it is found out before anything is deleted, and not when it comes to that part.
    if (mayBegin) await prepared.planned?.list.verify();
    return prepared && { ...prepared, isUnusable: false };
  } catch (error) {
    if (!isListFault(error)) throw error;
    note(outcome, error);
    const prepared = await planObjects(work, { unusable: error.detail });
    return prepared && { ...prepared, isUnusable: true };
  }
}

function isListFault(error: unknown): error is UncheckedError {
  return error instanceof UncheckedError && (error.reason === 'list-missing' || error.reason === 'list-changed');
}

/** Goes on with a plan that was begun, unless what it depends on is not as it was then. */
async function goOnWith(
  work: HeldWork,
  begun: BegunPlan,
  cursor: PurgeCursor,
  outcome: PolicyOutcome,
): Promise<boolean> {
  const guards = [...(await work.guards()), youngerThanRetention(work, begun.plan, begun.list)].filter(
    (guard) => guard !== undefined,
  );
  if (guards.length > 0) {
    outcome.guards = guards.map(({ guard, detail, evidence }) => ({ guard, detail, evidence: { ...evidence } }));
    outcome.state = 'guarded';
    tellOf(work, begun, cursor, outcome);
    return true;
  }
  return carryOut(work, begun, cursor, outcome);
}

async function carryOut(
  work: HeldWork,
  begun: BegunPlan,
  cursor: PurgeCursor,
  outcome: PolicyOutcome,
): Promise<boolean> {
  try {
    return await deletion(work, begun, cursor, outcome);
  } catch (error) {
    if (isListFault(error)) await giveUp(work, begun.entries);
    throw error;
  }
}

/** What is left of a plan whose list is of no use any more is for another plan, which the next run makes. */
async function giveUp({ policy, context }: ObjectWork, entries: BatchEntries): Promise<void> {
  await entries.giveUpOthers();
  await removeCursor(context.control, policy.id);
}

/** Says what waits while nothing is done about it. */
function tellOf(
  { policy, context }: ObjectWork,
  { plan, hash, list }: Pick<BegunPlan, 'plan' | 'hash' | 'list'>,
  cursor: PurgeCursor,
  outcome: PolicyOutcome,
): void {
  outcome.planHash = hash;
  outcome.planned = plan.objects;
  outcome.backlog = plan.objects - cursor.processed;
  outcome.backlogAgeHours = backlogHours(policy, context.now, list.oldestFrom(cursor.part));
}

/** What waits is told of also while nothing is done about it. */
async function paused(work: HeldWork, outcome: PolicyOutcome): Promise<boolean> {
  outcome.state = 'paused';
  const cursor = await readCursor(work.context.control, work.policy.id);
  if (cursor === undefined) return true;
  const plan = await planOf(work, cursor);
  if (plan === undefined) return true;
  const list = await FrozenList.open(work.context.store, plan.list, plan.listHash);
  tellOf(work, { plan, hash: cursor.planHash, list }, cursor, outcome);
  return true;
}

async function deletion(
  work: HeldWork,
  begun: BegunPlan,
  cursor: PurgeCursor,
  outcome: PolicyOutcome,
): Promise<boolean> {
  const { context } = work;
  outcome.planHash = begun.hash;
  outcome.planned = begun.plan.objects;
  outcome.state = 'working';
  await beginPlan(context, begun.hash, begun.plan);
  const isAtEnd = await deleteListed(work, begun, cursor, outcome);
  return isAtEnd || outcome.state !== 'working';
}

/** Returns the plan that an earlier run or step has begun and not brought to its end. */
async function begunPlan(
  work: HeldWork,
): Promise<{ readonly begun: BegunPlan; readonly cursor: PurgeCursor } | undefined> {
  const { policy, context } = work;
  const cursor = await readCursor(context.control, policy.id);
  if (cursor === undefined) return undefined;
  const plan = await planOf(work, cursor);
  if (plan === undefined) {
    await removeCursor(context.control, policy.id);
    return undefined;
  }
  const entries = new BatchEntries(await openLedger(work), work, { plan, hash: cursor.planHash });
  if (cursor.definitionHash !== definitionHash(policy)) {
    // By another policy it would not be this plan; what became of its last batch, the next listing shows.
    await giveUp(work, entries);
    return undefined;
  }
  try {
    const list = await FrozenList.open(context.store, plan.list, plan.listHash);
    return { begun: { plan, hash: cursor.planHash, list, entries }, cursor };
  } catch (error) {
    if (isListFault(error)) await giveUp(work, entries);
    throw error;
  }
}

async function planOf({ context }: ObjectWork, { planHash }: PurgeCursor) {
  try {
    const { plan } = await readPlan(context.control, planHash);
    return plan.kind === 'objects' ? plan : undefined;
  } catch (error) {
    if (error instanceof PlanRefused) return undefined;
    throw error;
  }
}

function openLedger({ policy, context, clock }: ObjectWork): Promise<Ledger> {
  return Ledger.open(context.ledgers, `${purgeTask}/${policy.id}`, clock);
}
