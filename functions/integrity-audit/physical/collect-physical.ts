import type { Context, LiveDatabase } from '../context.ts';
import type { PhysicalFacts } from './facts.ts';

/** Returns the state of a database's files and housekeeping; what could not be looked at is in the coverage ledger. */
export async function collectPhysical(_database: LiveDatabase, _context: Context): Promise<PhysicalFacts> {
  throw new Error('not built yet');
}
