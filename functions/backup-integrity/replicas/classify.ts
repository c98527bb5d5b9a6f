import type { ListedObject } from '../../../shared/objects/listed-object.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { ReplicaConfig } from '../config.ts';

/** What a pair of objects shows. */
export type Verdict = 'equal' | 'in-flight' | 'missing' | 'stale' | 'differs' | 'extra';

type Sides = Partial<Record<'source' | 'copy', Observed | undefined>>;

/** What is known of an object, from a listing or from asking for it alone. */
export type Observed = Pick<ListedObject, 'sizeBytes' | 'modifiedAtMs' | 'etag'>;

const minuteMs = 60_000;

/**
 * Returns what is wrong with a pair, if anything is. The storage class says nothing: a copy that has been archived is a copy.
 *
 * A copy that is older than its source was made of what the source held before. Its ETag then counts even where ETags are not
 * compared otherwise: a copy of the same bytes in the same form has the same one, and S3 replication keeps the source's time.
 *
 * @throws UncheckedError when ETags are to be compared and there is none.
 */
export function classify(
  { source, copy }: Sides,
  { graceMinutes, compareEtags }: Pick<ReplicaConfig, 'graceMinutes' | 'compareEtags'>,
  now: Date,
): Verdict {
  if (source === undefined) return copy === undefined ? 'equal' : 'extra';
  const isYoung = now.getTime() - source.modifiedAtMs < graceMinutes * minuteMs;
  if (copy === undefined) return isYoung ? 'in-flight' : 'missing';
  if (compareEtags && (source.etag === undefined || copy.etag === undefined)) {
    throw new UncheckedError('no-etag', 'ETags are to be compared, and the listing has none.');
  }
  const isOlder = copy.modifiedAtMs < source.modifiedAtMs;
  const etagsDiffer = source.etag !== undefined && copy.etag !== undefined && source.etag !== copy.etag;
  const isDifferent = source.sizeBytes !== copy.sizeBytes || ((compareEtags || isOlder) && etagsDiffer);
  if (!isDifferent) return 'equal';
  if (isYoung) return 'in-flight';
  return isOlder ? 'stale' : 'differs';
}
