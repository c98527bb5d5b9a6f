import { setTimeout as delay } from 'node:timers/promises';
import pMap from 'p-map';
import type { DeletionError } from '../../../shared/objects/delete-objects.ts';
import type { EntryOutcome } from './entry-outcome.ts';
import type { ListEntry } from './list-entry.ts';
import { lookAgain } from './look-again.ts';
import { faster, type ObjectPace, slower } from './object-pace.ts';
import type { ObjectSource } from './object-source.ts';
import type { ObjectWork } from './object-work.ts';
import { whyKept } from './why-kept.ts';

/** How often what may go better is tried. */
const maximumRounds = 5;
const concurrency = 8;

/** Errors after which the same may succeed: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList */
const passing = new Set([
  'InternalError',
  'SlowDown',
  'ServiceUnavailable',
  'OperationAborted',
  'ConditionalRequestConflict',
  'RequestTimeout',
  'Throttling',
  'ThrottlingException',
  'RequestLimitExceeded',
  'NoAnswer',
]);

export interface RemovedBatch {
  /** Of those that the time was enough for. */
  readonly outcomes: Map<ListEntry, EntryOutcome>;
  /** A request was refused as a whole, or failed so again and again: that is not about single objects. */
  readonly isRefused: boolean;
  /** For the next batch. */
  readonly pace: ObjectPace;
  readonly waitedMs: number;
}

/**
 * Deletes entries that have just been found as they were planned, and returns what became of each. What S3 could not do is tried again,
 * ever more slowly; where it is not known what became of a request, S3 is asked what is still there.
 *
 * @param after key before the first of the batch.
 * @throws what S3 answers when it is asked again.
 */
export async function removeBatch(
  { client, policy, context, clock }: Pick<ObjectWork, 'client' | 'policy' | 'context' | 'clock'>,
  source: ObjectSource,
  entries: readonly ListEntry[],
  { after, pace: firstPace }: { readonly after: string | undefined; readonly pace: ObjectPace },
): Promise<RemovedBatch> {
  const outcomes = new Map<ListEntry, EntryOutcome>();
  let pace = firstPace;
  let waitedMs = 0;
  let left = [...entries];
  const tried = new Set<ListEntry>();
  let hasFailedAsWhole = false;
  let lastCodes = new Map<ListEntry, string>();
  for (let round = 1; round <= maximumRounds && left.length > 0; round += 1) {
    const again: ListEntry[] = [];
    const codes = new Map<ListEntry, string>();
    for (let start = 0; start < left.length; ) {
      // What is left is for the next step. At least one request is made in each.
      if (context.signal.aborted && (round > 1 || start > 0)) {
        // Of what was tried it is told here whether it is gone: the next step could not tell by whom.
        await stillWanted(again);
        return { outcomes, isRefused: false, pace, waitedMs };
      }
      let some = left.slice(start, start + pace.objects);
      start += some.length;
      if (pace.waitMs > 0) {
        waitedMs += pace.waitMs;
        await delay(pace.waitMs, undefined, { signal: context.signal }).catch(() => {});
        // Meanwhile somebody may have named one in a row, or written the same bytes again.
        some = await stillWanted(some);
        if (some.length === 0) continue;
      }
      for (const entry of some) tried.add(entry);
      const { errors, isWhole } = await tryToRemove(some);
      const refusal = isWhole ? errors[0]?.code : undefined;
      hasFailedAsWhole = refusal !== undefined;
      if (refusal !== undefined && !passing.has(refusal)) {
        for (const entry of entries)
          if (!outcomes.has(entry)) outcomes.set(entry, { outcome: 'failed', code: refusal });
        return { outcomes, isRefused: true, pace, waitedMs };
      }
      let isAgain = false;
      const denied: ListEntry[] = [];
      const others: ListEntry[] = [];
      for (const [index, entry] of some.entries()) {
        const error = errors[index];
        if (error === undefined || isGone(error.code)) outcomes.set(entry, { outcome: 'deleted' });
        else if (error.code === 'PreconditionFailed') others.push(entry);
        else if (error.code === 'AccessDenied') denied.push(entry);
        else if (passing.has(error.code)) {
          isAgain = true;
          again.push(entry);
          codes.set(entry, error.code);
        } else outcomes.set(entry, { outcome: 'failed', code: error.code });
      }
      // What is there is another one; or nothing, as a request whose answer was lost and that the SDK has sent again finds it.
      for (const [entry, state] of others.length === 0 ? [] : await lookAgain(source, others, after)) {
        outcomes.set(entry, { outcome: state === 'gone' ? 'deleted' : 'changed' });
      }
      const reasons = await pMap(denied, (entry) => whyKept(client, policy.bucket, entry, clock()), { concurrency });
      for (const [index, entry] of denied.entries()) outcomes.set(entry, reasons[index] as EntryOutcome);
      pace = isAgain ? slower(pace) : faster(pace);
    }
    // Whatever was not there when it was tried again could have become another's meanwhile.
    left = await stillWanted(again);
    lastCodes = codes;
  }
  for (const entry of left) outcomes.set(entry, { outcome: 'failed', code: lastCodes.get(entry) ?? 'NoAnswer' });
  return { outcomes, isRefused: left.length > 0 && hasFailedAsWhole, pace, waitedMs };

  async function tryToRemove(
    some: readonly ListEntry[],
  ): Promise<{ readonly errors: readonly (DeletionError | undefined)[]; readonly isWhole: boolean }> {
    try {
      return { errors: await source.remove(some), isWhole: false };
    } catch (error) {
      // A service that says no has done nothing; a connection that broke may have lost only the answer.
      const { name, message } = error as Error;
      const isRefusal = error instanceof Error && '$fault' in error;
      return { errors: some.map(() => ({ code: isRefusal ? name : 'NoAnswer', message })), isWhole: true };
    }
  }

  /** Returns those that are still as they were planned and that nobody holds back. */
  async function stillWanted(some: readonly ListEntry[]): Promise<ListEntry[]> {
    if (some.length === 0) return [];
    const found = await lookAgain(source, some, after);
    const same: ListEntry[] = [];
    for (const entry of some) {
      const state = found.get(entry) ?? 'gone';
      if (state === 'same') same.push(entry);
      else outcomes.set(entry, { outcome: state === 'gone' && tried.has(entry) ? 'deleted' : state });
    }
    const held = await source.holdBack(same);
    for (const [entry, reason] of held) outcomes.set(entry, { outcome: reason });
    return same.filter((entry) => !held.has(entry));
  }
}

function isGone(code: string): boolean {
  return code === 'NoSuchKey' || code === 'NoSuchVersion' || code === 'NoSuchUpload';
}
