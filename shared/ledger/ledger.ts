import { ChainCheck, entryLine, readEntry, requireFollowing } from './chain-check.ts';
import { type LedgerEntry, type LedgerRecord, ledgerEntrySchema, ledgerRecordSchema } from './ledger-entry.ts';
import { LedgerError } from './ledger-error.ts';
import { chainPrefix, entryName, parseEntryName } from './ledger-names.ts';
import type { LedgerStore } from './ledger-store.ts';
import { readAhead } from './read-ahead.ts';
import { sha256Of } from './sha256.ts';

/** How often an entry is written anew because somebody else has taken its place. */
const maximumAttempts = 20;

/** Of a whole chain. */
const forwards = { concurrency: 16, held: 64 };

/** Who goes backwards seldom goes far: what is read for nothing is to be little. */
const backwards = { concurrency: 8, held: 8 };

/**
 * What was done, by whom and why: entries that are only ever added, one document each, of which each names the hash of the one
 * before. Whoever changes, removes or replaces one has to write all that follow anew, in a store that lets nobody.
 *
 * A place in the chain is taken by whoever is first. Another one who wanted it then takes the next: none is lost, and both chains of
 * thought are one chain of entries.
 */
export class Ledger {
  readonly chain: string;
  readonly #store: LedgerStore;
  readonly #clock: () => Date;
  #last: LedgerEntry | undefined;

