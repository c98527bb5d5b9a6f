/** Within which a batch may be of any size: of rows, or of whatever is counted. */
export interface BatchLimits {
  /** Of the first batch. */
  readonly initial: number;
  readonly maximum: number;
  /** How long a batch should take. */
  readonly targetMs: number;
}

/** How large the next batch is to be, and what that is judged by. */
export interface BatchSize {
  readonly units: number;
  /** Smoothed over the batches so far; undefined before the first. */
  readonly msPerUnit: number | undefined;
}

/** Weight of the batch that came last: half a dozen batches tell, as in GitLab's batched background migrations. */
const weight = 0.4;

/** The next batch is at most so many times as large as this one: one that was quick by chance tells little. */
const maximumGrowth = 1.5;

/** Returns the size of a first batch. */
export function firstBatch({ initial, maximum }: BatchLimits): BatchSize {
  return { units: clamp(initial, maximum), msPerUnit: undefined };
}

/**
 * Returns the size of the batch after one of `units` that took `ms`: as many as should take {@link BatchLimits.targetMs}. One that was
 * cut short because there was no more says nothing of larger ones.
 */
export function nextBatch(
  size: BatchSize,
  { units, ms }: { readonly units: number; readonly ms: number },
  { maximum, targetMs }: BatchLimits,
): BatchSize {
  if (units <= 0) return size;
  const measured = Math.max(ms, 0.001) / units;
  const msPerUnit = size.msPerUnit === undefined ? measured : weight * measured + (1 - weight) * size.msPerUnit;
  const largest = Math.max(size.units, units >= size.units ? Math.ceil(size.units * maximumGrowth) : 0);
  return { units: clamp(Math.min(Math.floor(targetMs / msPerUnit), largest), maximum), msPerUnit };
}

/** Returns the size of the batch after one that was given up: half of it, and what was judged before is forgotten. */
export function smallerBatch({ units }: BatchSize): BatchSize {
  return { units: Math.max(1, Math.floor(units / 2)), msPerUnit: undefined };
}

function clamp(units: number, maximum: number): number {
  return Math.min(maximum, Math.max(1, units));
}
