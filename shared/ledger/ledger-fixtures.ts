import type { LedgerEntry, LedgerRecord } from './ledger-entry.ts';
import { sha256Of } from './sha256.ts';

/** Returns a record of something that was done. */
export function ledgerRecord(changes: Partial<LedgerRecord> = {}): LedgerRecord {
  return {
    actor: 'ada',
    task: 'data-purge',
    subject: 'sessions',
    target: 'main',
    action: 'purge',
    outcome: 'done',
    planHash: 'abc',
    manifest: null,
    keysHash: null,
    before: 3,
    after: 0,
    facts: { rows: 3 },
    settles: null,
    confirms: null,
    ...changes,
  };
}

/** Returns an entry with the hash that its content must have: what somebody writes who knows how. */
export function rehashed({ hash: _, ...content }: LedgerEntry): LedgerEntry {
  return { ...content, hash: sha256Of(content) };
}
