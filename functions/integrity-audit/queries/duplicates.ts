import sql, { type Sql } from 'sql-template-tag';
import { requireTable, type TableFacts } from '../../../shared/postgres/catalog.ts';
import { identifier, parseTableName } from '../../../shared/postgres/sql.ts';
import type { RuleOfKind } from '../config.ts';
import { type Expressions, noneIsNull } from '../rows/selected.ts';
import { countRepeated, type Repetition, repeatedRows } from './repeated-rows.ts';
import type { RowCheck } from './row-check.ts';

/**
 * Returns how rows are found that are the same as another, to the letter or but for case and spaces. A row with a null
 * in one of the columns is not compared. Of n rows that are the same, n - 1 break the rule.
 *
 * @throws UncheckedError when the table or a column is not there or cannot be read, or the condition cannot be sent.
 */
export function duplicatesCheck(rule: RuleOfKind<'duplicates'>, tables: ReadonlyMap<string, TableFacts>): RowCheck {
  const table = requireTable(tables, parseTableName(rule.table), rule.columns);
  const repetition: Repetition = {
    table,
    same: sameness(rule, table),
    where: rule.where,
    compared: noneIsNull(rule.columns),
  };
  const but = rule.ignoreCaseAndSpaces ? ', case and spaces aside' : '';
  return {
    table,
    breaks: 'duplicates',
    reading: { fromHeap: true },
    count: countRepeated(repetition),
    rows: (shown, limit) => repeatedRows(repetition, shown, limit),
    other: 'repeats',
    what: `have the same ${rule.columns.join(', ')} as another${but}`,
    remedy: 'Merge the rows that are the same, and let what refers to them refer to the one that is kept.',
  };
}

function sameness({ columns, ignoreCaseAndSpaces }: RuleOfKind<'duplicates'>, table: TableFacts): Expressions {
  return Object.fromEntries(
    columns.map((column, index) => {
      const isText = table.columns.get(column)?.typeCategory === 'S';
      return [`k${index}`, ignoreCaseAndSpaces && isText ? withoutCaseAndSpaces(column) : identifier(column)];
    }),
  );
}

/** What PostgreSQL's \s leaves out in some locales: no-break, typographic, ideographic and zero-width spaces. */
const otherSpaces = '\\u00a0\\u1680\\u2000-\\u200b\\u202f\\u205f\\u3000\\ufeff';

/**
 * One letter may be written as one character or as two, which look the same: they are made the same where Unicode is
 * spoken, as only there PostgreSQL can. https://www.postgresql.org/docs/current/functions-string.html
 */
function withoutCaseAndSpaces(column: string): Sql {
  const text = sql`${identifier(column)}::text`;
  return sql`case when current_setting('server_encoding') = 'UTF8'
    then lower(btrim(regexp_replace(normalize(${text}, NFC), ${`[\\s${otherSpaces}]+`}, ' ', 'g')))
    else lower(btrim(regexp_replace(${text}, '\\s+', ' ', 'g'))) end`;
}
