import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { Ledger } from '../../../shared/ledger/ledger.ts';
import type { LedgerEntry, LedgerRecord } from '../../../shared/ledger/ledger-entry.ts';
import type { OutcomeCounts } from './entry-outcome.ts';
import { entryId, type ListEntry } from './list-entry.ts';
import { type ObjectWork, purgeTask, whatOf } from './object-work.ts';
import type { ObjectPlan } from './plan-objects.ts';
import type { PurgeCursor } from './purge-cursor.ts';

/** Which entries of the list a batch has. */
export interface BatchRange {
  readonly part: number;
  readonly from: number;
  readonly to: number;
}

const batchFactsSchema = z.object({
  batch: z.int().min(1),
  part: z.int().min(1),
  from: z.int().min(0),
  to: z.int().min(0),
  /** Not there before anything was tried. */
  goneBefore: z.int().min(0),
  /** By earlier tries, which were interrupted. */
  deletedBefore: z.int().min(0),
  deleted: z.int().min(0).default(0),
  gone: z.int().min(0).default(0),
  kept: z.int().min(0).default(0),
  failed: z.int().min(0).default(0),
  bytes: z.int().min(0).default(0),
  outcomesHash: z.string().nullable().default(null),
  isComplete: z.boolean().default(false),
});

/** What an entry of the ledger says of a batch. */
export type BatchFacts = z.output<typeof batchFactsSchema>;

/** The last that the ledger says of a plan's batches. */
export interface LastBatch {
  readonly entry: LedgerEntry;
  readonly facts: BatchFacts;
}

/** Entries of others that may be behind the last of ours: of who has paused it, for example. */
const maximumOthers = 100;

const action = 'delete-objects';
const finishAction = 'finish-objects';

/** What a policy's batches are in its ledger: two entries each, one before anything is deleted, and one that tells what became of it. */
export class BatchEntries {
  readonly #ledger: Ledger;
  readonly #work: Pick<ObjectWork, 'policy' | 'context'>;
  readonly #plan: ObjectPlan;
  readonly #planHash: string;

  constructor(
    ledger: Ledger,
    work: Pick<ObjectWork, 'policy' | 'context'>,
    { plan, hash }: { readonly plan: ObjectPlan; readonly hash: string },
  ) {
    this.#ledger = ledger;
    this.#work = work;
    this.#plan = plan;
    this.#planHash = hash;
  }

  /** Returns the last entry about a batch of this plan. */
  async last(): Promise<LastBatch | undefined> {
    let looked = 0;
    for await (const entry of this.#ledger.backwards()) {
      if (entry.planHash === this.#planHash && entry.action === action) {
        const facts = batchFactsSchema.safeParse(entry.facts);
        return facts.success ? { entry, facts: facts.data } : undefined;
      }
      looked += 1;
      if (looked === maximumOthers) return undefined;
    }
    return undefined;
  }

