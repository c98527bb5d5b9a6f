import * as z from 'zod';
import { readReadable } from '../control/control-document.ts';
import type { ControlStore } from '../control/control-store.ts';
import { UncheckedError } from '../unchecked-error.ts';
import { type Plan, planHash, planSchema } from './plan.ts';
import { isSamePerson } from './same-person.ts';

/** A plan that waits, or one that was begun. */
export interface StoredPlan {
  readonly hash: string;
  readonly plan: Plan;
  /** Not to be begun after. */
  readonly validUntil: Date;
}

/** Who allowed a plan, and when. */
export interface Approval {
  readonly by: string;
  readonly at: string;
}

/** What a run took, or was to take. */
export interface PastRun {
  readonly planHash: string;
  readonly at: string;
  /** Rows of the table itself, whatever went with them, or objects. */
  readonly amount: number;
}

/** A plan cannot be used or approved. */
export class PlanRefused extends Error {
  override readonly name = 'PlanRefused';
  readonly reason: 'unknown-plan' | 'changed-plan' | 'expired-plan' | 'own-plan' | 'not-waiting';

  constructor(reason: PlanRefused['reason'], detail: string) {
    super(detail);
    this.reason = reason;
  }
}

/** Past runs that are remembered of each policy, and their plans. */
const maximumHistory = 50;

const hashPattern = /^[0-9a-f]{64}$/;
const storedSchema = z.strictObject({ plan: z.unknown(), validUntil: z.iso.datetime() });
const pendingSchema = z.strictObject({ hash: z.string().regex(hashPattern) });
const approvalSchema = z.strictObject({ by: z.string().min(1), at: z.iso.datetime() });
const begunSchema = z.strictObject({
  planHash: z.string().regex(hashPattern),
  by: z.string(),
  at: z.iso.datetime(),
});
const historySchema = z.array(
  z.strictObject({ planHash: z.string().regex(hashPattern), at: z.iso.datetime(), amount: z.number().min(0) }),
);

/** What of a plan says whose it is. */
type Owner = Pick<Plan, 'task' | 'policy'>;

const planKey = (hash: string) => `plan/${hash}`;
const approvalKey = (hash: string) => `approval/${hash}`;
const pendingKey = ({ task, policy }: Owner) => `pending/${task}/${policy}`;
const historyKey = ({ task, policy }: Owner) => `history/${task}/${policy}`;
const begunKey = ({ task, policy, definitionHash }: Plan) => `begun/${task}/${policy}/${definitionHash}`;
const startedKey = (hash: string) => `started/${hash}`;

/**
 * Returns a plan by its hash.
 *
 * @throws PlanRefused `unknown-plan`, or `changed-plan` when what is stored under the hash has another one.
 */
export async function readPlan(control: ControlStore, hash: string): Promise<StoredPlan> {
  const stored = hashPattern.test(hash) ? await readReadable(control, planKey(hash)) : undefined;
  if (stored === undefined) {
    throw new PlanRefused('unknown-plan', 'There is no such plan: it was never made, or another one has replaced it.');
  }
  const parsed = storedSchema.safeParse(stored);
  const plan = planSchema.safeParse(parsed.data?.plan);
  if (!parsed.success || !plan.success || planHash(plan.data) !== hash) {
    throw new PlanRefused(
      'changed-plan',
      'What is stored as this plan is another one: it was changed after it was made.',
    );
  }
  return { hash, plan: plan.data, validUntil: new Date(parsed.data.validUntil) };
}

/**
 * Returns the plan of a policy that waits to be begun; undefined when none does.
 *
 * @throws PlanRefused `changed-plan`; the next plan that is saved replaces it.
 */
export async function pendingPlan(control: ControlStore, owner: Owner): Promise<StoredPlan | undefined> {
  const hash = await pendingHash(control, owner);
  if (hash === undefined) return undefined;
  try {
    const stored = await readPlan(control, hash);
    const isOwn = stored.plan.task === owner.task && stored.plan.policy === owner.policy;
    if (isOwn) return stored;
    throw new PlanRefused('changed-plan', 'The plan that waits is the one of another policy.');
  } catch (error) {
    if (error instanceof PlanRefused && error.reason === 'unknown-plan') return undefined;
    throw error;
  }
}

/** Has a plan wait to be begun, in place of the one that waited before, and returns its hash. */
export async function savePlan(control: ControlStore, plan: Plan, validUntil: Date): Promise<string> {
  const hash = planHash(plan);
  const before = await pendingHash(control, plan);
  await control.write(planKey(hash), { plan, validUntil: validUntil.toISOString() });
  await control.write(pendingKey(plan), { hash });
  // Nobody can approve it any more.
  if (before !== undefined && before !== hash) await forget(control, before);
  return hash;
}

/**
 * Allows a plan to be begun, and returns it, with who has allowed it: somebody else where that was done before.
 *
 * @param actor not who made the plan. Who runs it is not to be the one either, which is seen when it is begun.
 * @throws PlanRefused `unknown-plan`, `changed-plan`, `expired-plan`, `own-plan`; `not-waiting` for one that was begun before.
 */
