import sql, { raw, type Sql } from 'sql-template-tag';
import type { Reader } from '../postgres/reader.ts';
import { columnList, formatTableName, qualified } from '../postgres/sql.ts';
import { type AgeLimit, cutoffExpression, isTooYoung, momentOf, serverMoment } from './cutoff.ts';
import type { Guards } from './retention-config.ts';
import type { AgeFacts } from './row-guards.ts';
import { childRows, rangeCondition, rootRows, typed } from './row-range.ts';
import type { RowTarget, TargetChild } from './row-target.ts';

/** What a plan would take. */
export interface RowMeasure {
  /** Counted, but not beyond one more than the maximum. */
  readonly rows: number;
  readonly oldest: string | null;
  readonly youngest: string | null;
  readonly children: readonly { readonly table: string; readonly rows: number }[];
  readonly tableRows: TableRows;
  readonly ages: AgeFacts;
}

/** How many rows a table has. */
export interface TableRows {
  readonly rows: number;
  /** `counted-in-part`: there are as many at least, which is enough for the share to be judged. */
  readonly source: 'statistics' | 'counted' | 'counted-in-part';
}

/** Rows that a bounded count reads at least, and so small tables as a whole. */
const minimumCount = 100_000;

/**
 * Returns what is in a target now: how many rows, of which ages by whose clock, and in how large a table.
 *
 * @throws the reader's errors.
 */
export async function measureRows(
  target: RowTarget,
  limit: AgeLimit,
  { maximumRows, maximumPercent }: Pick<Guards, 'maximumRows' | 'maximumPercent'>,
  reader: Pick<Reader, 'query'>,
): Promise<RowMeasure> {
  const { rows, oldest, youngest, ...ages } = await measureRoot(target, limit, maximumRows, reader);
  const measured: { table: string; rows: number; tooYoung: number; hasAge: boolean }[] = [];
  for (const [index, child] of target.children.entries()) {
    measured.push(await measureChild(target, index, { child, maximumRows }, reader));
  }
  return {
    rows,
    oldest,
    youngest,
    children: measured.map(({ table, rows: childCount }) => ({ table, rows: childCount })),
    tableRows: await measureTable(target, Math.ceil((rows * 100) / maximumPercent), reader),
    ages: {
      ...ages,
      cutoff: target.cutoff,
      youngest,
      children: measured.filter(({ hasAge }) => hasAge).map(({ table, tooYoung }) => ({ table, tooYoung })),
    },
  };
}

interface RootRow {
  readonly rows: number;
  readonly oldest: string | null;
  readonly youngest: string | null;
  readonly serverCutoff: string;
  readonly isCutoffLater: boolean;
  readonly isYoungestLater: boolean;
}

async function measureRoot(
  target: RowTarget,
  limit: AgeLimit,
  maximumRows: number,
  reader: Pick<Reader, 'query'>,
): Promise<RootRow> {
  const { age } = target;
  const column = columnList([age.name]);
  const [row] = await reader.query<RootRow>(sql`
    with found as materialized (
      select
        (select pg_catalog.count(*) from (${firstRows(target, maximumRows)}) as counted)::float8 as rows,
        (select pg_catalog.min(${column}) from ${rootRows(target, undefined, [age.name])} as aged) as oldest,
        (select pg_catalog.max(${column}) from ${rootRows(target, undefined, [age.name])} as aged) as youngest,
        ${cutoffExpression(age.type, limit, serverMoment)} as server_cutoff
    )
    select rows, oldest::text, youngest::text, server_cutoff::text as "serverCutoff",
      ${typed(target.cutoff, age)} > server_cutoff as "isCutoffLater",
      coalesce(youngest >= server_cutoff, false) as "isYoungestLater"
    from found`);
  return row as RootRow;
}

/** One row more than the maximum is as much as needs to be known. */
function firstRows(target: RowTarget, maximumRows: number): Sql {
  return sql`select from ${qualified(target.root)} where ${rangeCondition(target)} limit ${maximumRows}::int8 + 1`;
}

