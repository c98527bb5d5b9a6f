import type { Reader } from '../postgres/reader.ts';
import { formatTableName } from '../postgres/sql.ts';
import type { WorkContext } from '../run-task.ts';
import { UncheckedError } from '../unchecked-error.ts';
import { definitionHash } from './definition-hash.ts';
import { guardIds, type TrippedGuard } from './guard.ts';
import { measureRows, type RowMeasure, type TableRows } from './measure-rows.ts';
import type { Plan } from './plan.ts';
import { type ApprovalVerdict, judgeApproval } from './plan-approval.ts';
import {
  approvalOf,
  hasBegun,
  history,
  PlanRefused,
  pendingPlan,
  plannedAmount,
  readPlan,
  type StoredPlan,
  savePlan,
  wasBegun,
} from './plans.ts';
import { readDependents } from './read-dependents.ts';
import { readChildIndexes, readIndex } from './read-index.ts';
import { resolveTarget } from './resolve-target.ts';
import { indexMissing, needsApproval, undeclaredDependents, youngerThanRetention } from './row-guards.ts';
import { type RowAction, type RowPolicy, taskOfAction } from './row-policy.ts';
import type { RowTarget } from './row-target.ts';
import { volumeGuards } from './volume-guards.ts';

export type RowPlan = Extract<Plan, { readonly kind: 'rows' }>;

/** What a run is going to do, and whether it may. */
export interface PreparedPlan {
  readonly target: RowTarget;
  readonly plan: RowPlan;
  readonly planHash: string;
  /** Any of them, and nothing is deleted. */
  readonly guards: readonly TrippedGuard[];
  /** What is worth knowing and no reason to stop. */
  readonly notes: readonly string[];
  /** What there is now: at most what is in the plan. */
  readonly measure: RowMeasure;
}

/** What of a run decides what it is going to do. */
export type PlanContext = Pick<WorkContext<unknown>, 'mode' | 'actor' | 'now' | 'control'>;

/** A plan that needs nobody's approval is as good as a new one for so long. */
const freshMs = 24 * 60 * 60 * 1000;

/**
 * Returns what a run of a policy is going to do, with the guards that keep it from being done: the plan that waits where it still holds,
 * a new one otherwise. One that waits for approval stays the same from run to run, until it is begun, it expires, the policy or the shape
 * of its tables changes, or there are more rows than it has.
 *
 * @param policy with what it takes from its task.
 * @param resume hash of the plan that a step of this run had: once begun, it is gone on with, and neither its volume nor its approval is
 *   looked at again.
 * @throws UncheckedError as {@link resolveTarget}, `bad-history`, and `unknown-plan` or `changed-plan` for one to resume;
 *   SyntaxError for a `where` that is not closed in itself; the reader's errors.
 */
export async function prepareRowPlan(
  policy: RowPolicy,
  action: RowAction,
  context: PlanContext,
  reader: Pick<Reader, 'query'>,
  { resume }: { readonly resume?: string | undefined } = {},
): Promise<PreparedPlan> {
  const task = taskOfAction[action];
  const fresh = await resolveTarget(policy, reader, { task, now: context.now });
  const shapes = [fresh.root, ...fresh.children].map(({ shapeHash }) => shapeHash);
  const definition = definitionHash(policy, shapes);
  const measuring = { policy, context, reader };
  const begun = resume === undefined ? undefined : await begunPlan(resume, { task, definition, fresh }, measuring);
  const chosen = begun ?? (await choosePlan({ task, action, definition, fresh }, measuring));
  const { stored, target, measure, plan } = chosen;
  const isSame = begun !== undefined;
  const past = await history(context.control, plan);
  const volume = volumeGuards(
    {
      amount: plannedAmount({ ...plan, rows: measure.rows, children: [...measure.children] }),
      of: measure.tableRows.rows,
      share: measure.rows,
      comparable: measure.rows,
      unit: 'rows',
      history: past.map(({ amount }) => amount),
    },
    policy.guards,
  );
  const approval = isSame ? {} : await approvalVerdict(policy, context, chosen);
  const guards = [
    ...(isSame ? [] : volume.guards),
    youngerThanRetention(measure.ages),
    indexMissing(
      target,
      policy.index,
      await readIndex(target, policy.index, reader),
      await readChildIndexes(target, reader),
    ),
    undeclaredDependents(target, await readDependents(target, reader), policy.acceptedTriggers),
    approval.guard,
  ];
  return {
    target,
    plan,
    planHash: stored.hash,
    guards: guards
      .filter((guard) => guard !== undefined)
      .toSorted((a, b) => guardIds.indexOf(a.guard) - guardIds.indexOf(b.guard)),
    notes: [
      ...(isSame ? [] : volume.notes),
      tableNote(measure.tableRows),
      ...(approval.note === undefined ? [] : [approval.note]),
    ],
    measure,
  };
}

interface Measuring {
  readonly policy: RowPolicy;
  readonly context: PlanContext;
  readonly reader: Pick<Reader, 'query'>;
}

interface ChosenPlan {
  readonly stored: StoredPlan;
  readonly plan: RowPlan;
  readonly target: RowTarget;
  readonly measure: RowMeasure;
  /** Why the plan that waited before is of no use. */
  readonly replaced: string | undefined;
  /** Somebody has changed what was stored. */
  readonly wasChanged: boolean;
}

interface Wanted {
  readonly task: string;
  readonly action: RowAction;
  readonly definition: string;
  /** With the cutoff of now. */
  readonly fresh: RowTarget;
}

