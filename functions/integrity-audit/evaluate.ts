import { evaluateMeasurement } from './anomalies/evaluate-measurement.ts';
import type { AuditItems } from './collect.ts';
import type { AuditEvaluation, Config } from './context.ts';
import { evaluateFreshness } from './evaluate-freshness.ts';
import { evaluateViolations } from './evaluate-violations.ts';
import { headline } from './headline.ts';
import type { Outcome } from './outcome.ts';
import { outcomeTable } from './outcome-table.ts';
import { evaluatePhysical } from './physical/evaluate-physical.ts';

/** Returns every broken rule, declared or on the databases themselves, with a table of all that was measured. */
export function evaluate({ outcomes, physical, isNarrowed }: AuditItems, config: Config, now: Date): AuditEvaluation {
  const parts = [...outcomes.map((outcome) => evaluateOutcome(outcome, now)), evaluatePhysical(physical, config, now)];
  const findings = parts.flatMap((part) => part.findings);
  const unchecked = parts.flatMap((part) => part.unchecked);
  // Of a run about some of its resources, nothing is to be said of the whole.
  const told = isNarrowed ? undefined : headline(outcomes, physical, findings, unchecked);
  return {
    findings,
    unchecked,
    ...(told === undefined ? {} : { headline: told }),
    ...(outcomes.length === 0 ? {} : { tables: [outcomeTable(outcomes)] }),
  };
}

function evaluateOutcome(outcome: Outcome, now: Date): AuditEvaluation {
  switch (outcome.kind) {
    case 'violations':
      return evaluateViolations(outcome);
    case 'freshness':
      return evaluateFreshness(outcome, now);
    case 'measurement':
      return evaluateMeasurement(outcome);
  }
}
