import { Ledger } from '../../../shared/ledger/ledger.ts';
import { task } from '../task.ts';
import type { CorrectionContext } from './correction-context.ts';

/**
 * Returns the ledger of a database: one for all of its rules, because whoever corrects one first asks what became of the others.
 *
 * @throws LedgerError when its last entry is not as it was written.
 */
export async function openLedger(
  database: string,
  { ledgers, clock }: Pick<CorrectionContext, 'ledgers' | 'clock'>,
): Promise<Ledger> {
  return Ledger.open(ledgers, `${task.id}/${database}`, clock);
}
