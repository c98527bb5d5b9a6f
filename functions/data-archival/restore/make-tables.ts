import sql, { raw } from 'sql-template-tag';
import type { Manifest, ManifestTable } from '../../../shared/archive/manifest.ts';
import type { CopySession } from '../../../shared/postgres/copy-session.ts';
import { formatTableName, identifier, qualified, type TableName } from '../../../shared/postgres/sql.ts';
import { makeSchema, makeTypes, typeOf } from './make-types.ts';
import { RestoreRefusal } from './restore-refusal.ts';

/**
 * Makes the tables of an archive, empty, in a schema, which is made too unless it is there, and returns them in the
 * manifest's order.
 *
 * @param isScratch whether they are to be gone soon: then nothing of them is written ahead, nor sent to replicas.
 * @throws RestoreRefusal when there is anything in the way; and the server's errors.
 */
export async function makeTables(
  session: CopySession,
  { tables }: Pick<Manifest, 'tables'>,
  schema: string,
  isScratch: boolean,
): Promise<TableName[]> {
  if (/^(pg_|information_schema$)/.test(schema)) {
    throw new RestoreRefusal('bad-schema', `${schema} is a schema of PostgreSQL's own.`);
  }
  const names = tables.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new RestoreRefusal('same-name', `The archive has two tables ${twice}, of which one schema can have one.`);
  }
  await requireFree(session, schema, names);
  await makeSchema(session, schema);
  for (const table of tables) {
    const { types, own } = sortedStatements(table, { schema, name: table.name }, isScratch);
    await makeTypes(session, types);
    for (const statement of own) await session.query(raw(statement));
  }
  return names.map((name) => ({ schema, name }));
}

async function requireFree(session: CopySession, schema: string, names: readonly string[]): Promise<void> {
  const taken = await session.query<{ name: string }>(sql`
    select c.relname::text as name from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = ${schema} and c.relname = any (${names}::pg_catalog.text[]) order by c.relname`);
  if (taken.length === 0) return;
  const which = taken.map(({ name }) => formatTableName({ schema, name })).join(', ');
  throw new RestoreRefusal('table-exists', `${which} is there already. Choose another schema, or drop it first.`);
}

/**
 * Returns a table's statements with the schema in them. They come from a bucket: none is run that is not of the form in
 * which they are written there.
 */
function sortedStatements(
  table: ManifestTable,
  target: TableName,
  isScratch: boolean,
): { types: string[]; own: string[] } {
  const name = identifier(table.name).text;
  const types: string[] = [];
  const own: string[] = [];
  for (const statement of table.ddl) {
    if (typeOf(statement) !== undefined) {
      types.push(statement);
      continue;
    }
    const head = ownHead(statement, name);
    if (head === undefined) {
      const what = statement.slice(0, 40).replaceAll(/\s+/g, ' ');
      throw new RestoreRefusal(
        'statement-unknown',
        `The manifest has a statement for ${formatTableName(table)} that is not one of those that it may have: ` +
          `${what}…`,
      );
    }
    const making = head.before.replace('create table', isScratch ? 'create unlogged table' : 'create table');
    own.push(`${making}${qualified(target).text}${statement.slice(head.before.length + name.length)}`);
  }
  return { types, own };
}

/** Returns what stands before the table's name where the statement makes the table or one of its indexes. */
function ownHead(statement: string, name: string): { readonly before: string } | undefined {
  const before = /^(?:create table |create unique index "(?:[^"]|"")+" on )/.exec(statement)?.[0];
  if (before === undefined) return undefined;
  const after = before === 'create table ' ? ' (' : ' USING ';
  return statement.startsWith(name + after, before.length) ? { before } : undefined;
}
