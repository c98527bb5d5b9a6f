import sql from 'sql-template-tag';
import type { LiveDatabase } from '../context.ts';
import type { ServerFacts, SlotFacts } from './facts.ts';
import { physicalResource } from './physical-resource.ts';

/**
 * Returns the replication slots of the server that is asked; a standby has its own, and does not know its source's.
 * https://www.postgresql.org/docs/current/view-pg-replication-slots.html
 */
export async function readSlots({ name, live }: LiveDatabase, { version }: ServerFacts): Promise<SlotFacts[]> {
  const since17 = sql`inactive_since, invalidation_reason, synced`;
  const since16 = sql`null::timestamptz as inactive_since,
    case when conflicting then 'conflicting' end as invalidation_reason, false as synced`;
  const before = sql`null::timestamptz as inactive_since, null::text as invalidation_reason, false as synced`;
  const rows = await live.query<SlotRow>(sql`
    select slot_name as name, slot_type as kind, database::text, temporary as is_temporary, active as is_active, wal_status,
      pg_wal_lsn_diff(
        case when pg_is_in_recovery() then coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
          else pg_current_wal_lsn() end,
        restart_lsn
      )::float8 as retained_bytes,
      greatest(age(xmin), age(catalog_xmin))::float8 as transaction_age,
      ${version >= 170_000 ? since17 : version >= 160_000 ? since16 : before}
    from pg_replication_slots order by slot_name`);
  return rows.map((row) => ({
    resource: physicalResource(name, 'slot', row.name),
    name: row.name,
    kind: row.kind,
    database: row.database ?? undefined,
    isTemporary: row.is_temporary,
    isActive: row.is_active,
    isSynced: row.synced,
    retainedBytes: row.retained_bytes ?? undefined,
    transactionAge: row.transaction_age ?? undefined,
    walStatus: row.wal_status ?? undefined,
    invalidationReason: row.invalidation_reason ?? undefined,
    inactiveSince: row.inactive_since ?? undefined,
  }));
}

interface SlotRow {
  readonly name: string;
  readonly kind: string;
  readonly database: string | null;
  readonly is_temporary: boolean;
  readonly is_active: boolean;
  readonly wal_status: string | null;
  readonly retained_bytes: number | null;
  readonly transaction_age: number | null;
  readonly inactive_since: Date | null;
  readonly invalidation_reason: string | null;
  readonly synced: boolean;
}