async function measureChild(
  target: RowTarget,
  index: number,
  { child, maximumRows }: { readonly child: TargetChild; readonly maximumRows: number },
  reader: Pick<Reader, 'query'>,
): Promise<{ table: string; rows: number; tooYoung: number; hasAge: boolean }> {
  const { ageColumn } = child;
  const tooYoungNow = ageColumn === undefined ? raw('false') : isTooYoung(ageColumn, 'child');
  const [row] = await reader.query<{ rows: number; tooYoung: number }>(sql`
    select pg_catalog.count(*)::float8 as rows, pg_catalog.count(*) filter (where is_too_young)::float8 as "tooYoung"
    from (select ${tooYoungNow} as is_too_young from ${childRows(target, index)} limit ${maximumRows}::int8 + 1) as counted`);
  const { rows, tooYoung } = row as { rows: number; tooYoung: number };
  return { table: formatTableName(child), rows, tooYoung, hasAge: ageColumn !== undefined };
}

/**
 * By the statistics where every partition was analyzed and a tenth at most has changed since, which a standby cannot tell. Otherwise by a
 * count that ends when there are enough rows.
 */
async function measureTable(target: RowTarget, enough: number, reader: Pick<Reader, 'query'>): Promise<TableRows> {
  const { root } = target;
  const [statistics] = await reader.query<{ rows: number | null }>(sql`
    with leaf as (
      select c.oid, c.reltuples::float8 as rows
      from (
        select ${root.oid}::oid as oid union select tree.relid from pg_catalog.pg_partition_tree(${root.oid}::oid) tree
      ) part join pg_catalog.pg_class c on c.oid = part.oid and c.relkind = 'r'
    )
    select case when pg_catalog.bool_and(
        leaf.rows >= 0 and coalesce(s.last_analyze, s.last_autoanalyze) is not null
        and s.n_mod_since_analyze <= 0.1 * leaf.rows
      ) then pg_catalog.sum(leaf.rows) end as rows
    from leaf left join pg_catalog.pg_stat_all_tables s on s.relid = leaf.oid`);
  const bound = Math.max(enough, minimumCount);
  const estimate = statistics?.rows ?? null;
  // What the table must have at least it cannot be estimated to lack.
  if (estimate !== null && estimate > minimumCount && estimate >= enough) {
    return { rows: Math.round(estimate), source: 'statistics' };
  }
  const [counted] = await reader.query<{ rows: number }>(sql`
    select pg_catalog.count(*)::float8 as rows
    from (select from ${qualified(root)} limit ${bound}::int8) as counted`);
  const { rows } = counted as { rows: number };
  return { rows, source: rows < bound ? 'counted' : 'counted-in-part' };
}

/** What is past its retention and still there. */
export interface Backlog {
  /** Rows, counted up to the bound. */
  readonly backlog: number;
  /** How long the oldest of them is past it; null where there is none. An age of -infinity is not one that could be measured. */
  readonly backlogAgeHours: number | null;
}

/**
 * Returns what of a policy's rows is past its retention now, whatever the cutoff of a plan was.
 *
 * @throws the reader's errors.
 */
export async function measureBacklog(
  target: RowTarget,
  limit: AgeLimit,
  now: Date,
  maximumRows: number,
  reader: Pick<Reader, 'query'>,
): Promise<Backlog> {
  const { age } = target;
  const column = columnList([age.name]);
  const [fresh] = await reader.query<{ cutoff: string }>(
    sql`select (${cutoffExpression(age.type, limit, momentOf(now))})::text as cutoff`,
  );
  const current: RowTarget = { ...target, cutoff: (fresh as { cutoff: string }).cutoff };
  const rows = rootRows(current, undefined, [age.name]);
  const epoch = (value: Sql) => sql`pg_catalog.date_part('epoch', ${value})`;
  const [measured] = await reader.query<Backlog>(sql`
    select (select pg_catalog.count(*) from (${firstRows(current, maximumRows)}) as counted)::float8 as backlog,
      (${epoch(typed(current.cutoff, age))} - ${epoch(sql`oldest.age`)}) / 3600 as "backlogAgeHours"
    from (
      select pg_catalog.min(${column}) as age from ${rows} as aged where pg_catalog.isfinite(${column})
    ) as oldest`);
  const { backlog, backlogAgeHours } = measured as Backlog;
  return { backlog, backlogAgeHours };
}