async function choosePlan(wanted: Wanted, measuring: Measuring): Promise<ChosenPlan> {
  const { policy, context, reader } = measuring;
  let waiting: StoredPlan | undefined;
  let replaced: string | undefined;
  let wasChanged = false;
  try {
    waiting = await pendingPlan(context.control, { task: wanted.task, policy: policy.id });
  } catch (error) {
    if (!(error instanceof PlanRefused)) throw error;
    replaced = error.message;
    wasChanged = true;
  }
  if (waiting?.plan.kind === 'rows') {
    const kept = waiting.plan;
    const hold = { stored: waiting, plan: kept };
    replaced = await staleReason(hold, wanted, measuring);
    if (replaced === undefined) {
      const target = { ...wanted.fresh, cutoff: kept.cutoff };
      const measure = await measureRows(target, policy, policy.guards, reader);
      replaced = moreThanPlanned(kept, measure);
      if (replaced === undefined) return { ...hold, target, measure, replaced, wasChanged };
    }
  }
  return { ...(await newPlan(wanted, measuring)), replaced, wasChanged };
}

/** Returns why a plan that waits is not used any more; undefined while it is. */
async function staleReason(
  { stored, plan }: { readonly stored: StoredPlan; readonly plan: RowPlan },
  { definition, action }: Wanted,
  { policy: { guards }, context: { control, now } }: Measuring,
): Promise<string | undefined> {
  if (plan.definitionHash !== definition || plan.action !== action) {
    return 'The policy, or a table of it, is another one than when the plan before was made.';
  }
  if (now > validUntil(plan, guards.planValidDays)) {
    return `The plan before was good until ${validUntil(plan, guards.planValidDays).toISOString()}.`;
  }
  const isFree = !needsApproval(guards.approval, await hasBegun(control, plan));
  const isApproved = (await approvalOf(control, stored.hash)) !== undefined;
  const isOld = now.getTime() - Date.parse(plan.plannedAt) > freshMs;
  return isFree && !isApproved && isOld ? 'The plan before was of an earlier day.' : undefined;
}

/** Rows that came to be within the cutoff after the plan was made have been seen by nobody. */
function moreThanPlanned(plan: RowPlan, measure: RowMeasure): string | undefined {
  if (measure.rows > plan.rows) return `The plan before has ${plan.rows} rows, and there are ${measure.rows} now.`;
  for (const [index, { table, rows }] of measure.children.entries()) {
    const planned = plan.children[index]?.rows ?? 0;
    if (rows > planned) return `The plan before has ${planned} rows of ${table}, and there are ${rows} now.`;
  }
  return undefined;
}

async function newPlan(
  { task, action, definition, fresh }: Wanted,
  { policy, context, reader }: Measuring,
): Promise<Pick<ChosenPlan, 'stored' | 'plan' | 'target' | 'measure'>> {
  const measure = await measureRows(fresh, policy, policy.guards, reader);
  const plan: RowPlan = {
    task,
    policy: policy.id,
    definitionHash: definition,
    plannedAt: context.now.toISOString(),
    plannedBy: context.actor,
    kind: 'rows',
    action,
    database: policy.database,
    table: formatTableName(fresh.root),
    cutoff: fresh.cutoff,
    rows: measure.rows,
    tableRows: measure.tableRows.rows,
    oldest: measure.oldest,
    youngest: measure.youngest,
    children: [...measure.children],
  };
  const until = validUntil(plan, policy.guards.planValidDays);
  const hash = await savePlan(context.control, plan, until);
  return { stored: { hash, plan, validUntil: until }, plan, target: fresh, measure };
}

/** Not what is stored beside the plan: its hash does not tell of that. */
function validUntil({ plannedAt }: Pick<Plan, 'plannedAt'>, days: number): Date {
  return new Date(Date.parse(plannedAt) + days * 24 * 60 * 60 * 1000);
}

/** Undefined for a plan that no step has begun: none of its guards was passed then. */
async function begunPlan(
  hash: string,
  { task, definition, fresh }: Pick<Wanted, 'task' | 'definition' | 'fresh'>,
  { policy, context, reader }: Measuring,
): Promise<ChosenPlan | undefined> {
  const stored = await readPlan(context.control, hash).catch(leaveUnchecked);
  const { plan } = stored;
  if (plan.kind !== 'rows' || plan.task !== task || plan.policy !== policy.id || plan.definitionHash !== definition) {
    const detail = 'The policy, or a table of it, is another one than when the plan was made.';
    throw new UncheckedError('changed-plan', detail);
  }
  if (!(await wasBegun(context.control, hash))) return undefined;
  const target = { ...fresh, cutoff: plan.cutoff };
  const measure = await measureRows(target, policy, policy.guards, reader);
  return { stored, plan, target, measure, replaced: undefined, wasChanged: false };
}

/** A plan that is gone while it is being done is nobody's mistake in the code. */
function leaveUnchecked(error: unknown): never {
  if (error instanceof PlanRefused) throw new UncheckedError(error.reason, error.message, { cause: error });
  throw error;
}

/** Asked for only where something is to be deleted; but that somebody has changed a plan is told in any case. */
async function approvalVerdict(
  policy: RowPolicy,
  context: PlanContext,
  { stored, measure, replaced, wasChanged }: ChosenPlan,
): Promise<ApprovalVerdict> {
  if (wasChanged) {
    const detail = `${replaced} A new plan was made: ${stored.hash}.`;
    return { guard: { guard: 'approval-missing', detail, evidence: { planHash: stored.hash } } };
  }
  if (measure.rows === 0 && plannedAmount(stored.plan) === 0) return {};
  return judgeApproval({ policy, context }, stored, replaced);
}

function tableNote({ rows, source }: TableRows): string {
  if (source === 'statistics') return `By its statistics the table has ${rows} rows.`;
  return source === 'counted' ? `The table has ${rows} rows.` : `The table has ${rows} rows at least.`;
}
