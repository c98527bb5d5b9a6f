import * as z from 'zod';

const id = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and hyphens, at most 63 characters');

const severity = z.enum(['critical', 'high', 'medium', 'low', 'informational']);

/** What PostgreSQL takes for a name; longer ones it cuts off, and so takes for another. */
const name = z
  .string()
  .min(1, 'a name is not empty')
  .refine((text) => Buffer.byteLength(text) <= 63 && !text.includes('\0'), 'a name has at most 63 bytes, and no NUL');

const columns = z
  .array(name)
  .min(1, 'at least one column')
  .max(32)
  .refine((all) => new Set(all).size === all.length, 'a column is named twice');

/** `schema.table`, or `table` in the schema `public`; everything behind the first dot is the table's name. */
const table = z.string().refine(
  (text) =>
    text
      .split('.', 1)
      .concat(text.slice(text.indexOf('.') + 1))
      .every((part) => name.safeParse(part).success),
  {
    error: 'not a table: write schema.table, or table for one in the schema public',
  },
);

/** An expression in SQL over the columns of the rule's table. */
const condition = z.string().min(1).max(10_000);

/** A number; as text where JavaScript's numbers are not exact enough. */
const quantity = z.union([z.number(), z.string().regex(/^-?\d+(\.\d+)?$/, 'not a number')]);

/** What to do about the violations; nothing of it is done without `caretaker correct <rule> --apply`. */
const correction = z.discriminatedUnion('kind', [
  /** Copies the keys of violating rows into a table, which is made if there is none. */
  z.strictObject({ kind: z.literal('quarantine'), table }),
  /** Runs a statement that changes data. */
  z.strictObject({
    kind: z.literal('sql'),
    statement: z.string().min(1).max(100_000),
    /** How many rows it must change; as many as there are violations unless given. */
    expectedRows: z.int().min(1).optional(),
    /** Other tables whose rows triggers and cascades may change with them. */
    alsoChanges: z.array(table).default([]),
  }),
  /** What a person has to do. */
  z.strictObject({ kind: z.literal('manual'), instructions: z.string().min(1) }),
]);

export type Correction = z.output<typeof correction>;

const common = {
  /** Unique among the rules of the task: what `--only` and `caretaker correct` take. */
  id,
  /** One of those under `databases`. */
  database: z.string().min(1).default('main'),
  severity: severity.default('medium'),
  /** Who has to act, as people know them. */
  owner: z.string().min(1).max(200).optional(),
  /** What to do; a sentence. */
  remedy: z.string().min(1).max(1000).optional(),
} as const;

/** Violations up to either are tolerated, the larger of both. */
const tolerance = {
  maxViolations: z.int().min(0).default(0),
  /** Of what was tested. */
  maxPercent: z.number().min(0).max(100).default(0),
} as const;

/** What every rule on the rows of one table has. */
const ofRows = {
  ...common,
  ...tolerance,
  table,
  /** Only rows for which this holds are tested. */
  where: condition.optional(),
  correction: correction.optional(),
} as const;

const withoutSqlCorrection = z.strictObject({ kind: z.literal('manual'), instructions: z.string().min(1) }).optional();

/** Days of which is kept what a rule has measured: the same weekday of a year, and some. */
export const maxHistoryDays = 400;

const maxWeekdays = Math.floor(maxHistoryDays / 7);

/** How a number is told to be unusual. */
const anomaly = {
  /** Fewer points than this are not enough to judge by; of the same weekday, where there is a season. */
  minimumHistory: z.int().min(3).max(maxHistoryDays).default(14),
  /** `weekday`: compared with the same weekdays only, in the estate's time zone. */
  seasonality: z.enum(['none', 'weekday']).default('none'),
  /** Farther from the median than so many scaled MADs is unusual. */
  deviations: z.number().min(1).max(100).default(5),
  /**
   * What differs from the median by less than this is not unusual, however little the history scatters. Of a null rate in percentage
   * points, 1 unless given; else in percent of the median, 10 unless given.
   */
  minimumChangePercent: z.number().min(0).max(10_000).optional(),
  direction: z.enum(['both', 'up', 'down']).default('both'),
  /** Days that are known to be bad, in the estate's time zone: no part of any baseline. */
  ignoreDates: z.array(z.iso.date('not a date such as 2026-11-20')).default([]),
  /** Nothing from before this day counts: the level has changed on purpose. */
  baselineSince: z.iso.date('not a date such as 2026-11-20').optional(),
} as const;

