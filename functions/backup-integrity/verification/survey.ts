import { glob } from '../../../shared/glob.ts';
import type { ListedObject } from '../../../shared/objects/listed-object.ts';
import { OldestSelection, type VerificationCandidate, waitingSince } from './order.ts';
import type { MemoryEntry, RememberedObject, Trouble } from './verification-memory.ts';
import { emptyTotals, maximumDetailLength, maximumExamples, type VerificationTotals } from './verification-state.ts';

/** An object that this step is to read. */
export interface SurveyedObject extends VerificationCandidate {
  readonly object: ListedObject;
  readonly entry: MemoryEntry | undefined;
  /** It is read again for the trouble there was with it, and does not count against the run's budget. */
  readonly isRetry: boolean;
}

/** What a survey is told. */
export interface SurveyOptions {
  readonly prefix: string;
  /** Glob over what is behind the prefix. */
  readonly pattern: string;
  /** What was tried since then has had its turn in this run; milliseconds since 1970. */
  readonly runStartedAtMs: number;
  /** What is remembered from later than this, some tolerance granted, was noted by a clock that was wrong. */
  readonly nowMs: number;
  /** What is left of the run's budget. */
  readonly bytesBudget: number;
  /** For what troubled earlier runs, beside the budget. */
  readonly retryBytesBudget: number;
  readonly maximumObjects: number;
  readonly maximumRetries: number;
}

/** Reason of an object that only its attempted reading has shown to be in an archive. */
export const archivedReason = 'archived';

/** By how much the clocks of two runs may differ. */
const clockToleranceMs = 3_600_000;

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-class-intro.html#sc-glacier: these have no direct access. */
const archiveClasses: ReadonlySet<string> = new Set(['GLACIER', 'DEEP_ARCHIVE']);

/**
 * Goes through all objects once, and keeps their totals and the few that are to be read now. What is wrong with an object stays
 * told until it is read again, and well, or written anew: nobody can tell otherwise from its not being its turn.
 */
export class Survey {
  readonly #options: SurveyOptions;
  readonly #matches: (key: string) => boolean;
  readonly #inTurn: OldestSelection<SurveyedObject>;
  readonly #retries: OldestSelection<SurveyedObject>;
  readonly #totals: VerificationTotals = emptyTotals();

  constructor(options: SurveyOptions) {
    this.#options = options;
    this.#matches = options.pattern === '*' ? () => true : glob(options.pattern);
    this.#inTurn = new OldestSelection({ bytesBudget: options.bytesBudget, maximumObjects: options.maximumObjects });
    this.#retries = new OldestSelection({
      bytesBudget: options.retryBytesBudget,
      maximumObjects: options.maximumRetries,
    });
  }

  /** Counts an object in, and takes it for one to read if it has waited long enough. */
  add({ object, entry: remembered }: RememberedObject): void {
    const { prefix, runStartedAtMs } = this.#options;
    if (!this.#matches(object.key.slice(prefix.length))) return;
    this.#totals.objects += 1;
    if (archiveClasses.has(object.storageClass ?? '')) {
      this.#totals.archivedObjects += 1;
      return;
    }
    this.#totals.bytes += object.sizeBytes;
    const { key, sizeBytes, modifiedAtMs } = object;
    const entry = this.#believable(remembered, modifiedAtMs);
    const sinceMs = waitingSince(modifiedAtMs, entry?.readAtMs);
    const trouble = entry?.trouble;
    if (entry !== undefined && entry.triedAtMs >= runStartedAtMs) {
      this.settle({ key, sinceMs, sizeBytes }, trouble);
      return;
    }
    const isRetry = trouble !== undefined;
    const selection = isRetry ? this.#retries : this.#inTurn;
    const order = isRetry ? entry?.triedAtMs : undefined;
    const candidate = { key, sizeBytes, sinceMs: order ?? sinceMs, object, entry, isRetry };
    for (const left of selection.add(candidate)) this.leave(left);
  }

  /** Whether there was room in the budget for more than could be kept. */
  get isCut(): boolean {
    return this.#inTurn.isCut;
  }

  /**
   * Returns what is to be read, in order: by turns one that is in turn and one that was in trouble. Whichever of the two kinds went
   * first would keep the other waiting for ever, where the time is up before the budget.
   */
  toRead(): SurveyedObject[] {
    const inTurn = this.#inTurn.oldestFirst();
    const retries = this.#retries.oldestFirst();
    const pairs = inTurn.flatMap((candidate, index) => [candidate, ...retries.slice(index, index + 1)]);
    return [...pairs, ...retries.slice(inTurn.length)];
  }

  /** Counts in an object that is not read in this step: what was known of it stands. */
  leave({ object, entry }: SurveyedObject): void {
    const sinceMs = waitingSince(object.modifiedAtMs, entry?.readAtMs);
    this.settle({ key: object.key, sinceMs, sizeBytes: object.sizeBytes }, entry?.trouble);
  }

  /** Counts in what is now known of an object. */
  settle({ key, sinceMs, sizeBytes }: VerificationCandidate, trouble: Trouble | undefined): void {
    const totals = this.#totals;
    if (trouble?.kind === 'unreadable' && trouble.reason === archivedReason) {
      totals.archivedObjects += 1;
      totals.bytes -= sizeBytes;
      return;
    }
    if (totals.oldest === null || sinceMs < totals.oldest.sinceMs) totals.oldest = { key, sinceMs };
    if (trouble?.kind === 'altered') {
      totals.alteredCount += 1;
      const { algorithm, expected, actual } = trouble;
      if (totals.altered.length < maximumExamples) totals.altered.push({ key, algorithm, expected, actual });
    }
    if (trouble?.kind === 'unreadable') {
      totals.unreadableCount += 1;
      const { reason, detail } = trouble;
      const short = detail.slice(0, maximumDetailLength);
      if (totals.unreadable.length < maximumExamples) totals.unreadable.push({ key, reason, detail: short });
    }
  }

  /** Takes back an object that is not there any more as it was counted. */
  forget({ sizeBytes }: VerificationCandidate): void {
    this.#totals.objects -= 1;
    this.#totals.bytes -= sizeBytes;
  }

  get totals(): VerificationTotals {
    return this.#totals;
  }

  /** A clock that was ahead must not keep an object from being read until then, nor make it look freshly read. */
  #believable(entry: MemoryEntry | undefined, modifiedAtMs: number): MemoryEntry | undefined {
    const latestMs = Math.max(this.#options.nowMs, modifiedAtMs) + clockToleranceMs;
    if (entry === undefined || Math.max(entry.triedAtMs, entry.readAtMs ?? 0) <= latestMs) return entry;
    return { ...entry, triedAtMs: 0, readAtMs: undefined };
  }
}
