import { setTimeout as delay } from 'node:timers/promises';
import type { LedgerRecord } from '../ledger/ledger-entry.ts';
import type { AdvisoryLock } from '../postgres/advisory-lock.ts';
import type { Writer } from '../postgres/writer.ts';
import { UncheckedError } from '../unchecked-error.ts';
import type { BatchLedger } from './batch-ledger.ts';
import { type BatchLimits, type BatchSize, firstBatch, nextBatch, smallerBatch } from './batch-size.ts';
import type { BatchFacts } from './delete-batch-facts.ts';
import { type BatchFailure, batchFailure } from './delete-batch-failure.ts';
import type { Pacer } from './pacer.ts';
import type { Position } from './row-target.ts';

/** A batch that is deleted, and not final yet. */
export interface IntendedBatch extends BatchFacts {
  /** What the size of batches counts: rows, or segments. */
  readonly units: number;
  /** Where its last row was. */
  readonly upTo: Position;
  /** SHA-256 of the manifest of the archive that has the rows. */
  readonly manifest?: string | null;
  /** What else the ledger is told of it. */
  readonly facts?: LedgerRecord['facts'];
}

/** Where batches come from: the rows past their retention in a table, or the segments of an archive. */
export interface BatchSource {
  /**
   * Deletes the next batch, of at most `units`; `intend` is to be called before it is final. It goes on from where {@link advance} was
   * told last.
   *
   * @returns false when there was nothing left to delete.
   * @throws as `deleteBatch`.
   */
  delete(writer: Writer, units: number, intend: (batch: IntendedBatch) => Promise<void>): Promise<boolean>;
  /** Is told of each batch when it is final. */
  advance(batch: IntendedBatch): void;
  /**
   * Leaves out the next unit, which somebody else holds; returns how many rows stay because of it. Without it the work stops there.
   */
  skip?(writer: Writer): Promise<number>;
}

export interface BatchLoopOptions {
  readonly source: BatchSource;
  readonly limits: BatchLimits;
  readonly openWriter: () => Promise<Writer>;
  readonly pacer: Pacer;
  readonly ledger: BatchLedger;
  readonly lock: Pick<AdvisoryLock, 'signal'>;
  /** Rows past their retention before the first batch, as far as is known. */
  readonly remaining: number;
  /** How long it is waited for somebody to let go of a row, between the attempts. */
  readonly restMs?: number;
  /** Is told after each batch how many rows were deleted so far. */
  readonly progress?: (deleted: number) => void;
}

export interface BatchLoopResult {
  /**
   * `done`: nothing is left; `paused` by a person, `out-of-time` with the rest to be done by the next step, `stopped` by what is told in
   * `failure`.
   */
  readonly state: 'done' | 'paused' | 'out-of-time' | 'stopped';
  /** Rows of the root that are gone for good. */
  readonly deleted: number;
  /** Rows of the children that went with them. */
  readonly deletedOfChildren: number;
  /** Rows that stay because somebody else holds them. */
  readonly kept: number;
  readonly batches: number;
  readonly failure: BatchFailure | undefined;
}

/** Attempts at a batch that has failed for a reason that may pass, all of them in a row. */
const attempts = { conflict: 5, constraint: 3, lost: 5 } as const;

/** A row that is locked is left out when it is alone in its batch, and was waited for so often. */
const attemptsAtOne = 2;

const restMs = 1_000;

/**
 * Deletes batch after batch, as large as they may be, with a look at pause and pace before each and a line in the ledger for each, until
 * nothing is left, somebody says stop, or the time is up. It can be ended at any moment: what is gone and what is there is in the database
 * and in the ledger, and whoever comes next goes on from there.
 */
export async function runBatches(options: BatchLoopOptions): Promise<BatchLoopResult> {
  await using loop = new BatchLoop(options);
  return await loop.run();
}

class BatchLoop implements AsyncDisposable {
  readonly #options: BatchLoopOptions;
  #writer: Writer | undefined;
  #size: BatchSize;
  #deleted = 0;
  #deletedOfChildren = 0;
  #kept = 0;
  #batches = 0;
  /** A batch that was being made final when the connection broke. */
  #pending: IntendedBatch | undefined;
  /** How often it has failed in a row, by how. */
  #failures = new Map<BatchFailure['kind'], number>();

  constructor(options: BatchLoopOptions) {
    this.#options = options;
    this.#size = firstBatch(options.limits);
  }

  async run(): Promise<BatchLoopResult> {
    while (true) {
      const said = await this.#wait();
      if (typeof said === 'object') return this.#end('stopped', said);
      if (said !== 'go') return this.#end(said);
      const stepped = await this.#step();
      if (stepped === 'more') continue;
      if (stepped !== 'none') return this.#end('stopped', stepped);
      const ended = await this.#attempt(() => this.#closeLedger());
      return ended === undefined ? this.#result('done') : this.#result('stopped', ended);
    }
  }

  /** Whoever cannot be asked may have said stop; what was deleted by then is told all the same. */
  async #wait(): Promise<Awaited<ReturnType<Pacer['wait']>> | BatchFailure> {
    try {
      return await this.#options.pacer.wait();
    } catch (error) {
      const failure = batchFailure(error);
      if (failure === undefined) throw error;
      return failure;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer?.[Symbol.asyncDispose]();
  }