const side = z.strictObject({ table, where: condition.optional(), by: columns.optional() });
const sumSide = side.extend({ column: name });

const notNull = z.strictObject({ kind: z.literal('notNull'), ...ofRows, column: name });

const acceptedValues = z.strictObject({
  kind: z.literal('acceptedValues'),
  ...ofRows,
  column: name,
  /** Compared as text. */
  values: z
    .array(z.union([z.string(), z.number()]).transform(String))
    .min(1)
    .max(10_000),
});

const range = z.strictObject({
  kind: z.literal('range'),
  ...ofRows,
  column: name,
  /** In the column's own type: a number, or a date or time as text. */
  min: z.union([z.number(), z.string()]).optional(),
  max: z.union([z.number(), z.string()]).optional(),
  exclusiveMin: z.boolean().default(false),
  exclusiveMax: z.boolean().default(false),
});

const pattern = z.strictObject({
  kind: z.literal('pattern'),
  ...ofRows,
  column: name,
  /** A regular expression of PostgreSQL's. */
  matches: z.string().min(1).max(2_000),
});

const length = z.strictObject({
  kind: z.literal('length'),
  ...ofRows,
  column: name,
  /** In characters. */
  min: z.int().min(0).optional(),
  max: z.int().min(0).optional(),
});

const unique = z.strictObject({ kind: z.literal('unique'), ...ofRows, columns });

const foreignKey = z.strictObject({
  kind: z.literal('foreignKey'),
  ...ofRows,
  columns,
  references: z.strictObject({ table, columns }),
});

const equalCount = z.strictObject({
  kind: z.literal('equalCount'),
  ...common,
  ...tolerance,
  left: side,
  right: side,
  correction: withoutSqlCorrection,
});

const sum = z.strictObject({
  kind: z.literal('sum'),
  ...common,
  ...tolerance,
  left: sumSide,
  /** What the left must be equal to: the sum of another column, group by group where `by` is given, or a number. */
  right: sumSide.optional(),
  equals: quantity.optional(),
  /** How much the two may differ. */
  maxDifference: quantity.default(0),
  correction: withoutSqlCorrection,
});

const freshness = z.strictObject({
  kind: z.literal('freshness'),
  ...common,
  table,
  where: condition.optional(),
  /** Of the type date or timestamp. */
  column: name,
  maximumAgeMinutes: z.int().min(1),
  /** How far ahead of the clock the newest row may be. */
  futureToleranceMinutes: z.int().min(0).default(5),
  correction: withoutSqlCorrection,
});

const volume = z.strictObject({
  kind: z.literal('volume'),
  ...common,
  table,
  where: condition.optional(),
  /** Of the type date or timestamp: counts the rows of the last `windowHours`. All rows unless given. */
  column: name.optional(),
  windowHours: z.int().min(1).max(8760).default(24),
  ...anomaly,
  correction: withoutSqlCorrection,
});

const distribution = z.strictObject({
  kind: z.literal('distribution'),
  ...common,
  table,
  where: condition.optional(),
  column: name,
  statistic: z.enum(['null-rate', 'mean']),
  ...anomaly,
  correction: withoutSqlCorrection,
});

const monotonic = z.strictObject({
  kind: z.literal('monotonic'),
  ...ofRows,
  /** In whose order the rows are taken. */
  orderBy: columns,
  /** What must not decrease. */
  column: name,
  /** Within each of these groups. */
  partitionBy: columns.optional(),
  /** Nor stay the same. */
  strictly: z.boolean().default(false),
});

