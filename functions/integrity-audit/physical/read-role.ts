import sql from 'sql-template-tag';
import type { LiveDatabase } from '../context.ts';
import type { RoleFacts, ServerFacts } from './facts.ts';
import { physicalResource } from './physical-resource.ts';
import { isUserSchema } from './user-relations.ts';

/** https://www.postgresql.org/docs/current/predefined-roles.html, and those that platforms give to their administrators. */
const powerfulRoles = [
  'pg_write_all_data',
  'pg_write_server_files',
  'pg_execute_server_program',
  'rds_superuser',
  'cloudsqlsuperuser',
  'azure_pg_admin',
];

const examples = 5;

/** Returns what the role that reads could change, also by taking on a role that it is a member of. */
export async function readRole(
  { name: database, settings, live }: LiveDatabase,
  { database: databaseName, role }: ServerFacts,
): Promise<RoleFacts> {
  const resource = physicalResource(database, 'database', databaseName);
  const [own] = await live.query<RoleRow>(sql`
    select coalesce(bool_or(rolsuper), false) as is_superuser,
      array_remove(array[
        case when bool_or(rolcreaterole) then 'CREATEROLE' end, case when bool_or(rolcreatedb) then 'CREATEDB' end
      ], null) as attributes,
      coalesce(array_agg(rolname::text order by rolname) filter (where rolname = any(${powerfulRoles}::text[])), '{}')
        as memberships
    from pg_roles where pg_has_role(current_user, oid, 'MEMBER')`);
  const nothing = { writableTables: 0, writableTableExamples: [], schemasToCreateIn: [], mayCreateSchemas: false };
  const isSuperuser = own?.is_superuser === true;
  const { attributes = [], memberships = [] } = own ?? {};
  // It may do all there is; asking for each table and role would only take long.
  if (isSuperuser) return { resource, name: role, isSuperuser, attributes: [], memberships: [], ...nothing };
  const isLookedInto = isUserSchema(settings.physical.excludeSchemas);
  const [rights] = await live.query<RightsRow>(sql`
    with roles as (select oid from pg_roles where pg_has_role(current_user, oid, 'MEMBER')), writable as (
      select n.nspname || '.' || c.relname as name
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'v', 'f') and ${isLookedInto} and c.relpersistence <> 't' and exists (
        select from roles r
        where has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
          or has_any_column_privilege(r.oid, c.oid, 'INSERT, UPDATE')
      )
    )
    select (select count(*) from writable)::int as writable_tables,
      array(select name from writable order by name limit ${examples}) as writable_table_examples,
      array(
        select n.nspname::text from pg_namespace n
        where ${isLookedInto} and exists (select from roles r where has_schema_privilege(r.oid, n.oid, 'CREATE'))
        order by n.nspname
      ) as schemas_to_create_in,
      exists (select from roles r where has_database_privilege(r.oid, current_database(), 'CREATE')) as may_create_schemas`);
  return {
    resource,
    name: role,
    isSuperuser,
    attributes,
    memberships,
    writableTables: rights?.writable_tables ?? 0,
    writableTableExamples: rights?.writable_table_examples ?? [],
    schemasToCreateIn: rights?.schemas_to_create_in ?? [],
    mayCreateSchemas: rights?.may_create_schemas ?? false,
  };
}

interface RoleRow {
  readonly is_superuser: boolean;
  readonly attributes: string[];
  readonly memberships: string[];
}

interface RightsRow {
  readonly writable_tables: number;
  readonly writable_table_examples: string[];
  readonly schemas_to_create_in: string[];
  readonly may_create_schemas: boolean;
}
