import type { AuditEvaluation } from '../context.ts';
import type { Measurement } from '../outcome.ts';

/** Returns a finding where what was measured is unusual, and unchecked where there is not enough to judge by. */
export function evaluateMeasurement(_measurement: Measurement): AuditEvaluation {
  return { findings: [], unchecked: [] };
}
