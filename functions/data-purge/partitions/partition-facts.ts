import sql, { raw } from 'sql-template-tag';
import { sha256Of } from '../../../shared/ledger/sha256.ts';
import type { Reader } from '../../../shared/postgres/reader.ts';
import {
  columnList,
  formatTableName,
  parseTableName,
  qualified,
  type TableName,
} from '../../../shared/postgres/sql.ts';
import { ageTypeOf, cutoffExpression, momentOf, serverMoment } from '../../../shared/retention/cutoff.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { PartitionsPolicy } from '../config.ts';
import { type DetachedMark, parseMark } from './detached-mark.ts';

/** A partition, with all that it is divided into. */
export interface Partition extends TableName {
  readonly oid: number;
  /** Everything in it is before this, as text of the age's type; null where there is no upper bound. */
  readonly upTo: string | null;
  /** That bound is not behind the cutoff. */
  readonly isPast: boolean;
  /** Somebody has begun to detach it, and was interrupted: nothing in it is seen through the parent. */
  readonly isPending: boolean;
  /** By the statistics. */
  readonly rows: number;
  readonly bytes: number;
  readonly comment: string | null;
}

/** A table that was a partition. */
export interface DetachedPartition extends TableName {
  readonly oid: number;
  readonly mark: DetachedMark;
  readonly rows: number;
  readonly bytes: number;
  /** Its columns are those of the table that it was a partition of. */
  readonly hasShapeOfParent: boolean;
}

export interface PartitionedFacts {
  readonly parent: TableName & { readonly oid: number };
  /** Type of the age without its precision. */
  readonly ageType: string;
  readonly cutoff: string;
  /** By the server's own clock. */
  readonly serverCutoff: string;
  readonly isCutoffLater: boolean;
  /** SHA-256 of the columns. */
  readonly shapeHash: string;
  /** Those with bounds, in the order of these; a default one is not among them. */
  readonly partitions: readonly Partition[];
  readonly defaultPartition: TableName | undefined;
  /** Detached by this policy. */
  readonly detached: readonly DetachedPartition[];
  /** Foreign keys that refer to the table or to a partition, `schema.table.name` of each. */
  readonly referring: readonly string[];
}

interface ParentRow {
  readonly oid: number;
  readonly kind: string;
  readonly strategy: string | null;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly by: readonly (string | null)[] | null;
}

/**
 * Returns what the catalog says of a partitioned table, and of what was detached from it.
 *
 * @param cutoff of a plan; that of now unless given.
 * @throws UncheckedError `missing-table`, `missing-column`, `not-by-range` for a table that is not partitioned by ranges of just the age.
 */
export async function readPartitions(
  policy: PartitionsPolicy,
  reader: Pick<Reader, 'query'>,
  { now, cutoff }: { readonly now: Date; readonly cutoff?: string | undefined },
): Promise<PartitionedFacts> {
  const name = parseTableName(policy.table);
  const parent = await readParent(name, policy, reader);
  const column = parent.columns.find((candidate) => candidate.name === policy.ageColumn);
  const ageType = ageTypeOf(column?.type ?? '');
  const type = raw(ageType);
  const [limits] = await reader.query<{ cutoff: string; server: string; later: boolean }>(sql`
    select cutoff::text as cutoff, server::text as server, cutoff > server as later
    from (
      select coalesce(${cutoff ?? null}::${type}, ${cutoffExpression(ageType, policy, momentOf(now))}) as cutoff,
        ${cutoffExpression(ageType, policy, serverMoment)} as server
    ) limits`);
  const { cutoff: before = '', server = '', later = true } = limits ?? {};
  const children = await reader.query<Partition & { isDefault: boolean }>(partitionsOf(parent.oid, ageType, before));
  const shapeHash = sha256Of(parent.columns.map(({ name: columnName, type: columnType }) => [columnName, columnType]));
  return {
    parent: { ...name, oid: parent.oid },
    ageType,
    cutoff: before,
    serverCutoff: server,
    isCutoffLater: later,
    shapeHash,
    partitions: children.filter(({ isDefault }) => !isDefault).map(({ isDefault: _, ...partition }) => partition),
    defaultPartition: children.find(({ isDefault }) => isDefault),
    detached: await readDetached(policy, name, parent.oid, reader),
    referring: await readReferring(parent.oid, reader),
  };
}

