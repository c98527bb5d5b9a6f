import type { PolicyOutcome } from '../../shared/retention/policy-outcome.ts';
import type { DrillFacts } from './drill/drill-facts.ts';

/** What the task's rules look at. */
export interface ArchivalItems {
  readonly outcomes: readonly PolicyOutcome[];
  readonly drills: readonly DrillFacts[];
}
