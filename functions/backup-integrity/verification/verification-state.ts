import * as z from 'zod';

/** How many examples of a kind are kept; the rest is counted. */
export const maximumExamples = 10;

/** What is said of an object may come from a server; no more than this is kept of it. */
export const maximumDetailLength = 300;

const alterationSchema = z.strictObject({
  key: z.string(),
  algorithm: z.string(),
  expected: z.string(),
  actual: z.string(),
});

const unreadableSchema = z.strictObject({ key: z.string(), reason: z.string(), detail: z.string() });

/** How far the verification of one set of objects is in this run: what its steps hand on, and in the end its result. */
export const verificationStateSchema = z.strictObject({
  /** What was read since then is not read again in this run; milliseconds since 1970. */
  runStartedAtMs: z.number(),
  /** Of the run's budget. */
  bytesBegun: z.number(),
  verifiedObjects: z.number(),
  verifiedBytes: z.number(),
  objects: z.number(),
  /** Of the objects that can be read without being restored first. */
  bytes: z.number(),
  archivedObjects: z.number(),
  /** The object that has waited longest. */
  oldest: z.strictObject({ key: z.string(), sinceMs: z.number() }).nullable(),
  alteredCount: z.number(),
  altered: z.array(alterationSchema).max(maximumExamples),
  unreadableCount: z.number(),
  unreadable: z.array(unreadableSchema).max(maximumExamples),
  /** Why nothing could be made of what is remembered, if so. */
  memoryFault: z.string().nullable(),
  /** Why the objects could not be looked at as a whole, if so. */
  failure: z.strictObject({ reason: z.string(), detail: z.string() }).nullable(),
});

export type VerificationState = z.output<typeof verificationStateSchema>;

/** Returns the state before the first step. */
export function initialState(now: Date): VerificationState {
  return {
    runStartedAtMs: now.getTime(),
    bytesBegun: 0,
    verifiedObjects: 0,
    verifiedBytes: 0,
    ...emptyTotals(),
    memoryFault: null,
    failure: null,
  };
}

/** What each step finds out anew. */
export type VerificationTotals = Pick<
  VerificationState,
  'objects' | 'bytes' | 'archivedObjects' | 'oldest' | 'alteredCount' | 'altered' | 'unreadableCount' | 'unreadable'
>;

/** Returns totals of nothing. */
export function emptyTotals(): VerificationTotals {
  return {
    objects: 0,
    bytes: 0,
    archivedObjects: 0,
    oldest: null,
    alteredCount: 0,
    altered: [],
    unreadableCount: 0,
    unreadable: [],
  };
}
