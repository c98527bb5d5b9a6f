import type { Severity } from '../../../shared/finding.ts';
import type { CorrectableRule } from './prepared-correction.ts';
import type { Settled } from './settle-intents.ts';

/** A statement as it is sent. */
export interface ShownStatement {
  readonly text: string;
  /** `$1`, `$2` … in it; none of them comes from a row. */
  readonly parameters: readonly unknown[];
}

/** What a person is asked to agree to. */
export interface ShownPlan {
  readonly hash: string;
  /** ISO 8601. */
  readonly plannedAt: string;
  readonly expiresAt: string;
  readonly expectedRows: number;
  readonly statements: readonly ShownStatement[];
  /** The configuration has no connection that may write. */
  readonly lacksWriter: boolean;
}

/** What `caretaker correct` has done or not done. Its JSON form is a public interface. */
export interface CorrectionResult {
  readonly rule: string;
  readonly database: string;
  readonly table: string | null;
  readonly severity: Severity;
  readonly owner: string | null;
  readonly correction: CorrectableRule['correction']['kind'];
  /**
   * `planned`, `attend` (a person has to), `nothing-to-correct`, `applied`, `attended` and `refused` are what they say; `failed`:
   * nothing was changed; `unknown`: nobody knows yet whether it was.
   */
  readonly outcome:
    | 'planned'
    | 'attend'
    | 'nothing-to-correct'
    | 'applied'
    | 'attended'
    | 'refused'
    | 'failed'
    | 'unknown';
  /** Of a refusal or a failure: kebab-case. */
  readonly code: string | null;
  /** Sentences for people. */
  readonly message: string;
  /** Now, and before anything was changed; null where they were not counted. */
  readonly violations: number | null;
  /** Afterwards. */
  readonly remaining: number | null;
  /** Keys of some of them, personal ones masked. */
  readonly samples: readonly string[];
  readonly plan: ShownPlan | null;
  /** Of the ledger: where what was done is written down. */
  readonly ledgerEntry: number | null;
  /** What became of earlier corrections that were cut off. */
  readonly settled: readonly Settled[];
}

/** What is the same in every result of a rule. */
export function resultOf(
  rule: CorrectableRule,
  rest: Pick<CorrectionResult, 'outcome' | 'message'> & Partial<CorrectionResult>,
): CorrectionResult {
  return {
    rule: rule.id,
    database: rule.database,
    table: 'table' in rule ? rule.table : null,
    severity: rule.severity,
    owner: rule.owner ?? null,
    correction: rule.correction.kind,
    code: null,
    violations: null,
    remaining: null,
    samples: [],
    plan: null,
    ledgerEntry: null,
    settled: [],
    ...rest,
  };
}
