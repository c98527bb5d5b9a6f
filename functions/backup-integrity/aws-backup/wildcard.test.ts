import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesWildcard } from './wildcard.ts';

describe('a wildcard', () => {
  it.each([
    ['arn:aws:rds:*:*:db:*', 'arn:aws:rds:us-east-1:123456789012:db:rights', true],
    ['arn:aws:rds:*:*:instance:*', 'arn:aws:rds:us-east-1:123456789012:db:rights', false],
    ['arn:aws:rds:*:*:db:*', 'arn:aws:rds:us-east-1:123456789012:cluster:rights', false],
    ['*', '', true],
    ['', '', true],
    ['', 'a', false],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['*rod*', 'production', true],
    ['Prod*', 'production', false],
    ['a?c', 'abc', false],
    ['a.c', 'abc', false],
  ])('%s of %s: %s', (pattern, text, expected) => {
    expect(matchesWildcard(pattern, text)).toBe(expected);
  });

  it('means what the regular expression means', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 12 });
    fc.assert(
      fc.property(letters, letters, (pattern, withStars) => {
        const text = withStars.replaceAll('*', 'c');
        const expected = new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(text);
        expect(matchesWildcard(pattern, text)).toBe(expected);
      }),
    );
  });
});
