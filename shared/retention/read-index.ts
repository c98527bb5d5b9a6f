import sql, { raw } from 'sql-template-tag';
import type { Reader } from '../postgres/reader.ts';
import { qualified } from '../postgres/sql.ts';
import { positionOrder, rangeCondition } from './row-range.ts';
import type { RowTarget, TargetChild } from './row-target.ts';

/** The index that a policy names, as the catalog has it. */
export interface IndexFacts {
  readonly table: string;
  readonly isOfRoot: boolean;
  /** Valid, complete, and kept up to date; for a partitioned one, in all partitions. */
  readonly isUsable: boolean;
  /** `btree`, or a method that knows no order. */
  readonly method: string;
  /** Its first column; null for an expression. */
  readonly firstColumn: string | null;
  /** Condition of a partial index, as the server writes it. */
  readonly predicate: string | null;
  /** A partial index has every row that the policy may take, as far as the server can prove it; true for any other. */
  readonly coversRange: boolean;
}

/** Returns what the catalog says of the index of this name in the schema of the root; undefined when there is none. */
export async function readIndex(
  target: RowTarget,
  name: string,
  reader: Pick<Reader, 'query'>,
): Promise<IndexFacts | undefined> {
  const { root, age } = target;
  const [facts] = await reader.query<Omit<IndexFacts, 'coversRange'> & { readonly isOfAged: boolean }>(sql`
    select i.indrelid::regclass::text as table, i.indrelid = ${root.oid}::oid as "isOfRoot",
      i.indisvalid and i.indisready and i.indislive as "isUsable", m.amname::text as method,
      (select a.attname::text from pg_catalog.pg_attribute a where a.attrelid = i.indrelid and a.attnum = i.indkey[0])
        as "firstColumn",
      pg_catalog.pg_get_expr(i.indpred, i.indrelid) as predicate,
      coalesce(pg_catalog.pg_get_expr(i.indpred, i.indrelid) = pg_catalog.format('(%I IS NOT NULL)', ${age.name}::text), true)
        as "isOfAged"
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_index i on i.indexrelid = c.oid
    join pg_catalog.pg_am m on m.oid = c.relam
    where n.nspname = ${root.schema} and c.relname = ${name}`);
  if (facts === undefined) return undefined;
  const { isOfAged, ...rest } = facts;
  const isPlain = rest.isOfRoot && rest.isUsable && rest.firstColumn === age.name;
  return { ...rest, coversRange: isOfAged || (isPlain && (await isProvenToCover(target, name, reader))) };
}

interface PlanNode {
  readonly 'Index Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

/**
 * That the policy's condition implies that of the index is what the planner proves before it uses one:
 * https://www.postgresql.org/docs/current/indexes-partial.html
 */
async function isProvenToCover(target: RowTarget, name: string, reader: Pick<Reader, 'query'>): Promise<boolean> {
  const { root } = target;
  const rows = await reader.query<{ 'QUERY PLAN': readonly { readonly Plan: PlanNode }[] }>(
    sql`explain (format json) select from ${qualified(root)} where ${rangeCondition(target)}
      order by ${positionOrder(target)} limit 1`,
    { fromHeap: 'never' },
  );
  const parts = await reader.query<{ name: string }>(sql`
    select part.relname::text as name from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace,
      pg_catalog.pg_partition_tree(c.oid) tree join pg_catalog.pg_class part on part.oid = tree.relid
    where n.nspname = ${root.schema} and c.relname = ${name} and c.relkind = 'I'`);
  const names = new Set([name, ...parts.map((part) => part.name)]);
  const used = rows.flatMap((row) => row['QUERY PLAN'].flatMap(({ Plan }) => indexesIn(Plan)));
  return used.length > 0 && used.every((index) => names.has(index));
}

function indexesIn(node: PlanNode): string[] {
  const own = node['Index Name'] === undefined ? [] : [node['Index Name']];
  return [...own, ...(node.Plans ?? []).flatMap(indexesIn)];
}

/** A child, and whether an index finds its rows by what they refer with. */
export interface ChildIndexFacts {
  readonly table: string;
  readonly columns: readonly string[];
  readonly isIndexed: boolean;
  readonly bytes: number;
}

/** Returns for each child of a target whether an index leads to its rows, and how large it is. */
export async function readChildIndexes(
  { children }: Pick<RowTarget, 'children'>,
  reader: Pick<Reader, 'query'>,
): Promise<ChildIndexFacts[]> {
  const facts: ChildIndexFacts[] = [];
  for (const child of children) {
    const [row] = await reader.query<{ isIndexed: boolean; bytes: number }>(childIndexStatement(child));
    const { isIndexed, bytes } = row as { isIndexed: boolean; bytes: number };
    facts.push({ table: `${child.schema}.${child.name}`, columns: child.referringColumns, isIndexed, bytes });
  }
  return facts;
}

/** The index begins with the columns, in whichever order. */
function childIndexStatement({ oid, referringColumns }: TargetChild) {
  const count = raw(String(referringColumns.length));
  return sql`
    select exists (
      select from pg_catalog.pg_index i
      where i.indrelid = ${oid}::oid and i.indisvalid and i.indpred is null and i.indnkeyatts >= ${count}
        and ${count} = (
          select pg_catalog.count(*)
          from pg_catalog.unnest(i.indkey::int2[]) with ordinality k (attnum, position)
          join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
          where k.position <= ${count} and a.attname = any (${[...referringColumns]}::text[])
        )
    ) as "isIndexed",
    coalesce((
      select pg_catalog.sum(pg_catalog.pg_relation_size(leaf.oid))
      from (
        select ${oid}::oid as oid union select tree.relid from pg_catalog.pg_partition_tree(${oid}::oid) tree
      ) leaf
    ), 0)::float8 as bytes`;
}
