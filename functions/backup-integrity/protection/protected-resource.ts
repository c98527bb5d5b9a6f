import type { Resource } from '../../../shared/resource.ts';
import type { Database } from '../databases/facts.ts';
import type { PlanCoverage, RestorePoint, RestoreProof, Tags } from '../items.ts';
import type { KeyState } from '../keys/collect-keys.ts';
import type { Requirement } from './policies.ts';

/** Something in the estate that a policy may ask a backup of, with everything that is known of its backups, whoever made them. */
export interface ProtectedResource {
  /** Its id is the ARN. */
  readonly resource: Resource;
  readonly tags: Tags;
  readonly createdAt: Date | undefined;
  /** Undefined when no policy selects it. */
  readonly requirement: Requirement | undefined;
  /** Newest first by what they restore to, wherever they are. */
  readonly points: readonly RestorePoint[];
  /** Rules of AWS Backup's plans that take it in. */
  readonly plans: readonly PlanCoverage[];
  /** Newest first. */
  readonly proofs: readonly RestoreProof[];
  readonly database: Database | undefined;
  /** What may hold it all the same, of which nobody knows whether it does: earlier versions in a bucket, a copy that nobody compares. */
  readonly unproven?: readonly string[];
  /** The keys of its points and its storage, by ARN; one that could not be asked about is not in it. */
  readonly keys: ReadonlyMap<string, KeyState>;
  /** Listings that could not be read, in which there may be more points: what seems to be missing may be there. */
  readonly blindSpots: readonly BlindSpot[];
}

export interface BlindSpot {
  readonly name: string;
  /** Undefined: anywhere. */
  readonly account: string | undefined;
  readonly region: string | undefined;
  /** What may be in it: restore points, restores, or what switches plans off; anything unless given. */
  readonly hides?: 'points' | 'restores' | 'settings';
  /** ARN of the only resource of which there may be something in it, or all databases; of anything unless given. */
  readonly of?: string;
}

/** Returns the blind spots in which there may be something of a resource. */
export function blindSpotsOf({ id, type }: Resource, spots: readonly BlindSpot[]): BlindSpot[] {
  const isDatabase = type === 'rds-instance' || type === 'rds-cluster';
  return spots.filter(({ of }) => of === undefined || of === id || (of === 'databases' && isDatabase));
}

/** Returns the points that can be used as they are, newest first. */
export function goodPoints({ points }: Pick<ProtectedResource, 'points'>): RestorePoint[] {
  return points.filter(({ state }) => state === 'good');
}
