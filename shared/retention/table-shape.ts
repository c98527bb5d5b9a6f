import sql from 'sql-template-tag';
import type { Reader } from '../postgres/reader.ts';
import { formatTableName, type TableName } from '../postgres/sql.ts';

/** What of a column decides whether rows that were taken from a table are all of its rows are. */
export interface ShapeColumn {
  readonly name: string;
  /** As `format_type` writes it. */
  readonly type: string;
  readonly isGenerated: boolean;
}

/** A table with its columns, in their order. */
export interface ShapedTable extends TableName {
  readonly columns: readonly ShapeColumn[];
}

/**
 * Returns what differs between a table as it was and as it is, one part of a sentence each; nothing when rows fit. Which
 * columns may be NULL is not part of it: the hash of a row says which are.
 */
export function shapeDifferences(then: readonly ShapeColumn[], now: readonly ShapeColumn[]): string[] {
  const columnsNow = new Map(now.map((column) => [column.name, column]));
  const namesThen = new Set(then.map(({ name }) => name));
  const differences = [
    ...now.filter(({ name }) => !namesThen.has(name)).map(({ name }) => `the column ${name} has been added since`),
    ...then.filter(({ name }) => !columnsNow.has(name)).map(({ name }) => `the column ${name} is not there any more`),
    ...then.flatMap(({ name, type, isGenerated }) => {
      const column = columnsNow.get(name);
      if (column === undefined) return [];
      if (column.type !== type) return [`${name} is ${column.type} now and was ${type}`];
      if (column.isGenerated === isGenerated) return [];
      return [`${name} is ${isGenerated ? 'not computed from others any more' : 'computed from others now'}`];
    }),
  ];
  const isOtherOrder = now.some(({ name }, index) => then[index]?.name !== name);
  return differences.length === 0 && isOtherOrder ? ['its columns are in another order now'] : differences;
}

/** Returns a sentence for each table that is not as it was; nothing when all are. A table that is gone has no columns. */
export async function changedTables(reader: Pick<Reader, 'query'>, tables: readonly ShapedTable[]): Promise<string[]> {
  const schemas = tables.map(({ schema }) => schema);
  const names = tables.map(({ name }) => name);
  const rows = await reader.query<ShapedTable>(sql`
    select n.nspname::text as schema, c.relname::text as name, pg_catalog.json_agg(pg_catalog.json_build_object(
        'name', a.attname, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
        'isGenerated', a.attgenerated <> '') order by a.attnum) as columns
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where (n.nspname::text, c.relname::text) in (
      select * from rows from (pg_catalog.unnest(${schemas}::text[]), pg_catalog.unnest(${names}::text[])) as named
    ) group by 1, 2`);
  const columnsNow = new Map(rows.map((table) => [formatTableName(table), table.columns]));
  return tables.flatMap((table) => {
    const text = formatTableName(table);
    const differences = shapeDifferences(table.columns, columnsNow.get(text) ?? []);
    return differences.length === 0 ? [] : [`${text}: ${differences.join('; ')}.`];
  });
}
