import type { Resource } from '../../../shared/resource.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { Context } from '../context.ts';

/** Returns what `read` returns, as the ledger's own `look` does; but what the end of the run's time cuts off was not reached. */
export async function lookInTime<T>(
  resource: Resource,
  { coverage, signal }: Pick<Context, 'coverage' | 'signal'>,
  read: () => Promise<T>,
): Promise<T | undefined> {
  coverage.expect(resource);
  if (signal.aborted) return undefined;
  return coverage.look(resource, async () => {
    try {
      return await read();
    } catch (error) {
      if (!signal.aborted) throw error;
      const detail = 'The time of the run was up while this was looked at.';
      throw new UncheckedError('not-reached', detail, { cause: error });
    }
  });
}
