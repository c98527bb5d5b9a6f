import type { S3Client } from '@aws-sdk/client-s3';
import { compareKeys } from './compare-keys.ts';
import { type OpenPage, openPage } from './list-page.ts';
import type { ListedObject } from './listed-object.ts';

/** A part of a bucket, in the order of its keys. */
export interface KeyRange {
  readonly bucket: string;
  readonly prefix: string;
  /** Keys behind this one only. */
  readonly startAfter?: string | undefined;
  /** Keys before this one only. */
  readonly endBefore?: string | undefined;
}

/** Objects yielded at a time; a page of S3 has a thousand. */
const batchLength = 100;

/**
 * Yields the objects of a range in the order of their keys' UTF-8 bytes, in batches that are never empty. While one page of S3's is
 * worked on, the next is on its way; no more than these two are held.
 *
 * @throws UncheckedError when an answer contradicts itself; and the SDK's errors.
 */
export async function* listObjects(
  client: S3Client,
  { bucket, prefix, startAfter, endBefore }: KeyRange,
  { signal }: { readonly signal: AbortSignal },
): AsyncGenerator<readonly ListedObject[], void, undefined> {
  const given = new AbortController();
  const whileWanted = { signal: AbortSignal.any([signal, given.signal]) };
  const request = (place: { StartAfter?: string | undefined; ContinuationToken?: string | undefined }) => {
    const page = openPage(client, { Bucket: bucket, Prefix: prefix, ...place }, whileWanted);
    // Its failure is met when it is waited for; until then, or when nobody will, it is nobody's.
    page.catch(() => {});
    return page;
  };
  let upcoming: Promise<OpenPage> | undefined = request({ StartAfter: startAfter });
  try {
    while (upcoming !== undefined) {
      using page = (await upcoming) as OpenPage;
      const last = page.read(page.objectCount - 1, page.objectCount)[0]?.key;
      const isWithin = endBefore === undefined || last === undefined || compareKeys(last, endBefore) < 0;
      upcoming = page.isTruncated && isWithin ? request({ ContinuationToken: page.nextToken }) : undefined;
      for (let start = 0; start < page.objectCount; start += batchLength) {
        const objects = page.read(start, start + batchLength);
        const batch = isWithin ? objects : takeBefore(objects, endBefore as string);
        if (batch.length > 0) yield batch;
        if (batch.length < objects.length) break;
      }
    }
  } finally {
    given.abort();
  }
}

/** Returns the objects before a key. */
function takeBefore(objects: readonly ListedObject[], endBefore: string): readonly ListedObject[] {
  const end = objects.findIndex(({ key }) => compareKeys(key, endBefore) >= 0);
  return end === -1 ? objects : objects.slice(0, end);
}
