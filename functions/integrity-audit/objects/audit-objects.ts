import type { RuleOfKind } from '../config.ts';
import type { Context, LiveDatabase } from '../context.ts';
import type { Outcome } from '../outcome.ts';

/** Compares rows with the objects in S3 that belong to them, and settles the rule in the coverage ledger. */
export async function auditObjects(
  _rule: RuleOfKind<'objects'>,
  _database: LiveDatabase,
  _context: Context,
): Promise<Outcome[]> {
  throw new Error('not built yet');
}
