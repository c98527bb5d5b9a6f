/**
 * Small documents by which people and runs tell each other what to do: that a task is paused, which plan waits for approval, who has
 * approved it, how much earlier runs took. In the cloud they are items of the state table, on a laptop files. A key has letters,
 * digits, `-`, `_` and `.`, in parts divided by `/`; a value is plain JSON of at most 300 KB.
 */
export interface ControlStore {
  /**
   * Returns what was written last under `key`; undefined when there is nothing. Never an answer from before the last write.
   *
   * @throws UncheckedError `bad-control-document` where what is there is not JSON.
   */
  read(key: string): Promise<unknown>;
  /** Replaces what is there. */
  write(key: string, value: unknown): Promise<void>;
  /** Writes only where there is nothing, and returns whether it did: of two who try at once, one does. */
  create(key: string, value: unknown): Promise<boolean>;
  /** Leaves nothing under `key`. */
  remove(key: string): Promise<void>;
}
