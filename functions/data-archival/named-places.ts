import { bucketArn, objectsArn } from '../../shared/objects/bucket-arn.ts';
import type { Destination } from '../../shared/retention/retention-config.ts';
import type { ArchivalConfig } from './config.ts';

/** Returns the databases that rows are taken from, and those that drills restore into. */
export function archivedDatabases(config: unknown): string[] {
  const { policies } = config as ArchivalConfig;
  return unique([...policies.map(({ database }) => database), ...writtenDatabases(config)]);
}

/** Returns those in which something is changed: rows are deleted there, or a scratch schema is made for a drill. */
export function writtenDatabases(config: unknown): string[] {
  const { policies, drill } = config as ArchivalConfig;
  const applied = policies.filter(({ mode }) => mode === 'apply');
  const drilled = drill.enabled ? applied.map(({ database }) => drill.database ?? database) : [];
  return unique([...applied.map(({ database }) => database), ...drilled]);
}

/** Returns ARNs of the buckets of archives, for s3:ListBucket. */
export function archiveBuckets(config: unknown): string[] {
  return unique(destinations(config).map(({ bucket, region }) => bucketArn(bucket, region)));
}

/** Returns ARNs of what is below their prefixes. */
export function archiveObjects(config: unknown): string[] {
  return unique(destinations(config).map(objectsArn));
}

/** Returns ARNs of the keys that archives are encrypted with, where the configuration names any. */
export function archiveKeys(config: unknown): string[] {
  return unique(destinations(config).flatMap(({ kmsKeyArn }) => kmsKeyArn ?? []));
}

function destinations(config: unknown): Destination[] {
  const { policies, destination } = config as ArchivalConfig;
  return policies.flatMap((policy) => policy.destination ?? destination ?? []);
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