const noOverlap = z.strictObject({
  kind: z.literal('noOverlap'),
  ...ofRows,
  /** First of the range. */
  from: name,
  /** First behind the range; null for one without end. */
  to: name,
  partitionBy: columns.optional(),
});

const duplicates = z.strictObject({
  kind: z.literal('duplicates'),
  ...ofRows,
  /** What makes two rows the same, a content hash for example. */
  columns,
  /** Take texts for the same whatever their case and their spaces. */
  ignoreCaseAndSpaces: z.boolean().default(false),
});

const nearDuplicates = z.strictObject({
  kind: z.literal('nearDuplicates'),
  ...ofRows,
  /** A text. */
  column: name,
  /** Of pg_trgm. */
  minimumSimilarity: z.number().min(0.1).max(1).default(0.8),
  /** Only rows that agree on these are compared. */
  partitionBy: columns.optional(),
});

const geotag = z.strictObject({
  kind: z.literal('geotag'),
  ...common,
  ...tolerance,
  table,
  where: condition.optional(),
  /** Degrees, WGS 84. */
  latitude: name,
  longitude: name,
  /** The name of the area that the point must be in: a column, or one of another table that a column refers to. */
  area: z.union([
    z.strictObject({ column: name }),
    z.strictObject({ column: name, references: z.strictObject({ table, key: name, name }) }),
  ]),
  /** One of the task's `areas`. */
  areas: z.string().min(1),
  /** So far outside is still inside: shorelines are drawn coarsely, and piers are built. */
  toleranceMeters: z.number().min(0).max(100_000).default(250),
  correction: withoutSqlCorrection,
});

const bucketName = z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'not a bucket name');

const objects = z.strictObject({
  kind: z.literal('objects'),
  ...common,
  ...tolerance,
  table,
  where: condition.optional(),
  /** The S3 key of each row's object, without `prefix`. */
  keyColumn: name,
  bucket: bucketName,
  /** In front of every key. */
  prefix: z.string().default(''),
  /** The first region of the estate unless given. */
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'not an AWS region such as us-east-1')
    .optional(),
  /** One of the estate's accounts; the caller's own unless given. */
  account: z
    .string()
    .regex(/^\d{12}$/, 'an AWS account id has 12 digits')
    .optional(),
  /** In bytes, as recorded. */
  sizeColumn: name.optional(),
  /** SHA-256 in hexadecimal, as recorded; compared with the checksum that S3 keeps, where it keeps one. */
  sha256Column: name.optional(),
  /** When the row was made: younger ones may still be on their way. */
  createdColumn: name.optional(),
  graceMinutes: z.int().min(0).default(60),
  /** How bad objects are that belong to no row; `ignore` them where others write into the bucket too. */
  orphanSeverity: z.union([severity, z.literal('ignore')]).default('low'),
  /** Objects whose checksum is asked for one by one in each run, those first that waited longest. */
  checksumsPerRun: z.int().min(0).max(1_000_000).default(1_000),
  correction: withoutSqlCorrection,
});

const rights = z.strictObject({
  kind: z.literal('rights'),
  ...ofRows,
  /** What claims refer to: the table's key. */
  key: name,
  claims: z.strictObject({
    table,
    where: condition.optional(),
    /** Refers to `key`. */
    itemColumn: name,
    /** First day of the claim. */
    validFrom: name,
    /** First day on which it no longer holds; null for one without end. */
    validTo: name,
    /** With `kinds`: one valid claim of each is needed. */
    kindColumn: name.optional(),
    kinds: z.array(z.string().min(1)).min(1).optional(),
  }),
  /** Claims that end within so many days without one that follows are told of, as a lesser thing; never unless given. */
  expiringWithinDays: z.int().min(1).max(3650).optional(),
});

