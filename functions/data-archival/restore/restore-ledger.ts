import { Ledger } from '../../../shared/ledger/ledger.ts';
import type { LedgerEntry, LedgerRecord } from '../../../shared/ledger/ledger-entry.ts';
import type { LedgerStore } from '../../../shared/ledger/ledger-store.ts';
import type { CopySession } from '../../../shared/postgres/copy-session.ts';
import { transactionEnd } from '../../../shared/postgres/transaction-end.ts';
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

/**
 * Asks the server about a restore whose end was not written down, and writes it down.
 *
 * @param session outside of a transaction, which would end with an error when the server does not know the number.
 * @param server which one it is now.
 * @throws UncheckedError `busy` while it is still under way.
 */
export async function settleRestore(
  ledger: Ledger,
  session: CopySession,
  server: { readonly database: string; readonly timeline: string | null },
): Promise<LedgerEntry | undefined> {
  const { last } = ledger;
  if (last === undefined || last.outcome !== 'intended') return undefined;
  // Another server would have an answer too, about a transaction of its own.
  const end = last.target === server.database ? await endOf(session, last.facts, server.timeline) : 'unknown';
  return endRestore(ledger, last, end);
}

/** Writes down what became of an intention. */
export function endRestore(ledger: Ledger, intention: LedgerEntry, outcome: RestoreEnd): Promise<LedgerEntry> {
  const { schemaVersion: _, sequence: __, at: ___, previousHash: ____, hash, ...record } = intention;
  const after = outcome === 'done' ? record.after : null;
  return ledger.append({ ...(record satisfies LedgerRecord), outcome, after, settles: hash });
}

async function endOf(session: CopySession, facts: LedgerRecord['facts'], timeline: string | null): Promise<RestoreEnd> {
  const end = await transactionEnd(session, facts, timeline);
  if (end !== 'in-progress') return end;
  throw new UncheckedError('busy', 'Another restore of this policy is under way. Try again when it has ended.');
}
