import sql from 'sql-template-tag';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { LiveDatabase } from '../context.ts';
import type { PreparedTransactionFacts, ServerFacts } from './facts.ts';
import { physicalResource } from './physical-resource.ts';

/**
 * Returns the transactions of the whole cluster that are prepared. A standby knows of none, and cannot be set to allow fewer of them
 * than its source.
 * https://www.postgresql.org/docs/current/view-pg-prepared-xacts.html
 *
 * @throws UncheckedError `on-standby` when there could be some that cannot be seen.
 */
export async function readPreparedTransactions(
  { name, live }: LiveDatabase,
  { isStandby, maxPreparedTransactions }: ServerFacts,
): Promise<PreparedTransactionFacts[]> {
  if (maxPreparedTransactions === 0) return [];
  if (isStandby) {
    const detail = 'A standby does not show what is prepared on its source, where max_prepared_transactions is not 0.';
    throw new UncheckedError('on-standby', detail);
  }
  const rows = await live.query<PreparedRow>(sql`
    select gid, database::text, owner::text, prepared, age(transaction)::float8 as transaction_age
    from pg_prepared_xacts order by gid`);
  return rows.map(({ gid, database, owner, prepared, transaction_age: transactionAge }) => ({
    resource: physicalResource(name, 'prepared-transaction', gid),
    gid,
    database,
    owner,
    preparedAt: prepared,
    transactionAge,
  }));
}

interface PreparedRow {
  readonly gid: string;
  readonly database: string;
  readonly owner: string;
  readonly prepared: Date;
  readonly transaction_age: number;
}
