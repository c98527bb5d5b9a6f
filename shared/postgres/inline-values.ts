import { escapeLiteral } from 'pg';
import type { Sql } from 'sql-template-tag';

/**
 * Returns a statement as text with its values in it as literals, for the few that take no parameters: COPY is one. Strings have to be
 * standard-conforming, which the transactions of this folder see to.
 *
 * @throws TypeError for a value that is no text, number, boolean, null or array of these.
 */
export function inlineValues(statement: Sql): string {
  const { strings, values } = statement;
  return strings.map((text, index) => (index === 0 ? text : `${literal(values[index - 1])}${text}`)).join('');
}

function literal(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'number' && Number.isFinite(value)) return escapeLiteral(String(value));
  if (typeof value === 'boolean' || typeof value === 'bigint') return escapeLiteral(String(value));
  if (typeof value === 'string') return textLiteral(value);
  if (Array.isArray(value)) return textLiteral(arrayText(value));
  throw new TypeError(`a ${typeof value} cannot be written into a statement`);
}

/** The server would end the statement at a NUL, and take half a character for another one. */
function textLiteral(text: string): string {
  if (text.includes('\0')) throw new TypeError('a text with a NUL cannot be written into a statement');
  if (!text.isWellFormed()) throw new TypeError('a text with half a character cannot be written into a statement');
  return escapeLiteral(text);
}

/** https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO */
function arrayText(values: readonly unknown[]): string {
  const elements = values.map((value) => {
    if (value === null || value === undefined) return 'NULL';
    if (Array.isArray(value)) return arrayText(value);
    if (!['string', 'number', 'boolean', 'bigint'].includes(typeof value)) {
      throw new TypeError(`an array of ${typeof value} cannot be written into a statement`);
    }
    return `"${String(value).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  });
  return `{${elements.join(',')}}`;
}
