import type { AuditedDatabase, Context } from '../context.ts';
import type { Outcome } from '../outcome.ts';
import type { ScanRule } from '../rule-kinds.ts';

/** Reads all of these rules in one scan of each table that they name, and settles each in the coverage ledger. */
export async function auditScans(
  _rules: readonly ScanRule[],
  _database: AuditedDatabase,
  _context: Context,
): Promise<Outcome[]> {
  throw new Error('not built yet');
}
