import sql, { raw, type Sql } from 'sql-template-tag';
import type { Reader } from '../postgres/reader.ts';
import { identifier, qualified, type TableName } from '../postgres/sql.ts';

/** A type of somebody's own, as statements that make it. */
export interface TypeDdl extends TableName {
  /** `create type` or `create domain`: what its values are. */
  readonly create: string;
  /** `alter domain`: which of them it takes. */
  readonly alter: readonly string[];
}

/**
 * Returns the statements that make types, each behind those that it needs: enums, domains, composite types, ranges, and
 * what arrays are of. Types of PostgreSQL's own and of extensions are left out, as are those in C: they are there, or
 * nobody can make them.
 *
 * @param oids of any types, as columns have them.
 */
export async function typeDdl(reader: Pick<Reader, 'query'>, oids: readonly number[]): Promise<TypeDdl[]> {
  if (oids.length === 0) return [];
  const rows = await reader.query<TypeRow>(typesStatement(oids));
  const byOid = new Map(rows.map((row) => [row.oid, row]));
  return inOrder(rows, byOid).flatMap((row) => ddlOf(row) ?? []);
}

/** Returns how a column's or an attribute's collation is written; nothing where it is that of its type. */
export function collationClause(collation: TableName | null): string {
  return collation === null ? '' : ` collate ${qualified(collation).text}`;
}

/** The types that a type `t` is made of. */
const neededTypes = sql`
  select t.typelem where t.typelem <> 0
  union all select t.typbasetype where t.typbasetype <> 0
  union all select a.atttypid from pg_catalog.pg_attribute a
    where t.typtype = 'c' and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
  union all select g.rngsubtype from pg_catalog.pg_range g where g.rngtypid = t.oid
  union all select g.rngtypid from pg_catalog.pg_range g
    where (pg_catalog.to_jsonb(g) ->> 'rngmultitypid')::pg_catalog.oid = t.oid`;

/** Returns a subquery for the name of a collation where it is not that of the type; null where it is. */
export function collationName(collation: Sql, ofType: Sql): Sql {
  return sql`case when ${collation} <> ${ofType} then (
    select pg_catalog.json_build_object('schema', n.nspname, 'name', o.collname)
    from pg_catalog.pg_collation o join pg_catalog.pg_namespace n on n.oid = o.collnamespace where o.oid = ${collation}
  ) end`;
}

/** What newer versions have is asked for by way of JSON, which has nothing under a name that it does not know. */
function typesStatement(oids: readonly number[]): Sql {
  return sql`
    with recursive reached (oid) as (
      select pg_catalog.unnest(${oids}::pg_catalog.oid[])
      union
      select n.oid from reached r join pg_catalog.pg_type t on t.oid = r.oid cross join lateral (${neededTypes}) n (oid)
    )
    select t.oid::pg_catalog.int8::pg_catalog.float8 as oid, n.nspname::text as schema, t.typname::text as name,
      t.typtype::text as kind,
      n.nspname not in ('pg_catalog', 'information_schema') and not exists (
        select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
          and d.objid = t.oid and d.deptype = 'e') as "isOwn",
      array(
        select e.enumlabel::text from pg_catalog.pg_enum e where e.enumtypid = t.oid order by e.enumsortorder
      ) as labels,
      case when t.typtype = 'd' then pg_catalog.format_type(t.typbasetype, t.typtypmod) end as base,
      case when t.typtype = 'd' then ${collationName(raw('t.typcollation'), raw('b.typcollation'))} end as collation,
      case when t.typtype = 'd' then t.typdefault end as "defaultText",
      t.typnotnull as "isNotNull",
      array(
        select pg_catalog.format('%I %s', k.conname, pg_catalog.pg_get_constraintdef(k.oid))
        from pg_catalog.pg_constraint k
        where k.contypid = t.oid and k.contype = 'c' and k.convalidated order by k.conname
      ) as checks,
      coalesce((
        select pg_catalog.json_agg(pg_catalog.json_build_object(
          'name', a.attname, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
          'collation', ${collationName(raw('a.attcollation'), raw('y.typcollation'))}) order by a.attnum)
        from pg_catalog.pg_attribute a join pg_catalog.pg_type y on y.oid = a.atttypid
        where t.typtype = 'c' and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
      ), '[]'::pg_catalog.json) as attributes,
      (
        select pg_catalog.json_build_object(
          'subtype', pg_catalog.format_type(g.rngsubtype, null),
          'opclass', (select pg_catalog.json_build_object('schema', n.nspname, 'name', o.opcname)
            from pg_catalog.pg_opclass o join pg_catalog.pg_namespace n on n.oid = o.opcnamespace
            where o.oid = g.rngsubopc),
          'collation', ${collationName(raw('g.rngcollation'), raw('s.typcollation'))},
          'canonical', ${functionName(raw('g.rngcanonical'))},
          'difference', ${functionName(raw('g.rngsubdiff'))},
          'multirange', (select pg_catalog.json_build_object('schema', n.nspname, 'name', m.typname)
            from pg_catalog.pg_type m join pg_catalog.pg_namespace n on n.oid = m.typnamespace
            where m.oid = (pg_catalog.to_jsonb(g) ->> 'rngmultitypid')::pg_catalog.oid))
        from pg_catalog.pg_range g join pg_catalog.pg_type s on s.oid = g.rngsubtype where g.rngtypid = t.oid
      ) as range,
      array(select n.oid::pg_catalog.int8::pg_catalog.float8 from (${neededTypes}) n (oid)) as needs
    from reached r join pg_catalog.pg_type t on t.oid = r.oid
      join pg_catalog.pg_namespace n on n.oid = t.typnamespace
      left join pg_catalog.pg_type b on b.oid = t.typbasetype
    order by n.nspname, t.typname`;
}

