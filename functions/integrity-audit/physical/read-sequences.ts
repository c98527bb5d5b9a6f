import pMap from 'p-map';
import sql from 'sql-template-tag';
import { identifier, qualified } from '../../../shared/postgres/sql.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { Context, LiveDatabase } from '../context.ts';
import type { FilledColumn, SequenceFacts, ServerFacts } from './facts.ts';
import { lookInTime } from './look-in-time.ts';
import { physicalResource, physicalScope } from './physical-resource.ts';
import { isUserSchema } from './user-relations.ts';

/**
 * Returns how far sequences are, and which columns they fill: those that own them, be it as an identity, and those that have them in
 * their default. https://www.postgresql.org/docs/current/view-pg-sequences.html
 */
export async function readSequences(
  database: LiveDatabase,
  server: ServerFacts,
  context: Context,
): Promise<SequenceFacts[]> {
  const listed = await lookInTime(physicalScope(database.name, 'sequences'), context, () =>
    readListing(database, server),
  );
  const read = await pMap(
    listed ?? [],
    async (row): Promise<SequenceFacts | undefined> => {
      const resource = physicalResource(database.name, 'sequence', row.schema, row.name);
      if (!context.coverage.selects(resource)) return undefined;
      return lookInTime(resource, context, async () => {
        const value = row.last_value ?? (await readFirstValue(row, database, server));
        return {
          resource,
          value,
          isUsed: row.last_value !== null,
          minimum: row.minimum,
          maximum: row.maximum,
          increment: row.increment,
          isCycling: row.is_cycling,
          columns: row.columns ?? [],
        };
      });
    },
    { concurrency: context.config.limits.connections },
  );
  return read.filter((facts) => facts !== undefined);
}

interface SequenceRow {
  readonly schema: string;
  readonly name: string;
  readonly may_ask: boolean;
  readonly may_select: boolean;
  /** Null when none was ever given out. */
  readonly last_value: string | null;
  readonly start: string;
  readonly minimum: string;
  readonly maximum: string;
  readonly increment: string;
  readonly is_cycling: boolean;
  readonly columns: FilledColumn[] | null;
}

function readListing({ settings, live }: LiveDatabase, { isStandby }: ServerFacts): Promise<SequenceRow[]> {
  return live.query<SequenceRow>(sql`
    with fills as (
      select d.objid as sequence, d.refobjid as relation, d.refobjsubid::int as attnum
      from pg_depend d
      where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0
        and d.deptype in ('a', 'i')
      union
      select d.refobjid, ad.adrelid, ad.adnum
      from pg_depend d join pg_attrdef ad on ad.oid = d.objid
      where d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass
    )
    select n.nspname as schema, c.relname as name,
      has_sequence_privilege(c.oid, 'SELECT, USAGE') as may_ask,
      has_sequence_privilege(c.oid, 'SELECT') and has_schema_privilege(n.oid, 'USAGE') as may_select,
      case when has_sequence_privilege(c.oid, 'SELECT, USAGE') then pg_sequence_last_value(c.oid)::text end as last_value,
      s.seqstart::text as start, s.seqmin::text as minimum, s.seqmax::text as maximum, s.seqincrement::text as increment,
      s.seqcycle as is_cycling,
      (
        select json_agg(json_build_object(
          'column', tn.nspname || '.' || t.relname || '.' || a.attname,
          'type', format_type(coalesce(nullif(ty.typbasetype, 0), ty.oid), null)
        ) order by tn.nspname, t.relname, a.attnum)
        from fills f join pg_class t on t.oid = f.relation join pg_namespace tn on tn.oid = t.relnamespace
          join pg_attribute a on a.attrelid = f.relation and a.attnum = f.attnum join pg_type ty on ty.oid = a.atttypid
        where f.sequence = c.oid
      ) as columns
    from pg_sequence s join pg_class c on c.oid = s.seqrelid join pg_namespace n on n.oid = c.relnamespace
    where ${isUserSchema(settings.physical.excludeSchemas)} and c.relpersistence <> 't'
      and (c.relpersistence = 'p' or not ${isStandby}::boolean)
    order by n.nspname, c.relname`);
}

/** One that has not begun can have been put near its end all the same. */
async function readFirstValue(
  { schema, name, may_ask: mayAsk, may_select: maySelect, start }: SequenceRow,
  { live }: LiveDatabase,
  { role }: ServerFacts,
): Promise<string> {
  const sequence = qualified({ schema, name });
  if (!mayAsk) {
    throw new UncheckedError(
      'access-denied',
      `The role may not see how far it is: GRANT SELECT ON SEQUENCE ${sequence.text} TO ${identifier(role).text};`,
    );
  }
  if (!maySelect) return start;
  const [row] = await live.query<{ value: string }>(sql`select last_value::text as value from ${sequence}`);
  return row?.value ?? start;
}
