import * as z from 'zod';
import { sha256Of } from '../ledger/sha256.ts';

const common = {
  task: z.string(),
  policy: z.string(),
  /** SHA-256 of the policy as configured and of the shape of its tables: another one has another first run. */
  definitionHash: z.string(),
  plannedAt: z.iso.datetime(),
  /** Who made it: not who may approve it. */
  plannedBy: z.string(),
};

/** What a run is going to do, frozen: its hash names it, and what is approved is that and nothing else. */
export const planSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    ...common,
    kind: z.literal('rows'),
    /** `archive` and then delete, or only delete. */
    action: z.enum(['archive', 'purge']),
    database: z.string(),
    table: z.string(),
    /** Text of the age column's type. */
    cutoff: z.string(),
    rows: z.int().min(0),
    /** Of the whole table, counted or estimated. */
    tableRows: z.int().min(0),
    oldest: z.string().nullable(),
    youngest: z.string().nullable(),
    children: z.array(z.strictObject({ table: z.string(), rows: z.int().min(0) })),
  }),
  z.strictObject({
    ...common,
    kind: z.literal('partitions'),
    database: z.string(),
    table: z.string(),
    cutoff: z.string(),
    /** Detached now, and dropped once they have been detached for long enough. */
    partitions: z.array(
      z.strictObject({
        name: z.string(),
        step: z.enum(['detach', 'drop']),
        upTo: z.string(),
        rows: z.int().min(0),
        bytes: z.int().min(0),
      }),
    ),
    tableRows: z.int().min(0),
  }),
  z.strictObject({
    ...common,
    kind: z.literal('objects'),
    what: z.enum(['current', 'noncurrent', 'uploads', 'orphans']),
    bucket: z.string(),
    prefix: z.string(),
    /** ISO 8601, UTC. */
    cutoff: z.string(),
    objects: z.int().min(0),
    bytes: z.int().min(0),
    /** All that were looked at below the prefix. */
    listed: z.int().min(0),
    /** Of those that were asked about, how many a row names: of orphans only. */
    named: z.int().min(0).optional(),
    /** Name in the task's state store of the frozen list, and the SHA-256 of its bytes. */
    list: z.string(),
    listHash: z.string(),
  }),
]);

export type Plan = z.output<typeof planSchema>;

/** Returns the name of a plan: 64 hexadecimal digits, the SHA-256 of its canonical JSON. */
export function planHash(plan: Plan): string {
  return sha256Of(plan);
}
