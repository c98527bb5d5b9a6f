import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import { compareKeys } from '../../../shared/objects/compare-keys.ts';
import type { KeyRange } from '../../../shared/objects/list-objects.ts';
import type { ListedObject } from '../../../shared/objects/listed-object.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import { sortObjects } from './external-sort.ts';
import type { Manifest } from './manifest.ts';

const pageLength = 1_000;

/**
 * Yields the objects of a range as an inventory has them, in the order of their keys, page by page: what
 * `objects/list-objects.ts` yields of a bucket. S3 promises no order of an inventory's rows or files, so they are sorted, with as
 * much temporary storage as the range needs; nothing is yielded before every file has been read and found to be whole.
 *
 * @param client of the bucket that the inventory lies in.
 * @throws UncheckedError for an inventory that is damaged, or takes more temporary storage than there is.
 */
export async function* listInventory(
  client: S3Client,
  manifest: Manifest,
  bucket: string,
  { prefix, startAfter, endBefore }: Omit<KeyRange, 'bucket'>,
  signal: AbortSignal,
): AsyncGenerator<readonly ListedObject[], void, undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'caretaker-inventory-'));
  const isWithin = ({ key }: ListedObject) =>
    key.startsWith(prefix) &&
    (startAfter === undefined || compareKeys(key, startAfter) > 0) &&
    (endBefore === undefined || compareKeys(key, endBefore) < 0);
  try {
    // Few runs read an inventory, and what reads its formats is large.
    const { readFiles } = await import('./read-files.ts');
    let page: ListedObject[] = [];
    const objects = filter(readFiles(client, bucket, manifest, directory, signal), isWithin);
    for await (const object of sortObjects(objects, directory)) {
      page.push(object);
      if (page.length < pageLength) continue;
      yield page;
      page = [];
    }
    if (page.length > 0) yield page;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    const detail = 'Sorting the inventory takes more temporary storage than the function has.';
    throw new UncheckedError('inventory-too-large', detail, { cause: error });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function* filter<T>(all: AsyncIterable<T>, isWanted: (one: T) => boolean): AsyncGenerator<T> {
  for await (const one of all) if (isWanted(one)) yield one;
}
