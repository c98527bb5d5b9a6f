import { bucketArn, objectsArn } from '../../shared/objects/bucket-arn.ts';
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

/** What of a bucket policies take: `orphans` are current objects too. */
type Taken = ObjectsPolicy['what'];

/** Returns what tells the ARNs of the buckets in which policies look for such things. */
export function bucketsOf(what: Taken): (config: unknown) => string[] {
  return (config) => unique(policiesOn(config, what).map(({ bucket, region }) => bucketArn(bucket, region)));
}

/** Returns what tells the ARNs of what policies look for, whether they are applied or not. */
export function seenObjects(what: Taken): (config: unknown) => string[] {
  return (config) => unique(policiesOn(config, what).map(objectsArn));
}

/** Returns what tells the ARNs of what is deleted: a policy that only shows what it would do may delete nothing. */
export function takenObjects(what: Taken): (config: unknown) => string[] {
  return (config) =>
    unique(
      policiesOn(config, what)
        .filter(({ mode }) => mode === 'apply')
        .map(objectsArn),
    );
}

function policiesOn(config: unknown, what: Taken): (ObjectsPolicy | OrphansPolicy)[] {
  const { policies } = config as PurgeConfig;
  return policies.flatMap((policy): (ObjectsPolicy | OrphansPolicy)[] => {
    if (policy.kind === 'orphans') return what === 'current' ? [policy] : [];
    return policy.kind === 'objects' && policy.what === what ? [policy] : [];
  });
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
