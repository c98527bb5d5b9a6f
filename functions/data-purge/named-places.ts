import type { ObjectsPolicy, OrphansPolicy, PurgeConfig } from './config.ts';

/** Returns the databases that rows are taken from, or that are asked whose objects there are. */
export function purgedDatabases(config: unknown): string[] {
  const { policies } = config as PurgeConfig;
  return unique(policies.flatMap((policy) => (policy.kind === 'objects' ? [] : [policy.database])));
}

/**
 * Returns those that are asked on their primary: rows are deleted there, and whether a row names an object is not asked of a replica,
 * which may be behind.
 */
export function writtenDatabases(config: unknown): string[] {
  const { policies } = config as PurgeConfig;
  return unique(
    policies.flatMap((policy) => (policy.kind !== 'objects' && policy.mode === 'apply' ? [policy.database] : [])),
  );
}

/** Returns ARNs of the buckets that objects are taken from, for what is asked of a bucket. */
export function purgedBuckets(config: unknown): string[] {
  return unique(objectPolicies(config).map(arnOf));
}

/** Returns ARNs of what may be deleted there. */
export function purgedObjects(config: unknown): string[] {
  return unique(objectPolicies(config).map((policy) => `${arnOf(policy)}/${policy.prefix}*`));
}

function objectPolicies(config: unknown): (ObjectsPolicy | OrphansPolicy)[] {
  const { policies } = config as PurgeConfig;
  return policies.filter((policy) => policy.kind === 'objects' || policy.kind === 'orphans');
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html */
function arnOf({ bucket, region = '' }: ObjectsPolicy | OrphansPolicy): string {
  if (region.startsWith('cn-')) return `arn:aws-cn:s3:::${bucket}`;
  return `arn:${region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws'}:s3:::${bucket}`;
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
