/** Ids of the guards; each is also the rule of the finding that tells of it. */
export const guardIds = [
  'too-many-rows',
  'too-large-share',
  'unusual-volume',
  'younger-than-retention',
  'index-missing',
  'undeclared-dependents',
  'approval-missing',
] as const;

export type GuardId = (typeof guardIds)[number];

/** A guard that says no: nothing is deleted. */
export interface TrippedGuard {
  readonly guard: GuardId;
  /** One sentence with the number that matters. */
  readonly detail: string;
  readonly evidence: Readonly<Record<string, string | number | boolean | string[]>>;
}
