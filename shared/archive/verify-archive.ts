import { ArchiveFault } from './archive-fault.ts';
import { manifestKey } from './archive-names.ts';
import type { ArchiveStore } from './archive-store.ts';
import { equalDigests, sumDigests } from './digest.ts';
import type { Manifest, ManifestTable } from './manifest.ts';
import { proveSegments } from './segment-proof.ts';

/**
 * Reads an archive back: each table's file is downloaded, hashed, decompressed and parsed, and its rows are counted and
 * hashed as the database has them, segment by segment. Returns when all of it is what the manifest says. That the
 * manifest is the one that was written, its chain and the ledger say.
 *
 * @param progress is told how many rows have been proven, of all tables.
 * @throws ArchiveFault that names file, table and segment of what is wrong.
 * @throws UncheckedError when a file could not be read; the SDK's errors; the signal's reason.
 */
export async function verifyArchive(
  store: ArchiveStore,
  manifest: Manifest,
  { signal, progress = () => {} }: { readonly signal?: AbortSignal; readonly progress?: (rows: number) => void } = {},
): Promise<void> {
  requireConsistent(store, manifest);
  let before = 0;
  for (const [index, table] of manifest.tables.entries()) {
    for await (const rows of proveSegments(store, manifest, index)) {
      signal?.throwIfAborted();
      progress(before + rows);
    }
    before += table.rows;
    progress(before);
  }
}

/**
 * Says that a manifest contradicts itself: segments that do not add up to their tables or are nowhere, tables that go
 * with none, keys that are no columns.
 *
 * @throws ArchiveFault `manifest-tampered`.
 */
export function requireConsistent(store: ArchiveStore, manifest: Manifest): void {
  const { tables, segments, range, policy, sequence } = manifest;
  const refuse = (detail: string) => {
    throw new ArchiveFault('manifest-tampered', store.urlOf(manifestKey(policy, sequence)), detail);
  };
  for (const [index, { digests }] of segments.entries()) {
    if (digests.length === tables.length) continue;
    refuse(`Segment ${index + 1} has digests of ${digests.length} tables where the archive has ${tables.length}.`);
  }
  const positions = [...(range.after === null ? [] : [range.after]), ...segments.map(({ upTo }) => upTo), range.upTo];
  const parts = manifest.key.length + 1;
  if (positions.some(({ length }) => length !== parts)) refuse(`There is a position that is not of ${parts} parts.`);
  if (segments.at(-1)?.upTo.join('\0') !== range.upTo.join('\0')) refuse('The last segment does not end the range.');
  for (const [index, table] of tables.entries()) {
    requirePlace(manifest, index, refuse);
    const sum = sumDigests(segments.map(({ digests }) => digests[index] ?? { rows: 0, hash: '0' }));
    if (equalDigests(sum, table)) continue;
    refuse(
      `The segments of ${table.schema}.${table.name} add up to ${sum.rows} rows with the hash ${sum.hash}; ` +
        `the table is said to have ${table.rows} with ${table.hash}.`,
    );
  }
}

function requirePlace({ tables, key, ageColumn }: Manifest, index: number, refuse: (detail: string) => void): void {
  const table = tables[index] as ManifestTable;
  const name = `${table.schema}.${table.name}`;
  const hasPlace = index === 0 ? table.parent === null : table.parent !== null && table.parent < index;
  if (!hasPlace) refuse(`${name} goes with a table that does not come before it.`);
  requireColumns(table, index === 0 ? [ageColumn, ...key] : table.referringColumns, refuse);
  const parent = table.parent === null ? undefined : tables[table.parent];
  if (parent === undefined) return;
  requireColumns(parent, table.referredColumns, refuse);
  if (table.referringColumns.length === table.referredColumns.length) return;
  refuse(`${name} refers by ${table.referringColumns.length} columns to ${table.referredColumns.length}.`);
}

function requireColumns(table: ManifestTable, names: readonly string[], refuse: (detail: string) => void): void {
  if (names.length === 0) refuse(`No columns say which rows of ${table.schema}.${table.name} are meant.`);
  for (const wanted of names) {
    if (table.columns.some(({ name }) => name === wanted)) continue;
    refuse(`${table.schema}.${table.name} has no column ${wanted} in the archive.`);
  }
}
