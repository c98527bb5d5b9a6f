import sql from 'sql-template-tag';
import { UncheckedError } from '../unchecked-error.ts';
import type { Reader } from './reader.ts';

/** What became of a transaction; `unknown` where nobody can tell any more. */
export type TransactionEnd = 'done' | 'rolled-back' | 'in-progress' | 'unknown';

/**
 * Facts of what was written down before a transaction was final, so that the server can be asked about it should whoever
 * began it be gone: `transaction` is its number, as {@link currentTransaction} returns it, and `timeline` the server's, as
 * {@link timelineOf} does.
 */
export type WrittenFacts = Readonly<Record<string, string | number | boolean | null>>;

/** Returns the number of the transaction that a session is in, by which {@link transactionEnd} asks about it. */
export async function currentTransaction(session: Pick<Reader, 'query'>): Promise<string> {
  const [row] = await session.query<{ id: string }>(sql`select pg_catalog.pg_current_xact_id()::pg_catalog.text as id`);
  if (row === undefined) throw new TypeError('a transaction without a number');
  return row.id;
}

/**
 * Returns what tells a server from one that was its replica, or that was restored from before: their transactions have the same
 * numbers. Null where the server does not tell.
 *
 * @param reader of a primary, outside of a transaction, which would end with an error of the server.
 * @throws UncheckedError `is-replica`.
 */
export async function timelineOf(reader: Pick<Reader, 'query'>): Promise<string | null> {
  const row = await readTimeline(reader);
  if (row?.standby !== true) return row?.timeline ?? null;
  throw new UncheckedError('is-replica', 'The server is a replica, which cannot tell what became of a transaction.');
}

interface TimelineRow {
  readonly standby: boolean;
  readonly timeline: string | null;
}

async function readTimeline(reader: Pick<Reader, 'query'>): Promise<TimelineRow | undefined> {
  try {
    const [row] = await reader.query<TimelineRow>(sql`
      select s.standby, case when not s.standby
        then pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8) end as timeline
      from (select pg_catalog.pg_is_in_recovery() as standby) s`);
    return row;
  } catch (error) {
    // Some that call themselves PostgreSQL lack these functions, or let nobody call them.
    if (/^(0A|42|55)/.test(stateOf(error) ?? '')) return undefined;
    throw error;
  }
}

/**
 * Asks the server what became of a transaction. https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT
 *
 * @param reader of the primary, outside of a transaction, which would end with an error when the server does not know the number.
 * @param timeline that the server has now.
 */
export async function transactionEnd(
  reader: Pick<Reader, 'query'>,
  { transaction, timeline: written }: WrittenFacts,
  timeline: string | null,
): Promise<TransactionEnd> {
  const status = await statusOf(reader, String(transaction));
  return endOf(status, written, timeline);
}

/**
 * Returns what is to be believed of what a server says of a transaction.
 *
 * @param status as `pg_xact_status` has it; null where the server does not know the number, or has forgotten it.
 * @param written the timeline that was written down; undefined where none was, as it was not at first: then the number is all that
 *   there is to go by.
 * @param timeline that the server has now.
 */
export function endOf(
  status: string | null,
  written: WrittenFacts[string] | undefined,
  timeline: string | null,
): TransactionEnd {
  // A replica that has become the primary gives the same numbers to other transactions.
  if (written !== undefined && written !== timeline) return 'unknown';
  if (status === 'committed') return 'done';
  if (status === 'aborted') return 'rolled-back';
  return status === 'in progress' ? 'in-progress' : 'unknown';
}

async function statusOf(reader: Pick<Reader, 'query'>, transaction: string): Promise<string | null> {
  try {
    const [row] = await reader.query<{ status: string | null }>(
      sql`select pg_catalog.pg_xact_status(${transaction}::pg_catalog.xid8) as status`,
    );
    return row?.status ?? null;
  } catch (error) {
    // The transaction is in the future: this is another server, or one that was restored from before.
    if (stateOf(error) === '22023') return null;
    throw error;
  }
}

/** Returns the SQLSTATE of an error that the server has sent; undefined for any other. */
function stateOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('severity' in error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
