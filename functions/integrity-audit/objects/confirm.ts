import type { ObjectHead } from '../../../shared/objects/head-object.ts';
import { type SampleColumns, sampleOf } from '../samples.ts';
import { checksumOf, readSha256 } from './checksums.ts';
import { type Fault, hasOtherSize, isMissed } from './judge-pair.ts';
import type { RowSource } from './list-rows.ts';
import type { Answer, ObjectAsker } from './object-asker.ts';
import { countRows, isYoung, RecordedKeys, type RecordedRow, type RowTally, tallyOf } from './recorded-key.ts';
import { shownAs } from './row-queries.ts';
import type { FaultTally, Tally } from './tally.ts';

/** A key at which rows and objects seem to be at odds. */
export interface Suspect {
  readonly key: string;
  /** Rows concerned, or one object. */
  readonly count: number;
}

/** Keys of one fault that are asked about; more are counted, and said to be unconfirmed. */
const maximumAsked = 1_000;

/** Keys of rows that are read again in one statement, and asked about together. */
const batchKeys = 500;

/** What asking again needs. */
export interface Surroundings {
  readonly source: RowSource;
  readonly asker: ObjectAsker;
  readonly keyColumn: string;
  readonly shown: SampleColumns;
  readonly maximumSamples: number;
  readonly tally: Tally;
}

/**
 * Asks about what seems to be at fault before it is: reads the rows once more, and asks S3 for the object itself,
 * because the two sides were not read at the same moment. The side that is looked at last must be the one whose change
 * would otherwise be blamed:
 *
 * - missing: the object first. Somebody who deletes both between the two looks has deleted the row by then.
 * - orphan: the rows first. Somebody who deletes both has deleted the object by then.
 * - other content: the rows first. An object that is written after that is too young to be compared.
 */
