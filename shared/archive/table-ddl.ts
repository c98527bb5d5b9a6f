import sql, { raw, type Sql } from 'sql-template-tag';
import type { Reader } from '../postgres/reader.ts';
import { identifier, type TableName } from '../postgres/sql.ts';
import { UncheckedError } from '../unchecked-error.ts';
import { collationClause, collationName, typeDdl } from './type-ddl.ts';

/**
 * Returns the statements that make an empty table like one that there is: the types that it needs, the table with its
 * columns, its primary key and its checks, and its unique indexes. Each is a single statement without its semicolon.
 * Types are named with their schemas; the table is not, so that it is made where the search path says.
 *
 * What rows do not depend on, or what they may break, is left out: foreign keys, triggers, owners, grants, defaults
 * that take from a sequence, constraints that were never validated, and that a table is partitioned.
 *
 * @throws UncheckedError `missing-table`.
 */
export async function tableDdl(reader: Pick<Reader, 'query'>, oid: number): Promise<string[]> {
  const [table] = await reader.query<TableRow>(tableStatement(oid));
  if (table === undefined) throw new UncheckedError('missing-table', `There is no table with the number ${oid}.`);
  const types = await typeDdl(reader, [...new Set(table.columns.map(({ typeOid }) => typeOid))]);
  const name = identifier(table.name).text;
  const lines = [
    ...table.columns.map(columnDdl),
    ...table.constraints.map((constraint) => `constraint ${identifier(constraint.name).text} ${constraint.definition}`),
  ];
  return [
    ...types.flatMap(({ create, alter }) => [create, ...alter]),
    `create table ${name} (${lines.length === 0 ? '' : `\n  ${lines.join(',\n  ')}\n`})`,
    ...table.indexes.map(
      (index) => `create unique index ${identifier(index.name).text} on ${name} ${index.definition}`,
    ),
  ];
}

interface TableRow {
  readonly name: string;
  readonly columns: readonly ColumnRow[];
  readonly constraints: readonly { readonly name: string; readonly definition: string }[];
  /** `definition` begins with `USING`. */
  readonly indexes: readonly { readonly name: string; readonly definition: string }[];
}

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly typeOid: number;
  readonly collation: TableName | null;
  readonly isNotNull: boolean;
  /** `pg_attribute.attgenerated`. */
  readonly generated: '' | 's' | 'v';
  /** `pg_attribute.attidentity`. */
  readonly identity: '' | 'a' | 'd';
  /** Of the default, or what a generated column is computed by. */
  readonly expression: string | null;
  readonly takesFromSequence: boolean;
  readonly sequence: string | null;
}

function columnDdl(column: ColumnRow): string {
  const { name, type, collation, isNotNull } = column;
  const typed = `${identifier(name).text} ${type}${collationClause(collation)}`;
  return `${typed}${valueClause(column)}${isNotNull ? ' not null' : ''}`;
}

function valueClause({ generated, identity, expression, takesFromSequence, sequence }: ColumnRow): string {
  if (identity !== '') {
    const options = sequence === null ? '' : ` (${sequence})`;
    return ` generated ${identity === 'a' ? 'always' : 'by default'} as identity${options}`;
  }
  if (expression === null) return '';
  if (generated !== '') return ` generated always as (${expression}) ${generated === 'v' ? 'virtual' : 'stored'}`;
  return takesFromSequence ? '' : ` default ${expression}`;
}

/** What newer versions have is asked for by way of JSON, which has nothing under a name that it does not know. */
function tableStatement(oid: number): Sql {
  return sql`
    select c.relname::text as name,
      coalesce((
        select pg_catalog.json_agg(pg_catalog.json_build_object(
          'name', a.attname,
          'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
          'typeOid', a.atttypid::pg_catalog.int8::pg_catalog.float8,
          'collation', ${collationName(raw('a.attcollation'), raw('t.typcollation'))},
          'isNotNull', a.attnotnull and not exists (
            select from pg_catalog.pg_constraint k
            where k.conrelid = c.oid and k.contype = 'n' and not k.convalidated and k.conkey = array[a.attnum]),
          'generated', a.attgenerated,
          'identity', a.attidentity,
          'expression', pg_catalog.pg_get_expr(d.adbin, d.adrelid),
          'takesFromSequence', exists (
            select from pg_catalog.pg_depend p join pg_catalog.pg_class s on s.oid = p.refobjid
            where p.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass and p.objid = d.oid
              and p.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and s.relkind = 'S'),
          'sequence', (
            select pg_catalog.format('start with %s increment by %s minvalue %s maxvalue %s cache %s%s',
              s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, case when s.seqcycle then ' cycle' end)
            from pg_catalog.pg_depend p join pg_catalog.pg_sequence s on s.seqrelid = p.objid
            where p.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
              and p.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
              and p.refobjid = c.oid and p.refobjsubid = a.attnum and p.deptype = 'i')
          ) order by a.attnum)
        from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
          left join pg_catalog.pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      ), '[]'::pg_catalog.json) as columns,
      coalesce((
        select pg_catalog.json_agg(pg_catalog.json_build_object(
          'name', k.conname, 'definition', pg_catalog.pg_get_constraintdef(k.oid)) order by k.contype desc, k.conname)
        from pg_catalog.pg_constraint k
        where k.conrelid = c.oid and k.contype in ('p', 'c') and k.convalidated
          and coalesce((pg_catalog.to_jsonb(k) ->> 'conenforced')::boolean, true)
      ), '[]'::pg_catalog.json) as constraints,
      coalesce((
        select pg_catalog.json_agg(pg_catalog.json_build_object('name', i.relname, 'definition',
          pg_catalog.substr(pg_catalog.pg_get_indexdef(x.indexrelid), 1 + pg_catalog.length(pg_catalog.format(
            'CREATE UNIQUE INDEX %I ON %s%I.%I ', i.relname, case when c.relkind = 'p' then 'ONLY ' end,
            n.nspname, c.relname)))) order by i.relname)
        from pg_catalog.pg_index x join pg_catalog.pg_class i on i.oid = x.indexrelid
        where x.indrelid = c.oid and x.indisunique and not x.indisprimary and not x.indisexclusion and x.indisvalid
      ), '[]'::pg_catalog.json) as indexes
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.oid = ${oid}::pg_catalog.oid`;
}
