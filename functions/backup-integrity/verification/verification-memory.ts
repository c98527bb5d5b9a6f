import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import * as z from 'zod';
import { compareKeys } from '../../../shared/objects/compare-keys.ts';
import type { ListedObject } from '../../../shared/objects/listed-object.ts';
import type { StateStore } from '../../../shared/storage/state-store.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';

const troubleSchema = z.discriminatedUnion('kind', [
  /** Its bytes are not those that were written. */
  z.strictObject({ kind: z.literal('altered'), algorithm: z.string(), expected: z.string(), actual: z.string() }),
  /** The last attempt to read it failed. */
  z.strictObject({ kind: z.literal('unreadable'), reason: z.string(), detail: z.string() }),
]);

/** What stays wrong with an object until it is read again, and well, or written anew. */
export type Trouble = z.output<typeof troubleSchema>;

/** What is remembered of an object, of the version that has this ETag and size and was not written later. */
export interface MemoryEntry {
  readonly key: string;
  readonly etag: string | undefined;
  readonly sizeBytes: number;
  /** When it was last tried, in milliseconds since 1970: its place in the order. */
  readonly triedAtMs: number;
  /** When it was last read to its end; undefined when it never was. */
  readonly readAtMs: number | undefined;
  /** What its bytes hashed to when they were first read, such as `SHA256:…`; undefined when they never were. */
  readonly digest: string | undefined;
  readonly trouble: Trouble | undefined;
}

/** One line of JSON each: terse, because there may be millions. */
const lineSchema = z.tuple([
  z.string(),
  z.string().nullable(),
  z.number(),
  z.number(),
  z.number().nullable(),
  z.string().nullable(),
  troubleSchema.nullable(),
]);

/** The first line: a document of a form to come must not be read as one of this. */
const headerLine = JSON.stringify({ caretaker: 'verification-memory', version: 1 });

/** What is remembered cannot be read; whatever it said, nothing of it may pass for verified. */
export class MemoryUnreadableError extends Error {
  override readonly name = 'MemoryUnreadableError';
}

/**
 * Yields what is remembered under `name` in the order of keys, a chunk of the document at a time; nothing when there is no such
 * document.
 *
 * @throws MemoryUnreadableError where the document is cut, corrupt or out of order; and whatever the store throws.
 */
export async function* readMemory(store: StateStore, name: string): AsyncGenerator<readonly MemoryEntry[]> {
  const content = await store.read(name);
  if (content === undefined) return;
  let previous: string | undefined;
  let isHeader = true;
  for await (const lines of linesOf(content)) {
    const entries: MemoryEntry[] = [];
    for (const line of lines) {
      if (isHeader) {
        if (line !== headerLine) throw new MemoryUnreadableError('It does not begin as such a document does.');
        isHeader = false;
        continue;
      }
      const entry = entryOf(line);
      if (previous !== undefined && compareKeys(previous, entry.key) >= 0) {
        throw new MemoryUnreadableError(`${JSON.stringify(entry.key)} is out of order.`);
      }
      previous = entry.key;
      entries.push(entry);
    }
    if (entries.length > 0) yield entries;
  }
  if (isHeader) throw new MemoryUnreadableError('It is empty.');
}

/**
 * Replaces what is remembered under `name` by `entries`, which must be in the order of keys.
 *
 * @throws whatever `entries` or the store throw; what was there before then stays.
 */
export async function writeMemory(
  store: StateStore,
  name: string,
  entries: AsyncIterable<readonly MemoryEntry[]>,
): Promise<void> {
  const gzip = createGzip();
  // Were the store to be waited for alone, a fault of the entries would be nobody's.
  await Promise.all([
    pipeline(textOf(entries), gzip),
    store.write(name, gzip).catch((error) => {
      // What the entries are read from would stay open, waiting for a reader that has gone.
      gzip.destroy(error);
      throw error;
    }),
  ]);
}

/** An object of the listing, and what is remembered of it. */
export interface RememberedObject {
  readonly object: ListedObject;
  /** Undefined: nothing, or of another version. */
  readonly entry: MemoryEntry | undefined;
}

/**
 * Joins a listing with what is remembered, both in the order of keys, in as much memory as a page of each takes.
 *
 * @param onGone is told of keys that are remembered and not listed any more.
 * @throws UncheckedError when the listing is not in that order, as those of directory buckets are not.
 */
export async function* joinMemory(
  listing: AsyncIterable<readonly ListedObject[]>,
  memory: AsyncIterable<readonly MemoryEntry[]>,
  onGone: (key: string) => void,
): AsyncGenerator<readonly RememberedObject[]> {
  const remembered = new EntryCursor(memory);
  let previous: string | undefined;
  try {
    for await (const page of listing) {
      const joined: RememberedObject[] = [];
      for (const object of page) {
        if (previous !== undefined && compareKeys(previous, object.key) >= 0) {
          const detail = `The listing is not in the order of keys: ${JSON.stringify(object.key)} comes too late.`;
          throw new UncheckedError('listing-unordered', detail);
        }
        previous = object.key;
        let entry = remembered.current ?? (await remembered.load());
        while (entry !== undefined && compareKeys(entry.key, object.key) < 0) {
          onGone(entry.key);
          remembered.advance();
          entry = remembered.current ?? (await remembered.load());
        }
        const isSame = entry?.key === object.key;
        if (isSame) remembered.advance();
        joined.push({ object, entry: isSame && entry !== undefined && isOf(entry, object) ? entry : undefined });
      }
      yield joined;
    }
    for (let entry = remembered.current ?? (await remembered.load()); entry !== undefined; ) {
      onGone(entry.key);
      remembered.advance();
      entry = remembered.current ?? (await remembered.load());
    }
  } finally {
    await remembered.close();
  }
}

