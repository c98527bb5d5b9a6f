import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { definitionHash } from '../../../shared/retention/definition-hash.ts';
import { guardIds, type TrippedGuard } from '../../../shared/retention/guard.ts';
import type { Plan } from '../../../shared/retention/plan.ts';
import { judgeApproval } from '../../../shared/retention/plan-approval.ts';
import {
  approvalOf,
  hasBegun,
  history,
  PlanRefused,
  pendingPlan,
  type StoredPlan,
  savePlan,
} from '../../../shared/retention/plans.ts';
import { needsApproval } from '../../../shared/retention/row-guards.ts';
import { tooManyRows, unusualVolume, volumeGuards } from '../../../shared/retention/volume-guards.ts';
import { readJson, writeJson } from '../../../shared/storage/state-store.ts';
import { FrozenList, ListWriter, listPartSchema } from './frozen-list.ts';
import type { ObjectSource, Seen } from './object-source.ts';
import { cutoffOf, type HeldWork, type ObjectWork, purgeTask, whatOf } from './object-work.ts';

export type ObjectPlan = Extract<Plan, { readonly kind: 'objects' }>;

/** What a run is going to do, and whether it may. */
export interface PreparedObjects {
  /** Undefined when what it depends on keeps it from being made. */
  readonly planned: { readonly plan: ObjectPlan; readonly hash: string; readonly list: FrozenList } | undefined;
  /** Any of them, and nothing is deleted. */
  readonly guards: readonly TrippedGuard[];
  /** What is worth knowing and no reason to stop. */
  readonly notes: readonly string[];
}

/** A listing that is not at its end yet, as it is kept between the steps of a run. */
const planningSchema = z.strictObject({
  runId: z.string(),
  definitionHash: z.string(),
  plannedAt: z.iso.datetime(),
  cutoff: z.iso.datetime(),
  list: z.string(),
  parts: z.array(listPartSchema),
  listed: z.int().min(0),
  named: z.int().min(0),
  /** All keys up to and with this one are in. */
  after: z.string(),
});

type Planning = z.output<typeof planningSchema>;

/** A plan that needs nobody's approval is as good as a new one for so long: less than it takes to the next night's run. */
const freshMs = 12 * 60 * 60 * 1000;
const dayMs = 24 * 60 * 60 * 1000;
/** Entries about which others are asked at a time. */
const askedEntries = 1000;

/**
 * Returns what a run of a policy is going to delete, with the guards that keep it from it: the plan that waits where it still holds, a
 * new one otherwise. Undefined when the time was up before all was listed: the next step goes on where this one was.
 *
 * @param options.unusable why the plan that waits is not to be used: a new one is made.
 * @throws UncheckedError `list-missing`, `list-changed`, `bad-history`; those of the listing and of the database.
 */
export async function planObjects(
  work: HeldWork,
  { unusable }: { readonly unusable?: string | undefined } = {},
): Promise<PreparedObjects | undefined> {
  const { policy, context } = work;
  const before = await work.guards();
  if (before.length > 0) return { planned: undefined, guards: before, notes: [] };
  const definition = definitionHash(policy);
  const { waiting, replaced } =
    unusable === undefined ? await waitingPlan(work, definition) : { waiting: undefined, replaced: unusable };
  const stored = waiting ?? (await newPlan(work, definition));
  if (stored === undefined) return undefined;
  const { plan, hash } = stored;
  const list = await FrozenList.open(context.store, plan.list, plan.listHash);
  const approval = plan.objects === 0 ? {} : await judgeApproval(work, stored, replaced);
  const guards = [
    ...(await volumeOf(work, plan)),
    noneNamed(work, plan),
    youngerThanRetention(work, plan, list),
    approval.guard,
  ];
  return {
    planned: { plan, hash, list },
    guards: guards
      .filter((guard) => guard !== undefined)
      .toSorted((a, b) => guardIds.indexOf(a.guard) - guardIds.indexOf(b.guard)),
    notes: approval.note === undefined ? [] : [approval.note],
  };
}