async function readParent(
  name: TableName,
  policy: PartitionsPolicy,
  reader: Pick<Reader, 'query'>,
): Promise<ParentRow> {
  const [parent] = await reader.query<ParentRow>(sql`
    select c.oid::int8::float8 as oid, c.relkind::text as kind, p.partstrat::text as strategy,
      (select pg_catalog.json_agg(pg_catalog.json_build_object(
          'name', a.attname, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod)) order by a.attnum)
        from pg_catalog.pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
      (select pg_catalog.json_agg(a.attname order by k.position)
        from pg_catalog.unnest(p.partattrs::int2[]) with ordinality k (attnum, position)
          left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum and k.attnum > 0) as by
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      left join pg_catalog.pg_partitioned_table p on p.partrelid = c.oid
    where n.nspname = ${name.schema} and c.relname = ${name.name}`);
  if (parent === undefined) {
    throw new UncheckedError('missing-table', `There is no table ${formatTableName(name)}, or the role cannot see it.`);
  }
  if (parent.columns.every((column) => column.name !== policy.ageColumn)) {
    throw new UncheckedError('missing-column', `${formatTableName(name)} has no column ${policy.ageColumn}.`);
  }
  const isByAge = parent.strategy === 'r' && parent.by?.length === 1 && parent.by[0] === policy.ageColumn;
  if (!isByAge) {
    const detail = `${formatTableName(name)} is not partitioned by ranges of ${policy.ageColumn} alone.`;
    throw new UncheckedError('not-by-range', detail);
  }
  return parent;
}

/** The bounds are told as SQL, in the session's own format of times, which is fixed. */
function partitionsOf(parent: number, ageType: string, cutoff: string) {
  const type = raw(ageType);
  return sql`
    select part.oid::int8::float8 as oid, part.schema, part.name, part.up_to::text as "upTo",
      coalesce(part.up_to::${type} <= ${cutoff}::${type}, false) as "isPast", part.pending as "isPending",
      part.bound = 'DEFAULT' as "isDefault", size.rows, size.bytes,
      pg_catalog.obj_description(part.oid, 'pg_class') as comment
    from (
      select c.oid, n.nspname::text as schema, c.relname::text as name, i.inhdetachpending as pending, told.bound,
        pg_catalog.replace(
          pg_catalog.substring(told.bound, '^FOR VALUES FROM [(].*[)] TO [(]''(.*)''[)]$'), '''''', ''''
        ) as up_to
      from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace,
        lateral (select pg_catalog.pg_get_expr(c.relpartbound, c.oid) as bound) told
      where i.inhparent = ${parent}::int8::oid
    ) part, lateral (${sizeOf(raw('part.oid'))}) size
    order by part.up_to::${type} nulls last, part.oid`;
}

/** Of a table and all that it is divided into. One that was never analyzed is taken for what its pages may hold at most. */
function sizeOf(oid: ReturnType<typeof raw>) {
  return sql`
    select coalesce(pg_catalog.sum(case
        when c.reltuples >= 0 then c.reltuples
        else pg_catalog.pg_relation_size(c.oid) / 28
      end), 0)::float8 as rows, coalesce(pg_catalog.sum(pg_catalog.pg_total_relation_size(c.oid)), 0)::float8 as bytes
    from (select ${oid} as oid union select tree.relid from pg_catalog.pg_partition_tree(${oid}) tree) leaf
      join pg_catalog.pg_class c on c.oid = leaf.oid and c.relkind = 'r'`;
}