/**
 * Yields `memory` with `updates` in the place of what they replace, and without the keys in `gone`.
 *
 * @param updates in the order of keys.
 */
export async function* mergeMemory(
  memory: AsyncIterable<readonly MemoryEntry[]>,
  updates: readonly MemoryEntry[],
  gone: ReadonlySet<string>,
): AsyncGenerator<readonly MemoryEntry[]> {
  let next = 0;
  for await (const entries of memory) {
    const merged: MemoryEntry[] = [];
    for (const entry of entries) {
      let update = updates[next];
      while (update !== undefined && compareKeys(update.key, entry.key) < 0) {
        merged.push(update);
        update = updates[++next];
      }
      if (update?.key === entry.key || gone.has(entry.key)) continue;
      merged.push(entry);
    }
    yield merged;
  }
  yield updates.slice(next);
}

/** An object that was written again since, be it with the same bytes, has not been read since. */
function isOf(entry: MemoryEntry, { etag, sizeBytes, modifiedAtMs }: ListedObject): boolean {
  return entry.etag === etag && entry.sizeBytes === sizeBytes && entry.triedAtMs >= modifiedAtMs;
}

/** A place in the memory; waits only at the end of a batch. */
class EntryCursor {
  readonly #batches: AsyncIterator<readonly MemoryEntry[]>;
  #batch: readonly MemoryEntry[] = [];
  #at = 0;

  constructor(memory: AsyncIterable<readonly MemoryEntry[]>) {
    this.#batches = memory[Symbol.asyncIterator]();
  }

  /** Undefined at the end of a batch: {@link load} then. */
  get current(): MemoryEntry | undefined {
    return this.#batch[this.#at];
  }

  advance(): void {
    this.#at += 1;
  }

  /** Returns the first entry of the next batch; undefined when there is none. */
  async load(): Promise<MemoryEntry | undefined> {
    while (this.current === undefined) {
      const { done, value } = await this.#batches.next();
      if (done === true) return undefined;
      this.#batch = value;
      this.#at = 0;
    }
    return this.current;
  }

  async close(): Promise<void> {
    await this.#batches.return?.();
  }
}

async function* textOf(entries: AsyncIterable<readonly MemoryEntry[]>): AsyncGenerator<string> {
  yield `${headerLine}\n`;
  for await (const batch of entries) {
    let text = '';
    for (const entry of batch) text += `${lineOf(entry)}\n`;
    if (text !== '') yield text;
  }
}

function lineOf({ key, etag, sizeBytes, triedAtMs, readAtMs, digest, trouble }: MemoryEntry): string {
  const line: z.output<typeof lineSchema> = [
    key,
    etag ?? null,
    sizeBytes,
    triedAtMs,
    readAtMs ?? null,
    digest ?? null,
    trouble ?? null,
  ];
  return JSON.stringify(line);
}

function entryOf(line: string): MemoryEntry {
  const parsed = lineSchema.safeParse(jsonOf(line));
  if (!parsed.success) throw new MemoryUnreadableError(`A line of it is not one: ${line.slice(0, 80)}`);
  const [key, etag, sizeBytes, triedAtMs, readAtMs, digest, trouble] = parsed.data;
  return {
    key,
    etag: etag ?? undefined,
    sizeBytes,
    triedAtMs,
    readAtMs: readAtMs ?? undefined,
    digest: digest ?? undefined,
    trouble: trouble ?? undefined,
  };
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new MemoryUnreadableError(`A line of it is not JSON: ${line.slice(0, 80)}`, { cause: error });
  }
}

/** Splits at line feeds alone; `readline` would also split at characters that JSON leaves as they are. */
async function* linesOf(content: AsyncIterable<Uint8Array>): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of unzipped(content)) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
    rest = lines.pop() as string;
    if (lines.length > 0) yield lines;
  }
  if (rest !== '') throw new MemoryUnreadableError('Its last line is cut.');
}

async function* unzipped(content: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  const feeding = pipeline(Readable.from(content), gunzip);
  // Whoever reads the end of the pipe meets the fault too.
  feeding.catch(() => {});
  try {
    yield* gunzip;
    await feeding;
  } catch (error) {
    if (!isZlibError(error)) throw error;
    throw new MemoryUnreadableError(`It cannot be decompressed: ${error.message}.`, { cause: error });
  } finally {
    gunzip.destroy();
  }
}

/** https://nodejs.org/api/zlib.html#zlib-constants; a fault of the store has another code, or none. */
function isZlibError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('Z_');
}
