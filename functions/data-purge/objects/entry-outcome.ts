import type { HeldBack } from './object-source.ts';

/**
 * What became of an entry of a plan: `deleted`; `gone` when it was not there; `changed` when it was replaced, or is needed by what came
 * after; what it was held back for; `retention` and `legal-hold` when a lock keeps it; `failed`, with S3's code.
 */
export type EntryOutcome =
  | { readonly outcome: 'deleted' | 'gone' | 'changed' | HeldBack }
  | { readonly outcome: 'retention'; readonly until: string; readonly mode: string }
  | { readonly outcome: 'legal-hold' }
  | { readonly outcome: 'failed'; readonly code: string };

/** Counts of outcomes. */
export interface OutcomeCounts {
  readonly deleted: number;
  readonly gone: number;
  /** Still there: because they have changed, are locked or were refused. */
  readonly kept: number;
  /** Of those, the ones that were refused. */
  readonly failed: number;
}

/** Returns how many entries had which outcome. */
export function countOutcomes(outcomes: Iterable<EntryOutcome>): OutcomeCounts {
  let deleted = 0;
  let gone = 0;
  let kept = 0;
  let failed = 0;
  for (const { outcome } of outcomes) {
    if (outcome === 'deleted') deleted += 1;
    else if (outcome === 'gone') gone += 1;
    else kept += 1;
    if (outcome === 'failed') failed += 1;
  }
  return { deleted, gone, kept, failed };
}
