import sql from 'sql-template-tag';
import type { TableFacts } from '../../../shared/postgres/catalog.ts';
import type { Reader } from '../../../shared/postgres/reader.ts';
import { qualified } from '../../../shared/postgres/sql.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import { type KeyOrder, plainOrder, type RowQueries } from './row-queries.ts';

/** How a table's rows can be read in the order of their keys. */
export interface RowAccess {
  readonly order: KeyOrder;
  /** The server finds the next rows by an index: many short statements cost no more than a long one. */
  readonly isIndexed: boolean;
}

/**
 * Returns how rows can be read in the order in which S3 lists objects, that of the bytes of UTF-8.
 *
 * An index serves that order when its collation is one that compares bytes (`C`, or any of the builtin provider, which
 * compare code points; in UTF-8 that is the same), or when it has the operators of text_pattern_ops. To the planner
 * each of these is an order of its own, so the statement has to ask for just the one that is there: `COLLATE "C"` is
 * not served by an index in the database's default collation, though that be the very same order. Whether the planner
 * takes the index is seen by its plan.
 *
 * https://www.postgresql.org/docs/current/indexes-opclass.html
 * https://www.postgresql.org/docs/current/locale.html#LOCALE-PROVIDERS
 *
 * @throws UncheckedError `unsupported-encoding` where bytes are not those of UTF-8.
 */
export async function rowAccess(
  reader: Reader,
  queries: RowQueries,
  table: TableFacts,
  { keyColumn, pageRows }: { readonly keyColumn: string; readonly pageRows: number },
): Promise<RowAccess> {
  const [server] = await reader.query<{ encoding: string }>(sql`select current_setting('server_encoding') as encoding`);
  if (server?.encoding !== 'UTF8') {
    const detail = `The database is encoded in ${server?.encoding}, and has not the order of S3's keys.`;
    throw new UncheckedError('unsupported-encoding', detail);
  }
  for (const order of await indexedOrders(reader, table, keyColumn)) {
    const page = queries.inOrder(order, { after: '', limit: pageRows });
    const [explained] = await reader.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(sql`explain (format json) ${page}`);
    if (explained !== undefined && !hasSort(explained['QUERY PLAN'][0].Plan)) return { order, isIndexed: true };
  }
  return { order: plainOrder, isIndexed: false };
}

/** https://www.postgresql.org/docs/current/sql-explain.html */
interface PlanNode {
  readonly 'Node Type': string;
  readonly Plans?: readonly PlanNode[];
}

function hasSort({ 'Node Type': type, Plans: plans = [] }: PlanNode): boolean {
  return type.includes('Sort') || plans.some(hasSort);
}

/**
 * Returns the orders by bytes in which an index has the column. Settings that older servers lack are read through
 * JSON.
 */
async function indexedOrders(reader: Reader, table: TableFacts, keyColumn: string): Promise<KeyOrder[]> {
  const rows = await reader.query<{ schema: string; collation: string; is_pattern: boolean }>(sql`
    select distinct n.nspname as schema, co.collname as collation, f.opfname = 'text_pattern_ops' as is_pattern
    from pg_index i
    join pg_class c on c.oid = i.indexrelid
    join pg_am am on am.oid = c.relam
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    join pg_opclass o on o.oid = i.indclass[0]
    join pg_opfamily f on f.oid = o.opcfamily
    join pg_collation co on co.oid = i.indcollation[0]
    join pg_namespace n on n.oid = co.collnamespace
    join pg_database d on d.datname = current_database()
    where i.indrelid = ${table.oid}::int8::oid and a.attname = ${keyColumn} and am.amname = 'btree' and i.indisvalid
      and (f.opfname = 'text_pattern_ops' or f.opfname = 'text_ops' and (
        co.collprovider = 'b' or co.collprovider = 'c' and co.collcollate in ('C', 'POSIX')
        or co.collprovider = 'd' and (to_jsonb(d) ->> 'datlocprovider' = 'b'
          or coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c' and d.datcollate in ('C', 'POSIX'))
      ))`);
  return rows.map(({ schema, collation, is_pattern: isPattern }) =>
    isPattern ? 'pattern' : { collation: sql`collate ${qualified({ schema, name: collation })}` },
  );
}
