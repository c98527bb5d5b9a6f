import sql from 'sql-template-tag';
import type { Reader } from '../../../shared/postgres/reader.ts';
import { postgresUncheckedReason } from '../../../shared/postgres/unchecked-reason.ts';
import type { ServerFacts } from './facts.ts';

/** Returns what decides what else can be asked. */
export async function readServer(reader: Reader): Promise<ServerFacts> {
  const [row] = await reader.query<ServerRow>(sql`
    select current_setting('server_version_num')::int as version, pg_is_in_recovery() as is_standby,
      extract(epoch from pg_postmaster_start_time())::float8 * 1000 as started_at_ms, current_database()::text as database, current_user::text as role,
      current_setting('data_checksums') <> 'off' as has_checksums,
      current_setting('max_prepared_transactions')::int as max_prepared_transactions,
      exists (
        select from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'pg_catalog' and p.proname = 'aurora_version'
      ) as is_aurora`);
  if (row === undefined) throw new TypeError('a SELECT without FROM returned no row');
  return {
    version: row.version,
    isStandby: row.is_standby,
    isAurora: row.is_aurora,
    clusterId: await readClusterId(reader),
    startedAtMs: row.started_at_ms,
    database: row.database,
    role: row.role,
    hasChecksums: row.has_checksums,
    maxPreparedTransactions: row.max_prepared_transactions,
  };
}

interface ServerRow {
  readonly version: number;
  readonly is_standby: boolean;
  readonly is_aurora: boolean;
  readonly started_at_ms: number;
  readonly database: string;
  readonly role: string;
  readonly has_checksums: boolean;
  readonly max_prepared_transactions: number;
}

/** Not every platform lets it be read. It only spares telling the same thing twice. */
async function readClusterId(reader: Reader): Promise<string | undefined> {
  try {
    const [row] = await reader.query<{ id: string }>(
      sql`select system_identifier::text as id from pg_control_system()`,
    );
    return row?.id;
  } catch (error) {
    if (postgresUncheckedReason(error) === undefined) throw error;
    return undefined;
  }
}
