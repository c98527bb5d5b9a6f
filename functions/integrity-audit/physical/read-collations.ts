import pMap from 'p-map';
import sql from 'sql-template-tag';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { Context, LiveDatabase } from '../context.ts';
import type { CollationFacts, ServerFacts } from './facts.ts';
import { lookInTime } from './look-in-time.ts';
import { physicalResource, physicalScope } from './physical-resource.ts';
import { userRelations } from './user-relations.ts';

const examples = 5;

/**
 * Returns the collations that an index or the key of a partitioned table is ordered by, with their version then and now. PostgreSQL keeps
 * none for those that never change, such as `C`, nor, before 15, for the default collation of a database.
 * https://www.postgresql.org/docs/current/sql-altercollation.html#SQL-ALTERCOLLATION-NOTES
 */
export async function readCollations(
  database: LiveDatabase,
  server: ServerFacts,
  context: Context,
): Promise<CollationFacts[]> {
  const used = await lookInTime(physicalScope(database.name, 'collations'), context, () => readUsed(database, server));
  const read = await pMap(
    (used ?? []).filter(({ is_default: isDefault }) => !isDefault || server.version >= 150_000),
    async (row): Promise<CollationFacts | undefined> => {
      const resource = row.is_default
        ? physicalResource(database.name, 'database', server.database)
        : physicalResource(database.name, 'collation', row.schema, row.name);
      if (!context.coverage.selects(resource)) return undefined;
      return lookInTime(resource, context, async () => {
        const versions = await readVersions(database, row);
        const { recorded, actual } = versions;
        if (recorded === null && actual !== null) {
          throw new UncheckedError(
            'collation-version-unknown',
            `PostgreSQL has not written down by which version of ${row.schema}.${row.name} indexes were ordered.`,
          );
        }
        return {
          resource,
          name: `${row.schema}.${row.name}`,
          isDefault: row.is_default,
          recordedVersion: recorded ?? undefined,
          actualVersion: actual ?? undefined,
          indexes: row.indexes,
          partitionedTables: row.partitioned_tables,
          examples: row.examples,
        };
      });
    },
    { concurrency: context.config.limits.connections },
  );
  return read.filter((facts) => facts !== undefined);
}

interface UsedCollation {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  readonly is_default: boolean;
  readonly indexes: number;
  readonly partitioned_tables: number;
  readonly examples: string[];
}

function readUsed({ settings, live }: LiveDatabase, { isStandby }: ServerFacts): Promise<UsedCollation[]> {
  return live.query<UsedCollation>(sql`
    with relations as (${userRelations(settings.physical.excludeSchemas, isStandby)}), uses as (
      select used.oid as collation_oid, i.indexrelid as used_by, false as is_table, r.schema, c.relname as name
      from relations r join pg_index i on i.indrelid = r.oid join pg_class c on c.oid = i.indexrelid,
        unnest(i.indcollation::oid[]) as used (oid)
      where c.relkind = 'i'
      union
      select used.oid, p.partrelid, true, r.schema, r.name
      from relations r join pg_partitioned_table p on p.partrelid = r.oid, unnest(p.partcollation::oid[]) as used (oid)
    )
    select c.oid::int8::text as oid, n.nspname as schema, c.collname as name, c.collprovider = 'd' as is_default,
      count(*) filter (where not u.is_table)::int as indexes, count(*) filter (where u.is_table)::int as partitioned_tables,
      (array_agg(u.schema || '.' || u.name order by u.schema, u.name))[1:${examples}] as examples
    from uses u join pg_collation c on c.oid = u.collation_oid join pg_namespace n on n.oid = c.collnamespace
    group by c.oid, n.nspname, c.collname, c.collprovider
    order by n.nspname, c.collname`);
}

interface Versions {
  readonly recorded: string | null;
  readonly actual: string | null;
}

/** One at a time: for a locale that the system no longer has, asking is an error. */
async function readVersions({ live }: LiveDatabase, { oid, is_default: isDefault }: UsedCollation): Promise<Versions> {
  const [row] = await live.query<Versions>(
    isDefault
      ? sql`
          select datcollversion as recorded, pg_database_collation_actual_version(oid) as actual
          from pg_database where datname = current_database()`
      : sql`select collversion as recorded, pg_collation_actual_version(oid) as actual from pg_collation where oid = ${oid}::oid`,
  );
  // Dropped meanwhile.
  return row ?? { recorded: null, actual: null };
}
