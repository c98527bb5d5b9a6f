import { compareKeys } from '../../../shared/objects/compare-keys.ts';

/** An object that could be read again. */
export interface VerificationCandidate {
  readonly key: string;
  readonly sizeBytes: number;
  /** Since when it has been waiting: see {@link waitingSince}. */
  readonly sinceMs: number;
}

/**
 * Returns since when an object waits to be read, in milliseconds since 1970: since this very version of it was last read, and else
 * since it was written. An object that was never read does not go before all others: in a bucket that grows by more than is
 * read, it would keep the old ones waiting for ever.
 */
export function waitingSince(modifiedAtMs: number, lastReadAtMs: number | undefined): number {
  return Math.max(modifiedAtMs, lastReadAtMs ?? modifiedAtMs);
}

/**
 * Returns after how many runs at most every object of an unchanged bucket has been read: the objects that waited longest first, and
 * objects begun until the budget is used up, so that each run reads at least its budget. The bound is exact: of equal objects
 * that fill the budget evenly, one has to wait that long.
 *
 * Reading a random share instead has no such bound. At 1 % a day, an object is read within a year with a likelihood of
 * 1 − 0.99³⁶⁵ = 97.4 %, and that is each one's own: of 1,000 objects some 26 stay unread. To have read all of 10,000 with
 * a likelihood of 99 % takes ln(1 − 0.99^(1/10000)) / ln 0.99 = 1,374 days, where this order needs 100.
 */
export function stalenessBoundRuns(totalBytes: number, bytesPerRun: number): number {
  return Math.max(1, Math.ceil(totalBytes / bytesPerRun));
}

/** Negative when `a` has waited longer than `b`; keys decide between equals, so that two runs choose alike. */
export function compareWaiting(a: VerificationCandidate, b: VerificationCandidate): number {
  return a.sinceMs - b.sinceMs || compareKeys(a.key, b.key);
}

/** How much is selected. */
export interface SelectionLimits {
  /**
   * Objects are taken while those before them hold fewer bytes than this: the last one may exceed it. Empty ones are taken while they
   * hold no more: where the budget is filled to the byte, they would otherwise wait for a run longer than all others.
   */
  readonly bytesBudget: number;
  /** At most this many are kept, however small they are. */
  readonly maximumObjects: number;
}

/**
 * Selects the objects that have waited longest from any number of them, in any order, and keeps no more than are selected: a heap
 * from which the newest goes while the others still fill the budget.
 */
export class OldestSelection<Candidate extends VerificationCandidate = VerificationCandidate> {
  readonly #limits: SelectionLimits;
  /** A binary heap; the newest is at its root. */
  readonly #heap: Candidate[] = [];
  #bytes = 0;
  #isCut = false;
  /** What has been left once is never selected any more, nor is anything behind it. */
  #firstLeft: Candidate | undefined;

  constructor(limits: SelectionLimits) {
    this.#limits = limits;
  }

  /** Offers a candidate; the ones that are not selected any more, it may be this one, are returned. */
  add(candidate: Candidate): readonly Candidate[] {
    // Most objects of a large bucket are neither selected nor change what is.
    if (this.#firstLeft !== undefined && compareWaiting(candidate, this.#firstLeft) > 0) return [candidate];
    this.#push(candidate);
    const evicted: Candidate[] = [];
    for (let last = this.#heap[0]; last !== undefined; last = this.#heap[0]) {
      const hasRoom = this.#hasRoomFor(last, this.#bytes - last.sizeBytes);
      if (hasRoom && this.#heap.length <= this.#limits.maximumObjects) break;
      if (hasRoom) this.#isCut = true;
      this.#firstLeft = last;
      evicted.push(this.#pop());
    }
    return evicted;
  }

  /** Whether {@link SelectionLimits.maximumObjects} kept out what the budget would have had room for. */
  get isCut(): boolean {
    return this.#isCut && this.#bytes < this.#limits.bytesBudget;
  }

  /** Returns what is selected, the longest waiting first. */
  oldestFirst(): Candidate[] {
    return [...this.#heap].sort(compareWaiting);
  }

  #hasRoomFor({ sizeBytes }: Candidate, bytesBefore: number): boolean {
    const { bytesBudget } = this.#limits;
    return sizeBytes === 0 ? bytesBefore <= bytesBudget : bytesBefore < bytesBudget;
  }

  #push(candidate: Candidate): void {
    this.#bytes += candidate.sizeBytes;
    let at = this.#heap.length;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = this.#heap[parentAt] as Candidate;
      if (compareWaiting(parent, candidate) >= 0) break;
      this.#heap[at] = parent;
      at = parentAt;
    }
    this.#heap[at] = candidate;
  }

  /** Takes the newest out. Only for a heap that is not empty. */
  #pop(): Candidate {
    const root = this.#heap[0] as Candidate;
    this.#bytes -= root.sizeBytes;
    const moved = this.#heap.pop() as Candidate;
    const { length } = this.#heap;
    if (length === 0) return root;
    let at = 0;
    for (let childAt = 1; childAt < length; childAt = 2 * at + 1) {
      const right = this.#heap[childAt + 1];
      if (right !== undefined && compareWaiting(right, this.#heap[childAt] as Candidate) > 0) childAt += 1;
      const child = this.#heap[childAt] as Candidate;
      if (compareWaiting(moved, child) >= 0) break;
      this.#heap[at] = child;
      at = childAt;
    }
    this.#heap[at] = moved;
    return root;
  }
}

/** Returns the candidates to read in a run, the longest waiting first, by the rules of {@link OldestSelection}. */
export async function selectOldest<Candidate extends VerificationCandidate>(
  candidates: AsyncIterable<Candidate>,
  limits: SelectionLimits,
): Promise<Candidate[]> {
  const selection = new OldestSelection<Candidate>(limits);
  for await (const candidate of candidates) selection.add(candidate);
  return selection.oldestFirst();
}
