import { compareKeys } from '../../../shared/objects/compare-keys.ts';
import { listObjects } from '../../../shared/objects/list-objects.ts';
import type { ListedObject } from '../../../shared/objects/listed-object.ts';
import { mergeJoin, type Pair } from '../../../shared/objects/merge-join.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { Confirmer } from './confirm.ts';
import { judgePair, type PairRules } from './judge-pair.ts';
import { listRows, type RowSource } from './list-rows.ts';
import type { ObjectPlace } from './object-asker.ts';
import type { RecordedKey } from './recorded-key.ts';
import type { Tally } from './tally.ts';

/** How rows and objects are compared. */
export interface Comparison {
  readonly source: RowSource;
  readonly place: ObjectPlace;
  readonly rules: PairRules;
  readonly confirmer: Confirmer;
  readonly tally: Tally;
  /** Objects without rows are asked about. */
  readonly wantsOrphans: boolean;
  /** The last key whose checksum an earlier run has asked for. */
  readonly cursor: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Compares all rows with all objects below the prefix, each side in the order of its keys, and holds a page of either.
 *
 * @throws UncheckedError `out-of-order` when a side is not in that order; and whatever reading either throws.
 */
export async function compareListings(comparison: Comparison): Promise<void> {
  const { source, place, confirmer, signal } = comparison;
  const { bucket, prefix, client } = place;
  const objects = listObjects(client, { bucket, prefix }, { signal });
  try {
    for await (const batch of mergeJoin(listRows(source), objects, { source: '', copy: prefix })) {
      for (const pair of batch) addPair(pair, comparison);
      // Rows that are being listed may keep one connection; there are always two.
      if (confirmer.isFull) await confirmer.flush();
      signal.throwIfAborted();
    }
  } catch (error) {
    // What was found until then is found all the same.
    if (!signal.aborted) await confirmer.flush();
    throw withoutKeys(error);
  }
  await confirmer.flush();
}

/** What the join says of a wrong order names keys, which may be personal. */
function withoutKeys(error: unknown): unknown {
  if (!(error instanceof UncheckedError && error.reason === 'out-of-order')) return error;
  const detail = 'The rows or the objects were not given in the order of their keys, so they cannot be compared.';
  return new UncheckedError('out-of-order', detail);
}

function addPair({ key, source: rows, copy: object }: Pair<RecordedKey, ListedObject>, comparison: Comparison): void {
  const { rules, source, tally, confirmer, wantsOrphans, cursor } = comparison;
  const judgement = judgePair({ rows, object }, rules, source.now);
  const { fault, count } = judgement;
  tally.rows += judgement.rows;
  tally.rowsInFlight += judgement.rowsInFlight;
  tally.rowsWithoutSize += judgement.withoutSize;
  tally.sizesCompared += judgement.sizesCompared;
  if (judgement.rows > 0) tally.keys += 1;
  if (judgement.rows > 0 && cursor !== undefined && compareKeys(key, cursor) <= 0) tally.keysBeforeCursor += 1;
  if (object !== undefined) tally.objects += 1;
  if (judgement.isObjectInFlight) tally.objectsInFlight += 1;
  if (judgement.isFolder) tally.folders += 1;
  if (fault === undefined || (fault === 'orphan' && !wantsOrphans)) return;
  // A key of its own: a part of the page's text would keep all of it.
  confirmer.add(fault, { key: Buffer.from(key).toString(), count });
}
