import type { S3Client } from '@aws-sdk/client-s3';
import { uncheckedReason } from '../../../shared/aws/unchecked-reason.ts';
import { headObject } from '../../../shared/objects/head-object.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { ReplicaConfig } from '../config.ts';
import { classify, type Verdict } from './classify.ts';

/** Where one side's objects are. */
export interface SidePlace {
  readonly client: S3Client;
  readonly bucket: string;
  readonly prefix: string;
}

/** What the objects themselves say of a difference that their listings showed. */
export interface Confirmation {
  readonly verdict: Verdict;
  /** When the source was written, which may be later than the listing says. */
  readonly writtenMs: number | undefined;
  /** S3 has given up copying the object. */
  readonly hasFailedReplication: boolean;
}

/**
 * Asks for both objects of a pair whose listings differ: since then either may have been written or deleted.
 *
 * @returns `undefined` when they could not be asked.
 * @throws whatever is no reason to leave something unchecked.
 */
export async function confirmDifference(
  { key }: { readonly key: string },
  sides: Readonly<Record<'source' | 'copy', SidePlace>>,
  config: Pick<ReplicaConfig, 'graceMinutes' | 'compareEtags'>,
  now: Date,
  signal: AbortSignal,
): Promise<Confirmation | undefined> {
  const head = ({ client, bucket, prefix }: SidePlace) => headObject(client, { bucket, key: prefix + key }, { signal });
  try {
    const [source, copy] = await Promise.all([head(sides.source), head(sides.copy)]);
    return {
      verdict: classify({ source, copy }, config, now),
      writtenMs: source?.modifiedAtMs,
      hasFailedReplication: source?.replicationStatus === 'FAILED',
    };
  } catch (error) {
    const isUnchecked = error instanceof UncheckedError || uncheckedReason(error) !== undefined;
    if (signal.aborted || !isUnchecked) throw error;
    return undefined;
  }
}
