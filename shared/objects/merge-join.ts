import { UncheckedError } from '../unchecked-error.ts';
import { compareKeys } from './compare-keys.ts';

/** What stands under one key on either side; one of the two at least. */
export interface Pair<Source extends Keyed, Copy extends Keyed = Source> {
  /** The part of the key behind the prefix, which both sides share. */
  readonly key: string;
  readonly source: Source | undefined;
  readonly copy: Copy | undefined;
}

/** Whatever a listing lists, by a key of S3's. */
export interface Keyed {
  readonly key: string;
}

/** Each side's prefix, in front of the part of the key that both share. */
export interface Prefixes {
  readonly source: string;
  readonly copy: string;
}

type Pages<Entry> = AsyncIterable<readonly Entry[]>;

/**
 * Joins two listings by their keys, each in the order of its keys' UTF-8 bytes. Yields the pairs in the same order, in batches that
 * are never empty, and holds one page of each side. A key that a side lists twice in a row counts once, as it is listed first.
 *
 * @throws UncheckedError `out-of-order` when a listing is not in order: everything behind that place would be judged wrongly.
 */
export async function* mergeJoin<Source extends Keyed, Copy extends Keyed>(
  sourcePages: Pages<Source>,
  copyPages: Pages<Copy>,
  prefixes: Prefixes,
): AsyncGenerator<readonly Pair<Source, Copy>[], void, undefined> {
  const source = new Side(sourcePages, prefixes.source);
  const copy = new Side(copyPages, prefixes.copy);
  try {
    while (true) {
      await Promise.all([source.fill(), copy.fill()]);
      if (source.isAtEnd && copy.isAtEnd) return;
      yield joinFilled(source, copy);
    }
  } finally {
    await Promise.all([source.close(), copy.close()]);
  }
}

/** Joins until one side has to be filled again. */
function joinFilled<Source extends Keyed, Copy extends Keyed>(
  source: Side<Source>,
  copy: Side<Copy>,
): Pair<Source, Copy>[] {
  const pairs: Pair<Source, Copy>[] = [];
  while (true) {
    const ours = source.current;
    const theirs = copy.current;
    if (ours === undefined && theirs === undefined) return pairs;
    if ((ours === undefined && !source.isAtEnd) || (theirs === undefined && !copy.isAtEnd)) return pairs;
    const order = ours === undefined ? 1 : theirs === undefined ? -1 : compareKeys(source.key, copy.key);
    const key = order <= 0 ? source.key : copy.key;
    pairs.push({ key, source: order <= 0 ? ours : undefined, copy: order >= 0 ? theirs : undefined });
    if (order <= 0) source.advance();
    if (order >= 0) copy.advance();
  }
}

/** One listing and the place in it. */
class Side<Entry extends Keyed> {
  readonly #pages: AsyncIterator<readonly Entry[]>;
  readonly #prefix: string;
  #page: readonly Entry[] = [];
  #index = 0;
  #key = '';
  #previous: string | undefined;
  #hasEnded = false;

  constructor(pages: Pages<Entry>, prefix: string) {
    this.#pages = pages[Symbol.asyncIterator]();
    this.#prefix = prefix;
  }

  /** Undefined at the end of what has been filled in. */
  get current(): Entry | undefined {
    return this.#page[this.#index];
  }

  /** Key of {@link current}, without the prefix. */
  get key(): string {
    return this.#key;
  }

  get isAtEnd(): boolean {
    return this.#hasEnded && this.current === undefined;
  }

  /** Gets the next page if there is nothing left of the one before. */
  async fill(): Promise<void> {
    while (this.current === undefined && !this.#hasEnded) {
      const { done, value } = await this.#pages.next();
      this.#hasEnded = done === true;
      this.#page = done === true ? [] : value;
      this.#index = -1;
      this.advance();
    }
  }

  advance(): void {
    for (this.#index += 1; this.#index < this.#page.length; this.#index += 1) {
      const key = this.#relative((this.#page[this.#index] as Entry).key);
      const order = this.#previous === undefined ? -1 : compareKeys(this.#previous, key);
      if (order > 0) throw outOfOrder(this.#previous as string, key);
      this.#previous = key;
      this.#key = key;
      if (order < 0) return;
    }
  }

  async close(): Promise<void> {
    await this.#pages.return?.();
  }

  #relative(key: string): string {
    if (!key.startsWith(this.#prefix)) {
      throw new UncheckedError('out-of-order', `The listing of ${this.#prefix} holds ${key}.`);
    }
    return key.slice(this.#prefix.length);
  }
}

function outOfOrder(before: string, after: string): UncheckedError {
  return new UncheckedError('out-of-order', `The listing has ${after} behind ${before}, so it cannot be compared.`);
}
