/** What one run has measured. At most one is kept of a day. */
export interface HistoryPoint {
  /** Day in the estate's time zone: `2026-11-20`. */
  readonly date: string;
  readonly value: number;
  /** It was unusual then, and is no part of the baseline of others. */
  readonly isUnusual?: boolean | undefined;
}