const sql = z.strictObject({
  kind: z.literal('sql'),
  ...common,
  /** So many are tolerated. There is no share: how many rows are right is not known. */
  maxViolations: z.int().min(0).default(0),
  /** One SELECT that returns a row for each violation. */
  query: z.string().min(1).max(100_000),
  /** Which of its columns are keys: these are shown, the others never. */
  key: columns,
  correction: correction.optional(),
});

const rule = z
  .discriminatedUnion('kind', [
    notNull,
    acceptedValues,
    range,
    pattern,
    length,
    unique,
    foreignKey,
    equalCount,
    sum,
    freshness,
    volume,
    distribution,
    monotonic,
    noOverlap,
    duplicates,
    nearDuplicates,
    geotag,
    objects,
    rights,
    sql,
  ])
  .superRefine((given, context) => {
    const fault = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (given.kind === 'range' || given.kind === 'length') {
      if (given.min === undefined && given.max === undefined) fault('min', 'give min, max or both');
      // Texts are for the server to compare, in the column's own type.
      const areNumbers = typeof given.min === 'number' && typeof given.max === 'number';
      if (areNumbers && Number(given.min) > Number(given.max)) fault('max', 'is below min: no value would be right');
    }
    if ((given.kind === 'volume' || given.kind === 'distribution') && given.seasonality === 'weekday') {
      if (given.minimumHistory > maxWeekdays)
        fault('minimumHistory', `at most ${maxWeekdays} days of a weekday are kept`);
    }
    if (given.kind === 'foreignKey' && given.columns.length !== given.references.columns.length) {
      fault('references', `has ${given.references.columns.length} columns for ${given.columns.length}`);
    }
    if (given.kind === 'sum') {
      if ((given.right === undefined) === (given.equals === undefined)) fault('equals', 'give either right or equals');
    }
    if ((given.kind === 'sum' || given.kind === 'equalCount') && given.right !== undefined) {
      if (given.left.by?.length !== given.right.by?.length) fault('right', 'groups by as many columns as left');
    }
    if (given.kind === 'rights' && (given.claims.kinds === undefined) !== (given.claims.kindColumn === undefined)) {
      fault('claims', 'kindColumn and kinds go together');
    }
  });

export type Rule = z.output<typeof rule>;

/** A rule of this kind. */
export type RuleOfKind<Kind extends Rule['kind']> = Extract<Rule, { kind: Kind }>;

/** What is known of a table beside what the catalog says. */
const tableSettings = z.strictObject({
  /** What tells its rows apart, where it has no primary key. */
  key: columns.optional(),
  /** May be shown beside the key. */
  safeColumns: columns.optional(),
  /** Hold personal data: never shown, not even in a key. */
  personalColumns: columns.optional(),
});

/** What is checked of the database itself. */
const physical = z.strictObject({
  enabled: z.boolean().default(true),
  /**
   * `index`: bt_index_check. `heapallindexed`: and every row is in the index. `parent`: bt_index_parent_check, which keeps writers
   * out meanwhile and is refused on a replica. `off`: none.
   */
  indexes: z.enum(['off', 'index', 'heapallindexed', 'parent']).default('index'),
  /** verify_heapam. */
  heaps: z.boolean().default(true),
  /** Larger tables and indexes are left out, and said to be. */
  maximumGigabytes: z.number().min(0.001).default(50),
  /** Schemas that are not looked into; those of the system are not anyway. */
  excludeSchemas: z.array(name).default([]),
  /** A sequence, or the column that it fills, has used up so much of what there is. */
  sequenceUsedPercent: z.number().min(1).max(100).default(75),
  /** Of about two thousand million. PostgreSQL's own emergency begins at 1,600 million. */
  wraparoundAgeMillions: z.number().min(0.000001).max(2_000).default(1_000),
  multixactAgeMillions: z.number().min(0.000001).max(2_000).default(1_000),
  /** A transaction that is prepared and not ended for so long has been forgotten. */
  preparedTransactionMinutes: z.int().min(0).default(60),
  /** What an inactive replication slot may hold back. */
  slotRetainedMebibytes: z.number().min(0).default(10_240),
  slotInactiveMinutes: z.int().min(0).default(1_440),
});

