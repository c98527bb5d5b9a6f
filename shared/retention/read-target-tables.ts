import sql, { type Sql } from 'sql-template-tag';
import type { Reader } from '../postgres/reader.ts';
import { formatTableName, type TableName } from '../postgres/sql.ts';
import type { TargetColumn } from './row-target.ts';

/** A table that rows may be taken from, as the catalog has it. */
export interface TargetTableFacts extends TableName {
  readonly oid: number;
  /** One letter of `pg_class.relkind`: `r` for a table, `p` for a partitioned one. */
  readonly kind: string;
  readonly columns: readonly (TargetColumn & { readonly isReadable: boolean })[];
  readonly primaryKey: readonly string[];
  /** Columns of each unique index that is valid and of the whole table. */
  readonly uniques: readonly (readonly string[])[];
  /** Other tables inherit from it, without being its partitions: reading it reads them too. */
  readonly hasHeirs: boolean;
  /** Policies decide which of its rows the role sees. */
  readonly hidesRows: boolean;
  readonly isDeletable: boolean;
}

/** Returns what the catalog says of these tables at one moment, by `schema.table`; one that does not exist is missing. */
export async function readTargetTables(
  reader: Pick<Reader, 'query'>,
  tables: readonly TableName[],
): Promise<Map<string, TargetTableFacts>> {
  const rows = await reader.query<TargetTableFacts>(tablesStatement(tables));
  return new Map(rows.map((facts) => [formatTableName(facts), facts]));
}

/**
 * A type is written with its precision, and with its schema where that is not on the search path. A NOT NULL that was never validated is
 * none. https://www.postgresql.org/docs/current/catalogs.html
 */
function tablesStatement(tables: readonly TableName[]): Sql {
  const schemas = tables.map(({ schema }) => schema);
  const names = tables.map(({ name }) => name);
  return sql`
    select c.oid::int8::float8 as oid, n.nspname::text as schema, c.relname::text as name, c.relkind::text as kind,
      coalesce((
        select pg_catalog.json_agg(pg_catalog.json_build_object(
          'name', a.attname, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
          'isNotNull', a.attnotnull and not exists (
            select from pg_catalog.pg_constraint o
            where o.conrelid = c.oid and o.contype = 'n' and not o.convalidated and o.conkey = array[a.attnum]
          ),
          'isGenerated', a.attgenerated <> '', 'isIdentity', a.attidentity <> '',
          'isReadable', pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')
            and pg_catalog.has_schema_privilege(n.oid, 'USAGE')) order by a.attnum)
        from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      ), '[]'::json) as columns,
      coalesce((
        select pg_catalog.json_agg(a.attname order by k.position)
        from pg_catalog.pg_index i, pg_catalog.unnest(i.indkey::int2[]) with ordinality k (attnum, position),
          pg_catalog.pg_attribute a
        where i.indrelid = c.oid and i.indisprimary and i.indisvalid and k.position <= i.indnkeyatts
          and a.attrelid = c.oid and a.attnum = k.attnum
      ), '[]'::json) as "primaryKey",
      coalesce((
        select pg_catalog.json_agg((
          select pg_catalog.json_agg(a.attname order by k.position)
          from pg_catalog.unnest(i.indkey::int2[]) with ordinality k (attnum, position), pg_catalog.pg_attribute a
          where k.position <= i.indnkeyatts and a.attrelid = c.oid and a.attnum = k.attnum
        ))
        from pg_catalog.pg_index i
        where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
      ), '[]'::json) as uniques,
      c.relkind <> 'p' and exists (select from pg_catalog.pg_inherits h where h.inhparent = c.oid) as "hasHeirs",
      pg_catalog.row_security_active(c.oid) as "hidesRows",
      pg_catalog.has_table_privilege(c.oid, 'DELETE') and pg_catalog.has_schema_privilege(n.oid, 'USAGE') as "isDeletable"
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where (n.nspname::text, c.relname::text) in (
      select * from rows from (pg_catalog.unnest(${schemas}::text[]), pg_catalog.unnest(${names}::text[])) as named
    ) and c.relkind in ('r', 'p', 'v', 'm', 'f')`;
}
