import { type Evaluation, evaluateRules, type RuleTest } from '../../../shared/evaluate-rules.ts';
import type { FindingDraft, Severity } from '../../../shared/finding.ts';
import type { Resource } from '../../../shared/resource.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { BackupConfig, Policy } from '../config.ts';
import { policiesFor } from '../protection/policies.ts';
import type { Bucket, BucketFacts, ReplicationRule } from './facts.ts';

type RuleId = 'versioning-off' | 'object-lock-off' | 'replication-off';

interface RuleContext {
  readonly config: BackupConfig;
  readonly buckets: readonly Bucket[];
}

type BucketRule = RuleTest<Bucket, RuleContext, RuleId>;

/** Returns every broken rule about how buckets are guarded that backups, or what is backed up, are in. */
export function evaluateBuckets(facts: BucketFacts, config: BackupConfig, _now: Date): Evaluation<RuleId> {
  return evaluateRules(facts.buckets, rules, { config, buckets: facts.buckets });
}

/**
 * Policy: versioning is on wherever backups depend on it: AWS Backup and S3 Replication need it, and without it whoever overwrites or
 * deletes an object leaves nothing to go back to. Suspended, it keeps no new versions.
 * https://docs.aws.amazon.com/aws-backup/latest/devguide/s3-backups.html
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-requirements.html
 */
const versioningOff: BucketRule = (bucket, { config }) => {
  const uses = usesOf(bucket, config);
  const because = uses[0];
  if (because === undefined || bucket.versioning === 'enabled') return [];
  if (bucket.versioning === undefined) throw unknown('whether versioning is on');
  const isSuspended = bucket.versioning === 'suspended';
  return [
    {
      rule: 'versioning-off',
      severity: uses.some(({ kind }) => kind !== 'artifacts') ? 'high' : 'medium',
      resource: bucket.resource,
      summary: `Versioning is ${isSuspended ? 'suspended' : 'off'}, though the bucket ${because.text}.`,
      evidence: { versioning: bucket.versioning, uses: uses.map(({ text }) => text) },
      remedy: isSuspended
        ? 'Switch versioning on again: objects that were written meanwhile have no older versions.'
        : 'Switch versioning on, with a lifecycle rule that ends old versions after the retention.',
    },
  ];
};

/**
 * Policy: what must be immutable, and every copy that is to outlast an attack on its source, is under Object Lock by default: in
 * COMPLIANCE mode, which nobody can lift, and for as long as it is to be kept.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
 */
const objectLockOff: BucketRule = (bucket, { config, buckets }) => {
  const demand = lockDemand(bucket, config, buckets);
  if (demand === undefined) return [];
  const { objectLock, resource } = bucket;
  if (objectLock === undefined) throw unknown('whether Object Lock is on');
  const { text, policies, isDemanded } = demand;
  const retentionDays = Math.max(0, ...policies.map((policy) => policy.retentionDays ?? 0));
  const finding = (severity: Severity, summary: string, remedy: string): FindingDraft<RuleId>[] => [
    {
      rule: 'object-lock-off',
      severity,
      resource,
      summary,
      evidence: {
        objectLock: typeof objectLock === 'string' ? objectLock : objectLock.mode,
        ...(typeof objectLock === 'string' ? {} : { defaultRetentionDays: objectLock.days }),
        ...(retentionDays > 0 ? { requiredRetentionDays: retentionDays } : {}),
        policies: policies.map(({ id }) => id),
      },
      remedy,
    },
  ];
  if (objectLock === 'none') {
    return finding(
      isDemanded ? 'high' : 'medium',
      `Object Lock is off: whoever may delete objects can delete what the bucket ${text}.`,
      'Switch Object Lock on with a default retention in COMPLIANCE mode; try the period with a short one first.',
    );
  }
  if (objectLock === 'no-default') {
    return finding(
      isDemanded ? 'medium' : 'low',
      `Object Lock has no default retention: only what its writer locks is locked, and the bucket ${text}.`,
      'Set a default retention in COMPLIANCE mode.',
    );
  }
  if (objectLock.mode === 'GOVERNANCE') {
    return finding(
      isDemanded ? 'medium' : 'low',
      `Object Lock is in GOVERNANCE mode, which a permission lifts, and the bucket ${text}.`,
      'Set the default retention to COMPLIANCE mode, or keep s3:BypassGovernanceRetention from everybody.',
    );
  }
  if (objectLock.days >= retentionDays) return [];
  return finding(
    'medium',
    `Object Lock ends after ${objectLock.days} days; ${retentionDays} are required.`,
    `Set the default retention to at least ${retentionDays} days. Objects that are there already keep their own.`,
  );
};

/**
 * Policy: the source of a configured replica replicates to its copy by a rule that is on. Something else may copy instead, as the
 * comparison of the two shows.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-add-config.html
 */
