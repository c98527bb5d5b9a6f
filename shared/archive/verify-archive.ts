import { ArchiveFault } from './archive-fault.ts';
import { manifestKey } from './archive-names.ts';
import type { ArchiveStore } from './archive-store.ts';
import { equalDigests, sumDigests } from './digest.ts';
import type { Manifest } from './manifest.ts';
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
  requireSums(store, manifest);
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
 * Says that a manifest contradicts itself: segments that do not add up to their tables, tables that go with none.
 *
 * @throws ArchiveFault `manifest-tampered`.
 */
function requireSums(store: ArchiveStore, manifest: Manifest): void {
  const { tables, segments, policy, sequence } = manifest;
  const refuse = (detail: string) => {
    throw new ArchiveFault('manifest-tampered', store.urlOf(manifestKey(policy, sequence)), detail);
  };
  for (const [index, { digests }] of segments.entries()) {
    if (digests.length === tables.length) continue;
    refuse(`Segment ${index + 1} has digests of ${digests.length} tables where the archive has ${tables.length}.`);
  }
  for (const [index, table] of tables.entries()) {
    const name = `${table.schema}.${table.name}`;
    const hasPlace = index === 0 ? table.parent === null : table.parent !== null && table.parent < index;
    if (!hasPlace) refuse(`${name} goes with a table that does not come before it.`);
    const sum = sumDigests(segments.map(({ digests }) => digests[index] ?? { rows: 0, hash: '0' }));
    if (equalDigests(sum, table)) continue;
    refuse(
      `The segments of ${name} add up to ${sum.rows} rows with the hash ${sum.hash}; ` +
        `the table is said to have ${table.rows} with ${table.hash}.`,
    );
  }
}
