import sql from 'sql-template-tag';
import type { Reader } from '../postgres/reader.ts';
import type { RowTarget } from './row-target.ts';

/** A foreign key onto a table that rows are taken from. */
export interface ForeignKeyFacts {
  readonly name: string;
  /** Of the table that refers. */
  readonly referring: number;
  readonly referringTable: string;
  readonly referringColumns: readonly string[];
  /** Index in {@link RowTarget.children} of the table that is referred to; null: the root. */
  readonly referred: number | null;
  readonly referredTable: string;
  readonly referredColumns: readonly string[];
  /** One letter of `pg_constraint.confdeltype`: `a` no action, `r` restrict, `c` cascade, `n` set null, `d` set default. */
  readonly onDelete: string;
}

/** What else happens when rows are deleted. */
export interface DependentFacts {
  readonly foreignKeys: readonly ForeignKeyFacts[];
  /** Triggers on DELETE that are on, as `schema.table.trigger`. */
  readonly triggers: readonly string[];
  /** Rules on DELETE likewise. */
  readonly rules: readonly string[];
}

/**
 * Returns what depends on the rows of the root and of its children, on those of their partitions and of the tables that they are
 * partitions of. A foreign key is told of once, however many partitions have copies of it.
 */
export async function readDependents(target: RowTarget, reader: Pick<Reader, 'query'>): Promise<DependentFacts> {
  const oids = [target.root.oid, ...target.children.map(({ oid }) => oid)];
  const [facts] = await reader.query<DependentFacts>(sql`
    with recursive named as (
      select given.oid::oid as oid, (given.position - 2)::int as at
      from pg_catalog.unnest(${oids}::int8[]) with ordinality given (oid, position)
    ), touched as (
      select named.at, named.oid from named
      union
      select named.at, tree.relid::oid from named, pg_catalog.pg_partition_tree(named.oid) tree
    ), key as (
      select touched.at, c.oid, c.conparentid from touched join pg_catalog.pg_constraint c on c.confrelid = touched.oid
      where c.contype = 'f'
      union
      select key.at, parent.oid, parent.conparentid
      from key join pg_catalog.pg_constraint parent on parent.oid = key.conparentid
    )
    select coalesce((
        select pg_catalog.json_agg(pg_catalog.json_build_object(
          'name', c.conname, 'referring', c.conrelid::int8, 'onDelete', c.confdeltype,
          'referred', case when key.at >= 0 then key.at end,
          'referringTable', pg_catalog.concat_ws('.', rn.nspname, r.relname),
          'referredTable', pg_catalog.concat_ws('.', tn.nspname, t.relname),
          'referringColumns', (
            select pg_catalog.json_agg(a.attname order by k.position)
            from pg_catalog.unnest(c.conkey) with ordinality k (attnum, position), pg_catalog.pg_attribute a
            where a.attrelid = c.conrelid and a.attnum = k.attnum),
          'referredColumns', (
            select pg_catalog.json_agg(a.attname order by k.position)
            from pg_catalog.unnest(c.confkey) with ordinality k (attnum, position), pg_catalog.pg_attribute a
            where a.attrelid = c.confrelid and a.attnum = k.attnum)
        ) order by rn.nspname, r.relname, c.conname)
        from key join pg_catalog.pg_constraint c on c.oid = key.oid
        join pg_catalog.pg_class r on r.oid = c.conrelid join pg_catalog.pg_namespace rn on rn.oid = r.relnamespace
        join pg_catalog.pg_class t on t.oid = c.confrelid join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace
        where c.conparentid = 0
      ), '[]'::json) as "foreignKeys",
      coalesce((
        select pg_catalog.json_agg(pg_catalog.concat_ws('.', n.nspname, r.relname, g.tgname)
          order by n.nspname, r.relname, g.tgname)
        from pg_catalog.pg_trigger g join pg_catalog.pg_class r on r.oid = g.tgrelid
        join pg_catalog.pg_namespace n on n.oid = r.relnamespace
        where g.tgrelid in (select oid from touched) and not g.tgisinternal and g.tgenabled <> 'D' and (g.tgtype & 8) <> 0
          -- A partition's copy of what its table has.
          and not exists (
            select from pg_catalog.pg_trigger p where p.oid = g.tgparentid and p.tgrelid in (select oid from touched))
      ), '[]'::json) as triggers,
      coalesce((
        select pg_catalog.json_agg(pg_catalog.concat_ws('.', n.nspname, r.relname, w.rulename)
          order by n.nspname, r.relname, w.rulename)
        from pg_catalog.pg_rewrite w join pg_catalog.pg_class r on r.oid = w.ev_class
        join pg_catalog.pg_namespace n on n.oid = r.relnamespace
        where w.ev_class in (select oid from touched) and w.ev_type = '4' and w.ev_enabled <> 'D'
      ), '[]'::json) as rules`);
  return facts as DependentFacts;
}
