import sql, { raw } from 'sql-template-tag';
import { typeDdl } from '../../../shared/archive/type-ddl.ts';
import type { CopySession } from '../../../shared/postgres/copy-session.ts';
import { formatTableName, identifier, type TableName } from '../../../shared/postgres/sql.ts';
import { RestoreRefusal } from './restore-refusal.ts';

const quotedName = '"((?:[^"]|"")+)"';
const ofType = new RegExp(`^(create type|create domain|alter domain) ${quotedName}\\.${quotedName} `);

/** Returns the type that a statement of a manifest is about; undefined when it is about none. */
export function typeOf(statement: string): TableName | undefined {
  const [, , schema, name] = ofType.exec(statement) ?? [];
  if (schema === undefined || name === undefined) return undefined;
  return { schema: unquoted(schema), name: unquoted(name) };
}

/**
 * Makes the types of a manifest that are not there, in the schemas in which they were. One that is there has to have
 * the same values: an enum may have got more labels since, and a domain may take others, which the rows themselves then
 * tell.
 *
 * @param statements about types only, in their order.
 * @throws RestoreRefusal `type-differs`.
 */
export async function makeTypes(session: CopySession, statements: readonly string[]): Promise<void> {
  const made = new Set<string>();
  for (const statement of statements) {
    const type = typeOf(statement);
    if (type === undefined) throw new TypeError('a statement that is about no type');
    const name = formatTableName(type);
    if (statement.startsWith('alter ')) {
      if (made.has(name)) await session.query(raw(statement));
      continue;
    }
    const existing = await existingType(session, type);
    if (existing === undefined) {
      await makeSchema(session, type.schema);
      await session.query(raw(statement));
      made.add(name);
    } else if (!hasSameValues(existing, statement)) {
      throw new RestoreRefusal(
        'type-differs',
        `The type ${name} is there with another definition: it is \`${existing}\`, and was \`${statement}\` ` +
          'when the rows were archived.',
      );
    }
  }
}

/** Makes a schema unless it is there. */
export async function makeSchema(session: CopySession, name: string): Promise<void> {
  const found = await session.query(sql`select from pg_catalog.pg_namespace n where n.nspname = ${name}`);
  // `if not exists` would ask for the right to make one also where nothing is to be made.
  if (found.length === 0) await session.query(sql`create schema ${identifier(name)}`);
}

/** Returns the statement that would make the type as it is there; an empty one for what no statement makes. */
async function existingType(session: CopySession, { schema, name }: TableName): Promise<string | undefined> {
  const [row] = await session.query<{ oid: number }>(sql`
    select t.oid::pg_catalog.int8::pg_catalog.float8 as oid
    from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
    where n.nspname = ${schema} and t.typname = ${name}`);
  if (row === undefined) return undefined;
  const types = await typeDdl(session, [row.oid]);
  return types.find((type) => type.schema === schema && type.name === name)?.create ?? '';
}

function hasSameValues(existing: string, archived: string): boolean {
  if (existing === archived) return true;
  const there = enumLabels(existing);
  const labels = enumLabels(archived);
  if (there === undefined || labels === undefined) return false;
  let next = 0;
  for (const label of there) if (label === labels[next]) next += 1;
  return next === labels.length;
}

/** Returns the labels, as they are quoted, of a statement that makes an enum. */
function enumLabels(statement: string): string[] | undefined {
  const type = ofType.exec(statement)?.[0];
  const list = type === undefined ? undefined : /^as enum \((.*)\)$/s.exec(statement.slice(type.length))?.[1];
  return list?.match(/'(?:[^']|'')*'/g) ?? (list === '' ? [] : undefined);
}

function unquoted(name: string): string {
  return name.replaceAll('""', '"');
}
