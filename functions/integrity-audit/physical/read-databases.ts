import sql from 'sql-template-tag';
import type { LiveDatabase } from '../context.ts';
import type { DatabaseFacts, ServerFacts } from './facts.ts';
import { physicalResource } from './physical-resource.ts';

const oldest = 5;

/**
 * Returns the ages of all databases of the cluster, because the oldest stops all of them, and how many pages with wrong checksums they
 * have met. What is shared by all is told with the database that is read.
 * https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-WRAPAROUND
 */
export async function readDatabases({ name, live }: LiveDatabase, { database }: ServerFacts): Promise<DatabaseFacts[]> {
  const rows = await live.query<DatabaseRow>(sql`
    select d.datname as name, age(d.datfrozenxid)::float8 as transaction_age, mxid_age(d.datminmxid)::float8 as multixact_age,
      sum(s.checksum_failures)::float8 as checksum_failures, max(s.checksum_last_failure) as last_checksum_failure
    from pg_database d
      left join pg_stat_database s on s.datid = d.oid or s.datid = 0 and d.datname = current_database()
    where d.datconnlimit <> -2
    group by d.oid, d.datname, d.datfrozenxid, d.datminmxid
    order by d.datname`);
  const tables = await live.query<OldTable>(sql`
    with tables as (
      select case when n.nspname = 'pg_toast' then coalesce(o.oid::regclass::text || ' (TOAST)', c.oid::regclass::text)
          else c.oid::regclass::text end as name,
        c.oid, age(c.relfrozenxid) as transaction_age, mxid_age(c.relminmxid) as multixact_age
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
        left join pg_class o on c.relkind = 't' and o.reltoastrelid = c.oid
      where c.relkind in ('r', 'm', 't') and c.relfrozenxid <> '0'::xid
    )
    select (array(select name from tables order by transaction_age desc, oid limit ${oldest})) as by_transaction,
      (array(select name from tables order by multixact_age desc, oid limit ${oldest})) as by_multixact`);
  return rows.map((row) => {
    const isRead = row.name === database;
    return {
      resource: physicalResource(name, 'database', row.name),
      name: row.name,
      transactionAge: row.transaction_age,
      multixactAge: row.multixact_age,
      checksumFailures: row.checksum_failures ?? undefined,
      lastChecksumFailureAt: row.last_checksum_failure ?? undefined,
      oldestTables: (isRead && tables[0]?.by_transaction) || [],
      oldestMultixactTables: (isRead && tables[0]?.by_multixact) || [],
    };
  });
}

interface DatabaseRow {
  readonly name: string;
  readonly transaction_age: number;
  readonly multixact_age: number;
  readonly checksum_failures: number | null;
  readonly last_checksum_failure: Date | null;
}

interface OldTable {
  readonly by_transaction: string[];
  readonly by_multixact: string[];
}
