import { readingEnded } from '../../../shared/postgres/reading-ended.ts';
import type { Resource } from '../../../shared/resource.ts';
import type { Context } from '../context.ts';

/**
 * Returns what `read` returns, as the ledger's own `look` does; but what the end of the time cuts off, that of the run or of its share
 * for files, is unchecked for just that.
 */
export async function lookInTime<T>(
  resource: Resource,
  { coverage, signal }: Pick<Context, 'coverage' | 'signal'>,
  read: () => Promise<T>,
): Promise<T | undefined> {
  return coverage.look(resource, async () => {
    if (signal.aborted) throw readingEnded(signal);
    try {
      return await read();
    } catch (error) {
      throw signal.aborted ? readingEnded(signal) : error;
    }
  });
}
