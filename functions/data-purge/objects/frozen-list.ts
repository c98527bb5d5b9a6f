import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { StateStore } from '../../../shared/storage/state-store.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { ListEntry } from './list-entry.ts';

/** Entries and bytes of a part: what is held in memory at a time. */
const maximumPartEntries = 10_000;
const maximumPartBytes = 8 * 1024 * 1024;

/** What an index says of a part. */
export const listPartSchema = z.strictObject({
  /** From 1 on. */
  part: z.int().min(1),
  entries: z.int().min(1),
  bytes: z.int().min(0),
  /** When the retention of the oldest and the youngest began. */
  oldest: z.iso.datetime(),
  youngest: z.iso.datetime(),
  /** Key of the last entry. */
  lastKey: z.string(),
  sha256: z.string(),
});

export type ListPart = z.output<typeof listPartSchema>;

/**
 * Writes what a plan names, as JSON lines, in documents that are small enough to be read as a whole, and an index of them with their
 * hashes, whose own hash is that of the list: nobody can change a line unseen, and each part can be proven when it is used.
 */
export class ListWriter {
  readonly name: string;
  readonly parts: ListPart[];
  readonly #store: StateStore;
  #lines: string[] = [];
  #lineBytes = 0;
  #bytes = 0;
  #oldest = '';
  #youngest = '';
  #lastKey = '';

  /** @param parts those that are written already, of a list that is gone on with. */
  constructor(store: StateStore, name: string, parts: readonly ListPart[] = []) {
    this.#store = store;
    this.name = name;
    this.parts = [...parts];
  }

  async add(entry: ListEntry): Promise<void> {
    const line = `${JSON.stringify(entry)}\n`;
    if (this.#lines.length === 0 || entry.since < this.#oldest) this.#oldest = entry.since;
    if (this.#lines.length === 0 || entry.since > this.#youngest) this.#youngest = entry.since;
    this.#lines.push(line);
    // A character has three bytes at most, of one unit of UTF-16.
    this.#lineBytes += 3 * line.length;
    this.#bytes += entry.size;
    this.#lastKey = entry.key;
    if (this.#lines.length >= maximumPartEntries || this.#lineBytes >= maximumPartBytes) await this.flush();
  }

  /** Writes what is held back, also when it is less than a part. */
  async flush(): Promise<void> {
    if (this.#lines.length === 0) return;
    const part = this.parts.length + 1;
    const content = Buffer.from(this.#lines.join(''));
    await write(this.#store, partName(this.name, part), content);
    this.parts.push({
      part,
      entries: this.#lines.length,
      bytes: this.#bytes,
      oldest: this.#oldest,
      youngest: this.#youngest,
      lastKey: this.#lastKey,
      sha256: hashOf(content),
    });
    this.#lines = [];
    this.#lineBytes = 0;
    this.#bytes = 0;
  }

  /** Ends the list and returns its hash. */
  async finish(): Promise<string> {
    await this.flush();
    const content = Buffer.from(this.parts.map((part) => `${JSON.stringify(part)}\n`).join(''));
    await write(this.#store, indexName(this.name), content);
    return hashOf(content);
  }
}

/** A list as it was written, and nothing else. */
export class FrozenList {
  readonly parts: readonly ListPart[];
  readonly #store: StateStore;
  readonly #name: string;

  private constructor(store: StateStore, name: string, parts: readonly ListPart[]) {
    this.#store = store;
    this.#name = name;
    this.parts = parts;
  }

  /** @throws UncheckedError `list-missing` or `list-changed`. */
  static async open(store: StateStore, name: string, hash: string): Promise<FrozenList> {
    const content = await read(store, indexName(name));
    if (hashOf(content) !== hash) throw changed(name);
    const lines = content
      .toString()
      .split('\n')
      .filter((line) => line !== '');
    return new FrozenList(
      store,
      name,
      lines.map((line) => listPartSchema.parse(JSON.parse(line))),
    );
  }

  /** Returns the entries of a part. @throws UncheckedError `list-missing` or `list-changed`. */
  async read({ part, sha256, entries: count }: ListPart): Promise<ListEntry[]> {
    const content = await read(this.#store, partName(this.#name, part));
    if (hashOf(content) !== sha256) throw changed(partName(this.#name, part));
    const lines = content
      .toString()
      .split('\n')
      .filter((line) => line !== '');
    if (lines.length !== count) throw changed(partName(this.#name, part));
    return lines.map((line) => JSON.parse(line) as ListEntry);
  }

  /** Reads all of it once. @throws UncheckedError `list-missing` or `list-changed`. */
  async verify(): Promise<void> {
    for (const part of this.parts) await this.read(part);
  }

  /** When the retention of the youngest entry began; undefined when there is none. */
  get youngest(): string | undefined {
    return this.parts
      .map(({ youngest }) => youngest)
      .sort()
      .at(-1);
  }

  /** Returns when the retention of the oldest entry began, of the parts from `part` on; undefined when there are none. */
  oldestFrom(part: number): string | undefined {
    return this.parts
      .filter((candidate) => candidate.part >= part)
      .map(({ oldest }) => oldest)
      .sort()[0];
  }
}

function indexName(name: string): string {
  return `${name}/index`;
}

function partName(name: string, part: number): string {
  return `${name}/${String(part).padStart(8, '0')}`;
}

function hashOf(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

async function write(store: StateStore, name: string, content: Uint8Array): Promise<void> {
  await store.write(
    name,
    (async function* () {
      yield content;
    })(),
  );
}

async function read(store: StateStore, name: string): Promise<Buffer> {
  const content = await store.read(name);
  if (content === undefined)
    throw new UncheckedError('list-missing', `The plan's list ${name} is not there (any more).`);
  const pieces: Uint8Array[] = [];
  for await (const piece of content) pieces.push(piece);
  return Buffer.concat(pieces);
}

function changed(name: string): UncheckedError {
  return new UncheckedError('list-changed', `The plan's list ${name} is not the one that was planned: it was changed.`);
}
