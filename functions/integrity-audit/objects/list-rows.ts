import type { Reader } from '../../../shared/postgres/reader.ts';
import type { RowAccess } from './key-order.ts';
import { type RecordedKey, RecordedKeys, type RecordedRow, type RowTally, tallyOf } from './recorded-key.ts';
import type { RowQueries, RowRange } from './row-queries.ts';

/** Where a rule's rows come from. */
export interface RowSource {
  readonly reader: Reader;
  readonly queries: RowQueries;
  readonly access: RowAccess;
  readonly graceMinutes: number;
  readonly now: Date;
  /** Rows asked for in one statement where an index has them in order. */
  readonly pageRows: number;
  /** What a statement that has to sort the table returns is read for so long; then another begins behind it. */
  readonly stretchMs: number;
}

/** Rows fetched at a time. */
const maximumBatchRows = 5_000;

/**
 * Yields what the rows say, in the order of their keys' UTF-8 bytes, each key once, in batches that are never empty.
 * Rows without a key are left out. No statement lives long, because each keeps the server from cleaning up what has
 * been deleted since it began: what changes meanwhile may or may not be seen.
 *
 * With an index, each page is a statement of its own, which is over when the page is yielded. Without one each page
 * would be a sort of the whole table: then one statement, which sorts once, is read bit by bit over a connection of
 * its own, until its time is up. What comes behind is sorted anew.
 */
export async function* listRows(source: RowSource): AsyncGenerator<readonly RecordedKey[], void, undefined> {
  let after: string | undefined;
  while (true) {
    let isDone = true;
    if (source.access.isIndexed) {
      const page = await readPage(source, { after, limit: source.pageRows });
      if (page.keys.length > 0) yield page.keys;
      after = page.keys.at(-1)?.key;
      isDone = page.isLast;
    } else {
      let began: number | undefined;
      for await (const keys of readSorted(source, after)) {
        began ??= performance.now();
        yield keys;
        after = keys.at(-1)?.key;
        isDone = performance.now() - began <= source.stretchMs;
        if (!isDone) break;
      }
    }
    if (isDone) return;
  }
}

/** Returns the keys of one page, complete with all their rows, and whether no row is behind it. */
export async function readPage(
  source: RowSource,
  range: RowRange & { readonly limit: number },
): Promise<{ readonly keys: readonly RecordedKey[]; readonly isLast: boolean }> {
  const keys = new RecordedKeys();
  let rows = 0;
  for await (const batch of batches(source, range)) {
    rows += batch.length;
    for (const row of batch) keys.add(row.key, tallyFrom(row, source));
  }
  return { keys: keys.takeAll(), isLast: rows < range.limit };
}

async function* readSorted(
  source: RowSource,
  after: string | undefined,
): AsyncGenerator<readonly RecordedKey[], void, undefined> {
  const keys = new RecordedKeys();
  for await (const batch of batches(source, { after })) {
    for (const row of batch) keys.add(row.key, tallyFrom(row, source));
    const complete = keys.takeComplete();
    if (complete.length > 0) yield complete;
  }
  const rest = keys.takeAll();
  if (rest.length > 0) yield rest;
}

function batches({ reader, queries, access, pageRows }: RowSource, range: RowRange) {
  const batchRows = Math.min(pageRows, maximumBatchRows);
  return reader.batches<RecordedRow>(queries.inOrder(access.order, range), { batchRows });
}

function tallyFrom(row: RecordedRow, { graceMinutes, now }: RowSource): RowTally {
  return tallyOf(row, { graceMinutes }, now);
}