export async function approvePlan(
  control: ControlStore,
  hash: string,
  actor: string,
  now: Date,
): Promise<{ readonly plan: Plan; readonly approval: Approval }> {
  const { plan, validUntil } = await readPlan(control, hash);
  const given = await approvalOf(control, hash);
  if (given !== undefined) return { plan, approval: given };
  if (now > validUntil) {
    throw new PlanRefused(
      'expired-plan',
      `The plan was good until ${validUntil.toISOString()}: a new one has to be made.`,
    );
  }
  if (isSamePerson(actor, plan.plannedBy)) {
    throw new PlanRefused('own-plan', `The plan was made by ${plan.plannedBy}: somebody else has to approve it.`);
  }
  if (!(await isWaiting(control, hash, plan))) {
    throw new PlanRefused('not-waiting', 'The plan does not wait to be begun: it was begun before.');
  }
  const approval: Approval = { by: actor, at: now.toISOString() };
  if (await control.create(approvalKey(hash), approval)) return { plan, approval };
  const other = await approvalOf(control, hash);
  if (other !== undefined) return { plan, approval: other };
  throw new PlanRefused(
    'changed-plan',
    'What is stored as the approval of this plan is none: somebody has written it.',
  );
}

/** Returns whether a plan is the one of its policy that waits to be begun. */
export async function isWaiting(control: ControlStore, hash: string, plan: Plan): Promise<boolean> {
  return (await pendingHash(control, plan)) === hash;
}

/** Returns who has allowed a plan; undefined when nobody has. */
export async function approvalOf(control: ControlStore, hash: string): Promise<Approval | undefined> {
  return approvalSchema.safeParse(await readReadable(control, approvalKey(hash))).data;
}

/** Returns whether somebody else than who made a plan, and than who runs it, has allowed it. */
export function isApproved(plan: Plan, approval: Approval | undefined, runBy: string): boolean {
  return approval !== undefined && !isSamePerson(approval.by, plan.plannedBy) && !isSamePerson(approval.by, runBy);
}

/**
 * Says that something is now deleted by a plan: the next run makes another one, and needs nobody's approval where only a first run does.
 * A plan to delete nothing is none that was begun.
 */
export async function markBegun(control: ControlStore, hash: string, plan: Plan, by: string, at: Date): Promise<void> {
  if (plannedAmount(plan) === 0) return;
  const begun = { planHash: hash, by, at: at.toISOString() };
  if (!(await control.create(begunKey(plan), begun)) && !(await hasBegun(control, plan))) {
    // What is there says nothing that could be read.
    await control.write(begunKey(plan), begun);
  }
  await control.create(startedKey(hash), begun);
  if ((await pendingHash(control, plan)) === hash) await control.remove(pendingKey(plan));
}

/** Returns whether a plan of the same definition was begun before. */
export async function hasBegun(control: ControlStore, plan: Plan): Promise<boolean> {
  return begunSchema.safeParse(await readReadable(control, begunKey(plan))).success;
}

/** Returns whether this very plan was begun: another one of the same definition says nothing of its guards and its approval. */
export async function wasBegun(control: ControlStore, hash: string): Promise<boolean> {
  return begunSchema.safeParse(await readReadable(control, startedKey(hash))).data?.planHash === hash;
}

/**
 * Returns what past runs of a policy took, the oldest first: the last 50 at most.
 *
 * @throws UncheckedError `bad-history`.
 */
export async function history(control: ControlStore, owner: Owner): Promise<PastRun[]> {
  const stored = await readReadable(control, historyKey(owner));
  const parsed = historySchema.safeParse(stored === undefined ? [] : stored);
  if (parsed.success) return parsed.data;
  throw new UncheckedError('bad-history', `What is remembered of past runs of ${owner.policy} cannot be read.`);
}

/** Remembers what a run took; for a plan that was remembered before, in place of that. */
export async function recordRun(control: ControlStore, plan: Plan, run: PastRun): Promise<void> {
  const others = (await history(control, plan)).filter((past) => past.planHash !== run.planHash);
  const runs = [...others, run];
  await control.write(historyKey(plan), runs.slice(-maximumHistory));
  for (const { planHash: hash } of runs.slice(0, -maximumHistory)) await forget(control, hash);
}

/** Returns how many rows or objects a plan is about. */
export function plannedAmount(plan: Plan): number {
  if (plan.kind === 'rows') return plan.rows + plan.children.reduce((total, { rows }) => total + rows, 0);
  if (plan.kind === 'objects') return plan.objects;
  return plan.partitions.length;
}

async function pendingHash(control: ControlStore, owner: Owner): Promise<string | undefined> {
  return pendingSchema.safeParse(await readReadable(control, pendingKey(owner))).data?.hash;
}

async function forget(control: ControlStore, hash: string): Promise<void> {
  await control.remove(planKey(hash));
  await control.remove(approvalKey(hash));
  await control.remove(startedKey(hash));
}
