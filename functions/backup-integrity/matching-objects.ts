import { s3Resource } from '../../shared/objects/object-store.ts';
import type { Resource } from '../../shared/resource.ts';
import type { Location } from './config.ts';
import type { BackupWorkContext } from './context.ts';

/** Objects of a place in S3 that a pattern selects. */
export interface MatchingObjects extends Location {
  /** The configured id. */
  readonly id: string;
  /** Glob over what is behind the prefix. */
  readonly pattern: string;
}

/**
 * Returns the resource that stands for these objects. Its id is `s3://bucket/prefix`, with the pattern behind it where that leaves
 * something out: several sets may lie beside each other, and what is wrong with one must not pass for the same trouble as the other's.
 */
export function matchingObjectsResource(type: string, objects: MatchingObjects, context: BackupWorkContext): Resource {
  const resource = s3Resource(type, objects.id, objects, context);
  return objects.pattern === '*' ? resource : { ...resource, id: `${resource.id}${objects.pattern}` };
}
