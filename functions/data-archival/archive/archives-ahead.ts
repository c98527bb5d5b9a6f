import type { Position } from '../../../shared/retention/row-target.ts';
import type { CopiedRows, Copier } from './copy-archive.ts';
import type { ManifestDraft } from './prove-copy.ts';

/** How archives are made one after the other. */
export interface AheadOptions {
  readonly copier: Copier;
  /** Number of the first one. */
  readonly sequence: number;
  /** Reads back what was copied, and compares it. */
  readonly prove: (copied: CopiedRows) => Promise<ManifestDraft>;
  /** Returns how many rows the next one may have, given how many were copied; undefined when no further one is to be begun. */
  readonly maximumRows: (copiedRows: number) => Promise<number | undefined>;
  /** Ends whatever is under way. */
  readonly stop: () => void;
  /** Is told how many rows were copied, and how long it took until they were proven. */
  readonly measured?: (rows: number, ms: number) => void;
}

/** An archive that is being made. */
interface Ahead {
  readonly startedAtMs: number;
  /** Undefined when there are no rows. */
  readonly copied: Promise<CopiedRows | undefined>;
  readonly proven: Promise<ManifestDraft>;
}

/**
 * Yields archives that are copied and proven, from the oldest row on. While one is read back, and while whoever asked for it does
 * something with it, the next one is copied: never more than one ahead. Nothing goes on when the iteration has ended.
 *
 * @throws as {@link Copier.copy} and `proveCopy`.
 */
export async function* archivesAhead(options: AheadOptions): AsyncGenerator<ManifestDraft, void, undefined> {
  const { sequence, measured, stop } = options;
  const underWay: Promise<unknown>[] = [];
  try {
    let copiedRows = 0;
    let ahead = await begin(options, { sequence, after: undefined, copiedRows });
    while (ahead !== undefined) {
      const { startedAtMs, copied: copying, proven } = ahead;
      underWay.splice(0, underWay.length, copying, proven);
      const copied = await copying;
      if (copied === undefined) return;
      copiedRows += copied.rows;
      const { upTo } = copied.range;
      const following = begin(options, { sequence: copied.sequence + 1, after: upTo, copiedRows });
      underWay.push(following);
      // Met when it is waited for; until then, or when nobody will, it is nobody's.
      following.catch(() => {});
      const draft = await proven;
      measured?.(copied.rows, performance.now() - startedAtMs);
      yield draft;
      ahead = await following;
    }
  } finally {
    stop();
    for (const one of underWay) {
      const begun = await one.catch(() => undefined);
      if (isAhead(begun)) await Promise.allSettled([begun.copied, begun.proven]);
    }
  }
}

function isAhead(value: unknown): value is Ahead {
  return typeof value === 'object' && value !== null && 'proven' in value;
}

async function begin(
  { copier, prove, maximumRows }: AheadOptions,
  {
    sequence,
    after,
    copiedRows,
  }: { readonly sequence: number; readonly after: Position | undefined; readonly copiedRows: number },
): Promise<Ahead | undefined> {
  const rows = await maximumRows(copiedRows);
  if (rows === undefined) return undefined;
  const startedAtMs = performance.now();
  const copied = copier.copy({ sequence, after, maximumRows: rows });
  const proven = copied.then((one) => (one === undefined ? Promise.reject(new RangeError('no rows')) : prove(one)));
  proven.catch(() => {});
  return { startedAtMs, copied, proven };
}
