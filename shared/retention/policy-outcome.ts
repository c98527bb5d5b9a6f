import * as z from 'zod';
import { guardIds } from './guard.ts';

const evidence = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]));

/**
 * What a run knows of a policy: kept between its steps, and what evaluate judges. Plain JSON of bounded size. Whatever could not be
 * looked at is in `unchecked`, and the policy then is not clean.
 */
export const policyOutcomeSchema = z.strictObject({
  policy: z.string(),
  /** What people call what it takes: `main/public.listens`, `s3://nycmg-uploads/incoming/`. */
  target: z.string(),
  mode: z.enum(['dry-run', 'apply']),
  /** `planned`: nothing was to be done in this mode. `paused` and `out-of-time` leave the rest for the next run. */
  state: z.enum(['planned', 'guarded', 'working', 'paused', 'stopped', 'done']),
  planHash: z.string().nullable(),
  /** Of the plan; rows or objects. */
  planned: z.int().min(0),
  archived: z.int().min(0).default(0),
  deleted: z.int().min(0).default(0),
  /** Of those, rows in partitions that were only detached: they are dropped later, and can be had back until then. */
  detached: z.int().min(0).default(0),
  /** Left where they are because they have changed, are locked or were refused. */
  kept: z.int().min(0).default(0),
  batches: z.int().min(0).default(0),
  bytes: z.int().min(0).default(0),
  waitedMs: z.int().min(0).default(0),
  /** What it was waited for, one sentence each, the longest first. */
  waitedFor: z.array(z.string()).default([]),
  workedMs: z.int().min(0).default(0),
  /** How far the oldest thing past its retention is past it, at the end. */
  backlogAgeHours: z.number().min(0).nullable().default(null),
  /** Past their retention and still there, at the end. */
  backlog: z.int().min(0).nullable().default(null),
  /** Which have stopped it; or, where it is paused or only shown, which would. */
  guards: z.array(z.strictObject({ guard: z.enum(guardIds), detail: z.string(), evidence })).default([]),
  /** Of what is only shown: worth knowing, and no reason to stop. */
  notes: z.array(z.string()).default([]),
  /** What went otherwise than planned; `rule` is one of the task's. */
  faults: z
    .array(
      z.strictObject({ rule: z.string(), subject: z.string(), detail: z.string(), evidence: evidence.default({}) }),
    )
    .default([]),
  unchecked: z.array(z.strictObject({ reason: z.string(), detail: z.string() })).default([]),
  /** Manifests made, and which were verified. */
  manifests: z.array(z.string()).default([]),
});

export type PolicyOutcome = z.output<typeof policyOutcomeSchema>;
