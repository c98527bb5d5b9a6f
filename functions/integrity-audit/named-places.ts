import { bucketArn, objectsArn } from '../../shared/objects/bucket-arn.ts';
import type { AuditConfig, RuleOfKind } from './config.ts';

/** Returns the databases that are audited: those that the task names, or all, and those that its rules name. */
export function auditedDatabases(config: unknown, configured: readonly string[]): string[] {
  const { databases, rules } = config as AuditConfig;
  const audited = databases === undefined ? configured : Object.keys(databases);
  return [...new Set([...audited, ...rules.map(({ database }) => database)])];
}

/** Returns ARNs of the buckets named, for s3:ListBucket. */
export function namedBuckets(config: unknown): string[] {
  return unique(objectRules(config).map(({ bucket, region }) => bucketArn(bucket, region)));
}

/** Returns ARNs of the objects below the places named, for s3:GetObject, which HeadObject needs too. */
export function namedObjects(config: unknown): string[] {
  return unique(objectRules(config).map(objectsArn));
}

function objectRules(config: unknown): RuleOfKind<'objects'>[] {
  return (config as AuditConfig).rules.filter((rule) => rule.kind === 'objects');
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