export type PhysicalConfig = z.output<typeof physical>;

/** Whether two of these names are of one table: as one is found, what the other keeps from being shown would be. */
function isNamedTwice(tables: object): boolean {
  const names = Object.keys(tables).map((written) => (written.includes('.') ? written : `public.${written}`));
  return new Set(names).size < names.length;
}

export const databaseSettingsSchema = z.strictObject({
  tables: z
    .record(table, tableSettings)
    .refine((tables) => !isNamedTwice(tables), 'a table is named twice, with its schema public and without')
    .default({}),
  physical: physical.prefault({}),
});

export type DatabaseSettings = z.output<typeof databaseSettingsSchema>;

/** What is left of a `$file` where nobody has put the file's content in its place: in an event, for example. */
const unreadFile = z.strictObject({ $file: z.string() }).transform((_, context) => {
  context.addIssue({
    code: 'custom',
    message: 'a $file is read in a configuration file, and nowhere else',
    continue: true,
  });
  return z.NEVER;
});

/** GeoJSON, or TopoJSON of which `object` is meant: as parsed. https://www.rfc-editor.org/rfc/rfc7946 */
const areaSet = z.strictObject({
  data: z.union([z.looseObject({ type: z.enum(['FeatureCollection', 'Topology']) }), unreadFile], {
    error: 'not a FeatureCollection of GeoJSON, nor a Topology of TopoJSON',
  }),
  /** Of a TopoJSON topology. */
  object: z.string().min(1).optional(),
  /** Property of each feature that is its name. */
  nameProperty: z.string().min(1).default('name'),
  /** Only features whose id begins with one of these. */
  idPrefixes: z.array(z.string().min(1)).min(1).optional(),
});

export type AreaSet = z.output<typeof areaSet>;

/** How much the audit may ask of a database. */
const limits = z.strictObject({
  /** Read by side by side. Up to three more hold the moment of all rows, watch the load and wait for what comes next. */
  connections: z.int().min(2).max(16).default(2),
  statementTimeoutSeconds: z.number().min(0.1).max(840).default(120),
  /** A read waits no longer for a lock, and nobody waits behind it. */
  lockTimeoutSeconds: z.number().min(0.1).max(60).default(2),
  /** The rows of all rules are read as of one moment, which is given up after this: what is left is unchecked. */
  snapshotSeconds: z.number().min(1).max(840).default(600),
  /** The audit pauses while a replica is farther behind than this … */
  maximumReplicaLagSeconds: z.number().min(0).default(30),
  /** … or more sessions than this are active beside its own. */
  maximumActiveSessions: z.int().min(0).default(50),
  /** It gives up after pausing for so long. */
  maximumPauseSeconds: z.number().min(0).default(120),
  /** Violations of which the keys are shown. */
  samples: z.int().min(0).max(1_000).default(10),
});

/** The task's configuration. */
export const configSchema = z
  .strictObject({
    /** Which databases are audited; unless given, all that are configured, with the settings below. */
    databases: z.record(z.string().min(1), databaseSettingsSchema.prefault({})).optional(),
    rules: z
      .array(rule)
      .refine((all) => new Set(all.map((entry) => entry.id)).size === all.length, 'an id is used twice')
      .default([]),
    areas: z.record(z.string().min(1), areaSet).default({}),
    limits: limits.prefault({}),
  })
  .superRefine(({ rules, areas, databases }, context) => {
    for (const [index, given] of rules.entries()) {
      const fault = (key: string, message: string) =>
        context.addIssue({ code: 'custom', path: ['rules', index, key], message });
      if (given.kind === 'geotag' && !Object.hasOwn(areas, given.areas)) {
        fault('areas', `${given.areas} is not among areas`);
      }
      if (databases !== undefined && !Object.hasOwn(databases, given.database)) {
        fault('database', `${given.database} is not among the task's databases`);
      }
    }
  });

export type AuditConfig = z.output<typeof configSchema>;
