import type { DeletionError } from '../../../shared/objects/delete-objects.ts';
import type { ListEntry } from './list-entry.ts';

/** Keys of a source, from one to another one. */
export interface SourceRange {
  /** Keys behind this one only. */
  readonly after: string | undefined;
  /** Keys up to this one, and with it, only. */
  readonly upTo?: string | undefined;
  /** Keys that begin so only: given, it is at least as long as the source's own prefix. */
  readonly prefix?: string | undefined;
}

/** Something that was seen. */
export interface Seen {
  readonly entry: ListEntry;
  /** It is what the policy takes. */
  readonly isPast: boolean;
}

export interface SeenBatch {
  readonly seen: readonly Seen[];
  /** Given, all is seen up to and with this key: here it may be gone on with later. */
  readonly completeKey: string | undefined;
}

/**
 * Why something past its retention must not be taken: a row names it; no row could name it; or its id may come to be that of another
 * one before it is deleted.
 */
export type HeldBack = 'named' | 'unnameable' | 'replaceable';

/** What a policy takes its objects from. */
export interface ObjectSource {
  /** Yields everything in a range, in the order of the keys. */
  scan(range: SourceRange): AsyncIterable<SeenBatch>;
  /** Returns those of these entries, just now found as they were planned, that must not be taken for another reason. */
  holdBack(entries: readonly ListEntry[]): Promise<ReadonlyMap<ListEntry, HeldBack>>;
  /**
   * Deletes entries, up to 1,000, and returns for each why it was not.
   *
   * @throws what leaves open what became of them.
   */
  remove(entries: readonly ListEntry[]): Promise<(DeletionError | undefined)[]>;
}
