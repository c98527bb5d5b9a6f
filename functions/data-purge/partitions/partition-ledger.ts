import sql from 'sql-template-tag';
import type { Ledger } from '../../../shared/ledger/ledger.ts';
import type { LedgerEntry, LedgerRecord } from '../../../shared/ledger/ledger-entry.ts';
import type { Reader } from '../../../shared/postgres/reader.ts';
import type { PartitionStep } from './prepare-partition-plan.ts';

/** Who does it, and why. */
export type PartitionWork = Pick<LedgerRecord, 'actor' | 'task' | 'subject' | 'target' | 'planHash'>;

/**
 * What was done to partitions, in the ledger of their policy: each is written down before it is done, and then what came of it. The catalog
 * tells what became of one of which the end is missing.
 */
export class PartitionLedger {
  readonly #ledger: Ledger;
  readonly #work: PartitionWork;

  constructor(ledger: Ledger, work: PartitionWork) {
    this.#ledger = ledger;
    this.#work = work;
  }

  /** Finds out what became of the last step when nobody has told, and writes it down. */
  async settle(reader: Pick<Reader, 'query'>): Promise<void> {
    const last = this.#ledger.last;
    if (last?.outcome !== 'intended') return;
    const outcome = await outcomeOf(last, reader);
    await this.end(last, outcome);
  }

  /** Writes down what is going to be done. */
  async intend({ step, name, partition }: PartitionStep): Promise<LedgerEntry> {
    const rows = Math.round(partition.rows);
    const upTo = ('mark' in partition ? partition.mark.upTo : partition.upTo) ?? '';
    return this.#ledger.append({
      ...this.#work,
      action: step,
      outcome: 'intended',
      manifest: null,
      keysHash: null,
      before: rows,
      after: 0,
      facts: { partition: name, oid: partition.oid, upTo, rows, bytes: Math.round(partition.bytes) },
      settles: null,
      confirms: null,
    });
  }

  /** Writes down what came of it. */
  async end(intention: LedgerEntry, outcome: 'done' | 'rolled-back' | 'unknown'): Promise<void> {
    const { action, planHash, before, facts, hash } = intention;
    await this.#ledger.append({
      ...this.#work,
      planHash,
      action,
      outcome,
      manifest: null,
      keysHash: null,
      before,
      after: outcome === 'done' ? 0 : before,
      facts,
      settles: hash,
      confirms: null,
    });
  }

  /** Returns whether it is written down that a table was detached: a comment can be written by anybody who owns the table. */
  async hasDetached(oid: number): Promise<boolean> {
    for await (const { action, outcome, facts } of this.#ledger.backwards()) {
      if (action === 'detach' && outcome === 'done' && facts.oid === oid) return true;
    }
    return false;
  }
}

/** A number of the catalog belongs to one table, as long as that is there. */
async function outcomeOf(
  { action, facts }: LedgerEntry,
  reader: Pick<Reader, 'query'>,
): Promise<'done' | 'rolled-back' | 'unknown'> {
  if (typeof facts.oid !== 'number') return 'unknown';
  const [row] = await reader.query<{ there: boolean; partition: boolean }>(sql`
    select pg_catalog.count(*) > 0 as there, coalesce(pg_catalog.bool_or(relispartition), false) as partition
    from pg_catalog.pg_class where oid = ${facts.oid}::int8::oid`);
  const { there = false, partition = false } = row ?? {};
  if (action === 'drop') return there ? 'rolled-back' : 'done';
  if (action === 'detach' && there) return partition ? 'rolled-back' : 'done';
  return 'unknown';
}
