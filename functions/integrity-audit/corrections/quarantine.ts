import sql, { join, type Sql } from 'sql-template-tag';
import type { Reader } from '../../../shared/postgres/reader.ts';
import { columnList, formatTableName, identifier, parseTableName, qualified } from '../../../shared/postgres/sql.ts';
import { RefusedError } from './refused-error.ts';

/** Columns of a quarantine beside the keys. */
const ownColumns = ['rule', 'found_at', 'plan'] as const;

/** Where the keys of violating rows are copied to. */
export interface Quarantine {
  /** As the configuration writes it. */
  readonly table: string;
  readonly rule: string;
  readonly keys: readonly string[];
  /** Returns the keys. */
  readonly rows: Sql;
  /** Reads them from the table, not from indexes. */
  readonly fromHeap: boolean;
}

/** Returns the statements that make the table: the keys in their own types, and one row for each rule and key. */
export function createQuarantine({ table, keys, rows }: Quarantine, hasNullsNotDistinct: boolean): Sql[] {
  const name = qualified(parseTableName(table));
  const distinct = hasNullsNotDistinct ? sql` nulls not distinct` : sql``;
  return [
    sql`create table ${name} as
      select ''::text as rule, ${columnList(keys, 'v')}, now() as found_at, ''::text as plan
      from (${rows}) v with no data`,
    sql`alter table ${name} alter rule set not null, alter found_at set not null, alter plan set not null`,
    sql`create unique index on ${name} (rule, ${columnList(keys)})${distinct}`,
  ];
}

/** Returns the statement that copies the keys which are not there yet. */
export function fillQuarantine({ table, rule, keys, rows }: Quarantine, plan: string): Sql {
  return sql`insert into ${qualified(parseTableName(table))} (rule, ${columnList(keys)}, found_at, plan)
    select ${rule}::text, ${columnList(keys, 'v')}, now(), ${plan}::text from (${rows}) v
    on conflict do nothing`;
}

/**
 * Returns whether there is such a table already.
 *
 * @throws RefusedError when a table of that name is there which is no quarantine for these keys, and when the keys have names that a
 * quarantine uses itself.
 */
export async function findQuarantine(reader: Pick<Reader, 'query'>, quarantine: Quarantine): Promise<boolean> {
  const { keys } = quarantine;
  const taken = keys.filter((key) => ownColumns.some((own) => own === key));
  if (keys.length === 0) {
    throw new RefusedError(
      'no-key',
      'The table has no primary key, and the configuration names none: there is nothing to copy.',
    );
  }
  if (taken.length > 0) {
    throw new RefusedError(
      'no-key',
      `A quarantine has columns of its own that are called like the key: ${taken.join(', ')}.`,
    );
  }
  const { schema, name } = parseTableName(quarantine.table);
  const [found] = await reader.query<FoundTable>(sql`
    select c.relkind as kind,
      (select pg_catalog.json_agg(pg_catalog.json_build_object('name', a.attname, 'type', a.atttypid::int8)) from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
      (select pg_catalog.json_agg((select pg_catalog.json_agg(a.attname) from pg_attribute a
          where a.attrelid = c.oid and a.attnum = any (i.indkey::int2[])))
        from pg_index i where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indpred is null
          and i.indexprs is null and i.indnatts = i.indnkeyatts) as unique
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = ${schema} and c.relname = ${name}`);
  if (found === undefined) return false;
  const fault = await faultOf(reader, found, quarantine);
  if (fault !== undefined) {
    throw new RefusedError('not-a-quarantine', `${formatTableName({ schema, name })} is there already, and ${fault}.`);
  }
  return true;
}

interface FoundTable {
  readonly kind: string;
  readonly columns: readonly { readonly name: string; readonly type: number }[] | null;
  readonly unique: readonly (readonly string[])[] | null;
}

async function faultOf(
  reader: Pick<Reader, 'query'>,
  found: FoundTable,
  { keys, rows }: Quarantine,
): Promise<string | undefined> {
  if (found.kind !== 'r' && found.kind !== 'p') return 'is no table';
  const columns = new Map(found.columns?.map((column) => [column.name, column.type]));
  const expected = [...ownColumns, ...keys];
  if (!isSame([...columns.keys()], expected)) return `has other columns than ${expected.join(', ')}`;
  if (found.unique?.some((unique) => isSame(unique, ['rule', ...keys])) !== true) {
    return `has no unique index on (${['rule', ...keys].join(', ')})`;
  }
  const types = keys.map(
    (key, index) => sql`pg_catalog.pg_typeof(v.${identifier(key)})::oid::int8::float8 as ${identifier(`t${index}`)}`,
  );
  const [row] = await reader.query<Record<string, number>>(sql`select ${join(types, ', ')} from (${rows}) v limit 1`);
  const others = row === undefined ? [] : keys.filter((key, index) => row[`t${index}`] !== columns.get(key));
  return others.length === 0 ? undefined : `has other types for ${others.join(', ')}`;
}

function isSame(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((name) => right.includes(name));
}
