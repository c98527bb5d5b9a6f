import { raw, type Sql } from 'sql-template-tag';
import { columnList } from '../postgres/sql.ts';
import type { TypedColumn } from '../retention/row-target.ts';
import { flaggedColumns, isInteger } from './row-hash.ts';

/**
 * Returns the expression of the hash of a row, as {@link rowHashName} says: of these columns and of no others, so that
 * a table that has got another one is to be found out otherwise. It is the same whatever the collation of the database.
 *
 * `concat` writes a value as the function of its type does that COPY writes it by, and NULL as nothing:
 * https://www.postgresql.org/docs/current/functions-string.html. A cast has other words for some types, such as `true`.
 *
 * @param columns all that a table has, in their order.
 * @param alias what the table is called.
 */
export function rowHash(columns: readonly TypedColumn[], alias?: string): Sql {
  const names = columns.map(({ name }) => columnList([name], alias).text);
  let hash = '0';
  for (let first = 0; first < names.length; first += flaggedColumns) {
    const some = names.slice(first, first + flaggedColumns);
    // Of a composite value without any field, IS NULL would be true.
    const flags = some.map((name) => `${name} is not distinct from null`).join(', ');
    const text = `case pg_catalog.num_nulls(${some.join(', ')}) when 0 then '' else pg_catalog.concat(${flags}) end`;
    hash = linkText(text, hash);
  }
  for (const [index, { type }] of columns.entries()) {
    const name = names[index] as string;
    if (isInteger(type)) hash = linkInteger(name, hash);
    else hash = linkText(isText(type) ? `coalesce(${name}, '')` : `pg_catalog.concat(${name})`, hash);
  }
  return raw(hash);
}

function linkInteger(name: string, seed: string): string {
  return `pg_catalog.hashint4extended(0, ${seed} operator(pg_catalog.#) coalesce(${name}, 0)::int8)`;
}

function linkText(text: string, seed: string): string {
  return `pg_catalog.hashtextextended(${text} collate pg_catalog."C", ${seed})`;
}

/** Its values are their own text already. */
function isText(type: string): boolean {
  return type === 'text' || /^character varying(\(\d+\))?$/.test(type);
}
