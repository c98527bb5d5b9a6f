import type { Ledger } from '../ledger/ledger.ts';
import type { LedgerEntry, LedgerRecord } from '../ledger/ledger-entry.ts';
import type { Reader } from '../postgres/reader.ts';
import { timelineOf, transactionEnd } from '../postgres/transaction-end.ts';
import { UncheckedError } from '../unchecked-error.ts';
import type { BatchFacts } from './delete-batch-facts.ts';

/** Who deletes what, and why: the same in all entries of a run. */
export type BatchWork = Pick<LedgerRecord, 'actor' | 'task' | 'subject' | 'target' | 'action' | 'planHash'>;

/** An entry of something else than a batch. */
export type Note = Pick<LedgerRecord, 'action' | 'outcome' | 'manifest' | 'keysHash' | 'before' | 'after' | 'facts'>;

/** What became of a batch that nobody had told the end of. */
export interface SettledBatch {
  readonly outcome: 'done' | 'rolled-back' | 'unknown';
  readonly intention: LedgerEntry;
}

/** A server process that has lost its client is at its end in no time, or else once its statement is. */
const settleAttempts = 50;
const settleEveryMs = 200;

/**
 * The batches of a policy in its ledger: each is written down before it is final, with the number of its transaction, and the entry after
 * it says that it is. So a batch costs one entry, and whoever comes after a crash knows which one is open: the last.
 *
 * Whoever appends to the same chain does it through {@link note}, so that no entry comes between a batch and its end.
 */
export class BatchLedger {
  readonly #ledger: Ledger;
  readonly #work: BatchWork;
  /** Of this server: a number of a transaction means nothing elsewhere. */
  #timeline: string | null = null;
  /** The last intention, of which it is not known what became of it. */
  #open: LedgerEntry | undefined;
  /** The last intention, which is final, and no entry says so yet. */
  #confirmed: LedgerEntry | undefined;
  /** An entry could not be written, or nobody can tell: what comes next is up to who reads the end of the chain. */
  #isBroken = false;
  #inOrder: Promise<unknown> = Promise.resolve();
  #leave: () => void = () => {};

  /** @param ledger of the policy, opened under the lock of the policy. */
  constructor(ledger: Ledger, work: BatchWork) {
    this.#ledger = ledger;
    this.#work = work;
    if (ledger.last?.outcome === 'intended') this.#open = ledger.last;
  }

  /** Whether it is to be found out what became of the last batch: {@link settle} does, before anything else is deleted. */
  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /**
   * Finds out what became of the last batch, writes it down, and returns it; undefined when it is known already.
   *
   * @param reader of the primary, which the batch was sent to.
   * @throws UncheckedError `in-progress` when the transaction goes on somewhere: somebody else works on the policy; `is-replica`.
   */
  async settle(reader: Pick<Reader, 'query'>): Promise<SettledBatch | undefined> {
    this.#timeline = await timelineOf(reader);
    const intention = this.#open;
    if (intention === undefined) return undefined;
    const outcome = await outcomeOf(reader, intention, this.#timeline);
    await this.#end(intention, outcome);
    return { outcome, intention };
  }

  /** Writes down that a batch is going to be final. */
  async intend(
    facts: BatchFacts,
    {
      before,
      manifest = null,
      facts: more = {},
    }: {
      readonly before: number;
      readonly manifest?: string | null;
      readonly facts?: LedgerRecord['facts'] | undefined;
    },
  ): Promise<void> {
    await this.#enter();
    const children = Object.fromEntries(facts.childRows.map((rows, index) => [`childRows${index + 1}`, rows]));
    this.#open = await this.#append({
      action: this.#work.action,
      outcome: 'intended',
      manifest,
      keysHash: facts.keysHash,
      before: Math.max(0, before),
      after: Math.max(0, before - facts.rows),
      facts: { transaction: facts.transaction, timeline: this.#timeline, rows: facts.rows, ...children, ...more },
    });
  }

  /** The batch is final: the next entry says so. */
  confirm(): void {
    this.#confirmed = this.#open;
    this.#open = undefined;
    this.#leave();
  }

  /** The server has said that the batch is undone. */
  async undo(): Promise<void> {
    const intention = this.#open;
    if (intention !== undefined) await this.#end(intention, 'rolled-back');
    this.#leave();
  }

  /** Writes down something else, when no batch is between its intention and its end. */
  async note(note: Note): Promise<LedgerEntry> {
    await this.#enter();
    try {
      return await this.#append(note);
    } finally {
      this.#leave();
    }
  }

  /** Writes down the end of the last batch, when no other entry does. */
  async close(): Promise<void> {
    const intention = this.#confirmed;
    if (intention !== undefined && !this.#isBroken) await this.#end(intention, 'done');
  }

  async #end(intention: LedgerEntry, outcome: SettledBatch['outcome']): Promise<void> {
    const { subject, target, action, planHash, manifest, keysHash, before, after, facts, hash } = intention;
    await this.#write({
      ...this.#work,
      ...{ subject, target, action, planHash, manifest, keysHash, before, facts },
      outcome,
      after: outcome === 'done' ? after : outcome === 'rolled-back' ? before : null,
      settles: hash,
      confirms: null,
    });
    this.#open = undefined;
    this.#confirmed = undefined;
    this.#leave();
  }

  async #append(note: Note): Promise<LedgerEntry> {
    const confirms = this.#confirmed?.hash ?? null;
    const entry = await this.#write({ ...this.#work, ...note, settles: null, confirms });
    this.#confirmed = undefined;
    return entry;
  }

  async #write(record: LedgerRecord): Promise<LedgerEntry> {
    try {
      return await this.#ledger.append(record);
    } catch (error) {
      this.#isBroken = true;
      this.#leave();
      throw error;
    }
  }

  /** One after the other: an intention is followed by its end. */
  async #enter(): Promise<void> {
    const before = this.#inOrder;
    const mine = Promise.withResolvers<void>();
    this.#inOrder = before.then(() => mine.promise);
    await before;
    this.#leave = mine.resolve;
  }
}

async function outcomeOf(
  reader: Pick<Reader, 'query'>,
  { facts }: LedgerEntry,
  timeline: string | null,
): Promise<SettledBatch['outcome']> {
  for (let attempt = 1; ; attempt += 1) {
    const end = await transactionEnd(reader, facts, timeline);
    if (end !== 'in-progress') return end;
    if (attempt === settleAttempts) {
      throw new UncheckedError('in-progress', 'The last batch in the ledger is still under way in the database.');
    }
    await new Promise((resolve) => setTimeout(resolve, settleEveryMs));
  }
}