type StoredObjects = StoredPlan & { readonly plan: ObjectPlan };

/** Returns the plan that waits, or why there is none that could be used. */
async function waitingPlan(
  { policy, context }: ObjectWork,
  definition: string,
): Promise<{ readonly waiting?: StoredObjects; readonly replaced: string | undefined }> {
  const { control, now } = context;
  let stored: StoredPlan | undefined;
  try {
    stored = await pendingPlan(control, { task: purgeTask, policy: policy.id });
  } catch (error) {
    if (!(error instanceof PlanRefused)) throw error;
    return { replaced: error.message };
  }
  const plan = stored?.plan;
  if (stored === undefined || plan?.kind !== 'objects') return { replaced: undefined };
  // Nobody has anything to approve, and there may be something by now.
  if (plan.objects === 0) return { replaced: undefined };
  if (plan.definitionHash !== definition)
    return { replaced: 'The policy is another one than when the plan before was made.' };
  const until = validUntil(plan, policy.guards.planValidDays);
  if (now > until) return { replaced: `The plan before was good until ${until.toISOString()}.` };
  const isFree = !needsApproval(policy.guards.approval, await hasBegun(control, plan));
  const isApproved = (await approvalOf(control, stored.hash)) !== undefined;
  if (isFree && !isApproved && now.getTime() - Date.parse(plan.plannedAt) > freshMs) {
    return { replaced: 'The plan before was of an earlier run.' };
  }
  return { waiting: { ...stored, plan }, replaced: undefined };
}

async function newPlan(work: HeldWork, definition: string): Promise<StoredObjects | undefined> {
  const { policy, context } = work;
  const { store, control, runId } = context;
  const begun = await planningOf(work, definition);
  const planning: Omit<Planning, 'after' | 'parts' | 'listed' | 'named'> = begun ?? {
    runId,
    definitionHash: definition,
    plannedAt: context.now.toISOString(),
    cutoff: cutoffOf(policy, context.now).toISOString(),
    // A name that no other list has, whoever else plans at the same moment.
    list: `lists/${policy.id}/${context.now.toISOString().replaceAll(':', '-')}-${randomUUID().slice(0, 8)}`,
  };
  const source = work.sourceAt(Date.parse(planning.cutoff));
  const writer = new ListWriter(store, planning.list, begun?.parts);
  let listed = begun?.listed ?? 0;
  let named = begun?.named ?? 0;
  let waiting: Seen[] = [];
  for await (const { seen, completeKey } of source.scan({ after: begun?.after })) {
    await work.hold.keep();
    listed += seen.length;
    // Until one is found, those that are to stay are asked about too: that none at all is named is another matter than none of the old.
    const asksAll = policy.kind === 'orphans' && named === 0;
    waiting.push(...(asksAll ? seen : seen.filter(({ isPast }) => isPast)));
    const isTimeUp = context.signal.aborted && completeKey !== undefined;
    if (waiting.length >= askedEntries || isTimeUp) {
      named += await addTo(writer, source, waiting);
      waiting = [];
    }
    if (!isTimeUp) continue;
    await writer.flush();
    const kept: Planning = { ...planning, parts: writer.parts, listed, named, after: completeKey };
    await writeJson(store, planningName(policy.id), kept);
    return undefined;
  }
  named += await addTo(writer, source, waiting);
  const listHash = await writer.finish();
  const { parts } = writer;
  const plan: ObjectPlan = {
    task: purgeTask,
    policy: policy.id,
    definitionHash: definition,
    plannedAt: planning.plannedAt,
    plannedBy: context.actor,
    kind: 'objects',
    what: whatOf(policy),
    bucket: policy.bucket,
    prefix: policy.prefix,
    cutoff: planning.cutoff,
    objects: parts.reduce((sum, { entries }) => sum + entries, 0),
    bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
    listed,
    ...(policy.kind === 'orphans' ? { named } : {}),
    list: planning.list,
    listHash,
  };
  const until = validUntil(plan, policy.guards.planValidDays);
  const hash = await savePlan(control, plan, until);
  return { hash, plan, validUntil: until };
}

