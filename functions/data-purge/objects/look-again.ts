import { entryId, type ListEntry } from './list-entry.ts';
import type { ObjectSource } from './object-source.ts';

/** `same`: as it was planned, and still past its retention. */
export type Found = 'same' | 'changed' | 'gone';

/**
 * Returns what is to be seen of entries now, by a fresh listing from before the first to the last.
 *
 * @param entries in the order of the list.
 * @param after key before the first of them, which bounds the listing; undefined at the beginning of the list.
 */
export async function lookAgain(
  source: Pick<ObjectSource, 'scan'>,
  entries: readonly ListEntry[],
  after: string | undefined,
): Promise<Map<ListEntry, Found>> {
  const found = new Map<ListEntry, Found>(entries.map((entry) => [entry, 'gone']));
  const last = entries.at(-1);
  if (last === undefined) return found;
  const byId = new Map(entries.map((entry) => [entryId(entry), entry]));
  let unseen = entries.length;
  for await (const { seen } of source.scan({ after, upTo: last.key })) {
    for (const { entry: now, isPast } of seen) {
      const entry = byId.get(entryId(now));
      if (entry === undefined) continue;
      const isSame =
        isPast && now.etag === entry.etag && now.lastModified === entry.lastModified && isAsLarge(now, entry);
      found.set(entry, isSame ? 'same' : 'changed');
      unseen -= 1;
    }
    // Of a key with very many versions, not all are read again and again.
    if (unseen === 0) break;
  }
  return found;
}

/** An upload grows when a part comes, and is judged by when that was. */
function isAsLarge(now: ListEntry, entry: ListEntry): boolean {
  return entry.uploadId !== undefined || now.size === entry.size;
}
