import { type LedgerEntry, ledgerEntrySchema } from './ledger-entry.ts';
import { LedgerError } from './ledger-error.ts';
import { sha256Of } from './sha256.ts';

/**
 * Returns the entries when each is as it was written and follows the one before.
 *
 * @param documents in their order, the first being that of sequence 1.
 * @throws LedgerError that names the first that is not.
 */
export function verifyChain(documents: readonly unknown[]): LedgerEntry[] {
  const entries: LedgerEntry[] = [];
  const hashes = new Set<string>();
  for (const [index, document] of documents.entries()) {
    const sequence = index + 1;
    const parsed = ledgerEntrySchema.safeParse(document);
    if (!parsed.success) throw new LedgerError(sequence, 'it is not an entry', { cause: parsed.error });
    const { hash, ...rest } = parsed.data;
    if (rest.sequence !== sequence) throw new LedgerError(sequence, `it says that it is entry ${rest.sequence}`);
    if (sha256Of(rest) !== hash) throw new LedgerError(sequence, 'its content does not have the hash that it names');
    if (rest.previousHash !== (entries.at(-1)?.hash ?? null)) {
      throw new LedgerError(sequence, 'it does not follow the entry before it: one of them was replaced');
    }
    if (rest.settles !== null && !hashes.has(rest.settles)) {
      throw new LedgerError(sequence, 'it tells the end of an intention that is not there: that one was replaced');
    }
    hashes.add(hash);
    entries.push(parsed.data);
  }
  return entries;
}
