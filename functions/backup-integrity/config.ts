import * as z from 'zod';

const id = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and hyphens, at most 63 characters');

const region = z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'not an AWS region such as us-east-1');

const account = z.string().regex(/^\d{12}$/, 'an AWS account id has 12 digits');

const glob = z.string().min(1, 'an empty pattern matches nothing');

/** The kinds of resources that are looked for. */
const protectedTypes = [
  'rds-instance',
  'rds-cluster',
  's3-bucket',
  'dynamodb-table',
  'efs-file-system',
  'fsx-file-system',
] as const;

/** Which resources a policy is about. What is given must all match; of a list, one entry is enough. */
const selector = z
  .strictObject({
    /** Globs over ARNs. */
    arns: z.array(glob).min(1).optional(),
    /** Globs over the identifiers that people use: a database's or a bucket's name. */
    ids: z.array(glob).min(1).optional(),
    /** Tag keys, each with a glob over its value. */
    tags: z.record(z.string().min(1), glob).optional(),
    types: z.array(z.enum(protectedTypes)).min(1).optional(),
  })
  .refine(
    (given) => Object.values(given).some((value) => value !== undefined),
    'selects everything: name arns, ids, tags or types',
  );

export type Selector = z.output<typeof selector>;

const requirements = {
  /** At most this much work may be lost: the age of the newest point that the resource could be restored to. */
  rpoMinutes: z.int().min(1).optional(),
  /** A restore may take this long. */
  rtoMinutes: z.int().min(1).optional(),
  /** Points must be kept at least this long. */
  retentionDays: z.int().min(1).max(36_500).optional(),
  /** Every region and every account named must hold a copy that meets the RPO, `copyLagMinutes` granted. */
  copies: z
    .strictObject({
      regions: z.array(region).default([]),
      accounts: z.array(account).default([]),
      /** How much older than the original a copy may be. */
      lagMinutes: z.int().min(0).default(1440),
    })
    .optional(),
  /** A point that meets the RPO must be where nobody can delete it before its time. */
  immutable: z.boolean().optional(),
  /** Once a year a point must be made that is kept this long. */
  annual: z.strictObject({ retentionDays: z.int().min(366).max(36_500).default(2557) }).optional(),
  /** A restore must have been proven this recently. */
  restoreTestDays: z.int().min(1).max(3650).optional(),
} as const;

/** What must hold for the resources that a policy selects. A resource that several select must meet each of them. */
const policy = z
  .strictObject({
    id,
    select: selector,
    /** Fewer resources than this mean that the policy looks in the wrong place; the run then fails. */
    minimumResources: z.int().min(0).default(1),
    ...requirements,
    /** Why these resources need no backup at all: kept in version control, made anew from elsewhere. */
    mayBeUnprotected: z.string().min(1).optional(),
  })
  .superRefine((given, context) => {
    const asked = (Object.keys(requirements) as (keyof typeof requirements)[]).filter(
      (key) => given[key] !== undefined,
    );
    if (given.mayBeUnprotected === undefined && asked.length === 0) {
      context.addIssue({ code: 'custom', message: 'asks for nothing: set rpoMinutes or say why it mayBeUnprotected' });
    }
    if (given.mayBeUnprotected !== undefined && asked.length > 0) {
      const message = `contradicts ${asked.join(', ')}`;
      context.addIssue({ code: 'custom', path: ['mayBeUnprotected'], message });
    }
  });

export type Policy = z.output<typeof policy>;

const bucketName = z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'not a bucket name');

/** A place in S3. */
const location = z.strictObject({
  bucket: bucketName,
  prefix: z.string().default(''),
  /** The first region of the estate unless given. */
  region: region.optional(),
  /** One of the estate's accounts; the caller's own unless given. */
  account: account.optional(),
});

export type Location = z.output<typeof location>;

