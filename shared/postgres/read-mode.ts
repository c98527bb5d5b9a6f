import type { Session } from './session.ts';
import type { StatementSettings } from './transaction-script.ts';

/** How the statements of a reader are put into transactions. */
export interface ReadMode {
  /** Why no further connection can be prepared; undefined while one can. */
  readonly fault: Error | undefined;
  /** Prepares a new connection for statements. */
  prepare(session: Session): Promise<void>;
  /** Makes a connection ready for one statement. */
  enter(session: Session, settings: StatementSettings): Promise<void>;
  /** Undoes what the statement has set and locked, whether it has failed or not. */
  leave(session: Session): Promise<void>;
  /** Ends what it holds itself; `fault` where that is because of one. */
  close(fault?: Error): Promise<void>;
}

/** A server that has not answered so long after its own timeout is not going to. */
const graceMs = 10_000;

/** Returns how long to wait for the answer to a statement that the server itself is to give up earlier. */
export function answerDeadlineMs({ statementTimeoutMs }: Pick<StatementSettings, 'statementTimeoutMs'>): number {
  return statementTimeoutMs + graceMs;
}

/** Locks that are taken by hand outlive a transaction: a statement that calls pg_advisory_lock must not keep them. */
export const unlockAll = 'select pg_catalog.pg_advisory_unlock_all()';
