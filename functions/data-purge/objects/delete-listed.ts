import { pausedBy } from '../../../shared/retention/pause.ts';
import { recordRun } from '../../../shared/retention/plans.ts';
import type { PolicyOutcome } from '../../../shared/retention/policy-outcome.ts';
import { type BatchEntries, type BatchRange, bytesOf, type LastBatch } from './batch-entries.ts';
import { countOutcomes, type EntryOutcome } from './entry-outcome.ts';
import type { FrozenList, ListPart } from './frozen-list.ts';
import type { ListEntry } from './list-entry.ts';
import { lookAgain } from './look-again.ts';
import { fullPace, type ObjectPace } from './object-pace.ts';
import type { ObjectSource } from './object-source.ts';
import { backlogHours, countFault, type HeldWork, type ObjectWork, purgeTask } from './object-work.ts';
import { writeOutcomes, writePurgeManifest } from './outcome-documents.ts';
import type { ObjectPlan } from './plan-objects.ts';
import { type PurgeCursor, removeCursor, writeCursor } from './purge-cursor.ts';
import { removeBatch } from './remove-batch.ts';

/** A plan that was begun. */
export interface BegunPlan {
  readonly plan: ObjectPlan;
  readonly hash: string;
  readonly list: FrozenList;
  readonly entries: BatchEntries;
}

const batchEntries = 1000;

/** Batches in a row of which nothing could be deleted, after which it is left to the next run. */
const maximumFailures = 3;

/**
 * Deletes what a frozen list names, batch by batch, from where the cursor is, and returns whether the plan is at its end; it is not when
 * it was paused, the time was up, or S3 denies everything: `outcome` says which.
 *
 * @param outcome is kept up to date.
 * @throws UncheckedError `list-missing` or `list-changed`; LedgerError; and whatever keeps a batch from being looked at: nothing of it
 *   is deleted then.
 */
export async function deleteListed(
  work: HeldWork,
  begun: BegunPlan,
  given: PurgeCursor,
  outcome: PolicyOutcome,
): Promise<boolean> {
  const { policy, context } = work;
  const { plan, list, entries } = begun;
  const source = work.sourceAt(Date.parse(plan.cutoff));
  const last = await entries.last();
  let cursor = given;
  let deletedBefore = 0;
  if (last?.facts.batch === given.batch) {
    if (last.facts.isComplete) {
      cursor = cursorBehind(list, given, last.facts);
      // Before the next batch is begun: the ledger tells of the last one only.
      await writeCursor(context.control, policy.id, cursor);
    } else {
      deletedBefore = await settled(work, begun, source, last, outcome);
      cursor = { ...given, outcomesHash: last.facts.outcomesHash ?? given.outcomesHash };
    }
  }
  let pace: ObjectPace = fullPace;
  let isFirst = true;
  let failures = 0;
  while (true) {
    const part = list.parts[cursor.part - 1];
    if (part === undefined) break;
    const all = await list.read(part);
    while (cursor.part === part.part) {
      if ((await pausedBy(context.control, purgeTask, policy.id)) !== undefined) {
        outcome.state = 'paused';
        return end(false);
      }
      if (!isFirst && context.signal.aborted) return end(false);
      isFirst = false;
      await work.hold.keep();
      const range = { part: part.part, from: cursor.from, to: Math.min(all.length, cursor.from + batchEntries) };
      const done = await runBatch(work, begun, source, { cursor, range, all, part, deletedBefore, pace }, outcome);
      deletedBefore = 0;
      pace = done.pace;
      cursor = done.cursor;
      await writeCursor(context.control, policy.id, cursor);
      failures = done.hasFailed ? failures + 1 : 0;
      if (done.state === 'refused' || failures === maximumFailures) outcome.state = 'stopped';
      if (done.state !== 'complete' || failures === maximumFailures) return end(false);
    }
  }
  await finish(work, begun, cursor, outcome);
  return end(true);

  function end(isAtEnd: boolean): boolean {
    const oldest = isAtEnd ? undefined : list.oldestFrom(cursor.part);
    outcome.backlog = Math.max(0, plan.objects - cursor.processed) + cursor.failed;
    outcome.backlogAgeHours = backlogHours(policy, context.now, cursor.failed > 0 ? list.oldestFrom(1) : oldest);
    return isAtEnd;
  }
}

