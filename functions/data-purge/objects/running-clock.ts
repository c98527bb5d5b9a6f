/** Returns a clock that goes on from the moment at which a run began. */
export function runningClock(now: Date): () => Date {
  const startedMs = performance.now();
  return () => new Date(now.getTime() + Math.round(performance.now() - startedMs));
}
