import sql from 'sql-template-tag';
import type { LiveDatabase } from '../context.ts';
import type { InvalidIndex, ServerFacts } from './facts.ts';
import { type IndexName, indexResource } from './physical-resource.ts';
import { userRelations } from './user-relations.ts';

/**
 * Returns the indexes that are not valid, ready and live, but for those that are being built right now: by what PostgreSQL says of
 * builds under way, and never by the text of anybody's query. REINDEX CONCURRENTLY makes all new indexes of a table first, then
 * builds one after the other, and has locks on all of them. Of what another role builds, only its lock on the table can be seen.
 * https://www.postgresql.org/docs/current/progress-reporting.html#CREATE-INDEX-PROGRESS-REPORTING
 */
export async function readInvalidIndexes(
  { name: database, settings, live }: LiveDatabase,
  { isStandby }: ServerFacts,
): Promise<InvalidIndex[]> {
  const rows = await live.query<InvalidIndexRow>(sql`
    with relations as (${userRelations(settings.physical.excludeSchemas, isStandby)})
    select r.schema, c.relname as name, r.is_toast as "isToast", r.name as owner, i.indisunique as is_unique,
      c.relkind = 'I' as is_partitioned, i.indisready as is_maintained, c.relname ~ '_cc(new|old)[0-9]*$' as is_leftover
    from pg_index i join relations r on r.oid = i.indrelid join pg_class c on c.oid = i.indexrelid
    where not (i.indisvalid and i.indisready and i.indislive) and not exists (
      select from pg_stat_progress_create_index p
      where p.datid = (select oid from pg_database where datname = current_database()) and (
        p.index_relid = i.indexrelid
        or exists (
          select from pg_locks l
          where l.pid = p.pid and l.database = p.datid and l.granted and l.mode = 'ShareUpdateExclusiveLock'
            and (l.relation = i.indexrelid or p.relid is null and l.relation = i.indrelid)
        )
      )
    )
    order by r.schema, c.relname`);
  return rows.map((row) => ({
    resource: indexResource(database, row),
    index: { schema: row.isToast ? 'pg_toast' : row.schema, name: row.name },
    table: { schema: row.schema, name: row.owner },
    isUnique: row.is_unique,
    isPartitioned: row.is_partitioned,
    isLeftover: row.is_leftover,
    isMaintained: row.is_maintained,
    wouldSeeBuild: !isStandby,
  }));
}

interface InvalidIndexRow extends IndexName {
  readonly is_unique: boolean;
  readonly is_partitioned: boolean;
  readonly is_maintained: boolean;
  readonly is_leftover: boolean;
}
