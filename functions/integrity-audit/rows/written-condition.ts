import sql, { empty, join, type Sql } from 'sql-template-tag';
import { writtenSql } from '../../../shared/postgres/sql.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';

/**
 * Returns SQL from the configuration in parentheses.
 *
 * @throws UncheckedError `bad-sql` when it is not closed in itself.
 */
export function closedSql(text: string): Sql {
  try {
    return writtenSql(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw new UncheckedError('bad-sql', `It was not sent: ${error.message}.`);
    throw error;
  }
}

/**
 * Returns a WHERE clause of the condition that a rule has, if it has one, and of others; nothing when there are none.
 *
 * @throws UncheckedError `bad-sql`.
 */
export function whereClause(written: string | undefined, others: readonly Sql[] = []): Sql {
  const all = [...(written === undefined ? [] : [closedSql(written)]), ...others];
  return all.length === 0 ? empty : sql`where ${join(all, ' and ')}`;
}
