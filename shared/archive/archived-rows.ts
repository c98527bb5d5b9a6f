import type { RowsDigest } from '../retention/row-target.ts';
import { ArchiveFault } from './archive-fault.ts';
import { manifestKey } from './archive-names.ts';
import type { ArchiveStore } from './archive-store.ts';
import type { Manifest } from './manifest.ts';
import { columnText } from './row-columns.ts';
import { proveSegments } from './segment-proof.ts';
import { textDecoder } from './text-encoding.ts';

/** A row as it was archived. */
export interface ArchivedRow {
  /** Index of its segment, from 0 on. */
  readonly segment: number;
  /** What was asked for of it, as the server's text; null for NULL. */
  readonly values: readonly (string | null)[];
  /** Of this row alone. */
  readonly digest: RowsDigest;
}

/**
 * Yields the rows of some segments of a table, in their order; those of a segment once all of it has been proven to be
 * what the database had. It reads the file up to the end of the last of these segments.
 *
 * @param segments indexes, from 0 on.
 * @param columns whose values are wanted: the key of the root's rows, and of a child's those that refer to the row
 *   that it goes with, unless given.
 * @throws ArchiveFault as `verifyArchive` does; UncheckedError `encoding-unknown` for values that cannot be read as
 *   text.
 */
export async function* archivedRows(
  store: ArchiveStore,
  manifest: Manifest,
  tableIndex: number,
  segments: ReadonlySet<number>,
  columns?: readonly string[],
): AsyncGenerator<ArchivedRow, void, undefined> {
  const last = Math.max(-1, ...segments);
  if (last === -1) return;
  const indexes = columnIndexes(store, manifest, tableIndex, columns);
  const decode = textDecoder(manifest.encoding);
  let open: ArchivedRow[] = [];
  let proven: ArchivedRow[] = [];
  let isDone = false;
  const proof = proveSegments(store, manifest, tableIndex, {
    onRow(segment, row, hash) {
      if (!segments.has(segment)) return;
      const values = indexes.map((index) => columnText(row, index, decode));
      open.push({ segment, values, digest: hash.lastDigest() });
    },
    onSegment(segment) {
      proven.push(...open);
      open = [];
      if (segment >= last) isDone = true;
    },
  });
  for await (const _ of proof) {
    yield* proven;
    proven = [];
    if (isDone) return;
  }
  yield* proven;
}

function columnIndexes(
  store: ArchiveStore,
  manifest: Manifest,
  tableIndex: number,
  columns: readonly string[] | undefined,
): number[] {
  const table = manifest.tables[tableIndex];
  if (table === undefined) throw new RangeError(`The archive has no table ${tableIndex}`);
  const wanted = columns ?? (table.parent === null ? manifest.key : table.referringColumns);
  return wanted.map((wantedName) => {
    const index = table.columns.findIndex(({ name }) => name === wantedName);
    if (index !== -1) return index;
    const detail = `${table.schema}.${table.name} has no column ${wantedName} in the archive.`;
    throw new ArchiveFault('manifest-tampered', store.urlOf(manifestKey(manifest.policy, manifest.sequence)), detail);
  });
}
