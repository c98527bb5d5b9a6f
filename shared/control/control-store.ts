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
  /**
   * Writes only where there is still `before`, as it was read, and returns whether it did: of two who try at once, one does. False may
   * also be the answer to a request that was sent a second time: who has to know reads it.
   */
  replace(key: string, before: unknown, value: unknown): Promise<boolean>;
  /** Leaves nothing under `key`. */
  remove(key: string): Promise<void>;
}
