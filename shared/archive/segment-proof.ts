import type { RowsDigest } from '../retention/row-target.ts';
import { ArchiveFault } from './archive-fault.ts';
import { archiveFolder, fileKey } from './archive-names.ts';
import type { ArchiveStore } from './archive-store.ts';
import { type CopiedRow, CopyTextError, CopyTextReader } from './copy-text.ts';
import { equalDigests } from './digest.ts';
import { freeMemory } from './free-memory.ts';
import type { Manifest, ManifestTable } from './manifest.ts';
import { readCopyFile } from './read-file.ts';
import { RowsHash } from './row-hash.ts';

/** Is told of each row of a segment, and of each segment when all of its rows are those that were archived. */
export interface ProvenRows {
  /** @param segment index, from 0 on. The row is overwritten by the next one. */
  onRow?(segment: number, row: CopiedRow, hash: RowsHash): void;
  onSegment?(segment: number): void;
}

/**
 * Yields, of a table's file, the number of rows read so far, once for each piece of text; everything else is told to
 * `proven`. When the iteration ends without an error the file is the one that was written, and each segment has the
 * rows that the database had.
 *
 * @throws ArchiveFault that names file, table and segment; UncheckedError and the SDK's errors when the file could
 *   not be read.
 */
export async function* proveSegments(
  store: ArchiveStore,
  manifest: Manifest,
  tableIndex: number,
  proven: ProvenRows = {},
): AsyncGenerator<number, void, undefined> {
  const table = manifest.tables[tableIndex];
  if (table === undefined) throw new RangeError(`The archive has no table ${tableIndex}`);
  const { policy, sequence } = manifest;
  const key = fileKey(policy, sequence, table.file.name);
  const proof = new SegmentProof(manifest, tableIndex, proven);
  const reader = new CopyTextReader(table.columns.length, (row) => proof.add(row));
  try {
    for await (const text of readCopyFile(store, key, table.file)) {
      reader.push(text);
      freeMemory(text);
      yield proof.rows;
    }
    reader.end();
    proof.end();
  } catch (error) {
    if (!(error instanceof CopyTextError || error instanceof SegmentError || error instanceof ArchiveFault))
      throw error;
    const place = [nameOf(table), ...proof.place(error), `archive ${archiveFolder(policy, sequence)}`].join(', ');
    throw new ArchiveFault('archive-corrupt', store.urlOf(key), `${place}: ${error.message}`, { cause: error });
  }
}

/** The rows of a segment are not those that were archived. */
class SegmentError extends Error {
  override readonly name = 'SegmentError';
}

class SegmentProof {
  rows = 0;
  readonly #digests: readonly RowsDigest[];
  readonly #proven: ProvenRows;
  readonly #hash: RowsHash;
  #segment = 0;
  #expectedRows = 0;

  constructor(manifest: Manifest, tableIndex: number, proven: ProvenRows) {
    this.#digests = manifest.segments.map(({ digests }) => digests[tableIndex] as RowsDigest);
    this.#proven = proven;
    this.#hash = new RowsHash(manifest.tables[tableIndex]?.columns.map(({ type }) => type) ?? []);
    this.#skipEmpty();
  }

  /** Returns the segment that an error is in, for people; nothing for one of the file as a whole. */
  place(error: Error): string[] {
    const isOfFile = error instanceof ArchiveFault && (this.rows === 0 || this.#segment === this.#digests.length);
    const number = Math.min(this.#segment + 1, this.#digests.length);
    return isOfFile ? [] : [`segment ${number} of ${this.#digests.length}`];
  }

  add(row: CopiedRow): void {
    if (this.#segment === this.#digests.length) throw new SegmentError('There are more rows than were archived.');
    const hash = this.#hash;
    hash.add(row);
    this.rows += 1;
    this.#proven.onRow?.(this.#segment, row, hash);
    if (hash.rows !== this.#expectedRows) return;
    this.#close();
    this.#segment += 1;
    this.#skipEmpty();
  }

  end(): void {
    if (this.#segment === this.#digests.length) return;
    const { rows } = this.#hash;
    throw new SegmentError(`There are ${rows} rows of the ${this.#expectedRows} that were archived, and then no more.`);
  }

  #skipEmpty(): void {
    this.#hash.reset();
    for (; this.#segment < this.#digests.length; this.#segment += 1) {
      this.#expectedRows = (this.#digests[this.#segment] as RowsDigest).rows;
      if (this.#expectedRows > 0) return;
      this.#close();
    }
  }

  #close(): void {
    const expected = this.#digests[this.#segment] as RowsDigest;
    const actual = this.#hash.digest();
    if (!equalDigests(actual, expected)) {
      throw new SegmentError(
        `The hash of its ${actual.rows} rows is ${actual.hash}; that of what the database had is ${expected.hash}.`,
      );
    }
    this.#proven.onSegment?.(this.#segment);
  }
}

function nameOf({ schema, name }: ManifestTable): string {
  return `${schema}.${name}`;
}