  /** Returns whether the end of this plan is written down. */
  async isFinished(): Promise<boolean> {
    let looked = 0;
    for await (const entry of this.#ledger.backwards()) {
      if (entry.planHash === this.#planHash) return entry.action === finishAction;
      looked += 1;
      if (looked === maximumOthers) return false;
    }
    return false;
  }

  /** Writes down what is going to be deleted, before it is. */
  intend(
    cursor: PurgeCursor,
    range: BatchRange,
    entries: readonly ListEntry[],
    { goneBefore, deletedBefore }: Pick<BatchFacts, 'goneBefore' | 'deletedBefore'>,
  ): Promise<LedgerEntry> {
    const before = this.#plan.objects - cursor.processed;
    return this.#append({
      outcome: 'intended',
      manifest: this.#plan.listHash,
      keysHash: keysHashOf(entries),
      before,
      after: before - (range.to - range.from),
      facts: {
        batch: cursor.batch,
        ...range,
        intended: entries.length,
        bytes: bytesOf(entries),
        goneBefore,
        deletedBefore,
        list: this.#plan.list,
      },
      settles: null,
    });
  }

  /** Writes down what became of a batch, all of it. */
  done(
    cursor: PurgeCursor,
    range: BatchRange,
    {
      intention,
      counts,
      bytes,
      deletedBefore,
      outcomes,
      isComplete,
    }: {
      readonly intention: LedgerEntry | undefined;
      readonly counts: OutcomeCounts;
      readonly bytes: number;
      readonly deletedBefore: number;
      readonly outcomes: { readonly name: string; readonly hash: string };
      readonly isComplete: boolean;
    },
  ): Promise<LedgerEntry> {
    const before = this.#plan.objects - cursor.processed;
    return this.#append({
      outcome: isComplete || counts.deleted > 0 ? 'done' : 'failed',
      manifest: this.#plan.listHash,
      keysHash: intention?.keysHash ?? null,
      before,
      after: before - (isComplete ? range.to - range.from : 0),
      facts: {
        batch: cursor.batch,
        ...range,
        ...counts,
        bytes,
        goneBefore: counts.gone,
        deletedBefore: isComplete ? deletedBefore : deletedBefore + counts.deleted,
        outcomes: outcomes.name,
        outcomesHash: outcomes.hash,
        isComplete,
      },
      settles: intention?.hash ?? null,
    });
  }

  /** Writes down what S3 shows of a batch that nobody had told the end of. */
  settle({ entry, facts }: LastBatch, { deleted, bytes }: { readonly deleted: number; readonly bytes: number }) {
    const { batch, part, from, to, goneBefore, deletedBefore } = facts;
    return this.#append({
      outcome: deleted === 0 ? 'rolled-back' : 'done',
      manifest: entry.manifest,
      keysHash: entry.keysHash,
      before: entry.before,
      after: null,
      facts: {
        ...{ batch, part, from, to, deleted, bytes, goneBefore },
        deletedBefore: deletedBefore + deleted,
        isComplete: false,
      },
      settles: entry.hash,
    });
  }

  /** Writes down of a batch of another plan, whose end nobody has told, that nobody will. */
  async giveUpOthers(): Promise<void> {
    const { last } = this.#ledger;
    if (last?.action !== action || last.outcome !== 'intended') return;
    const { manifest, keysHash, before, facts, hash, planHash } = last;
    await this.#append({ planHash, outcome: 'unknown', manifest, keysHash, before, after: null, facts, settles: hash });
  }

  /** Writes down that a plan is at its end, with the hash of the document that tells what became of it. */
  finish(cursor: PurgeCursor, manifest: { readonly name: string; readonly hash: string }): Promise<LedgerEntry> {
    const { deleted, gone, kept, failed, bytes, batch } = cursor;
    return this.#append({
      action: finishAction,
      outcome: 'done',
      manifest: manifest.hash,
      keysHash: null,
      before: this.#plan.objects,
      after: kept,
      facts: { deleted, gone, kept, failed, bytes, batches: batch - 1, manifest: manifest.name },
      settles: null,
    });
  }

  #append(
    record: Pick<LedgerRecord, 'outcome' | 'manifest' | 'keysHash' | 'before' | 'after' | 'facts' | 'settles'> & {
      readonly action?: string;
      readonly planHash?: string | null;
    },
  ): Promise<LedgerEntry> {
    const { policy, context } = this.#work;
    return this.#ledger.append({
      actor: context.actor,
      task: purgeTask,
      subject: policy.id,
      target: `${policy.bucket} (${whatOf(policy)})`,
      action,
      planHash: this.#planHash,
      confirms: null,
      ...record,
    });
  }
}

/** Returns the SHA-256 of which entries these are. */
function keysHashOf(entries: readonly ListEntry[]): string {
  const hash = createHash('sha256');
  // No id has a line feed that another one could be made to look like: JSON has none.
  for (const entry of entries) hash.update(`${JSON.stringify(entryId(entry))}\n`);
  return hash.digest('hex');
}

export function bytesOf(entries: readonly ListEntry[]): number {
  return entries.reduce((sum, { size }) => sum + size, 0);
}
