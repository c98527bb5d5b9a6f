import type { Severity } from '../../shared/finding.ts';

/** A finding that a planted resource must cause. */
export interface PlantedFinding<Rule extends string = string> {
  readonly rule: Rule;
  readonly severity: Severity;
  readonly discriminator?: string;
}

/**
 * A resource of the sample estate with the findings that it must cause, and only those; a healthy one has none. Tests
 * compare them with what a run reports, both ways.
 */
export interface PlantedCase<T, Rule extends string = string> {
  readonly resource: T;
  readonly resourceId: string;
  /** What the case shows, for whoever reads a failing test or the demo. */
  readonly why: string;
  readonly findings: readonly PlantedFinding<Rule>[];
}