const replicationOff: BucketRule = (bucket, { config }) => {
  // S3 keeps the keys: where the copy has other ones, something else must have made it.
  const replicas = config.replicas.filter(
    ({ source, copy }) => source.bucket === bucket.resource.name && source.prefix === copy.prefix,
  );
  if (replicas.length === 0) return [];
  const { replicationRules, resource } = bucket;
  if (replicationRules === undefined) throw unknown('what it replicates');
  return replicas.flatMap(({ id, source, copy }): FindingDraft<RuleId>[] => {
    const toCopy = replicationRules.filter(({ destinationBucket }) => destinationBucket === copy.bucket);
    const covering = toCopy.filter((rule) => covers(rule, source.prefix));
    if (covering.some(({ isEnabled }) => isEnabled)) return [];
    const what = source.prefix === '' ? 'the bucket' : `what begins with ${source.prefix}`;
    const disabled = covering[0];
    return [
      {
        rule: 'replication-off',
        severity: 'medium',
        resource,
        discriminator: id,
        summary:
          disabled === undefined
            ? `No rule replicates ${what} to ${copy.bucket}, as the replica ${id} expects.`
            : `The rule that replicates ${what} to ${copy.bucket}, ${disabled.id}, is disabled.`,
        evidence: {
          replica: id,
          copyBucket: copy.bucket,
          prefix: source.prefix,
          rulesToCopy: toCopy.map((rule) => describe(rule)),
        },
        remedy:
          disabled === undefined
            ? 'Add a replication rule, and copy what is there already with S3 Batch Replication. Where something else copies, see that it is watched.'
            : 'Enable the rule, and copy what was written meanwhile with S3 Batch Replication.',
      },
    ];
  });
};

const rules: Readonly<Record<RuleId, BucketRule>> = {
  'versioning-off': versioningOff,
  'object-lock-off': objectLockOff,
  'replication-off': replicationOff,
};

/** Why a bucket matters to backups. */
interface Use {
  readonly kind: 'policy' | 'replica-source' | 'replica-copy' | 'artifacts';
  /** Goes on from “the bucket”. */
  readonly text: string;
}

function usesOf({ resource, tags }: Bucket, config: BackupConfig): Use[] {
  const { name } = resource;
  const policies = asking(policiesFor(resource, tags, config));
  return [
    ...policies.map(({ id }): Use => ({ kind: 'policy', text: `is under the policy ${id}` })),
    ...config.replicas
      .filter(({ source }) => source.bucket === name)
      .map(({ id }): Use => ({ kind: 'replica-source', text: `is the source of ${id}` })),
    ...config.replicas
      .filter(({ copy }) => copy.bucket === name)
      .map(({ id }): Use => ({ kind: 'replica-copy', text: `holds the copy ${id}` })),
    ...config.artifacts
      .filter(({ bucket }) => bucket === name)
      .map(({ id }): Use => ({ kind: 'artifacts', text: `holds the artifacts ${id}` })),
  ];
}

/** Why a bucket is to be locked, and which policies demand it; undefined when nothing does. */
interface LockDemand {
  readonly text: string;
  readonly policies: readonly Policy[];
  /** A policy demands it, not only good sense. */
  readonly isDemanded: boolean;
}

function lockDemand(
  { resource, tags }: Bucket,
  config: BackupConfig,
  buckets: readonly Bucket[],
): LockDemand | undefined {
  const { name } = resource;
  const holdsArtifacts = config.artifacts.filter(({ bucket }) => bucket === name);
  const holdsCopies = config.replicas.filter(({ copy }) => copy.bucket === name);
  if (holdsArtifacts.length === 0 && holdsCopies.length === 0) return undefined;
  const sources = buckets.filter((bucket) => holdsCopies.some(({ source }) => source.bucket === bucket.resource.name));
  const policies = new Set(
    [
      ...policiesFor(resource, tags, config),
      ...sources.flatMap((source) => policiesFor(source.resource, source.tags, config)),
      ...holdsArtifacts.flatMap(({ protects }) => policiesForArn(protects, config, buckets)),
    ].filter(({ immutable }) => immutable === true),
  );
  const isDemanded = policies.size > 0;
  const copies = holdsCopies.map(({ id }) => `holds the copy ${id}`);
  const artifacts = holdsArtifacts.map(({ id }) => `holds the artifacts ${id}`);
  // Artifacts that nobody wants immutable may well be deleted.
  const text = [...copies, ...(isDemanded ? artifacts : [])][0];
  return text === undefined ? undefined : { text, policies: [...policies], isDemanded };
}

const typesOfArns: readonly (readonly [pattern: RegExp, type: string])[] = [
  [/^arn:[^:]*:rds:[^:]*:[^:]*:db:/, 'rds-instance'],
  [/^arn:[^:]*:rds:[^:]*:[^:]*:cluster:/, 'rds-cluster'],
  [/^arn:[^:]*:s3:::/, 's3-bucket'],
  [/^arn:[^:]*:dynamodb:[^:]*:[^:]*:table\//, 'dynamodb-table'],
];

/**
 * Returns the policies that select what artifacts are backups of, as far as its ARN tells. Policies that ask for tags, which the ARN
 * does not have, are left to the rule `not-immutable`, which knows the resource.
 */
function policiesForArn(arn: string | undefined, config: BackupConfig, buckets: readonly Bucket[]): Policy[] {
  if (arn === undefined) return [];
  const bucket = buckets.find(({ resource }) => resource.id === arn);
  if (bucket !== undefined) return policiesFor(bucket.resource, bucket.tags, config);
  const type = typesOfArns.find(([pattern]) => pattern.test(arn))?.[1] ?? 'other';
  const resource: Resource = { type, id: arn, name: arn.split(/[:/]/).at(-1) ?? arn };
  return policiesFor(resource, {}, config);
}

function asking(policies: readonly Policy[]): Policy[] {
  return policies.filter(({ mayBeUnprotected }) => mayBeUnprotected === undefined);
}

function covers({ prefix, isForSomeTags }: ReplicationRule, wanted: string): boolean {
  return !isForSomeTags && wanted.startsWith(prefix);
}

function describe({ id, prefix, isEnabled, isForSomeTags }: ReplicationRule): string {
  return `${id}: prefix “${prefix}”, ${isEnabled ? 'enabled' : 'disabled'}${isForSomeTags ? ', for some tags' : ''}`;
}

function unknown(what: string): UncheckedError {
  return new UncheckedError('unreadable', `It could not be read ${what}.`);
}
