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
  /** By the statistics; -1 where it was never analyzed. */
  readonly estimatedRows: number;
  readonly estimatedBytes: number;
}

/** Returns what the catalog says of these tables, by `schema.table`; one that does not exist is missing. */
export async function readTables(reader: Reader, tables: readonly TableName[]): Promise<Map<string, TableFacts>> {
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
        estimatedBytes: Number(row.estimated_bytes),
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
  if (denied.length > 0 || [...table.columns.values()].every(({ isReadable }) => !isReadable)) {
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
  readonly estimated_bytes: string;
  readonly columns: ColumnFacts[];
  readonly primary_key: string[] | null;
}

function tablesStatement(tables: readonly TableName[]): Sql {
  return sql`
    select c.oid::int8::float8 as oid, n.nspname as schema, c.relname as name, c.reltuples::float8 as estimated_rows,
      case when c.relkind in ('r', 'm', 't') then pg_relation_size(c.oid) else 0 end as estimated_bytes,
      coalesce((
        select json_agg(json_build_object(
          'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'typeCategory', t.typcategory,
          'isNotNull', a.attnotnull, 'isReadable', has_column_privilege(c.oid, a.attnum, 'SELECT')
            and has_schema_privilege(n.oid, 'USAGE')) order by a.attnum)
        from pg_attribute a join pg_type t on t.oid = a.atttypid
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      ), '[]'::json) as columns,
      (
        select json_agg(a.attname order by k.position)
        from pg_index i, unnest(i.indkey::int2[]) with ordinality k (attnum, position), pg_attribute a
        where i.indrelid = c.oid and i.indisprimary and a.attrelid = c.oid and a.attnum = k.attnum
      ) as primary_key
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where (n.nspname, c.relname) in (
      select * from unnest(${tables.map(({ schema }) => schema)}::text[], ${tables.map(({ name }) => name)}::text[])
    ) and c.relkind in ('r', 'p', 'v', 'm', 'f')`;
}
