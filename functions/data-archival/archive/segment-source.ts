import { emptyDigest, sumDigests } from '../../../shared/archive/digest.ts';
import type { Manifest } from '../../../shared/archive/manifest.ts';
import type { Writer } from '../../../shared/postgres/writer.ts';
import type { BatchSource, IntendedBatch } from '../../../shared/retention/batch-loop.ts';
import { deleteBatch } from '../../../shared/retention/delete-batch.ts';
import type { ExcludedKeys } from '../../../shared/retention/delete-batch-statements.ts';
import type { RowsDigest, RowTarget } from '../../../shared/retention/row-target.ts';
import type { OnStep } from './archive-steps.ts';
import { segmentRange } from './changed-rows.ts';

/** What is to be deleted of a segment. */
export interface PendingSegment {
  /** Index, from 0 on. */
  readonly segment: number;
  /** What has to be deleted: of the root and of each child. */
  readonly expected: readonly RowsDigest[];
  /** Of rows in its range that stay. */
  readonly excludedKeys: ExcludedKeys;
}

export interface SegmentSourceOptions {
  readonly target: RowTarget;
  readonly manifest: Manifest;
  /** SHA-256 of the manifest. */
  readonly hash: string;
  /** Ascending. */
  readonly pending: readonly PendingSegment[];
  readonly onStep: OnStep;
}

/** The segments of an archive, from the first to the last: as many that follow each other as a batch may have rows, and at least one. */
export class SegmentSource implements BatchSource {
  readonly #options: SegmentSourceOptions;
  /** Of those that are not deleted yet. */
  #next = 0;
  /** Rows of segments that were left out because somebody else holds one of them. */
  skippedRows = 0;

  constructor(options: SegmentSourceOptions) {
    this.#options = options;
  }

  async delete(writer: Writer, units: number, intend: (batch: IntendedBatch) => Promise<void>): Promise<boolean> {
    const { target, manifest, hash, onStep } = this.#options;
    const segments = this.#take(units);
    const [first, last] = [segments[0], segments.at(-1)];
    if (first === undefined || last === undefined) return false;
    const range = {
      after: segmentRange(manifest, first.segment).after,
      upTo: segmentRange(manifest, last.segment).upTo,
    };
    const expected = manifest.tables.map((_, at) => sumDigests(segments.map((one) => one.expected[at] ?? emptyDigest)));
    const excludedKeys = segments.flatMap((one) => one.excludedKeys);
    await deleteBatch(writer, target, { range, expected, excludedKeys }, async (facts) => {
      await intend({
        ...facts,
        units: Math.max(1, facts.rows),
        upTo: range.upTo ?? [],
        manifest: hash,
        facts: { archive: manifest.sequence, segmentFrom: first.segment + 1, segmentTo: last.segment + 1 },
      });
      await onStep('batch-intended');
    });
    await onStep('batch-final');
    return true;
  }

  advance({ facts }: IntendedBatch): void {
    const last = Number(facts?.segmentTo) - 1;
    const { pending } = this.#options;
    while (this.#next < pending.length && (pending[this.#next]?.segment ?? 0) <= last) this.#next += 1;
  }

  /** The next segment stays as it is, and with it the archive is unfinished. */
  async skip(): Promise<number> {
    const rows = this.#options.pending[this.#next]?.expected[0]?.rows ?? 0;
    this.#next += 1;
    this.skippedRows += rows;
    return rows;
  }

  #take(rows: number): PendingSegment[] {
    const taken: PendingSegment[] = [];
    let sum = 0;
    for (const segment of this.#options.pending.slice(this.#next)) {
      const previous = taken.at(-1);
      if (previous !== undefined && segment.segment !== previous.segment + 1) break;
      sum += segment.expected[0]?.rows ?? 0;
      if (previous !== undefined && sum > rows) break;
      taken.push(segment);
    }
    return taken;
  }
}