/** Finds out what became of a batch that nobody has told the end of, and returns how much of it earlier tries have deleted. */
async function settled(
  { clock }: ObjectWork,
  { list, entries }: BegunPlan,
  source: ObjectSource,
  last: LastBatch,
  outcome: PolicyOutcome,
): Promise<number> {
  const { facts, entry } = last;
  if (entry.outcome !== 'intended') return facts.isComplete ? 0 : facts.deletedBefore;
  const startedMs = clock().getTime();
  const part = list.parts[facts.part - 1] as ListPart;
  const all = await list.read(part);
  const batch = all.slice(facts.from, facts.to);
  const found = await lookAgain(source, batch, keyBefore(list, part, all, facts.from));
  const gone = batch.filter((one) => found.get(one) === 'gone');
  const deleted = Math.max(0, gone.length - facts.goneBefore - facts.deletedBefore);
  const bytes = deleted === gone.length ? bytesOf(gone) : 0;
  await entries.settle(last, { deleted, bytes });
  outcome.deleted += deleted;
  outcome.bytes += bytes;
  outcome.workedMs += clock().getTime() - startedMs;
  return facts.deletedBefore + deleted;
}

interface Batch {
  readonly cursor: PurgeCursor;
  readonly range: BatchRange;
  /** Entries of the part. */
  readonly all: readonly ListEntry[];
  readonly part: ListPart;
  readonly deletedBefore: number;
  readonly pace: ObjectPace;
}

/** Does a batch and returns where it is gone on: the same batch, when the time was up or S3 refuses all of it. */
async function runBatch(
  work: ObjectWork,
  { plan, list, entries }: BegunPlan,
  source: ObjectSource,
  { cursor, range, all, part, deletedBefore, pace }: Batch,
  outcome: PolicyOutcome,
): Promise<{
  readonly state: 'complete' | 'refused' | 'interrupted';
  /** Nothing was deleted, and something should have been. */
  readonly hasFailed: boolean;
  readonly cursor: PurgeCursor;
  readonly pace: ObjectPace;
}> {
  const startedMs = work.clock().getTime();
  const batch = all.slice(range.from, range.to);
  const after = keyBefore(list, part, all, range.from);
  const outcomes = new Map<ListEntry, EntryOutcome>();
  const same: ListEntry[] = [];
  for (const [entry, found] of await lookAgain(source, batch, after)) {
    if (found === 'same') same.push(entry);
    else outcomes.set(entry, { outcome: found });
  }
  const held = await source.holdBack(same);
  for (const [entry, reason] of held) outcomes.set(entry, { outcome: reason });
  const wanted = same.filter((entry) => !held.has(entry));
  const goneAtAll = countOutcomes(outcomes.values()).gone;
  const goneBefore = Math.max(0, goneAtAll - deletedBefore);
  const intention =
    wanted.length === 0 ? undefined : await entries.intend(cursor, range, wanted, { goneBefore, deletedBefore });
  const removed = await removeBatch(work, source, wanted, { after, pace });
  for (const [entry, what] of removed.outcomes) outcomes.set(entry, what);

  const inOrder = new Map(
    batch.flatMap((entry): [ListEntry, EntryOutcome][] => {
      const what = outcomes.get(entry);
      return what === undefined ? [] : [[entry, what]];
    }),
  );
  const counts = {
    ...countOutcomes(inOrder.values()),
    gone: goneBefore + countOutcomes(removed.outcomes.values()).gone,
  };
  const bytes = bytesOf(wanted.filter((entry) => outcomes.get(entry)?.outcome === 'deleted'));
  const state = removed.isRefused ? 'refused' : inOrder.size < batch.length ? 'interrupted' : 'complete';
  const isComplete = state === 'complete';
  const document = await writeOutcomes(work.context.store, plan, cursor, inOrder, intention);
  await entries.done(cursor, range, { intention, counts, bytes, deletedBefore, outcomes: document, isComplete });
  outcome.batches += 1;
  outcome.deleted += counts.deleted;
  // What is kept of a batch that was interrupted is counted when it is brought to its end.
  outcome.kept += state === 'interrupted' ? 0 : counts.kept;
  outcome.bytes += bytes;
  outcome.waitedMs += removed.waitedMs;
  if (removed.waitedMs > 0 && outcome.waitedFor.length === 0) outcome.waitedFor.push('S3 asked for fewer requests.');
  outcome.workedMs += Math.max(0, work.clock().getTime() - startedMs - removed.waitedMs);
  if (state !== 'interrupted') countFaults(work, inOrder, outcome);
  const outcomesHash = document.hash;
  const hasFailed = counts.failed > 0 && counts.deleted === 0;
  if (!isComplete) return { state, hasFailed, cursor: { ...cursor, outcomesHash }, pace: removed.pace };
  const facts = { ...range, ...counts, bytes, deletedBefore, outcomesHash };
  return { state, hasFailed, cursor: cursorBehind(list, cursor, facts), pace: removed.pace };
}

