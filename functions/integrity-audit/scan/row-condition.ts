import sql, { join, type Sql } from 'sql-template-tag';
import type { ColumnFacts, TableFacts } from '../../../shared/postgres/catalog.ts';
import { identifier } from '../../../shared/postgres/sql.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { RuleOfKind } from '../config.ts';
import { closedSql } from '../rows/written-condition.ts';
import type { ColumnRule } from '../rule-kinds.ts';
import { patternCondition } from './pattern-condition.ts';

/** In no encoding of a server does a character take more. */
const maxBytesPerCharacter = 4;

/**
 * Returns a condition that is false for a row that breaks the rule, and never otherwise: true where the row is right, null where its
 * column is, about which only `notNull` has something to say.
 */
function rowCondition(rule: ColumnRule, table: TableFacts): Sql {
  const column = identifier(rule.column);
  switch (rule.kind) {
    case 'notNull':
      // Not `is not null`, which for a column of a composite type is about its fields.
      return sql`${column} is distinct from null`;
    case 'acceptedValues':
      return sql`${column}::text collate "C" = any(${rule.values}::text[])`;
    case 'range':
      return rangeCondition(rule, table.columns.get(rule.column));
    case 'pattern':
      return patternCondition(rule.column, table.columns.get(rule.column)?.type ?? '', rule.matches);
    case 'length':
      return lengthCondition(rule);
  }
}

/** Returns the condition for a row that breaks the rule, and that its `where` takes in. */
export function breaksRule(rule: ColumnRule, table: TableFacts): Sql {
  const breaks = sql`not (${rowCondition(rule, table)})`;
  return rule.where === undefined ? breaks : sql`${closedSql(rule.where)} and ${breaks}`;
}

function rangeCondition(rule: RuleOfKind<'range'>, facts: ColumnFacts | undefined): Sql {
  const { min, max, exclusiveMin, exclusiveMax } = rule;
  const column = identifier(rule.column);
  const conditions: Sql[] = [];
  if (min !== undefined) {
    conditions.push(exclusiveMin ? sql`${column} > ${bound(min, facts)}` : sql`${column} >= ${bound(min, facts)}`);
  }
  if (max !== undefined) {
    conditions.push(exclusiveMax ? sql`${column} < ${bound(max, facts)}` : sql`${column} <= ${bound(max, facts)}`);
  }
  return join(conditions, ' and ');
}

/**
 * Returns a bound that the server takes for one of the column's own type, or of what its domain is made of: without a length or a
 * scale, to which it would be cut or rounded, and without the checks of the domain. A whole number is compared as one with every type
 * of numbers, so that it may be larger than the column can hold; so is a fraction with whole numbers.
 * https://www.postgresql.org/docs/current/typeconv-oper.html
 */
function bound(value: number | string, facts: ColumnFacts | undefined): Sql {
  if (facts === undefined) throw new UncheckedError('missing-column', 'The column of a range is not known.');
  const { type, typeCategory } = facts;
  const text = String(value);
  if (typeCategory === 'N' && type !== 'money') {
    if (/^-?\d{1,18}$/.test(text)) return sql`${text}::bigint`;
    if (/^(smallint|integer|bigint)$/.test(type)) return sql`${text}::numeric`;
  }
  return sql`${text}`;
}

/** Characters are counted only where the bytes, which need no counting, do not say enough: a fourth of the time. */
function lengthCondition({ column, min = 0, max }: RuleOfKind<'length'>): Sql {
  const text = sql`${identifier(column)}::text`;
  const bytes = String(Math.min(min * maxBytesPerCharacter, Number.MAX_SAFE_INTEGER));
  const longEnough = sql`octet_length(${text}) >= ${bytes}::int8`;
  const atLeast = sql`char_length(${text}) >= ${String(min)}::int8`;
  if (max === undefined) return sql`${longEnough} or ${atLeast}`;
  const shortEnough = sql`octet_length(${text}) <= ${String(max)}::int8`;
  const atMost = sql`char_length(${text}) <= ${String(max)}::int8`;
  return sql`${longEnough} and ${shortEnough} or ${atLeast} and ${atMost}`;
}
