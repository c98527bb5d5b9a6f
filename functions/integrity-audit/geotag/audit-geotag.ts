import type { RuleOfKind } from '../config.ts';
import type { AuditedDatabase, Context } from '../context.ts';
import type { Outcome } from '../outcome.ts';

/** Tests whether each row's point is in the area that the row names, and settles the rule in the coverage ledger. */
export async function auditGeotag(
  _rule: RuleOfKind<'geotag'>,
  _database: AuditedDatabase,
  _context: Context,
): Promise<Outcome[]> {
  throw new Error('not built yet');
}
