import { escapeIdentifier } from 'pg';
import { join, raw, type Sql } from 'sql-template-tag';
import { requireClosedSql } from './closed-sql.ts';

/** A table or another relation. */
export interface TableName {
  readonly schema: string;
  readonly name: string;
}

/** Bytes of a name; PostgreSQL cuts a longer one off, and would so name another object. */
const maxIdentifierBytes = 63;

/**
 * Returns a name as SQL: quoted, so that it names an object and is nothing else, whatever is in it. The only place
 * where names are quoted. https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
 *
 * @throws RangeError for what cannot be a name: nothing, a NUL, half a character, more than 63 bytes.
 */
export function identifier(name: string): Sql {
  const bytes = Buffer.byteLength(name);
  // Half of a surrogate pair is sent as another character.
  if (bytes === 0 || bytes > maxIdentifierBytes || name.includes('\0') || !name.isWellFormed()) {
    throw new RangeError(`a name in PostgreSQL has 1 to ${maxIdentifierBytes} bytes of whole characters and no NUL`);
  }
  return raw(escapeIdentifier(name));
}

/** Returns a table's name as SQL, with its schema. */
export function qualified({ schema, name }: TableName): Sql {
  return join([identifier(schema), identifier(name)], '.');
}

/** Returns names as SQL, divided by commas; each behind `alias.` where one is given. */
export function columnList(names: readonly string[], alias?: string): Sql {
  const prefix = alias === undefined ? '' : `${identifier(alias).text}.`;
  return join(
    names.map((name) => raw(`${prefix}${identifier(name).text}`)),
    ', ',
  );
}

/**
 * Returns SQL that somebody has written into a configuration, in parentheses, as one expression or query that cannot
 * end what it is put into. What it reads is up to who wrote it; that it only reads is up to the transaction.
 *
 * @throws SyntaxError when it is not closed in itself.
 */
export function writtenSql(text: string): Sql {
  requireClosedSql(text);
  return raw(`(${text}\n)`);
}

/**
 * Returns the name as the configuration writes it: `schema.table`, or `table` in the schema `public`. A name with a dot
 * is written with its schema, and everything behind the first dot is the table.
 */
export function parseTableName(text: string): TableName {
  const dot = text.indexOf('.');
  return dot === -1 ? { schema: 'public', name: text } : { schema: text.slice(0, dot), name: text.slice(dot + 1) };
}

/** Returns `schema.table`, for people and for identities. */
export function formatTableName({ schema, name }: TableName): string {
  return `${schema}.${name}`;
}
