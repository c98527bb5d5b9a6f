/**
 * Keeps what a task must remember from one run, or one step of a run, to the next: small documents and streams of lines under a
 * name such as `verification/audio`. A name has letters, digits, `-`, `_` and `.`, in parts divided by `/`.
 */
export interface StateStore {
  /** Returns what was written last under `name`, `undefined` when there is nothing. */
  read(name: string): Promise<AsyncIterable<Uint8Array> | undefined>;
  /**
   * Replaces what is kept under `name`, all of it or nothing: a reader never meets half of it, and a write that fails leaves
   * what was there before.
   */
  write(name: string, content: AsyncIterable<Uint8Array>): Promise<void>;
}

/** Returns the JSON document under `name`, `undefined` when there is none. @throws SyntaxError when it is not JSON. */
export async function readJson(store: StateStore, name: string): Promise<unknown> {
  const content = await store.read(name);
  if (content === undefined) return undefined;
  const parts: Uint8Array[] = [];
  for await (const part of content) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString());
}

/** Writes `value` as JSON under `name`. */
export async function writeJson(store: StateStore, name: string, value: unknown): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(value));
  await store.write(
    name,
    (async function* () {
      yield bytes;
    })(),
  );
}