/** Dumps, archives and the like that something writes into a bucket regularly. */
const artifacts = z.strictObject({
  id,
  ...location.shape,
  /** Glob over the part of the key behind the prefix. */
  pattern: glob.default('*'),
  /** A new one must come at least this often. */
  everyMinutes: z.int().min(1),
  minimumBytes: z.int().min(1).default(1),
  /**
   * What stands beside each: `<key>.sha256` as `sha256sum` writes it, or `manifest`, one JSON or `sha256sum` file `manifest.json`
   * or `SHA256SUMS` in the same folder.
   */
  companion: z.enum(['none', 'sha256', 'manifest']).default('none'),
  /** What must be inside, once decompressed. `any`: whatever its first bytes say, or else nothing but its compression is checked. */
  content: z.enum(['any', 'tar', 'pg-dump-custom', 'pg-dump-plain']).default('any'),
  /** ARN of the resource that these are backups of. */
  protects: z.string().startsWith('arn:').optional(),
  /** How many of the newest are read from end to end in each run. */
  readNewest: z.int().min(0).max(100).default(1),
  /** Of how many of the newest what S3 keeps is compared with the companion, in a request each and without reading them. */
  compareNewest: z.int().min(0).max(1000).default(30),
});

export type ArtifactsConfig = z.output<typeof artifacts>;

/** A bucket, or a part of one, of which there is a copy, object by object. */
const replica = z
  .strictObject({
    id,
    source: location,
    copy: location,
    /** Objects younger than this may still be on their way. S3 promises 15 minutes with Replication Time Control. */
    graceMinutes: z.int().min(0).default(60),
    /** Whether the copy may hold what the source does not (any more). */
    mayHaveExtra: z.boolean().default(true),
    /** Compare ETags too. Copies that were written in parts of another size, or encrypted with KMS, have others. */
    compareEtags: z.boolean().default(false),
  })
  .refine(
    ({ source, copy }) => source.bucket !== copy.bucket || source.prefix !== copy.prefix,
    'the copy is the source itself: comparing them proves nothing',
  );

export type ReplicaConfig = z.output<typeof replica>;

/** Objects whose bytes are read again, the least recently verified first. */
const verification = z.strictObject({
  id,
  ...location.shape,
  pattern: glob.default('*'),
  /** No object may stay unread for longer. */
  maximumAgeDays: z.int().min(1).max(3650).default(90),
  /** Bytes read in each run; the object that exceeds it is still read to its end. */
  bytesPerRun: z
    .int()
    .min(1)
    .default(20 * 1024 ** 3),
});

export type VerificationConfig = z.output<typeof verification>;

/** Apache Parquet or CSV inventories that S3 writes, instead of listings: for buckets of a billion objects. */
const inventory = z.strictObject({
  /** The bucket that is listed in it. */
  bucket: bucketName,
  /** Where its manifests are: `s3://destination/prefix/source-bucket/inventory-id/`. */
  manifests: location,
  /** An inventory older than this says too little. S3 writes them daily or weekly. */
  maximumAgeHours: z.int().min(1).default(48),
});

export type InventoryConfig = z.output<typeof inventory>;

function unique<Entries extends z.ZodType<readonly { id: string }[]>>(entries: Entries): Entries {
  return entries.refine((all) => new Set(all.map((entry) => entry.id)).size === all.length, 'an id is used twice');
}

/** The task's configuration. */
export const configSchema = z.strictObject({
  sources: z
    .array(z.enum(['rds', 'aws-backup', 's3', 'others']))
    .min(1, 'at least one source')
    .refine((sources) => new Set(sources).size === sources.length, 'a source is named twice')
    .default(['rds', 'aws-backup', 's3', 'others']),
  policies: unique(z.array(policy)).default([]),
  artifacts: unique(z.array(artifacts)).default([]),
  replicas: unique(z.array(replica)).default([]),
  verifications: unique(z.array(verification)).default([]),
  inventories: z.array(inventory).default([]),
  /** Accounts that snapshots and vaults may be shared with. */
  trustedAccounts: z.array(account).default([]),
  /** A resource younger than this need not have a backup yet. */
  newResourceGraceMinutes: z.int().min(0).default(1440),
  /** Jobs of AWS Backup that ended within this time are judged: somewhat more than the time between two runs. */
  jobWindowHours: z.int().min(1).max(720).default(26),
  /** What is still being created or copied after this is stuck. */
  stuckHours: z.int().min(1).max(720).default(24),
  /** A size below the median of its predecessors by more than this share, and by more than they scatter, is a drop. */
  sizeDropPercent: z.number().min(1).max(100).default(30),
  /** Recovery points must have been scanned for malware. */
  requireMalwareScan: z.boolean().default(false),
});

export type BackupConfig = z.output<typeof configSchema>;
