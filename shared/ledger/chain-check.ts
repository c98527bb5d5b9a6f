import { canonicalJson } from './canonical-json.ts';
import { type LedgerEntry, ledgerEntrySchema } from './ledger-entry.ts';
import { LedgerError } from './ledger-error.ts';
import { sha256Of } from './sha256.ts';

/** Follows a chain from its first entry on: each has to be as it was written, and to follow the one before. */
export class ChainCheck {
  /** Intentions of which the end was not told yet, by their hashes; and the hashes of the others, which may be told of twice. */
  readonly #open = new Map<string, LedgerEntry>();
  readonly #ended = new Set<string>();
  #last: LedgerEntry | undefined;

  /** The entry that was taken last. */
  get last(): LedgerEntry | undefined {
    return this.#last;
  }

  /**
   * Returns the next entry.
   *
   * @param line as the store has it; undefined when there is none where there should be one.
   * @throws LedgerError when it is not the one that was written there.
   */
  next(line: string | undefined): LedgerEntry {
    const sequence = (this.#last?.sequence ?? 0) + 1;
    const entry = readEntry(line, sequence);
    requireFollowing(entry, this.#last);
    for (const [told, hash] of [
      ['the end of an intention', entry.settles],
      ['that an intention was carried out', entry.confirms],
    ]) {
      if (hash == null) continue;
      if (this.#open.delete(hash)) this.#ended.add(hash);
      if (!this.#ended.has(hash)) throw new LedgerError(sequence, `it tells ${told} that is not there`);
    }
    if (entry.outcome === 'intended') this.#open.set(entry.hash, entry);
    this.#last = entry;
    return entry;
  }

  /** Intentions of which no later entry tells what became of them, oldest first. */
  open(): LedgerEntry[] {
    return [...this.#open.values()];
  }
}

/**
 * Returns the entry that a line holds.
 *
 * @throws LedgerError when it is not one, not of this place, or not as it was written.
 */
export function readEntry(line: string | undefined, sequence: number): LedgerEntry {
  if (line === undefined) throw new LedgerError(sequence, 'it is not there');
  const parsed = ledgerEntrySchema.safeParse(parseJson(line, sequence));
  if (!parsed.success) throw new LedgerError(sequence, 'it is not an entry', { cause: parsed.error });
  const { hash, ...rest } = parsed.data;
  if (rest.sequence !== sequence) throw new LedgerError(sequence, `it says that it is entry ${rest.sequence}`);
  if (sha256Of(rest) !== hash) throw new LedgerError(sequence, 'its content does not have the hash that it names');
  // Of a key that is written twice, another reader may take the other.
  if (line !== entryLine(parsed.data)) throw new LedgerError(sequence, 'it is not written as entries are');
  return parsed.data;
}

/** @throws LedgerError when an entry does not name the one before it. */
export function requireFollowing(entry: LedgerEntry, previous: LedgerEntry | undefined): void {
  if (entry.previousHash === (previous?.hash ?? null)) return;
  throw new LedgerError(entry.sequence, 'it does not follow the entry before it: one of them was replaced');
}

/** Returns an entry as it is stored: one line of JSON. */
export function entryLine(entry: LedgerEntry): string {
  return `${canonicalJson(entry)}\n`;
}

function parseJson(line: string, sequence: number): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new LedgerError(sequence, 'it is not JSON', { cause });
  }
}
