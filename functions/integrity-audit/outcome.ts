import type { Finding, Severity } from '../../shared/finding.ts';
import type { Resource } from '../../shared/resource.ts';
import type { HistoryPoint } from './anomalies/history.ts';
import type { Rule, RuleOfKind } from './config.ts';
import type { RuleId } from './context.ts';
import type { Sample } from './samples.ts';

/** What reading has shown of a declared rule; whether that is too much is for evaluate to say. */
export type Outcome = Violations | Freshness | Measurement;

/** A number of rows, groups or objects that are not as the rule says. */
export interface Violations {
  readonly kind: 'violations';
  readonly rule: Rule;
  readonly breaks: RuleId;
  /** The declared rule's, but for what is worse or less bad than that. */
  readonly severity: Severity;
  /** Undefined where only what is wrong is read, and not what is right. */
  readonly tested: number | undefined;
  /** What was tested, in the plural: `rows of public.tracks`. */
  readonly unit: string;
  readonly count: number;
  /** Counting was broken off there. */
  readonly isAtLeast: boolean;
  readonly samples: readonly Sample[];
  /** Ends the sentence "3 of 120 rows of public.tracks …", such as "have no title". */
  readonly what: Predicate;
  /** Is said instead of that sentence, where it would not be one. */
  readonly summary?: string;
  /** What to do, unless the rule says. */
  readonly remedy: string;
  readonly facts: Finding['evidence'];
}

/** A verb in the plural, which evaluate can put into the singular, and what follows it. */
export type Predicate = `${keyof typeof singular} ${string}`;

export const singular = {
  are: 'is',
  belong: 'belongs',
  do: 'does',
  have: 'has',
  name: 'names',
  refer: 'refers',
} as const;

/** When the newest row was made. */
export interface Freshness {
  readonly kind: 'freshness';
  readonly rule: RuleOfKind<'freshness'>;
  /** Undefined when there is none. */
  readonly newestAt: Date | undefined;
}

/** A number that is judged by those before it. */
export interface Measurement {
  readonly kind: 'measurement';
  readonly rule: RuleOfKind<'volume' | 'distribution'>;
  readonly point: HistoryPoint;
  /** What earlier runs have measured, oldest first, without this one. */
  readonly history: readonly HistoryPoint[];
}

/** Returns the resource that stands for a declared rule. */
export function ruleResource({ id, database }: Pick<Rule, 'id' | 'database'>): Resource {
  return { type: 'integrity-rule', id: `postgres://${database}/rules/${id}`, name: id };
}
