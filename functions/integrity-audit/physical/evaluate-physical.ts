import type { AuditEvaluation, Config } from '../context.ts';
import type { PhysicalFacts } from './facts.ts';

/** Returns the broken rules on databases themselves. */
export function evaluatePhysical(_facts: readonly PhysicalFacts[], _config: Config, _now: Date): AuditEvaluation {
  return { findings: [], unchecked: [] };
}