/** Adds what is past its retention and what nobody holds back, and returns how many a row names of all that were asked about. */
async function addTo(writer: ListWriter, source: ObjectSource, seen: readonly Seen[]): Promise<number> {
  let named = 0;
  for (let start = 0; start < seen.length; start += askedEntries) {
    const asked = seen.slice(start, start + askedEntries);
    const held = await source.holdBack(asked.map(({ entry }) => entry));
    for (const { entry, isPast } of asked) {
      if (isPast && !held.has(entry)) await writer.add(entry);
      if (held.get(entry) === 'named') named += 1;
    }
  }
  return named;
}

/** What an earlier step of this run has listed; what another run has listed is too old. */
async function planningOf({ policy, context }: ObjectWork, definition: string): Promise<Planning | undefined> {
  const planning = planningSchema.safeParse(await readJson(context.store, planningName(policy.id))).data;
  const isOwn = planning?.runId === context.runId && planning.definitionHash === definition;
  if (!isOwn) return undefined;
  // Used once: a run that plans anew lists anew.
  await writeJson(context.store, planningName(policy.id), null);
  return planning;
}

function planningName(policy: string): string {
  return `objects/${policy}/planning`;
}

/** Uploads are no part of the objects: there is no share of them. */
async function volumeOf({ policy, context }: ObjectWork, plan: ObjectPlan): Promise<TrippedGuard[]> {
  const past = await history(context.control, plan);
  const what = plan.what === 'noncurrent' ? 'versions' : plan.what === 'uploads' ? 'uploads' : 'objects';
  const volume = { amount: plan.objects, of: plan.listed, unit: what, history: past.map(({ amount }) => amount) };
  if (plan.what !== 'uploads') return volumeGuards(volume, policy.guards).guards;
  const guards = [tooManyRows(volume, policy.guards), unusualVolume(volume, policy.guards).guard];
  return guards.filter((guard) => guard !== undefined);
}

/**
 * Rows name no object at all below the prefix, neither old nor young: then it is more likely the wrong database, table or `keyPrefix` than
 * that all are orphaned. Who allows for all of them to go has said that this may be so.
 */
function noneNamed({ policy }: ObjectWork, plan: ObjectPlan): TrippedGuard | undefined {
  if (plan.what !== 'orphans' || plan.objects === 0 || policy.guards.maximumPercent >= 100) return undefined;
  // A plan that does not tell is none that could be trusted.
  if ((plan.named ?? 0) > 0) return undefined;
  return {
    guard: 'too-large-share',
    detail: `No row names any of the ${plan.listed} objects below the prefix: is it the right database, column and keyPrefix?`,
    evidence: { amount: plan.objects, of: plan.listed, named: 0 },
  };
}

/** Objects would be taken that are still to be kept by the policy as it is now, and by the clock as it is now. */
export function youngerThanRetention(
  { policy, context }: ObjectWork,
  plan: ObjectPlan,
  list: Pick<FrozenList, 'youngest'>,
): TrippedGuard | undefined {
  const limit = cutoffOf(policy, context.now).toISOString();
  const youngest = list.youngest;
  const isYoungestLater = youngest !== undefined && youngest >= limit;
  if (plan.cutoff <= limit && !isYoungestLater) return undefined;
  return {
    guard: 'younger-than-retention',
    detail: isYoungestLater
      ? `The youngest is of ${youngest}, but only what is before ${limit} is past its retention.`
      : `The plan takes what is before ${plan.cutoff}, but only what is before ${limit} is past its retention.`,
    evidence: { cutoff: plan.cutoff, limit, ...(youngest === undefined ? {} : { youngest }) },
  };
}

/** Not what is stored beside the plan: its hash does not tell of that. */
function validUntil({ plannedAt }: Pick<Plan, 'plannedAt'>, days: number): Date {
  return new Date(Date.parse(plannedAt) + days * dayMs);
}
