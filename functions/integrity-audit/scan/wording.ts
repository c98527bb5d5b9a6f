import type { TableFacts } from '../../../shared/postgres/catalog.ts';
import { formatTableName } from '../../../shared/postgres/sql.ts';
import type { Violations } from '../outcome.ts';
import type { ColumnRule } from '../rule-kinds.ts';

/** Returns how to speak of rows that break a rule: of the rule, never of a value that a row holds. */
export function wordingOf(rule: ColumnRule, table: TableFacts): Pick<Violations, 'breaks' | 'what' | 'remedy'> {
  const { column } = rule;
  const of = `of ${formatTableName(table)}`;
  switch (rule.kind) {
    case 'notNull':
      return {
        breaks: 'not-null',
        what: `${of} have no ${column}`,
        remedy: `Fill in what is missing; then let a NOT NULL constraint keep ${column} filled.`,
      };
    case 'acceptedValues': {
      const values =
        rule.values.length === 1 ? 'the accepted value' : `one of the ${rule.values.length} accepted values`;
      return {
        breaks: 'accepted-values',
        what: `${of} have a ${column} that is not ${values}`,
        remedy: 'Correct the rows, or add the value to the rule if it is right.',
      };
    }
    case 'range':
      return {
        breaks: 'range',
        what: `${of} have a ${column} that is ${outside(rule)}`,
        remedy: `Correct the rows, or the range if it is right for them; a CHECK constraint keeps ${column} within it.`,
      };
    case 'pattern':
      return {
        breaks: 'pattern',
        what: `${of} have a ${column} that does not match the pattern`,
        remedy: 'Correct the rows, and what has written them.',
      };
    case 'length':
      return {
        breaks: 'length',
        what: `${of} have a ${column} ${wrongLength(rule)}`,
        remedy: 'Correct the rows, and what has written them.',
      };
  }
}

function outside({ min, max, exclusiveMin, exclusiveMax }: Extract<ColumnRule, { kind: 'range' }>): string {
  const below = min === undefined ? [] : [`${exclusiveMin ? 'not above' : 'below'} ${min}`];
  const above = max === undefined ? [] : [`${exclusiveMax ? 'not below' : 'above'} ${max}`];
  return [...below, ...above].join(' or ');
}

function wrongLength({ min, max }: Extract<ColumnRule, { kind: 'length' }>): string {
  const shorter = min === undefined ? [] : [`shorter than ${min}`];
  const longer = max === undefined ? [] : [`longer than ${max}`];
  return `${[...shorter, ...longer].join(' or ')} characters`;
}
