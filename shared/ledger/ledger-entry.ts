import * as z from 'zod';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'not a SHA-256 in hexadecimal');

/**
 * What became of it. `intended` is written before a change is final and is settled by a later entry: by `done` or `rolled-back`, or
 * by `unknown` where nobody can tell any more.
 */
const outcome = z.enum(['intended', 'done', 'rolled-back', 'refused', 'failed', 'attended', 'unknown']);

/** What somebody did, or did not do, as it is handed to the ledger. */
export const ledgerRecordSchema = z.strictObject({
  /** Who: a user of the operating system, or a role. */
  actor: z.string().min(1),
  task: z.string().min(1),
  /** Why: a rule or a policy. */
  subject: z.string().min(1),
  /** Where: a database or a bucket. */
  target: z.string().min(1),
  /** What. */
  action: z.string().min(1),
  outcome,
  /** Of the plan that was followed, where there was one. */
  planHash: z.string().min(1).nullable(),
  /** SHA-256 of the manifest of what it was done to, as it is stored, where there is one. */
  manifest: sha256.nullable(),
  /** Of the keys of what it was done to, where they were counted one by one. */
  keysHash: z.string().min(1).nullable(),
  /** Violations, rows or objects before it and after it; null where they were not counted. */
  before: z.int().min(0).nullable(),
  after: z.int().min(0).nullable(),
  /** Units in the keys; nothing of what is in a row. */
  facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  /** Hash of the intention whose end this entry tells. */
  settles: sha256.nullable(),
  /** Hash of an earlier intention that is known to be done; this entry tells of something else besides. */
  confirms: sha256.nullable(),
});

export type LedgerRecord = z.output<typeof ledgerRecordSchema>;

/** A record with its place in the chain. */
export const ledgerEntrySchema = ledgerRecordSchema.extend({
  schemaVersion: z.literal(1),
  /** From 1 on, without a gap. */
  sequence: z.int().min(1),
  at: z.iso.datetime(),
  /** Hash of the entry before; null in the first. */
  previousHash: sha256.nullable(),
  /** SHA-256 of the canonical JSON of all the rest. */
  hash: sha256,
});

export type LedgerEntry = z.output<typeof ledgerEntrySchema>;
