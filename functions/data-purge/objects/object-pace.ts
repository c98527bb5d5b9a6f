/** How S3 is spared: https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html */
export interface ObjectPace {
  /** Objects that a request deletes. */
  readonly objects: number;
  /** Waited before the next request. */
  readonly waitMs: number;
}

const maximumObjects = 1000;
const minimumObjects = 50;
const firstWaitMs = 250;
const maximumWaitMs = 30_000;

export const fullPace: ObjectPace = { objects: maximumObjects, waitMs: 0 };

/** S3 has asked for less: half as many, and twice the time between. */
export function slower({ objects, waitMs }: ObjectPace): ObjectPace {
  return {
    objects: Math.max(minimumObjects, Math.ceil(objects / 2)),
    waitMs: Math.min(maximumWaitMs, Math.max(firstWaitMs, waitMs * 2)),
  };
}

/** It went well: a little more each time. */
export function faster({ objects, waitMs }: ObjectPace): ObjectPace {
  const shorter = Math.floor(waitMs / 2);
  return {
    objects: Math.min(maximumObjects, Math.ceil(objects * 1.25)),
    waitMs: shorter < firstWaitMs ? 0 : shorter,
  };
}
