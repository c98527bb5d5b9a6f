import pMap from 'p-map';
import { compareKeys } from '../../../shared/objects/compare-keys.ts';
import { entryId, type ListEntry } from './list-entry.ts';
import type { ObjectSource, SeenBatch } from './object-source.ts';

/** `same`: as it was planned, and still past its retention. */
export type Found = 'same' | 'changed' | 'gone';

/** Others that are listed for an entry before it is cheaper to ask for its key alone: that is a request, and a page has a thousand. */
const othersPerEntry = 64;

const concurrency = 8;

/**
 * Returns what is to be seen of entries now, by a fresh listing from before the first to the last; of entries that lie far apart, by one
 * of each key, so that a few orphans among millions of objects take no listing of all of them.
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
  let listed = 0;
  let reached: string | undefined;
  for await (const { seen, completeKey } of source.scan({ after, upTo: last.key })) {
    unseen -= compare(seen, byId, found);
    // Of a key with very many versions, not all are read again and again.
    if (unseen === 0) return found;
    reached = completeKey ?? reached;
    listed += seen.length;
    if (listed > othersPerEntry * entries.length) break;
  }
  if (listed <= othersPerEntry * entries.length) return found;
  const from = reached;
  const left = entries.filter(({ key }) => from === undefined || compareKeys(key, from) > 0);
  const keys = [...new Set(left.map(({ key }) => key))];
  await pMap(
    keys,
    async (key) => {
      for await (const { seen } of source.scan({ after: undefined, upTo: key, prefix: key }))
        compare(seen, byId, found);
    },
    { concurrency },
  );
  return found;
}

/** Notes what has become of the entries among what was seen, and returns how many these were. */
function compare(seen: SeenBatch['seen'], byId: ReadonlyMap<string, ListEntry>, found: Map<ListEntry, Found>): number {
  let met = 0;
  for (const { entry: now, isPast } of seen) {
    const entry = byId.get(entryId(now));
    if (entry === undefined) continue;
    const isSame =
      isPast && now.etag === entry.etag && now.lastModified === entry.lastModified && isAsLarge(now, entry);
    found.set(entry, isSame ? 'same' : 'changed');
    met += 1;
  }
  return met;
}

/** An upload grows when a part comes, and is judged by when that was. */
function isAsLarge(now: ListEntry, entry: ListEntry): boolean {
  return entry.uploadId !== undefined || now.size === entry.size;
}
