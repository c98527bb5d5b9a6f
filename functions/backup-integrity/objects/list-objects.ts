import type { S3Client } from '@aws-sdk/client-s3';
import { compareKeys } from './compare-keys.ts';
import { listPage } from './list-page.ts';
import type { ListedObject } from './listed-object.ts';
import type { Listing } from './scan-listing.ts';

/** A part of a bucket, in the order of its keys. */
export interface KeyRange {
  readonly bucket: string;
  readonly prefix: string;
  /** Keys behind this one only. */
  readonly startAfter?: string | undefined;
  /** Keys before this one only. */
  readonly endBefore?: string | undefined;
}

/**
 * Yields the objects of a range in the order of their keys' UTF-8 bytes, page by page, no page empty. While one page is worked on,
 * the next is on its way; no more than these two are held.
 *
 * @throws UncheckedError when an answer contradicts itself; and the SDK's errors.
 */
export async function* listObjects(
  client: S3Client,
  { bucket, prefix, startAfter, endBefore }: KeyRange,
  { signal }: { readonly signal: AbortSignal },
): AsyncGenerator<readonly ListedObject[], void, undefined> {
  const given = new AbortController();
  const ended = AbortSignal.any([signal, given.signal]);
  const request = (place: { StartAfter?: string | undefined; ContinuationToken?: string | undefined }): Upcoming => {
    const { promise: whenWanted, resolve: want } = Promise.withResolvers<void>();
    const input = { Bucket: bucket, Prefix: prefix, ...place };
    const page = listPage(client, input, { signal: ended, whenWanted });
    // Its failure is met when it is waited for; until then, or when nobody will, it is nobody's.
    page.catch(() => {});
    return { page, want };
  };
  let upcoming: Upcoming | undefined = request({ StartAfter: startAfter });
  try {
    while (upcoming !== undefined) {
      upcoming.want();
      const { objects, nextToken, isTruncated } = (await upcoming.page) as Listing;
      const within = takeBefore(objects, endBefore);
      const goesOn: boolean = isTruncated === true && within.length === objects.length;
      upcoming = goesOn ? request({ ContinuationToken: nextToken }) : undefined;
      if (within.length > 0) yield within;
    }
  } finally {
    given.abort();
    upcoming?.want();
  }
}

/** A page that is on its way. */
interface Upcoming {
  readonly page: Promise<Listing>;
  /** Says that it is waited for. */
  want(): void;
}

function takeBefore(objects: readonly ListedObject[], endBefore: string | undefined): readonly ListedObject[] {
  const last = objects.at(-1);
  if (endBefore === undefined || last === undefined || compareKeys(last.key, endBefore) < 0) return objects;
  let low = 0;
  let high = objects.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareKeys((objects[middle] as ListedObject).key, endBefore) < 0) low = middle + 1;
    else high = middle;
  }
  return objects.slice(0, low);
}
