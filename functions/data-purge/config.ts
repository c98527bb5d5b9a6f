import * as z from 'zod';
import {
  guardsSchema,
  modeSchema,
  paceSchema,
  policyId,
  rowSelection,
} from '../../shared/retention/retention-config.ts';

const name = z.string().min(1);
const { index: _index, children: _children, where: _where, key: _key, ...partitionedTable } = rowSelection;

const common = {
  id: policyId,
  mode: modeSchema,
  guards: guardsSchema.prefault({}),
};

const rows = z.strictObject({ ...common, kind: z.literal('rows'), ...rowSelection, pace: paceSchema.prefault({}) });

/** Partitions by range of `ageColumn` that are wholly past the retention are detached, and later dropped. */
const partitions = z.strictObject({
  ...common,
  kind: z.literal('partitions'),
  ...partitionedTable,
  /** Days between the two, in which it can be undone by attaching it again. */
  keepDetachedDays: z.int().min(0).default(7),
  pace: paceSchema.prefault({}),
});

const bucket = {
  bucket: name,
  prefix: z.string().default(''),
  account: name.optional(),
  region: name.optional(),
  /** Since it was last modified; for `noncurrent` since it was replaced, for `uploads` since it was begun. */
  olderThanDays: z.int().min(1),
};

const objects = z.strictObject({
  ...common,
  kind: z.literal('objects'),
  ...bucket,
  /**
   * `current` objects (in a bucket with versions they are left behind a delete marker), `noncurrent` versions with delete markers behind
   * which nothing is left, or `uploads`: multipart uploads that were never completed.
   */
  what: z.enum(['current', 'noncurrent', 'uploads']),
  /** Of each key so many noncurrent versions stay, whatever their age. */
  keepNoncurrent: z.int().min(0).default(0),
});

/** Objects that no row names. */
const orphans = z.strictObject({
  ...common,
  kind: z.literal('orphans'),
  ...bucket,
  database: name.default('main'),
  table: name,
  keyColumn: name,
  /** Index whose first column is `keyColumn`. */
  index: name,
  /** What stands before the column's value in the object's key. */
  keyPrefix: z.string().default(''),
});

const policySchema = z.discriminatedUnion('kind', [rows, partitions, objects, orphans]);

export type PurgePolicy = z.output<typeof policySchema>;
export type RowsPolicy = z.output<typeof rows>;
export type PartitionsPolicy = z.output<typeof partitions>;
export type ObjectsPolicy = z.output<typeof objects>;
export type OrphansPolicy = z.output<typeof orphans>;

/** Keys of the task's configuration. Every field has a default or a clear error. */
export const configSchema = z
  .strictObject({
    policies: z.array(policySchema).default([]),
    /** Hours past the retention after which what a policy should have taken is a finding, and an alarm. */
    maximumBacklogHours: z.int().min(1).default(72),
  })
  .superRefine(({ policies }, context) => {
    const ids = policies.map(({ id }) => id);
    for (const [index, { id }] of policies.entries()) {
      if (ids.indexOf(id) !== index) {
        context.addIssue({ code: 'custom', path: ['policies', index, 'id'], message: `${id} is there twice` });
      }
    }
  });

export type PurgeConfig = z.output<typeof configSchema>;
