/** How far below its predecessors the newest of a series of backups is. */
export interface SizeDrop {
  /** Median of the predecessors. */
  readonly medianBytes: number;
  /** How much smaller than that the newest is, in percent of it. */
  readonly dropPercent: number;
}

/** Fewer predecessors than this say nothing about what is usual. */
export const minimumPredecessors = 5;

/** Makes the median absolute deviation of normally distributed values their standard deviation. */
const normalScale = 1.4826;

/** Of scaled deviations: what is further away is not scatter. */
const outlierDeviations = 3;

/**
 * Returns how far a backup has shrunk, when it has: it is below the median of its predecessors by more than `sizeDropPercent`, and
 * by more than three scaled median absolute deviations. Both numbers shrug off the odd predecessor that was a fluke itself, and
 * sizes that are always the same, which do not scatter at all, leave the share alone to decide.
 * https://www.itl.nist.gov/div898/handbook/eda/section3/eda35h.htm
 *
 * @param history sizes of the predecessors in bytes, older first; all of them count alike.
 * @param latest size of the newest in bytes.
 * @param sizeDropPercent 1 to 100.
 * @returns undefined when it has not, or when there are too few predecessors to tell.
 * @throws RangeError for a size that is none.
 */
export function sizeDrop(history: readonly number[], latest: number, sizeDropPercent: number): SizeDrop | undefined {
  const sizes = [...history, latest];
  const odd = sizes.find((size) => !Number.isFinite(size) || size < 0);
  if (odd !== undefined) throw new RangeError(`${odd} is not a size in bytes`);
  if (history.length < minimumPredecessors) return undefined;
  const medianBytes = median(history);
  const scatter = normalScale * median(history.map((size) => Math.abs(size - medianBytes)));
  const isBelowShare = latest < medianBytes * (1 - sizeDropPercent / 100);
  // However much they scatter, none of them was empty.
  const isFirstEmpty = latest === 0 && history.every((size) => size > 0);
  const isOutlier = latest < medianBytes - outlierDeviations * scatter || isFirstEmpty;
  if (!isOutlier || !(isBelowShare || isFirstEmpty)) return undefined;
  return { medianBytes, dropPercent: 100 * (1 - latest / medianBytes) };
}

/** Returns the middle of a list that is not empty. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] as number;
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] as number;
  return lower + (upper - lower) / 2;
}
