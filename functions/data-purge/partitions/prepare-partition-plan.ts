import type { Reader } from '../../../shared/postgres/reader.ts';
import { formatTableName } from '../../../shared/postgres/sql.ts';
import { definitionHash } from '../../../shared/retention/definition-hash.ts';
import type { TrippedGuard } from '../../../shared/retention/guard.ts';
import type { Plan } from '../../../shared/retention/plan.ts';
import { type ApprovalVerdict, judgeApproval } from '../../../shared/retention/plan-approval.ts';
import {
  history,
  PlanRefused,
  pendingPlan,
  plannedAmount,
  readPlan,
  type StoredPlan,
  savePlan,
  wasBegun,
} from '../../../shared/retention/plans.ts';
import { youngerThanRetention } from '../../../shared/retention/row-guards.ts';
import { volumeGuards } from '../../../shared/retention/volume-guards.ts';
import type { WorkContext } from '../../../shared/run-task.ts';
import type { PartitionsPolicy } from '../config.ts';
import { type DetachedPartition, type Partition, type PartitionedFacts, readPartitions } from './partition-facts.ts';

export type PartitionPlan = Extract<Plan, { readonly kind: 'partitions' }>;

/** One thing that is to be done. */
export type PartitionStep =
  | { readonly step: 'detach'; readonly name: string; readonly partition: Partition }
  | { readonly step: 'drop'; readonly name: string; readonly partition: DetachedPartition };

export interface PreparedPartitions {
  readonly facts: PartitionedFacts;
  readonly plan: PartitionPlan;
  readonly planHash: string;
  /** What of the plan is still to be done. */
  readonly steps: readonly PartitionStep[];
  readonly guards: readonly TrippedGuard[];
  /** What is worth knowing and no reason to stop. */
  readonly notes: readonly string[];
}

const task = 'data-purge';
const dayMs = 24 * 60 * 60 * 1000;

type PlanContext = Pick<WorkContext<unknown>, 'mode' | 'actor' | 'now' | 'control'>;

/**
 * Returns what a run is going to do with the partitions of a table, and the guards that keep it from being done. A plan that waits stays
 * the same while all that is in it could still be done, so that it can be approved although another partition is past its retention by
 * then.
 *
 * @param resume hash of the plan that a step of this run had: once begun, it is gone on with, and neither its volume nor its approval is
 *   looked at again.
 * @throws UncheckedError as {@link readPartitions}; PlanRefused for a plan to resume that is not there.
 */
export async function preparePartitionPlan(
  policy: PartitionsPolicy,
  context: PlanContext,
  reader: Pick<Reader, 'query'>,
  resume: string | undefined,
): Promise<PreparedPartitions> {
  const facts = await readPartitions(policy, reader, { now: context.now });
  const possible = possibleSteps(policy, facts, context.now);
  const definition = definitionHash(policy, [facts.shapeHash]);
  const begun = resume === undefined ? undefined : await begunPlan(context, resume, definition);
  const { stored, plan } =
    begun ??
    (await waitingPlan(policy, context, { definition, possible })) ??
    (await newPlan(policy, context, facts, { definition, possible }));
  const steps = possible.filter(({ name, step }) =>
    plan.partitions.some((planned) => planned.name === name && planned.step === step),
  );
  const isBegun = begun !== undefined;
  const approval: ApprovalVerdict =
    isBegun || plannedAmount(plan) === 0 ? {} : await judgeApproval({ policy, context }, stored, undefined);
  const guards = [...(await guardsOf({ policy, context, facts, plan, steps, isBegun })), approval.guard];
  return {
    facts,
    plan,
    planHash: stored.hash,
    steps,
    guards: guards.filter((guard) => guard !== undefined),
    notes: approval.note === undefined ? [] : [approval.note],
  };
}

/** The newest partition always stays: without one, nothing could be written. */
function possibleSteps(policy: PartitionsPolicy, facts: PartitionedFacts, now: Date): PartitionStep[] {
  const attached = facts.partitions.filter(({ isPending }) => !isPending);
  const last = attached.at(-1);
  const detach = attached
    .filter((partition) => partition.isPast && partition !== last)
    .map((partition) => ({ step: 'detach' as const, name: formatTableName(partition), partition }));
  const drop = facts.detached
    .filter(({ mark }) => now.getTime() - Date.parse(mark.at) >= policy.keepDetachedDays * dayMs)
    .map((partition) => ({ step: 'drop' as const, name: formatTableName(partition), partition }));
  return [...detach, ...drop];
}

interface ChosenPlan {
  readonly stored: StoredPlan;
  readonly plan: PartitionPlan;
}

/** What a plan has to be about to be used. */
interface Wanted {
  readonly definition: string;
  readonly possible: readonly PartitionStep[];
}

