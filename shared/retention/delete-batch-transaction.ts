import type { TableName } from '../postgres/sql.ts';
import type { Writer } from '../postgres/writer.ts';

/**
 * The connection broke while a batch was made final: it may be deleted, and it may not. `pg_xact_status` knows it.
 * https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT
 */
export class BatchUnsettled extends Error {
  override readonly name = 'BatchUnsettled';
}

/**
 * Runs `work` in a transaction and makes it final.
 *
 * @param holds tables that nobody can alter meanwhile.
 * @throws BatchUnsettled when nobody can tell here whether it is final; whatever else it throws, nothing is changed.
 */
export async function inTransaction<Result>(
  writer: Writer,
  work: () => Promise<Result>,
  holds: readonly TableName[] = [],
): Promise<Result> {
  let result: Result;
  try {
    await writer.begin(holds);
    result = await work();
  } catch (error) {
    // A connection that is broken rolls back by itself.
    await writer.rollback().catch(() => {});
    throw error;
  }
  try {
    await writer.commit();
  } catch (cause) {
    if (isServersRefusal(cause)) throw cause;
    throw new BatchUnsettled('the connection broke while the batch was made final', { cause });
  }
  return result;
}

/** Returns whether the server has said that a transaction is undone; when the connection breaks, nobody has. */
function isServersRefusal(error: unknown): boolean {
  return error instanceof Error && 'severity' in error && error.severity === 'ERROR';
}
