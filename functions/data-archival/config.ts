import * as z from 'zod';
import {
  destinationSchema,
  guardsSchema,
  modeSchema,
  paceSchema,
  policyId,
  rowSelection,
} from '../../shared/retention/retention-config.ts';

const policySchema = z.strictObject({
  id: policyId,
  ...rowSelection,
  mode: modeSchema,
  /** The task's `destination` unless given. */
  destination: destinationSchema.optional(),
  guards: guardsSchema.prefault({}),
  pace: paceSchema.prefault({}),
  /** Rows in one archive; fewer where rows are large, so that a file has at most `bytesPerArchive` before compression. */
  rowsPerArchive: z.int().min(1).max(10_000_000).default(1_000_000),
  bytesPerArchive: z
    .int()
    .min(1024)
    .default(1024 ** 3),
  /** A second copy as Parquet, for queries. */
  parquet: z.boolean().default(false),
  /** Years for which an archive is kept: nothing deletes it, the bucket's Object Lock and lifecycle are to say the same. */
  keepYears: z.int().min(1).default(7),
});

export type ArchivalPolicy = z.output<typeof policySchema>;

/** Keys of the task's configuration. Every field has a default or a clear error. */
export const configSchema = z
  .strictObject({
    destination: destinationSchema.optional(),
    policies: z.array(policySchema).default([]),
    /** Hours past the retention after which rows that a policy should have taken are a finding, and an alarm. */
    maximumBacklogHours: z.int().min(1).default(72),
    /** Restores one archive of each policy into a scratch schema, reads it and drops it again. */
    drill: z
      .strictObject({
        enabled: z.boolean().default(true),
        everyDays: z.int().min(1).default(30),
        /** Where: a database under `databases` with a `writer`; the policy's own unless given. */
        database: z.string().min(1).optional(),
        /** Larger archives are not restored in a drill. */
        maximumRows: z.int().min(1).default(2_000_000),
      })
      .prefault({}),
  })
  .superRefine(({ destination, policies }, context) => {
    const ids = policies.map(({ id }) => id);
    for (const [index, policy] of policies.entries()) {
      if (ids.indexOf(policy.id) !== index) {
        context.addIssue({ code: 'custom', path: ['policies', index, 'id'], message: `${policy.id} is there twice` });
      }
      if (policy.destination === undefined && destination === undefined) {
        const message = 'has no destination, and the task has none either';
        context.addIssue({ code: 'custom', path: ['policies', index, 'destination'], message });
      }
    }
  });

export type ArchivalConfig = z.output<typeof configSchema>;
