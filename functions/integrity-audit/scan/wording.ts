import type { Violations } from '../outcome.ts';
import type { ColumnRule } from '../rule-kinds.ts';

/** Returns how to speak of rows that break a rule: of the rule, never of a value that a row holds. */
export function wordingOf(rule: ColumnRule): Pick<Violations, 'breaks' | 'what' | 'remedy'> {
  const { column } = rule;
  switch (rule.kind) {
    case 'notNull':
      return {
        breaks: 'not-null',
        what: `have no ${column}`,
        remedy: `Fill in what is missing; then let a NOT NULL constraint keep ${column} filled.`,
      };
    case 'acceptedValues': {
      const values =
        rule.values.length === 1 ? 'the accepted value' : `one of the ${rule.values.length} accepted values`;
      return {
        breaks: 'accepted-values',
        what: `have a value in ${column} that is not ${values}`,
        remedy: 'Correct the rows, or add the value to the rule if it is right.',
      };
    }
    case 'range':
      return {
        breaks: 'range',
        what: `have a value in ${column} that is ${outside(rule)}`,
        remedy: `Correct the rows, or the range if it is right for them; a CHECK constraint keeps ${column} within it.`,
      };
    case 'pattern':
      return {
        breaks: 'pattern',
        what: `have a value in ${column} that does not match the pattern`,
        remedy: 'Correct the rows, and what has written them.',
      };
    case 'length':
      return {
        breaks: 'length',
        what: `have a value in ${column} that is ${wrongLength(rule)}`,
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
