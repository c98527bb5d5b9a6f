import type { Keyed } from '../../../shared/objects/merge-join.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';

/** What the rows say that have one key. */
export interface RecordedKey extends Keyed {
  /** As in the column: without the rule's prefix. */
  readonly key: string;
  /** One for all rows that say the same; never empty. */
  readonly tallies: readonly RowTally[];
}

/** What a row says of its object, and how many of the same key say just that. */
export interface RowTally {
  /** `undefined` where none is recorded, NaN where what is recorded is no number. */
  readonly sizeBytes: number | undefined;
  /** As recorded; `undefined` where none is, or none was asked for. */
  readonly sha256: string | undefined;
  /** The rule's `where` holds for it. A row for which it does not owns its object all the same. */
  readonly isTested: boolean;
  /** So young that its object may still be on its way. */
  readonly isYoung: boolean;
  readonly count: number;
}

/** A row as it is read. */
export interface RecordedRow {
  readonly key: string;
  readonly size: string | null;
  readonly sha256: string | null;
  /** Milliseconds since 1970; infinite ones too. */
  readonly created_ms: number | null;
  readonly is_tested: boolean;
}

/** Different things that may be said of one key; more would be kept in memory for a column that is no key at all. */
const maximumTallies = 100;

const minuteMs = 60_000;

/** Returns what a row says. Age is told by `now`, which is when the run began. */
export function tallyOf(
  { size, sha256, created_ms: createdMs, is_tested: isTested }: RecordedRow,
  { graceMinutes }: { readonly graceMinutes: number },
  now: Date,
): RowTally {
  return {
    sizeBytes: size === null ? undefined : size.trim() === '' ? Number.NaN : Number(size),
    sha256: sha256 ?? undefined,
    isTested,
    isYoung: createdMs !== null && isYoung(createdMs, graceMinutes, now),
    count: 1,
  };
}

/** Returns whether something made at a time may still be on its way. */
export function isYoung(atMs: number, graceMinutes: number, now: Date): boolean {
  return now.getTime() - atMs < graceMinutes * minuteMs;
}

/** Returns how many rows say something for which `holds`. */
export function countRows(tallies: readonly RowTally[], holds: (tally: RowTally) => boolean): number {
  let count = 0;
  for (const tally of tallies) if (holds(tally)) count += tally.count;
  return count;
}

/** Takes rows in the order of their keys, and gives back their keys, each once. */
export class RecordedKeys {
  #keys: { key: string; tallies: RowTally[] }[] = [];

  /** @throws UncheckedError `ambiguous-key` when the rows of one key say too many different things of it. */
  add(key: string, tally: RowTally): void {
    const last = this.#keys.at(-1);
    if (last === undefined || last.key !== key) {
      this.#keys.push({ key, tallies: [tally] });
      return;
    }
    const index = last.tallies.findIndex((known) => isSame(known, tally));
    const known = last.tallies[index];
    if (known !== undefined) last.tallies[index] = { ...known, count: known.count + tally.count };
    else if (last.tallies.length < maximumTallies) last.tallies.push(tally);
    else {
      const detail = `Rows of one key record more than ${maximumTallies} different objects: the column names none.`;
      throw new UncheckedError('ambiguous-key', detail);
    }
  }

  /** Returns the keys of which no row can follow any more, and forgets them. */
  takeComplete(): readonly RecordedKey[] {
    return this.#keys.splice(0, this.#keys.length - 1);
  }

  /** Returns all keys, and forgets them. */
  takeAll(): readonly RecordedKey[] {
    return this.#keys.splice(0);
  }
}

function isSame(a: RowTally, b: RowTally): boolean {
  return (
    Object.is(a.sizeBytes, b.sizeBytes) && a.sha256 === b.sha256 && a.isTested === b.isTested && a.isYoung === b.isYoung
  );
}
