import sql, { type Sql } from 'sql-template-tag';

/**
 * Returns the condition that the namespace `n` is looked into: it is neither the system's (names that begin with `pg_` are reserved)
 * nor one of those excluded.
 */
export function isUserSchema(excluded: readonly string[]): Sql {
  return sql`(n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and n.nspname <> all(${[...excluded]}::text[]))`;
}

/**
 * Returns the body of a common table expression with the tables and materialized views that are looked into, each followed by its TOAST
 * table, under the name of its owner. Temporary ones belong to somebody's session. Unlogged ones are empty on a standby.
 */
export function userRelations(excluded: readonly string[], isStandby: boolean): Sql {
  return sql`
    select r.oid, n.nspname as schema, o.relname as name, r.oid <> o.oid as is_toast, r.relkind, r.relam
    from pg_class o join pg_namespace n on n.oid = o.relnamespace
      join lateral (
        select o.oid, o.relkind, o.relam
        union all
        select t.oid, t.relkind, t.relam from pg_class t where t.oid = o.reltoastrelid
      ) r on true
    where o.relkind in ('r', 'm', 'p') and ${isUserSchema(excluded)} and o.relpersistence <> 't'
      and (o.relpersistence = 'p' or not ${isStandby}::boolean)`;
}