/** Undefined for a plan that no step has begun: none of its guards was passed then. */
async function begunPlan({ control }: PlanContext, hash: string, definition: string): Promise<ChosenPlan | undefined> {
  const stored = await readPlan(control, hash);
  const { plan } = stored;
  if (plan.kind !== 'partitions' || plan.definitionHash !== definition) {
    throw new PlanRefused('changed-plan', 'The policy, or its table, is another one than when the plan was made.');
  }
  return (await wasBegun(control, hash)) ? { stored, plan } : undefined;
}

/** Undefined where none waits that could be used. */
async function waitingPlan(
  policy: PartitionsPolicy,
  context: PlanContext,
  { definition, possible }: Wanted,
): Promise<ChosenPlan | undefined> {
  const stored = await pendingPlan(context.control, { task, policy: policy.id }).catch((error: unknown) => {
    // Somebody has changed it: nobody has approved what it is now.
    if (error instanceof PlanRefused) return undefined;
    throw error;
  });
  const plan = stored?.plan;
  if (stored === undefined || plan?.kind !== 'partitions' || plan.definitionHash !== definition) return undefined;
  return isGood(stored, plan, possible, policy, context) ? { stored, plan } : undefined;
}

function isGood(
  { validUntil }: StoredPlan,
  plan: PartitionPlan,
  possible: readonly PartitionStep[],
  { guards: { planValidDays } }: PartitionsPolicy,
  { now }: PlanContext,
): boolean {
  if (now > validUntil || now.getTime() > Date.parse(plan.plannedAt) + planValidDays * dayMs) return false;
  // An empty one keeps nothing waiting.
  if (plan.partitions.length === 0) return possible.length === 0;
  return plan.partitions.every((planned) =>
    possible.some(({ name, step }) => name === planned.name && step === planned.step),
  );
}

async function newPlan(
  policy: PartitionsPolicy,
  { control, now, actor }: PlanContext,
  facts: PartitionedFacts,
  { definition, possible }: Wanted,
): Promise<ChosenPlan> {
  const plan: PartitionPlan = {
    task,
    policy: policy.id,
    definitionHash: definition,
    plannedAt: now.toISOString(),
    plannedBy: actor,
    kind: 'partitions',
    database: policy.database,
    table: formatTableName(facts.parent),
    cutoff: facts.cutoff,
    partitions: possible.map(({ step, name, partition }) => ({
      name,
      step,
      upTo: ('mark' in partition ? partition.mark.upTo : partition.upTo) ?? '',
      rows: Math.round(partition.rows),
      bytes: Math.round(partition.bytes),
    })),
    tableRows: Math.round(facts.partitions.reduce((sum, { rows }) => sum + rows, 0)),
  };
  const validUntil = new Date(now.getTime() + policy.guards.planValidDays * dayMs);
  const hash = await savePlan(control, plan, validUntil);
  return { stored: { hash, plan, validUntil }, plan };
}

interface Judged {
  readonly policy: PartitionsPolicy;
  readonly context: PlanContext;
  readonly facts: PartitionedFacts;
  readonly plan: PartitionPlan;
  readonly steps: readonly PartitionStep[];
  readonly isBegun: boolean;
}

async function guardsOf(judged: Judged): Promise<TrippedGuard[]> {
  const { policy, context, facts, plan, steps, isBegun } = judged;
  const rowsOf = (wanted: readonly PartitionStep[]) =>
    Math.round(wanted.reduce((sum, { partition }) => sum + partition.rows, 0));
  const past = await history(context.control, plan);
  const detached = rowsOf(steps.filter(({ step }) => step === 'detach'));
  const volume = volumeGuards(
    {
      amount: rowsOf(steps),
      share: detached,
      of: Math.round(facts.partitions.reduce((sum, { rows }) => sum + rows, 0)),
      unit: 'rows',
      history: past.map(({ amount }) => amount),
    },
    policy.guards,
  ).guards;
  const younger = youngerThanRetention({
    cutoff: facts.cutoff,
    serverCutoff: facts.serverCutoff,
    isCutoffLater: facts.isCutoffLater,
    youngest: null,
    isYoungestLater: false,
    children: [],
  });
  return [...(isBegun ? [] : volume), younger, undeclared(facts)].filter((guard) => guard !== undefined);
}

/** PostgreSQL detaches what is referred to as long as nothing does; the next row could not be written then. */
function undeclared({ referring, parent }: PartitionedFacts): TrippedGuard | undefined {
  const [first] = referring;
  if (first === undefined) return undefined;
  const others = referring.length === 1 ? '' : `, and ${referring.length - 1} more`;
  return {
    guard: 'undeclared-dependents',
    detail: `Rows of ${formatTableName(parent)} may be referred to: there is ${first}${others}.`,
    evidence: { dependents: [...referring] },
  };
}
