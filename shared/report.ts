import * as z from 'zod';
import { findingSchema } from './finding.ts';
import { resourceSchema } from './resource.ts';

/** A resource or scope that could not be looked at. */
export const uncheckedSchema = z.object({
  resource: resourceSchema,
  /** Kebab-case code such as `access-denied`, `throttled`, `connect-timeout`, `not-reached`. */
  reason: z.string(),
  /** What happened, for people, and how to mend it where that is known. */
  detail: z.string(),
});

export type Unchecked = z.output<typeof uncheckedSchema>;

/** What the run expected to look at, what it looked at, and what it could not. */
const coverageSchema = z.object({
  expected: z.int().nonnegative(),
  checked: z.int().nonnegative(),
  unchecked: z.array(uncheckedSchema),
  /** The same two counts for each type of resource. */
  byType: z.record(z.string(), z.object({ expected: z.int().nonnegative(), checked: z.int().nonnegative() })),
});

export type Coverage = z.output<typeof coverageSchema>;

/** One thing that apply did, or in a dry run would have done. */
const changeSchema = z.object({
  resource: resourceSchema,
  action: z.string(),
  outcome: z.enum(['planned', 'done', 'failed']),
  detail: z.string(),
});

export type Change = z.output<typeof changeSchema>;

/**
 * What was measured of each resource, good or bad, where findings alone do not tell how things stand. A column's unit is at the end
 * of its key: `rpoMinutes`, `sizeBytes`, `retentionDays`, `share` (0 to 1), `verifiedAt` (ISO 8601, UTC). `null`: not known, or
 * there is none.
 */
const tableSchema = z.object({
  title: z.string(),
  columns: z.array(z.object({ key: z.string(), title: z.string() })),
  rows: z.array(z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))),
});

export type ReportTable = z.output<typeof tableSchema>;

export const reportStatuses = ['clean', 'findings', 'incomplete', 'failed'] as const;

/**
 * The result of one run. Its JSON form is a public interface: `caretaker schema report` prints it as JSON Schema.
 *
 * `status` is `failed` when no resource was checked and the task does not allow for an empty estate, or when the task itself finds
 * that it looked in the wrong place, else `incomplete` when anything was
 * unchecked, else `findings`, else `clean`.
 */
export const reportSchema = z.object({
  schemaVersion: z.literal(1),
  runId: z.string(),
  task: z.string(),
  title: z.string(),
  trigger: z.enum(['schedule', 'manual']),
  mode: z.enum(['dry-run', 'apply']),
  /** ISO 8601, UTC. */
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  scope: z.object({
    estate: z.string(),
    /** IANA name; the zone in which people are shown times. */
    timeZone: z.string(),
    accounts: z.array(z.string()),
    regions: z.array(z.string()),
    /** The glob that narrowed the run, if one did. */
    only: z.string().optional(),
  }),
  coverage: coverageSchema,
  findings: z.array(findingSchema),
  changes: z.array(changeSchema),
  /** One sentence on the whole estate. */
  headline: z.string().optional(),
  tables: z.array(tableSchema).optional(),
  /** Numbers for dashboards; units are in the keys. */
  metrics: z.record(z.string(), z.number()),
  status: z.enum(reportStatuses),
});

export type Report = z.output<typeof reportSchema>;