function cursorBehind(
  list: FrozenList,
  cursor: PurgeCursor,
  {
    part,
    from,
    to,
    deleted,
    deletedBefore,
    gone,
    kept,
    failed,
    bytes,
    outcomesHash,
  }: BatchRange & {
    readonly deleted: number;
    readonly deletedBefore: number;
    readonly gone: number;
    readonly kept: number;
    readonly failed: number;
    readonly bytes: number;
    readonly outcomesHash: string | null;
  },
): PurgeCursor {
  const isPartDone = to >= (list.parts[part - 1]?.entries ?? 0);
  return {
    ...cursor,
    part: isPartDone ? part + 1 : part,
    from: isPartDone ? 0 : to,
    batch: cursor.batch + 1,
    processed: cursor.processed + (to - from),
    outcomesHash,
    deleted: cursor.deleted + deleted + deletedBefore,
    gone: cursor.gone + gone,
    kept: cursor.kept + kept,
    failed: cursor.failed + failed,
    bytes: cursor.bytes + bytes,
  };
}

/** Key of the entry before one of a part: what lies between the two is not of the list. */
function keyBefore(list: FrozenList, part: ListPart, all: readonly ListEntry[], from: number): string | undefined {
  const first = all[from];
  let before = from - 1;
  // Of one key there may be several entries.
  while (before >= 0 && all[before]?.key === first?.key) before -= 1;
  if (before >= 0) return all[before]?.key;
  const earlier = list.parts.slice(0, part.part - 1).findLast(({ lastKey }) => lastKey !== first?.key);
  return earlier?.lastKey;
}

function countFaults(
  { policy }: ObjectWork,
  outcomes: ReadonlyMap<ListEntry, EntryOutcome>,
  outcome: PolicyOutcome,
): void {
  const locked = new Map<string, string[]>();
  const failed = new Map<string, string[]>();
  for (const [{ key }, what] of outcomes) {
    if (what.outcome === 'failed') failed.set(what.code, [...(failed.get(what.code) ?? []), key]);
    if (what.outcome !== 'retention' && what.outcome !== 'legal-hold') continue;
    locked.set(what.outcome, [...(locked.get(what.outcome) ?? []), key]);
  }
  for (const [reason, keys] of locked) {
    const why = reason === 'retention' ? 'a retention of Object Lock' : 'a legal hold';
    const detail = `of ${policy.bucket}, past the retention: kept by ${why}.`;
    countFault(outcome, { rule: 'object-kept', subject: `${policy.bucket}/${reason}`, detail }, keys);
  }
  for (const [code, keys] of failed) {
    const detail = `of ${policy.bucket}, past the retention: not deleted, as S3 answers ${code}.`;
    countFault(outcome, { rule: 'deletion-failed', subject: `${policy.bucket}/${code}`, detail }, keys);
  }
}

async function finish(
  { policy, context, clock }: ObjectWork,
  { plan, hash, entries }: BegunPlan,
  cursor: PurgeCursor,
  outcome: PolicyOutcome,
): Promise<void> {
  const manifest = await writePurgeManifest(context.store, plan, cursor);
  if (!(await entries.isFinished())) await entries.finish(cursor, manifest);
  await recordRun(context.control, plan, { planHash: hash, at: clock().toISOString(), amount: plan.objects });
  await removeCursor(context.control, policy.id);
  outcome.manifests.push(manifest.name);
  outcome.state = 'done';
}
