import sql, { type Sql } from 'sql-template-tag';
import { UncheckedError } from '../unchecked-error.ts';
import type { Reader } from './reader.ts';
import { applicationName } from './session.ts';
import { postgresUncheckedReason } from './unchecked-reason.ts';

/** How busy a server is. */
export interface ServerLoad {
  readonly isStandby: boolean;
  /** How far a standby is behind, or of a primary's standbys the last one; undefined where that cannot be told. */
  readonly lagSeconds: number | undefined;
  /** Clients for which the server is at work just now, without those of ours; in all of its databases. */
  readonly activeSessions: number;
  /** What the role is not shown, in sentences. */
  readonly blindSpots: readonly string[];
}

/**
 * Returns how busy a server is.
 *
 * @throws UncheckedError `database-busy` when it does not say in time; and the errors of lost connections.
 */
export async function serverLoad(reader: Reader): Promise<ServerLoad> {
  const [sessions] = await inTime(
    reader.query<{ standby: boolean; active: number; unseen: number }>(sql`
      select pg_catalog.pg_is_in_recovery() as standby,
        (pg_catalog.count(*) filter (where backend_type = 'client backend' and state = 'active'))::int as active,
        (pg_catalog.count(*) filter (where state is null and backend_type is null and usesysid is not null))::int as unseen
      from pg_catalog.pg_stat_activity
      where pid <> pg_catalog.pg_backend_pid() and coalesce(application_name, '') <> ${applicationName}`),
  );
  const { standby: isStandby = false, active: activeSessions = 0, unseen = 0 } = sessions ?? {};
  const blindSpots: string[] = [];
  if (unseen > 0) {
    blindSpots.push(`Whether other sessions are active is not shown to the role, which is no member of pg_monitor.`);
  }
  const lag = await lagOf(reader, isStandby);
  if (typeof lag === 'string') blindSpots.push(lag);
  return { isStandby, lagSeconds: typeof lag === 'string' ? undefined : lag, activeSessions, blindSpots };
}

/** Returns seconds, or a sentence on why they are not known. */
async function lagOf(reader: Reader, isStandby: boolean): Promise<number | string> {
  try {
    const [row] = await inTime(
      reader.query<{ lag: number | null; unseen: number }>(isStandby ? ownLag : lagOfStandbys),
    );
    const { lag = null, unseen = 0 } = row ?? {};
    if (unseen > 0) return 'How far replicas are behind is not shown to the role, which is no member of pg_monitor.';
    if (lag === null && isStandby) return 'How far this replica is behind cannot be told: it has replayed nothing yet.';
    return Math.max(lag ?? 0, 0);
  } catch (error) {
    const reason = postgresUncheckedReason(error);
    if (error instanceof UncheckedError || reason === undefined || reason.reason === 'unreachable') throw error;
    // Some that call themselves PostgreSQL lack these functions.
    return `How far replicas are behind cannot be told: ${reason.detail}`;
  }
}

/**
 * A standby that has replayed all that it was sent is not behind, however long ago that was; one that is sent nothing,
 * because it has lost its primary, cannot know.
 */
const ownLag: Sql = sql`
  select 0 as unseen, case
    when exists (select from pg_catalog.pg_stat_wal_receiver)
      and pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() then 0
    else extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp())
  end::float8 as lag`;

/** Those that decode changes for others than replicas do not count: reading is no burden to them. */
const lagOfStandbys: Sql = sql`
  select pg_catalog.max(extract(epoch from replay_lag))::float8 as lag,
    (pg_catalog.count(*) filter (where state is null))::int as unseen
  from pg_catalog.pg_stat_replication standby
  where not exists (
    select from pg_catalog.pg_replication_slots where slot_type = 'logical' and active_pid = standby.pid
  )`;

async function inTime<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (postgresUncheckedReason(error)?.reason !== 'timeout') throw error;
    throw new UncheckedError('database-busy', 'The server is too busy to say how busy it is.');
  }
}
