import type { Resource } from '../../../shared/resource.ts';
import type { Tags } from '../items.ts';

/** How a bucket guards what is in it. `undefined` anywhere: could not be found out. */
export interface Bucket {
  /** Type `s3-bucket`; its id is the ARN. */
  readonly resource: Resource;
  readonly tags: Tags | undefined;
  readonly createdAt: Date | undefined;
  readonly versioning: 'enabled' | 'suspended' | 'never' | undefined;
  /** Object Lock's default retention; `none` when Object Lock is off, `no-default` when it is on without one. */
  readonly objectLock:
    | { readonly mode: 'COMPLIANCE' | 'GOVERNANCE'; readonly days: number }
    | 'none'
    | 'no-default'
    | undefined;
  readonly replicationRules: readonly ReplicationRule[] | undefined;
}

export interface ReplicationRule {
  readonly id: string;
  readonly isEnabled: boolean;
  readonly prefix: string;
  /** It copies only objects with certain tags. */
  readonly isForSomeTags: boolean;
  /** Name of the bucket that it copies into. */
  readonly destinationBucket: string;
  readonly destinationAccount: string | undefined;
  readonly copiesDeleteMarkers: boolean;
}

export interface BucketFacts {
  readonly buckets: readonly Bucket[];
}
