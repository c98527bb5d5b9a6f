import sql, { type Sql } from 'sql-template-tag';
import { UncheckedError } from '../unchecked-error.ts';
import type { Reader } from './reader.ts';
import { formatTableName, type TableName } from './sql.ts';

/** A column as the catalog has it. */
export interface ColumnFacts {
  readonly name: string;
  /** As `format_type` writes it: `numeric(5,2)`. */
  readonly type: string;
  /** One letter of `pg_type.typcategory`: `N` numbers, `S` texts, `D` dates and times. */
  readonly typeCategory: string;
  readonly isNotNull: boolean;
  /** The role may read it. */
  readonly isReadable: boolean;
}

/** A relation that rows can be read from. */
export interface TableFacts extends TableName {
  readonly oid: number;
  readonly columns: ReadonlyMap<string, ColumnFacts>;
  /** Columns of the primary key, in its order; empty without one. */
  readonly primaryKey: readonly string[];
  /** By the statistics, of all partitions together; -1 where one was never analyzed, and for a view. */
  readonly estimatedRows: number;
  /** Likewise; 0 where it was never analyzed nor vacuumed. */
  readonly estimatedBytes: number;
}

/** Returns what the catalog says of these tables, by `schema.table`; one that does not exist is missing. */
export async function readTables(
  reader: Pick<Reader, 'query'>,
  tables: readonly TableName[],
): Promise<Map<string, TableFacts>> {
  if (tables.length === 0) return new Map();
  const rows = await reader.query<TableRow>(tablesStatement(tables));
  return new Map(
    rows.map((row) => {
      const { schema, name, columns, primary_key: primaryKey } = row;
      const facts: TableFacts = {
        schema,
        name,
        oid: row.oid,
        columns: new Map(columns.map((column) => [column.name, column])),
        primaryKey: primaryKey ?? [],
        estimatedRows: row.estimated_rows,
        estimatedBytes: row.estimated_bytes,
      };
      return [formatTableName(facts), facts];
    }),
  );
}

/**
 * Returns a table whose columns named can all be read.
 *
 * @throws UncheckedError `missing-table`, `missing-column` or `access-denied`.
 */
export function requireTable(
  tables: ReadonlyMap<string, TableFacts>,
  name: TableName,
  columns: readonly string[] = [],
): TableFacts {
  const table = tables.get(formatTableName(name));
  if (table === undefined) {
    throw new UncheckedError('missing-table', `There is no table ${formatTableName(name)}, or the role cannot see it.`);
  }
  const missing = columns.filter((column) => !table.columns.has(column));
  if (missing.length > 0) {
    throw new UncheckedError('missing-column', `${formatTableName(name)} has no column ${missing.join(', ')}.`);
  }
  const denied = columns.filter((column) => table.columns.get(column)?.isReadable === false);
  const isClosed = table.columns.size > 0 && [...table.columns.values()].every(({ isReadable }) => !isReadable);
  if (denied.length > 0 || isClosed) {
    const what = denied.length > 0 ? `${denied.join(', ')} of ` : '';
    throw new UncheckedError('access-denied', `The role may not read ${what}${formatTableName(name)}.`);
  }
  return table;
}

interface TableRow {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly estimated_rows: number;
  readonly estimated_bytes: number;
  readonly columns: ColumnFacts[];
  readonly primary_key: string[] | null;
}

/**
 * Locks nothing, so that one table that is just being changed cannot keep all others from being read. Functions are
 * named with their schema: one in `public` that takes the very types given would be preferred.
 */
function tablesStatement(tables: readonly TableName[]): Sql {
  const schemas = tables.map(({ schema }) => schema);
  const names = tables.map(({ name }) => name);
  return sql`
    with recursive asked as (
      select c.oid, c.relname, n.oid as schema_oid, n.nspname
      from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where (n.nspname::text, c.relname::text) in (
        select * from rows from (pg_catalog.unnest(${schemas}::text[]), pg_catalog.unnest(${names}::text[])) as named
      ) and c.relkind in ('r', 'p', 'v', 'm', 'f')
    ), part as (
      select asked.oid as root, asked.oid from asked
      union all
      select part.root, i.inhrelid
      from part join pg_catalog.pg_inherits i on i.inhparent = part.oid
      join pg_catalog.pg_class c on c.oid = i.inhparent and c.relkind = 'p'
    ), estimate as (
      select part.root,
        case when pg_catalog.bool_and(c.reltuples >= 0 and c.relkind <> 'v')
          then pg_catalog.sum(c.reltuples::float8) else -1 end as row_count,
        pg_catalog.sum(c.relpages::float8) * pg_catalog.current_setting('block_size')::float8 as bytes
      from part join pg_catalog.pg_class c on c.oid = part.oid and c.relkind <> 'p'
      group by part.root
    )
    select asked.oid::int8::float8 as oid, asked.nspname::text as schema, asked.relname::text as name,
      coalesce(estimate.row_count, 0) as estimated_rows, coalesce(estimate.bytes, 0) as estimated_bytes,
      coalesce((
        select pg_catalog.json_agg(pg_catalog.json_build_object(
          'name', a.attname, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod), 'typeCategory', t.typcategory,
          'isNotNull', a.attnotnull,
          'isReadable', pg_catalog.has_column_privilege(asked.oid, a.attnum, 'SELECT')
            and pg_catalog.has_schema_privilege(asked.schema_oid, 'USAGE')) order by a.attnum)
        from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
        where a.attrelid = asked.oid and a.attnum > 0 and not a.attisdropped
      ), '[]'::json) as columns,
      (
        select pg_catalog.json_agg(a.attname order by k.position)
        from pg_catalog.pg_index i,
          pg_catalog.unnest(i.indkey::int2[]) with ordinality k (attnum, position), pg_catalog.pg_attribute a
        where i.indrelid = asked.oid and i.indisprimary and k.position <= i.indnkeyatts
          and a.attrelid = asked.oid and a.attnum = k.attnum
      ) as primary_key
    from asked left join estimate on estimate.root = asked.oid`;
}
