import sql from 'sql-template-tag';
import type { Ledger } from '../../../shared/ledger/ledger.ts';
import type { LedgerEntry } from '../../../shared/ledger/ledger-entry.ts';
import type { Reader } from '../../../shared/postgres/reader.ts';
import { type TransactionEnd, timelineOf, transactionEnd } from '../../../shared/postgres/transaction-end.ts';
import { task } from '../task.ts';

/** What became of a correction whose process was stopped before it could say. */
export interface Settled {
  /** Of its intention in the ledger. */
  readonly sequence: number;
  readonly at: string;
  readonly rule: string;
  readonly planHash: string | null;
  readonly outcome: TransactionEnd;
}

/**
 * Asks the server what became of each correction of a database that was intended and has no end in the ledger, writes the end there,
 * and returns it.
 *
 * @param reader of the server that the correction was sent to, outside of a transaction that must go on: a number that the server has
 * not come to yet is an error. A replica may not know yet, and is not asked.
 */
export async function settleIntents(
  ledger: Ledger,
  database: string,
  reader: Pick<Reader, 'query'>,
  actor: string,
): Promise<Settled[]> {
  const pending = pendingIntents(await Array.fromAsync(ledger.entries()), database);
  if (pending.length === 0 || (await isStandby(reader))) return [];
  const timeline = await timelineOf(reader);
  const settled: Settled[] = [];
  for (const intent of pending) {
    const outcome = await transactionEnd(reader, intent.facts, timeline);
    const { sequence, at, subject, planHash, action, before, after, facts, hash } = intent;
    settled.push({ sequence, at, rule: subject, planHash, outcome });
    if (outcome === 'in-progress') continue;
    const isDone = outcome === 'done';
    const end = { outcome, after: isDone ? after : null, facts, settles: hash, confirms: null };
    const same = { task: task.id, subject, target: database, action, planHash, before, manifest: null, keysHash: null };
    await ledger.append({ actor, ...same, ...end });
  }
  return settled;
}

/** Returns whether the server is a replica, in which nothing can be written. */
export async function isStandby(reader: Pick<Reader, 'query'>): Promise<boolean> {
  const [row] = await reader.query<{ standby: boolean }>(sql`select pg_catalog.pg_is_in_recovery() as standby`);
  return row?.standby === true;
}

function pendingIntents(entries: readonly LedgerEntry[], database: string): LedgerEntry[] {
  const settled = new Set(entries.map(({ settles }) => settles));
  return entries.filter(
    (entry) =>
      entry.outcome === 'intended' && entry.task === task.id && entry.target === database && !settled.has(entry.hash),
  );
}