function functionName(oid: Sql): Sql {
  return sql`(select pg_catalog.json_build_object('schema', n.nspname, 'name', p.proname)
    from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace where p.oid = ${oid})`;
}

interface TypeRow extends TableName {
  readonly oid: number;
  /** `pg_type.typtype`. */
  readonly kind: string;
  readonly isOwn: boolean;
  readonly labels: readonly string[];
  readonly base: string | null;
  readonly collation: TableName | null;
  readonly defaultText: string | null;
  readonly isNotNull: boolean;
  readonly checks: readonly string[];
  readonly attributes: readonly {
    readonly name: string;
    readonly type: string;
    readonly collation: TableName | null;
  }[];
  readonly range: {
    readonly subtype: string;
    readonly opclass: TableName;
    readonly collation: TableName | null;
    readonly canonical: TableName | null;
    readonly difference: TableName | null;
    readonly multirange: TableName | null;
  } | null;
  readonly needs: readonly number[];
}

/** A type cannot hold itself, so that there is an order. */
function inOrder(rows: readonly TypeRow[], byOid: ReadonlyMap<number, TypeRow>): TypeRow[] {
  const ordered = new Set<TypeRow>();
  const add = (row: TypeRow | undefined): void => {
    if (row === undefined || ordered.has(row)) return;
    for (const oid of row.needs) add(byOid.get(oid));
    ordered.add(row);
  };
  for (const row of rows) add(row);
  return [...ordered];
}

function ddlOf(row: TypeRow): TypeDdl | undefined {
  if (!row.isOwn) return undefined;
  const { schema, name } = row;
  const named = qualified({ schema, name }).text;
  const simple = (create: string): TypeDdl => ({ schema, name, create, alter: [] });
  switch (row.kind) {
    case 'e':
      return simple(`create type ${named} as enum (${row.labels.map(enumLabel).join(', ')})`);
    case 'c': {
      const attributes = row.attributes.map(
        (attribute) => `${identifier(attribute.name).text} ${attribute.type}${collationClause(attribute.collation)}`,
      );
      return simple(`create type ${named} as (${attributes.join(', ')})`);
    }
    case 'r':
      return row.range === null ? undefined : simple(`create type ${named} as range (${rangeOptions(row.range)})`);
    case 'd':
      return {
        schema,
        name,
        create: `create domain ${named} as ${row.base}${collationClause(row.collation)}`,
        alter: [
          ...(row.defaultText === null ? [] : [`set default ${row.defaultText}`]),
          ...(row.isNotNull ? ['set not null'] : []),
          ...row.checks.map((check) => `add constraint ${check}`),
        ].map((change) => `alter domain ${named} ${change}`),
      };
    // Arrays and multiranges come with what they are of; the rest is in C.
    default:
      return undefined;
  }
}

/** Without backslashes that mean anything: `standard_conforming_strings` is on. */
function enumLabel(label: string): string {
  return `'${label.replaceAll("'", "''")}'`;
}

function rangeOptions(range: NonNullable<TypeRow['range']>): string {
  const { subtype, opclass, collation, canonical, difference, multirange } = range;
  return [
    `subtype = ${subtype}`,
    `subtype_opclass = ${qualified(opclass).text}`,
    ...(collation === null ? [] : [`collation = ${qualified(collation).text}`]),
    ...(canonical === null ? [] : [`canonical = ${qualified(canonical).text}`]),
    ...(difference === null ? [] : [`subtype_diff = ${qualified(difference).text}`]),
    ...(multirange === null ? [] : [`multirange_type_name = ${qualified(multirange).text}`]),
  ].join(', ');
}
