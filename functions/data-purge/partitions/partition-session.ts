import type { ClientConfig } from 'pg';
import sql, { raw } from 'sql-template-tag';
import { inlineValues } from '../../../shared/postgres/inline-values.ts';
import { answerDeadlineMs } from '../../../shared/postgres/read-mode.ts';
import { Session } from '../../../shared/postgres/session.ts';
import { qualified, type TableName } from '../../../shared/postgres/sql.ts';

interface SessionOptions {
  readonly config: ClientConfig;
  readonly lockTimeoutSeconds: number;
  readonly statementTimeoutSeconds: number;
  readonly signal: AbortSignal;
}

/**
 * Sends a statement that is in no transaction of ours, as it has its own, and that waits for nobody longer than it may. The connection is
 * its alone.
 */
async function runAlone(statement: string, options: SessionOptions): Promise<void> {
  const statementTimeoutMs = Math.ceil(options.statementTimeoutSeconds * 1000);
  const deadlineMs = answerDeadlineMs({ statementTimeoutMs });
  const session = await Session.connect(options.config, { signal: options.signal });
  using _ = session.breakOn(options.signal);
  try {
    // In one message they would be one transaction.
    await session.run(`set lock_timeout = ${Math.ceil(options.lockTimeoutSeconds * 1000)}`, [], deadlineMs);
    await session.run(`set statement_timeout = ${statementTimeoutMs}`, [], deadlineMs);
    await session.run(statement, [], deadlineMs);
    // A pooler may lend the connection to somebody else.
    await session.run('reset statement_timeout', [], deadlineMs);
    await session.run('reset lock_timeout', [], deadlineMs);
  } finally {
    await session.close();
  }
}

/**
 * Detaches a partition while the table is read and written: whoever is at it is waited for, and nobody waits for us. Interrupted, it is
 * pending, and {@link finalizeDetach} ends it.
 * https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DETACH-PARTITION
 */
export function detachConcurrently(parent: TableName, partition: TableName, options: SessionOptions): Promise<void> {
  return runAlone(detachText(parent, partition, 'concurrently'), options);
}

/** Ends what {@link detachConcurrently} has begun. */
export function finalizeDetach(parent: TableName, partition: TableName, options: SessionOptions): Promise<void> {
  return runAlone(detachText(parent, partition, 'finalize'), options);
}

/** Returns the statement that detaches a partition, alone or in a transaction. */
export function detachText(parent: TableName, partition: TableName, how: 'concurrently' | 'finalize' | ''): string {
  return sql`alter table ${qualified(parent)} detach partition ${qualified(partition)} ${raw(how)}`.text.trim();
}

/** Returns the statement that gives a table a comment, or takes it away. */
export function commentText(table: TableName, comment: string | null): string {
  return inlineValues(sql`comment on table ${qualified(table)} is ${comment}`);
}
