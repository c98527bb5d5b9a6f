import { setTimeout as delay } from 'node:timers/promises';
import type { ClientConfig } from 'pg';
import sql from 'sql-template-tag';
import { openReader, type Reader } from '../../../shared/postgres/reader.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';

/** How long a replica may take to come to where the primary is now. */
const patienceMs = 120_000;
const lookEveryMs = 500;

/**
 * Resolves when the server that rows are copied from has everything that is final on the primary now. A replica that is behind still has
 * rows that were archived and deleted before, and they would be archived once more.
 *
 * @throws UncheckedError `replica-behind`; and the readers' errors.
 */
export async function waitForReplica(
  config: ClientConfig,
  primary: Pick<Reader, 'query'>,
  signal: AbortSignal,
): Promise<void> {
  await using reader = await openReader({
    config,
    connections: 1,
    statementTimeoutSeconds: 10,
    lockTimeoutSeconds: 10,
    timeZone: 'UTC',
    signal,
  });
  const [server] = await reader.query<{ replica: boolean }>(sql`select pg_catalog.pg_is_in_recovery() as replica`);
  if (server?.replica !== true) return;
  const [now] = await primary.query<{ bytes: string }>(writtenBytes);
  const endsAtMs = performance.now() + patienceMs;
  while (true) {
    const [replayed] = await reader.query<{ there: boolean | null }>(
      sql`select pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_replay_lsn(), '0/0') >= ${now?.bytes}::numeric as there`,
    );
    if (replayed?.there === true) return;
    if (performance.now() > endsAtMs) {
      throw new UncheckedError('replica-behind', 'The replica has not come to where the primary was two minutes ago.');
    }
    await delay(lookEveryMs, undefined, { signal });
  }
}

/** Larger than the header of a page of the log, and smaller than it with any record: what is replayed ends before the header. */
const headerBytes = 40;

/**
 * How much of the log a replica has to have for all that is final. With `synchronous_commit` off that need not be on disk yet: then it
 * is all that was written, which on a server where nothing happens takes some seconds to get there.
 * https://www.postgresql.org/docs/current/wal-async-commit.html
 */
const writtenBytes = sql`
  select (case when page_bytes <= ${headerBytes}::int4 then bytes - page_bytes else bytes end)::text as bytes
  from (
    select bytes, pg_catalog.mod(bytes, pg_catalog.current_setting('wal_block_size')::numeric) as page_bytes
    from (
      select pg_catalog.pg_wal_lsn_diff(
        case pg_catalog.current_setting('synchronous_commit') when 'off' then pg_catalog.pg_current_wal_insert_lsn()
          else pg_catalog.pg_current_wal_lsn() end, '0/0') as bytes
    ) as written
  ) as places`;
