import { ChainCheck } from './chain-check.ts';
import type { LedgerEntry } from './ledger-entry.ts';
import { LedgerError } from './ledger-error.ts';
import { parseEntryName } from './ledger-names.ts';
import type { LedgerStore } from './ledger-store.ts';
import { readAhead } from './read-ahead.ts';

/** Documents. */
const ahead = { concurrency: 16, held: 64 };

/** An intention at the end of a chain may be of a batch that is under way; after this nobody is at work on it any more. */
const underWayHours = 24;

/** What a chain of entries proves, and what it does not. */
export interface VerifiedChain {
  readonly chain: string;
  /** Entries from the first on that are as they were written, and follow each other. */
  readonly entries: number;
  /** Of the first and the last of them; null where there are none. */
  readonly firstAt: string | null;
  readonly lastAt: string | null;
  /** By which all before it can be recognized, if it is kept somewhere else. */
  readonly lastHash: string | null;
  /** What is not as it was written, or not there: nothing behind it is proven. */
  readonly faults: readonly ChainFault[];
  /** Intentions of which nothing tells what became of them. */
  readonly unsettled: readonly UnsettledIntention[];
  /** The last entry is an intention of lately: a run is at work on it, or the next one will say what became of it. */
  readonly isUnderWay: boolean;
}

export interface ChainFault {
  /** Of the entry that tells; null where it is about a document that is none. */
  readonly sequence: number | null;
  readonly document: string;
  readonly fault: string;
}

export interface UnsettledIntention {
  readonly sequence: number;
  readonly at: string;
  readonly action: string;
  readonly target: string;
}

/**
 * Walks through every chain, and returns for each what is proven: that its entries are those that were written, in their order,
 * without a gap and without one that the store shows to have been replaced or deleted.
 *
 * @param chain one of them; all unless given. One that is not there has no entries.
 */
export async function verifyLedgers(
  store: LedgerStore,
  { chain, now, progress = () => {} }: VerifyOptions,
): Promise<VerifiedChain[]> {
  const walks = new Map<string, ChainWalk>();
  const walkOf = (name: string) => {
    const walk = walks.get(name) ?? new ChainWalk(name);
    walks.set(name, walk);
    return walk;
  };
  if (chain !== undefined) walkOf(chain);
  const prefix = chain === undefined ? '' : `${chain}/`;
  const isAsked = (name: string) => chain === undefined || name === chain;

  let entries = 0;
  const read = async (name: string) => ({ name, line: await store.read(name) });
  for await (const { name, line } of readAhead(store.list(prefix), read, ahead)) {
    const parsed = parseEntryName(name);
    if (parsed === undefined) walkOf(chain ?? folderOf(name)).stranger(name);
    else if (isAsked(parsed.chain)) walkOf(parsed.chain).take(parsed.sequence, name, line);
    entries += 1;
    progress(entries);
  }
  for await (const { name, fault } of store.tampering(prefix)) {
    const parsed = parseEntryName(name);
    const of = parsed?.chain ?? chain ?? folderOf(name);
    if (isAsked(of)) walkOf(of).tampering(parsed?.sequence ?? null, name, fault);
  }
  return [...walks.values()].map((walk) => walk.result(now));
}

export interface VerifyOptions {
  readonly chain?: string | undefined;
  readonly now: Date;
  /** Told how many documents have been looked at. */
  readonly progress?: (documents: number) => void;
}

/** Returns whether nothing about a chain is left to explain. */
export function isProven({ faults, unsettled }: VerifiedChain): boolean {
  return faults.length === 0 && unsettled.length === 0;
}

/** Goes along one chain until something is wrong with it. */
class ChainWalk {
  readonly #chain: string;
  readonly #check = new ChainCheck();
  readonly #faults: ChainFault[] = [];
  #first: LedgerEntry | undefined;
  #isBroken = false;

  constructor(chain: string) {
    this.#chain = chain;
  }

  take(sequence: number, document: string, line: string | undefined): void {
    // What follows a fault cannot be proven, and would only repeat it.
    if (this.#isBroken) return;
    try {
      const expected = (this.#check.last?.sequence ?? 0) + 1;
      if (sequence !== expected) throw new LedgerError(expected, `it is not there, and there is entry ${sequence}`);
      const entry = this.#check.next(line);
      this.#first ??= entry;
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      this.#isBroken = true;
      this.#faults.push({ sequence: error.sequence, document, fault: error.message });
    }
  }

  stranger(document: string): void {
    this.#faults.push({ sequence: null, document, fault: 'It is no entry, and nothing of the ledger has this name.' });
  }

  tampering(sequence: number | null, document: string, fault: string): void {
    this.#faults.push({ sequence, document, fault });
  }

  result(now: Date): VerifiedChain {
    const { last } = this.#check;
    const open = this.#check.open();
    const isUnderWay = !this.#isBroken && last !== undefined && open.includes(last) && isOfLately(last, now);
    return {
      chain: this.#chain,
      entries: last?.sequence ?? 0,
      firstAt: this.#first?.at ?? null,
      lastAt: last?.at ?? null,
      lastHash: last?.hash ?? null,
      faults: this.#faults,
      unsettled: open
        .filter((entry) => !isUnderWay || entry !== last)
        .map(({ sequence, at, action, target }) => ({ sequence, at, action, target })),
      isUnderWay,
    };
  }
}

function isOfLately({ at }: LedgerEntry, now: Date): boolean {
  return now.getTime() - Date.parse(at) < underWayHours * 3_600_000;
}

function folderOf(name: string): string {
  return name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : name;
}
