import sql from 'sql-template-tag';
import { Ledger } from '../../../shared/ledger/ledger.ts';
import type { LedgerEntry, LedgerRecord } from '../../../shared/ledger/ledger-entry.ts';
import type { LedgerStore } from '../../../shared/ledger/ledger-store.ts';
import type { CopySession } from '../../../shared/postgres/copy-session.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';

/** What became of a restore that was begun, as the server says. */
export type RestoreEnd = 'done' | 'rolled-back' | 'unknown';

/**
 * Opens the ledger of a policy's restores. It is a chain beside that of its archives: whoever restores does not wait
 * for a run, and the last entry of either is its own.
 */
export function openRestoreLedger(ledgers: LedgerStore, policy: string, clock: () => Date): Promise<Ledger> {
  return Ledger.open(ledgers, `data-archival/${policy}.restores`, clock);
}

/** Returns the number by which the server can be asked what became of the transaction that the session is in. */
export async function transactionOf(session: CopySession): Promise<string> {
  const [row] = await session.query<{ id: string }>(sql`select pg_catalog.pg_current_xact_id()::pg_catalog.text as id`);
  return String(row?.id);
}

/**
 * Asks the server about a restore whose end was not written down, and writes it down.
 *
 * @param session outside of a transaction, which would end with an error when the server does not know the number.
 * @throws UncheckedError `busy` while it is still under way.
 */
export async function settleRestore(
  ledger: Ledger,
  session: CopySession,
  database: string,
): Promise<LedgerEntry | undefined> {
  const { last } = ledger;
  if (last === undefined || last.outcome !== 'intended') return undefined;
  // Another server would have an answer too, about a transaction of its own.
  const end = last.target === database ? await endOf(session, String(last.facts.transaction)) : 'unknown';
  return endRestore(ledger, last, end);
}

/** Writes down what became of an intention. */
export function endRestore(ledger: Ledger, intention: LedgerEntry, outcome: RestoreEnd): Promise<LedgerEntry> {
  const { schemaVersion: _, sequence: __, at: ___, previousHash: ____, hash, ...record } = intention;
  const after = outcome === 'done' ? record.after : null;
  return ledger.append({ ...(record satisfies LedgerRecord), outcome, after, settles: hash });
}

/** https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT */
async function endOf(session: CopySession, transaction: string): Promise<RestoreEnd> {
  const status = await statusOf(session, transaction);
  if (status === 'in progress') {
    throw new UncheckedError('busy', 'Another restore of this policy is under way. Try again when it has ended.');
  }
  if (status === 'committed') return 'done';
  return status === 'aborted' ? 'rolled-back' : 'unknown';
}

async function statusOf(session: CopySession, transaction: string): Promise<string | null> {
  try {
    const [row] = await session.query<{ status: string | null }>(
      sql`select pg_catalog.pg_xact_status(${transaction}::pg_catalog.xid8) as status`,
    );
    return row?.status ?? null;
  } catch (error) {
    // The transaction is in the future: this is another server, or one that was restored from before.
    if ((error as { code?: unknown }).code === '22023') return null;
    throw error;
  }
}
