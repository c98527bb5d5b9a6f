import { HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { uncheckedReason } from '../../../shared/aws/unchecked-reason.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { ReplicaConfig } from '../config.ts';
import { unquoted } from '../objects/listed-object.ts';
import { classify, type Observed, type Verdict } from './classify.ts';
import type { Pair } from './merge-join.ts';

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

interface Head extends Observed {
  readonly replicationStatus: string | undefined;
}

/**
 * Asks for both objects of a pair whose listings differ: since then either may have been written or deleted.
 *
 * @returns `undefined` when they could not be asked.
 * @throws whatever is no reason to leave something unchecked.
 */
export async function confirmDifference(
  { key }: Pick<Pair, 'key'>,
  sides: Readonly<Record<'source' | 'copy', SidePlace>>,
  config: Pick<ReplicaConfig, 'graceMinutes' | 'compareEtags'>,
  now: Date,
  signal: AbortSignal,
): Promise<Confirmation | undefined> {
  try {
    const [source, copy] = await Promise.all([head(sides.source, key, signal), head(sides.copy, key, signal)]);
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

/** Returns what HeadObject says; `undefined` when there is no such object (any more). */
async function head(
  { client, bucket, prefix }: SidePlace,
  key: string,
  signal: AbortSignal,
): Promise<Head | undefined> {
  try {
    const command = new HeadObjectCommand({ Bucket: bucket, Key: prefix + key });
    const { ContentLength, LastModified, ETag, ReplicationStatus } = await client.send(command, {
      abortSignal: signal,
    });
    if (ContentLength === undefined || LastModified === undefined) {
      throw new UncheckedError('aws-error', 's3:HeadObject answered without size or time');
    }
    return {
      sizeBytes: ContentLength,
      modifiedAtMs: LastModified.getTime(),
      etag: ETag === undefined ? undefined : unquoted(ETag),
      replicationStatus: ReplicationStatus,
    };
  } catch (error) {
    if (error instanceof Error && (error.name === 'NotFound' || error.name === 'NoSuchKey')) return undefined;
    throw error;
  }
}
