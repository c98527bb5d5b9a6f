import type * as z from 'zod';
import type { configSchema } from '../../functions/integrity-audit/config.ts';
import type { task } from '../../functions/integrity-audit/task.ts';
import type { RuleOf } from '../../shared/task.ts';
import type { PlantedFinding } from './planted-case.ts';

/** A rule of the audit as it is written in a configuration. */
export type RuleInput = NonNullable<z.input<typeof configSchema>['rules']>[number];

/** What a run must find of a rule. */
export interface IntegrityFinding extends PlantedFinding<RuleOf<typeof task>> {
  /** So many, no more and no fewer; undefined where nothing is counted. */
  readonly violations?: number;
}

/** A rule of the sample estate, with the fault that is planted for it. */
export interface PlantedRule {
  readonly rule: RuleInput;
  /** What the case shows, for whoever reads a failing test or the demo. */
  readonly why: string;
  /** SQL that plants the fault into data that is right, given the time that all is relative to as `timestamptz '…'`. */
  readonly plant?: (at: string) => string;
  /** All that a run must find of it then, and nothing of it in data that is right. */
  readonly findings?: readonly IntegrityFinding[];
  /** The reason for which it cannot be looked at, in either data. */
  readonly unchecked?: string;
  /** What earlier runs have measured, today's not among it: so many points about a level, one for each day. */
  readonly history?: { readonly level: number; readonly scatter: number; readonly days: number };
}
