import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configSchema as archivalSchema } from '../../functions/data-archival/config.ts';
import { configSchema as purgeSchema } from '../../functions/data-purge/config.ts';
import type { PostgresServer } from '../postgres/start-postgres.ts';
import { startPostgres } from '../postgres/start-postgres.ts';
import { auditRoleName, writerRoleName } from './integrity-databases.ts';
import { retentionEstate } from './retention.ts';
import { everyTypeOldRows } from './retention-every-type.ts';
import { retentionTables } from './retention-tables.ts';

const now = new Date();
let server: PostgresServer;
let client: Client;

beforeAll(async () => {
  server = await startPostgres();
  client = new Client({ connectionString: server.url });
  await client.connect();
  await client.query(`create role ${auditRoleName}; create role ${writerRoleName};
    create table public.users (id integer primary key, deactivated_at timestamptz);
    insert into public.users select id, case when id % 3 = 0 then now() end from generate_series(1, 600) as id`);
  await client.query(retentionTables(now));
});
afterAll(async () => {
  await client.end();
  await server.stop();
});

async function column(query: string): Promise<string[]> {
  const { rows } = await client.query({ text: query, rowMode: 'array' });
  return rows.map(([value]) => String(value));
}

describe('the table of every type', () => {
  it('has a column of every type that can be stored and that means the same in another database', async () => {
    const types = await column(`
      select typname from pg_type
      where typnamespace = 'pg_catalog'::regnamespace and typtype in ('b', 'r', 'm') and typcategory <> 'A' and typrelid = 0
        -- Names of what is in this database alone, and what PostgreSQL keeps its own catalogs in.
        and typname !~ '^reg' and typname not in ('xid', 'cid', 'tid', 'txid_snapshot', 'int2vector', 'oidvector', 'pg_node_tree',
          'pg_ndistinct', 'pg_dependencies', 'pg_mcv_list', 'pg_brin_bloom_summary', 'pg_brin_minmax_multi_summary',
          'aclitem', 'gtsvector', 'refcursor')
        and typname !~ 'multirange$'
      order by 1`);
    const columns = new Set(
      await column(`select t.typname from pg_attribute join pg_type t on t.oid = atttypid
        where attrelid = 'history.every_type'::regclass and attnum > 0`),
    );
    expect(types.length).toBeGreaterThan(40);
    expect(types.filter((type) => !columns.has(type))).toEqual([]);
    expect(columns).toContain('int4multirange');
  });

  it('has columns that are identities, that are computed, and of types of its own', async () => {
    const kinds = await column(`select distinct attidentity::text || attgenerated::text from pg_attribute
      where attrelid = 'history.every_type'::regclass and attnum > 0 order by 1`);
    expect(kinds).toEqual(['', 'a', 's', 'v']);
    const typeKinds = await column(`select distinct t.typtype from pg_attribute join pg_type t on t.oid = atttypid
      where attrelid = 'history.every_type'::regclass and attnum > 0 order by 1`);
    expect(typeKinds).toEqual(['b', 'c', 'd', 'e', 'm', 'r']);
  });

  it('has no value in one row, and two rows that stay for each that goes', async () => {
    const [old] = await column(`select count(*) from history.every_type where made_at < now() - interval '13 months'`);
    const [all] = await column('select count(*) from history.every_type');
    expect([Number(old), Number(all)]).toEqual([everyTypeOldRows, everyTypeOldRows * 3]);
    expect(await column('select count(*) from history.every_type where a_text is null and a_jsonb is null')).toEqual([
      '3',
    ]);
  });
});

describe('the sample’s policies', () => {
  const estate = retentionEstate('123456789012', now);

  it('are policies, of tables and indexes that are there but for those that are planted', async () => {
    const { policies } = archivalSchema.parse(estate.archival);
    const indexed = [...policies, ...purgeSchema.parse(estate.purge).policies.filter(({ kind }) => kind === 'rows')];
    const missing: string[] = [];
    for (const policy of indexed) {
      if (!('index' in policy) || !('ageColumn' in policy)) continue;
      const [first] =
        await column(`select attname from pg_index join pg_attribute on attrelid = indrelid and attnum = indkey[0]
        where indrelid = '${policy.table}'::regclass and indexrelid::regclass::text ~ '${policy.index}$'`);
      if (first !== policy.ageColumn) missing.push(policy.id);
    }
    expect(missing).toEqual(['search-terms']);
  });

  it('have a case for each, so that what nobody expects is noticed', () => {
    expect(estate.archivalCases.map(({ resourceId }) => resourceId)).toEqual(
      estate.archival.policies?.map(({ id }) => `data-archival/${id}`),
    );
    expect(estate.purgeCases.map(({ resourceId }) => resourceId)).toEqual(
      estate.purge.policies?.map(({ id }) => `data-purge/${id}`),
    );
  });

  it('take a part of the tables only, but for the one that is stopped for that', async () => {
    const shares = {
      'history.listens': `listened_at < now() - interval '13 months'`,
      'audit.events': `happened_at < now() - interval '365 days'`,
      'ops_logs.entries': `logged_at < (now() at time zone 'America/New_York') - interval '30 days'`,
      'accounts.sessions': `last_seen_at < now() - interval '90 days'
        and user_id in (select id from public.users where deactivated_at is not null)`,
      'history.playback_errors': `occurred_at < now() - interval '13 months'`,
    };
    const above: string[] = [];
    for (const [table, condition] of Object.entries(shares)) {
      const [percent] = await column(`select 100.0 * count(*) filter (where ${condition}) / count(*) from ${table}`);
      expect(Number(percent), table).toBeGreaterThan(0);
      if (Number(percent) > 50) above.push(table);
    }
    expect(above).toEqual(['history.playback_errors']);
  });
});