async function readDetached(
  { id }: PartitionsPolicy,
  parent: TableName,
  parentOid: number,
  reader: Pick<Reader, 'query'>,
): Promise<DetachedPartition[]> {
  const columns = (oid: string) => sql`(
    select pg_catalog.json_agg(pg_catalog.json_build_array(
        a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)) order by a.attname)::text
    from pg_catalog.pg_attribute a
    where a.attrelid = ${raw(oid)} and a.attnum > 0 and not a.attisdropped)`;
  const tables = await reader.query<
    TableName & { oid: number; rows: number; bytes: number; comment: string; same: boolean }
  >(sql`
    select c.oid::int8::float8 as oid, n.nspname::text as schema, c.relname::text as name, d.description as comment,
      size.rows, size.bytes,
      ${columns('c.oid')} = ${columns('parent.oid')} as same
    from pg_catalog.pg_description d
      join pg_catalog.pg_class c on c.oid = d.objoid and c.relkind in ('r', 'p') and not c.relispartition
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      cross join (select ${parentOid}::int8::oid as oid) parent
      cross join lateral (${sizeOf(raw('c.oid'))}) size
    where d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objsubid = 0
      and pg_catalog.starts_with(d.description, 'Detached by Caretaker: ')
    order by c.oid`);
  return tables.flatMap(({ comment, same, ...table }) => {
    const mark = parseMark(comment);
    const isOurs = mark?.policy === id && mark.parent === formatTableName(parent);
    return mark !== undefined && isOurs ? [{ ...table, mark, hasShapeOfParent: same }] : [];
  });
}

async function readReferring(parent: number, reader: Pick<Reader, 'query'>): Promise<string[]> {
  const keys = await reader.query<{ name: string }>(sql`
    select distinct pg_catalog.concat_ws('.', n.nspname, c.relname, k.conname) as name
    from (
      select ${parent}::int8::oid as oid union select relid from pg_catalog.pg_partition_tree(${parent}::int8::oid)
    ) part join pg_catalog.pg_constraint k on k.confrelid = part.oid and k.contype = 'f' and k.conparentid = 0
      join pg_catalog.pg_class c on c.oid = k.conrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    order by 1`);
  return keys.map(({ name }) => name);
}

/** Returns whether there is a row in a table that is not before a moment: what was detached may have been written to since. */
export async function hasYounger(
  table: TableName,
  { ageColumn, ageType, upTo }: { readonly ageColumn: string; readonly ageType: string; readonly upTo: string },
  reader: Pick<Reader, 'query'>,
): Promise<boolean> {
  const age = columnList([ageColumn]);
  const [row] = await reader.query<{ younger: boolean }>(sql`
    select exists (
      select from ${qualified(table)} where ${age} is null or ${age} >= ${upTo}::${raw(ageType)}
    ) as younger`);
  return row?.younger !== false;
}

/** Returns what is past its retention and in no partition that is ever taken: how many rows, and how old the oldest is. */
export async function readLeftovers(
  { defaultPartition, ageType, cutoff }: PartitionedFacts,
  { ageColumn }: PartitionsPolicy,
  maximumRows: number,
  reader: Pick<Reader, 'query'>,
): Promise<{ readonly rows: number; readonly hours: number | null }> {
  const age = columnList([ageColumn]);
  const type = raw(ageType);
  const hours = (moment: ReturnType<typeof sql>) => sql`
    (pg_catalog.date_part('epoch', ${cutoff}::${type}) - pg_catalog.date_part('epoch', ${moment})) / 3600`;
  if (defaultPartition === undefined) return { rows: 0, hours: null };
  const [row] = await reader.query<{ rows: number; hours: number | null }>(sql`
    select pg_catalog.count(*)::float8 as rows, ${hours(sql`pg_catalog.min(age)`)}::float8 as hours
    from (
      select ${age} as age from ${qualified(defaultPartition)}
      where ${age} < ${cutoff}::${type} and pg_catalog.isfinite(${age}) limit ${maximumRows}::int8
    ) old`);
  return row ?? { rows: 0, hours: null };
}

/** Returns for how many hours a bound has been before the cutoff. */
export async function hoursPast(
  upTo: string,
  { ageType, cutoff }: PartitionedFacts,
  reader: Pick<Reader, 'query'>,
): Promise<number> {
  const type = raw(ageType);
  const [row] = await reader.query<{ hours: number }>(sql`
    select ((pg_catalog.date_part('epoch', ${cutoff}::${type}) - pg_catalog.date_part('epoch', ${upTo}::${type}))
      / 3600)::float8 as hours`);
  return row?.hours ?? 0;
}