  private constructor(store: LedgerStore, chain: string, clock: () => Date) {
    this.chain = chain;
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Returns a chain that is ready to be added to. Only its end is read: {@link entries} proves the rest. Where the store shows that
   * there was something behind it, it is not the end: a chain that goes on before what was deleted would hide it.
   *
   * @param chain good as the name of a document: `<task>/<policy>`.
   * @throws LedgerError when the last entry is not as it was written, or others behind it were deleted.
   */
  static async open(store: LedgerStore, chain: string, clock: () => Date): Promise<Ledger> {
    const ledger = new Ledger(store, chain, clock);
    const last = await ledger.#lastSequence();
    if (last > 0) ledger.#last = await ledger.#read(last);
    await ledger.#requireEnd(last);
    return ledger;
  }

  /** The last entry that this process has seen; undefined in an empty ledger. */
  get last(): LedgerEntry | undefined {
    return this.#last;
  }

  /**
   * Writes a record behind the last entry, and returns it as an entry when it is there for good.
   *
   * @throws LedgerError when the chain is broken where it should go on; nothing is added then.
   */
  async append(record: LedgerRecord): Promise<LedgerEntry> {
    const content = ledgerRecordSchema.parse(record);
    let isGone = false;
    for (let attempt = 0; attempt < maximumAttempts; attempt += 1) {
      const entry = this.#entryBehind(this.#last, content);
      if (await this.#store.add(entryName(this.chain, entry.sequence), entryLine(entry))) return this.#take(entry);
      const taken = await this.#catchUp(entry.sequence);
      // It was written, and only the answer was lost: the try after it found the place taken by itself.
      if (taken?.hash === entry.hash) return taken;
      isGone = taken === undefined;
    }
    const what = isGone
      ? 'its place is taken, and nothing is there'
      : `others were first, ${maximumAttempts} times in a row`;
    throw new LedgerError((this.#last?.sequence ?? 0) + 1, what);
  }

  /**
   * Returns every entry, oldest first, each when it has been proven to be as it was written and to follow the one before.
   *
   * @throws LedgerError that names the first entry that is not as it was written, or is not there.
   */
  async *entries(): AsyncGenerator<LedgerEntry> {
    const check = new ChainCheck();
    for await (const { sequence, line } of readAhead(this.#sequences(), (next) => this.#line(next), forwards)) {
      const expected = (check.last?.sequence ?? 0) + 1;
      // Between the two there was one.
      if (sequence !== expected) throw new LedgerError(expected, `it is not there, and there is entry ${sequence}`);
      yield check.next(line);
    }
    const seen = this.#last?.sequence ?? 0;
    const read = check.last?.sequence ?? 0;
    if (read < seen) throw new LedgerError(read + 1, `it is not there, and there were ${seen}`);
    if (check.last !== undefined) this.#take(check.last);
  }

  /**
   * Returns every entry, newest first, each when it has been proven to be the one that the entry behind it names.
   *
   * @throws LedgerError as {@link entries}.
   */
  async *backwards(): AsyncGenerator<LedgerEntry> {
    let entry = this.#last;
    if (entry === undefined) return;
    yield entry;
    for await (const { sequence, line } of readAhead(before(entry.sequence), (next) => this.#line(next), backwards)) {
      const previous = readEntry(line, sequence);
      requireFollowing(entry, previous);
      entry = previous;
      yield entry;
    }
    requireFollowing(entry, undefined);
  }

  #entryBehind(last: LedgerEntry | undefined, record: LedgerRecord): LedgerEntry {
    const content = {
      ...record,
      schemaVersion: 1 as const,
      sequence: (last?.sequence ?? 0) + 1,
      at: this.#clock().toISOString(),
      previousHash: last?.hash ?? null,
    };
    return ledgerEntrySchema.parse({ ...content, hash: sha256Of(content) });
  }

  /** Reads what others have added, and returns the entry at `sequence`, if there is one now. */
  async #catchUp(sequence: number): Promise<LedgerEntry | undefined> {
    let taken: LedgerEntry | undefined;
    for (let next = sequence; ; next += 1) {
      const { line } = await this.#line(next);
      if (line === undefined) return taken;
      const entry = readEntry(line, next);
      if (this.#last?.sequence === next - 1 || next === 1) requireFollowing(entry, this.#last);
      taken ??= entry;
      this.#take(entry);
    }
  }

  #take(entry: LedgerEntry): LedgerEntry {
    if (entry.sequence > (this.#last?.sequence ?? 0)) this.#last = entry;
    return entry;
  }

  async #read(sequence: number): Promise<LedgerEntry> {
    const { line } = await this.#line(sequence);
    return readEntry(line, sequence);
  }

  async #line(sequence: number): Promise<{ sequence: number; line: string | undefined }> {
    return { sequence, line: await this.#store.read(entryName(this.chain, sequence)) };
  }

  async *#sequences(after = 0): AsyncGenerator<number> {
    for await (const name of this.#store.list(chainPrefix(this.chain), entryName(this.chain, after))) {
      const parsed = parseEntryName(name);
      if (parsed?.chain === this.chain) yield parsed.sequence;
    }
  }

  /** A year's entries are hundreds of pages of a listing: the end is looked for by halving. */
  async #lastSequence(): Promise<number> {
    let found = 0;
    let step = 1;
    let isGrowing = true;
    while (step >= 1) {
      const next = await this.#firstBehind(found + step - 1);
      if (next !== undefined) {
        found = next;
        if (isGrowing) step *= 2;
        else step = Math.floor(step / 2);
      } else {
        isGrowing = false;
        step = Math.floor(step / 2);
      }
    }
    return found;
  }

  /** S3 writes over a delete marker as if there had never been anything: only the versions tell. */
  async #requireEnd(last: number): Promise<void> {
    for await (const { name } of this.#store.tampering(chainPrefix(this.chain), entryName(this.chain, last))) {
      const parsed = parseEntryName(name);
      if (parsed?.chain !== this.chain) continue;
      throw new LedgerError(parsed.sequence, 'it was there, and was deleted');
    }
  }

  async #firstBehind(sequence: number): Promise<number | undefined> {
    for await (const next of this.#sequences(sequence)) return next;
    return undefined;
  }
}

function* before(sequence: number): Generator<number> {
  for (let next = sequence - 1; next >= 1; next -= 1) yield next;
}
