import type { Resource } from '../../../shared/resource.ts';

/** How a pair of objects, or one without its pair, can be at fault. */
export type DifferenceKind = 'missing' | 'stale' | 'differs' | 'extra' | 'replication-failed';

export interface Differences {
  readonly count: number;
  /** Of these, how many the listings alone show: nobody asked for the objects one by one. */
  readonly unconfirmed?: number;
  /** A few of the keys, in order. */
  readonly examples: readonly string[];
  /** When the oldest of these objects was written to the source: since then it has not been (rightly) copied. */
  readonly oldest: Date | undefined;
}

/** A source compared with its copy. */
export interface Replica {
  /** Type `s3-replica`; its id is `s3://source/prefix > s3://copy/prefix`, its name the configured id. */
  readonly resource: Resource;
  readonly configId: string;
  /** ARN of the source bucket. */
  readonly sourceArn: string;
  readonly copy: { readonly bucket: string; readonly account: string; readonly region: string };
  readonly isWholeBucket: boolean;
  /** Objects of the source. */
  readonly compared: number;
  /** Of those, too young to be missed. */
  readonly inFlight: number;
  /** When the oldest of those that are too young to be missed was written. */
  readonly oldestInFlight?: Date | undefined;
  /** A part could not be compared, or not yet; the differences are those of the others. */
  readonly isPartial?: boolean;
  /** Folder of the task's state in which every key that differs is written down, where any does. */
  readonly listedIn?: string | undefined;
  readonly differences: Readonly<Record<DifferenceKind, Differences>>;
}