export class Confirmer {
  readonly #surroundings: Surroundings;
  readonly #waiting: Readonly<Record<Fault, Suspect[]>> = { missing: [], size: [], checksum: [], orphan: [] };

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /** Keeps a suspect until {@link flush}, or only counts it when too many have been asked about, or none is answered. */
  add(fault: Fault, suspect: Suspect): void {
    const tally = this.#surroundings.tally.faults[fault];
    if (tally.isClosed) tally.refused += suspect.count;
    else if (tally.asked + this.#waiting[fault].length >= maximumAsked) tally.unconfirmed += suspect.count;
    else this.#waiting[fault].push(suspect);
  }

  /** Whether it is time to ask: what is held must not grow with the number of faults. */
  get isFull(): boolean {
    return Object.values(this.#waiting).some(({ length }) => length >= batchKeys);
  }

  /** Asks about all that were added. */
  async flush(): Promise<void> {
    for (const fault of Object.keys(this.#waiting) as Fault[]) {
      while (this.#waiting[fault].length > 0) await this.#ask(fault, this.#waiting[fault].splice(0, batchKeys));
    }
  }

  async #ask(fault: Fault, suspects: readonly Suspect[]): Promise<void> {
    const { tally, source } = this.#surroundings;
    const found = tally.faults[fault];
    const keys = suspects.map(({ key }) => key);
    found.asked += keys.length;
    const { rows, answers } = await this.#readAgain(fault, keys);
    const faulty = new Map<string, Answer>();
    for (const [index, { key, count }] of suspects.entries()) {
      const answer = answers[index] as Answer;
      if (answer === 'refused') {
        found.refused += count;
        continue;
      }
      const confirmed = stillAtFault(fault, rows.get(key), answer, source);
      found.confirmed += confirmed;
      found.changed += Math.max(0, count - confirmed);
      if (confirmed === 0) continue;
      faulty.set(key, answer);
      if (answer !== 'absent') found.bytes += answer.sizeBytes;
    }
    // Who has refused every one of so many answers is not asked for more.
    if (answers.length > 0 && answers.every((answer) => answer === 'refused')) this.#close(fault, found);
    await this.#addSamples(fault, faulty, found);
  }

  async #readAgain(fault: Fault, keys: readonly string[]) {
    const { asker } = this.#surroundings;
    const checksum = fault === 'checksum';
    if (fault === 'missing') {
      const answers = await asker.ask(keys, { checksum });
      return { answers, rows: await this.#readRows(keys.filter((_, index) => answers[index] === 'absent')) };
    }
    const rows = await this.#readRows(keys);
    return { rows, answers: await asker.ask(keys, { checksum }) };
  }

  #close(fault: Fault, found: FaultTally): void {
    found.isClosed = true;
    for (const { count } of this.#waiting[fault].splice(0)) found.refused += count;
  }

  async #readRows(keys: readonly string[]): Promise<ReadonlyMap<string, readonly RowTally[]>> {
    const recorded = new RecordedKeys();
    for await (const batch of this.#rowsOf(keys, [])) {
      for (const row of batch) recorded.add(row.key, this.#tallyOf(row));
    }
    return new Map(recorded.takeAll().map(({ key, tallies }) => [key, tallies]));
  }

  /**
   * Adds what may be shown of the rows at fault; of objects without rows their key, where it could be shown of a row.
   */
  async #addSamples(fault: Fault, faulty: ReadonlyMap<string, Answer>, { samples }: FaultTally): Promise<void> {
    const { shown, maximumSamples, keyColumn } = this.#surroundings;
    const free = maximumSamples - samples.length;
    if (free <= 0 || faulty.size === 0) return;
    const keys = [...faulty.keys()].slice(0, free);
    if (fault === 'orphan') {
      if (!shown.columns.includes(keyColumn) || shown.masked.has(keyColumn)) return;
      const keyOnly = { ...shown, columns: [keyColumn] };
      samples.push(...keys.map((key) => sampleOf({ [keyColumn]: key }, keyOnly)));
      return;
    }
    if (shown.columns.length === 0) return;
    for await (const batch of this.#rowsOf(keys, shown.columns)) {
      for (const row of batch) {
        const answer = faulty.get(row.key);
        if (answer === undefined || !isAtFault(fault, this.#tallyOf(row), answer)) continue;
        const values = shown.columns.map((column, index) => [column, row[shownAs(index)]]);
        samples.push(sampleOf(Object.fromEntries(values), shown));
        if (samples.length >= maximumSamples) return;
      }
    }
  }

  async *#rowsOf(keys: readonly string[], shown: readonly string[]) {
    const { reader, queries } = this.#surroundings.source;
    // PostgreSQL has no text with a NUL in it, not even to compare with.
    const possible = keys.filter((key) => !key.includes('\0'));
    if (possible.length === 0) return;
    yield* reader.batches<RecordedRow & Record<string, unknown>>(queries.ofKeys(possible, shown));
  }

  #tallyOf(row: RecordedRow): RowTally {
    const { graceMinutes, now } = this.#surroundings.source;
    return tallyOf(row, { graceMinutes }, now);
  }
}

/** Returns how many rows, or whether the object, are at fault after all. */
function stillAtFault(
  fault: Fault,
  rows: readonly RowTally[] = [],
  answer: ObjectHead | 'absent',
  { graceMinutes, now }: RowSource,
): number {
  const isAbsent = answer === 'absent';
  if (isAbsent !== (fault === 'missing')) return 0;
  if (!isAbsent && isYoung(answer.modifiedAtMs, graceMinutes, now)) return 0;
  if (fault === 'orphan') return rows.length === 0 ? 1 : 0;
  return countRows(rows, (row) => isAtFault(fault, row, answer));
}

/** Returns whether a row is at fault, given what was said of its object. */
export function isAtFault(fault: Fault, row: RowTally, answer: Answer): boolean {
  if (!isMissed(row)) return false;
  if (fault === 'missing') return answer === 'absent';
  if (typeof answer === 'string') return false;
  if (fault === 'size') return hasOtherSize(row, answer);
  // An object of another size is told of as that.
  if (fault !== 'checksum' || hasOtherSize(row, answer)) return false;
  const recorded = row.sha256 === undefined ? undefined : readSha256(row.sha256);
  const held = checksumOf(answer);
  return recorded !== undefined && held !== undefined && recorded !== held.sha256;
}