  /** Deletes one batch, and says whether there was one; a failure that does not pass is returned. */
  async #step(): Promise<'more' | 'none' | BatchFailure> {
    const { source, ledger, lock, pacer } = this.#options;
    const startedAtMs = performance.now();
    let intended: IntendedBatch | undefined;
    try {
      lock.signal.throwIfAborted();
      const writer = await this.#connected();
      const isThere = await source.delete(writer, this.#size.units, async (batch) => {
        // What is not ours alone is not made final.
        lock.signal.throwIfAborted();
        await ledger.intend(batch, {
          before: this.#remaining,
          manifest: batch.manifest ?? null,
          facts: batch.facts,
        });
        intended = batch;
        lock.signal.throwIfAborted();
      });
      if (!isThere || intended === undefined) return 'none';
      ledger.confirm();
    } catch (error) {
      const failure = batchFailure(error);
      if (failure === undefined) throw error;
      return (await this.#attempt(() => this.#recover(failure, intended))) ?? 'more';
    }
    const ms = performance.now() - startedAtMs;
    this.#size = nextBatch(this.#size, { units: intended.units, ms }, this.#options.limits);
    pacer.note(ms, intended.rows);
    this.#take(intended);
    return 'more';
  }

  get #remaining(): number {
    return Math.max(0, this.#options.remaining - this.#deleted);
  }

  #take(batch: IntendedBatch): void {
    this.#failures.clear();
    this.#deleted += batch.rows;
    this.#deletedOfChildren += batch.childRows.reduce((sum, rows) => sum + rows, 0);
    this.#batches += 1;
    this.#options.source.advance(batch);
    this.#options.progress?.(this.#deleted);
  }

  /** Returns a connection on which it is known what became of the batch before. */
  async #connected(): Promise<Writer> {
    if (this.#writer !== undefined) return this.#writer;
    const { openWriter, ledger } = this.#options;
    this.#writer = await openWriter();
    const settled = await ledger.settle(this.#writer);
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending === undefined || settled === undefined || settled.outcome === 'rolled-back') return this.#writer;
    if (settled.outcome === 'unknown') {
      const detail = 'The connection broke, and the server cannot tell any more what became of the batch.';
      throw new UncheckedError('batch-unknown', detail);
    }
    this.#take(pending);
    return this.#writer;
  }

  async #disconnect(): Promise<void> {
    await this.#writer?.[Symbol.asyncDispose]();
    this.#writer = undefined;
  }

  /** Makes ready for the next attempt; a failure after which there is none is returned. */
  async #recover(failure: BatchFailure, intended: IntendedBatch | undefined): Promise<BatchFailure | undefined> {
    const { ledger } = this.#options;
    const count = (this.#failures.get(failure.kind) ?? 0) + 1;
    this.#failures.set(failure.kind, count);
    if (failure.kind === 'unsettled' || failure.kind === 'lost') {
      this.#pending ??= intended;
      await this.#disconnect();
      if (count > attempts.lost) return failure;
      if (count > 1) await this.#rest();
      return undefined;
    }
    // All else undoes the batch on a connection that is as good as before.
    if (intended !== undefined) await ledger.undo();
    switch (failure.kind) {
      case 'conflict':
        return count < attempts.conflict ? undefined : this.#shrink(failure);
      case 'constraint':
        return count < attempts.constraint ? undefined : failure;
      case 'locked':
        return this.#shrink(failure);
      case 'slow':
        return this.#size.units === 1 ? failure : this.#shrink(failure);
      default:
        return failure;
    }
  }

  /** A row that is held all the time is left where it is: what is behind it does not wait for it. */
  async #shrink(failure: BatchFailure): Promise<BatchFailure | undefined> {
    const { source } = this.#options;
    if (this.#size.units > 1) {
      this.#size = smallerBatch(this.#size);
      this.#failures.delete(failure.kind);
      return undefined;
    }
    if ((this.#failures.get(failure.kind) ?? 0) < attemptsAtOne) {
      await this.#rest();
      return undefined;
    }
    const skipped = (await source.skip?.(await this.#connected())) ?? 0;
    // It is all there is, or it is not to be left out.
    if (skipped === 0) return failure;
    this.#kept += skipped;
    this.#failures.clear();
    return undefined;
  }

  async #rest(): Promise<void> {
    await delay(this.#options.restMs ?? restMs);
  }

  /** Returns the failure of what is done between batches. */
  async #attempt(work: () => Promise<BatchFailure | undefined>): Promise<BatchFailure | undefined> {
    try {
      return await work();
    } catch (error) {
      const failure = batchFailure(error);
      if (failure === undefined) throw error;
      return failure;
    }
  }

  async #closeLedger(): Promise<undefined> {
    await this.#options.ledger.close();
  }

  async #end(state: BatchLoopResult['state'], failure?: BatchFailure): Promise<BatchLoopResult> {
    // What is open stays open, for whoever comes next to settle.
    const ended = await this.#attempt(() => this.#closeLedger());
    return ended === undefined ? this.#result(state, failure) : this.#result('stopped', failure ?? ended);
  }

  #result(state: BatchLoopResult['state'], failure?: BatchFailure): BatchLoopResult {
    return {
      state,
      deleted: this.#deleted,
      deletedOfChildren: this.#deletedOfChildren,
      kept: this.#kept,
      batches: this.#batches,
      failure,
    };
  }
}
