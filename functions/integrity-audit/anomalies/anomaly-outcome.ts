import type { RuleOfKind } from '../config.ts';
import type { Context } from '../context.ts';
import type { Measurement } from '../outcome.ts';

/** Returns what was measured beside what earlier runs have measured, and remembers it for later ones. */
export async function measurementOf(
  _rule: RuleOfKind<'volume' | 'distribution'>,
  _value: number,
  _context: Context,
): Promise<Measurement> {
  throw new Error('not built yet');
}
