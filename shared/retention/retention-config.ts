import * as z from 'zod';

/** Name of a policy; also part of the names of its archives, plans and ledger. */
export const policyId = z
  .string()
  .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, 'lower-case words, divided by hyphens')
  .max(60);

const name = z.string().min(1);

/** How long something is kept: calendar arithmetic as PostgreSQL's, so that 13 months before 31 March is the last day of February. */
export const retentionSchema = z
  .strictObject({
    days: z.int().min(1).optional(),
    months: z.int().min(1).optional(),
    years: z.int().min(1).optional(),
  })
  .refine((units) => Object.values(units).filter((value) => value !== undefined).length === 1, {
    error: 'one of { days }, { months } or { years }',
  });

export type Retention = z.output<typeof retentionSchema>;

/** `dry-run`: it is only ever shown what would be done. */
export const modeSchema = z.enum(['dry-run', 'apply']).default('dry-run');

/** A table whose rows go before the rows that they refer to. */
export interface ChildConfig {
  readonly table: string;
  /** Its columns that refer to `references`. */
  readonly columns: string[];
  /** Columns of the table that it is a child of: that one's primary key unless given. */
  readonly references?: string[] | undefined;
  /** Given, a child's row that is younger than the retention keeps everything from being done. */
  readonly ageColumn?: string | undefined;
  readonly children: ChildConfig[];
}

const childSchema: z.ZodType<ChildConfig, unknown> = z.lazy(() =>
  z.strictObject({
    table: name,
    columns: z.array(name).min(1),
    references: z.array(name).min(1).optional(),
    ageColumn: name.optional(),
    children: z.array(childSchema).default([]),
  }),
);

/** Which rows: those of `table` whose `ageColumn` is before the retention began, and for which `where` is true. */
export const rowSelection = {
  database: name.default('main'),
  /** `table` in `public`, or `schema.table`. */
  table: name,
  /** `timestamptz`, `timestamp` or `date`. Where it is null, a row has no age and stays. */
  ageColumn: name,
  /** What a `timestamp` or a `date` in it is of. */
  ageTimeZone: name.default('UTC'),
  retention: retentionSchema,
  /** Columns that tell rows apart, under a unique index and never null: the primary key unless given. */
  key: z.array(name).min(1).optional(),
  /** An SQL condition on the columns of the table; it may look into other tables. */
  where: name.optional(),
  /** The index by which the rows are found: its first column is `ageColumn`. Without it every batch would read the whole table. */
  index: name,
  children: z.array(childSchema).default([]),
  /**
   * Triggers and rules on DELETE that may fire, as `schema.table.trigger`: any other one keeps everything from being done, as what it does
   * is not in the plan.
   */
  acceptedTriggers: z.array(name).optional(),
};

/** What must hold before anything is deleted. All are always on; how much each allows is up to the policy. */
export const guardsSchema = z.strictObject({
  /** Rows or objects in one run. */
  maximumRows: z.int().min(1).default(10_000_000),
  /** Of the table's rows, or of the objects below the prefix. */
  maximumPercent: z.number().gt(0).max(100).default(50),
  /** Times the median of past runs; from `minimumHistory` of them on. */
  maximumDeviation: z.number().min(1).default(5),
  minimumHistory: z.int().min(1).default(3),
  /** Rows below this never deviate too much. */
  deviationFloor: z.int().min(0).default(10_000),
  /** A policy's first run needs a second person; `always`: each run does. */
  approval: z.enum(['first-run', 'always', 'never']).default('first-run'),
  /** A plan that was not approved and begun by then is made anew. */
  planValidDays: z.int().min(1).max(90).default(14),
});

export type Guards = z.output<typeof guardsSchema>;

/** How the server is spared. */
export const paceSchema = z.strictObject({
  /** Rows that the first transaction deletes; those after it are as large as {@link targetBatchMs} allows. */
  batchRows: z.int().min(1).max(100_000).default(1_000),
  maximumBatchRows: z.int().min(1).max(100_000).default(10_000),
  /** Time that a transaction should take. */
  targetBatchMs: z.int().min(1).max(60_000).default(250),
  /** Of the time; in the rest, between two batches, whoever else is at the server has it alone. */
  workPercent: z.number().min(1).max(100).default(35),
  lockTimeoutSeconds: z.number().min(0.01).max(60).default(1),
  statementTimeoutSeconds: z.number().min(0.1).max(600).default(30),
  /** How often it is asked whether to wait. */
  checkEverySeconds: z.number().min(0.05).max(60).default(1),
  /** It waits while any of these is exceeded; null: it does not look. */
  maximumReplicaLagSeconds: z.number().min(0).nullable().default(10),
  maximumWalMibPerSecond: z.number().gt(0).nullable().default(64),
  /** Age of the longest transaction of others: rows deleted meanwhile cannot be cleaned up. */
  maximumTransactionSeconds: z.number().min(1).nullable().default(900),
  /** Sessions that wait for a lock. */
  maximumLockWaiters: z.int().min(0).nullable().default(5),
  /** Of an RDS instance on burstable storage or processors; looked at where `instanceId` is given. */
  minimumBurstBalancePercent: z.number().min(0).max(100).default(20),
  /** RDS instance, for CloudWatch. */
  instanceId: name.optional(),
});

export type Pace = z.output<typeof paceSchema>;

/** A place in S3 that is written to. */
export const destinationSchema = z.strictObject({
  bucket: name,
  /** With its `/` at the end. */
  prefix: z
    .string()
    .regex(/^$|^[^/].*\/$/, 'a prefix ends with / and does not begin with it')
    .default('archives/'),
  account: name.optional(),
  region: name.optional(),
  /** Classes that can be read at once: what is not read back is not deleted. Colder ones are for a lifecycle rule. */
  storageClass: z
    .enum(['STANDARD', 'STANDARD_IA', 'ONEZONE_IA', 'INTELLIGENT_TIERING', 'GLACIER_IR'])
    .default('STANDARD'),
  /** ARN of the KMS key to encrypt with: the bucket's own encryption unless given. */
  kmsKeyArn: z.string().startsWith('arn:').optional(),
});

export type Destination = z.output<typeof destinationSchema>;
