import type { AuditedDatabase, Context } from '../context.ts';
import type { Outcome } from '../outcome.ts';
import type { QueryRule } from '../rule-kinds.ts';

/** Reads a rule that has a statement of its own, and settles it in the coverage ledger. */
export async function auditQuery(_rule: QueryRule, _database: AuditedDatabase, _context: Context): Promise<Outcome[]> {
  throw new Error('not built yet');
}
