import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { glob } from './glob.ts';

describe('glob', () => {
  it('matches the whole text, whatever its case', () => {
    expect(glob('*.nycmg.example')('WWW.nycmg.example')).toBe(true);
    expect(glob('nycmg')('www.nycmg.example')).toBe(false);
  });

  it('lets a star cross slashes and colons, which ARNs are full of', () => {
    expect(glob('arn:aws:acm:*abc')('arn:aws:acm:us-east-1:123456789012:certificate/abc')).toBe(true);
  });

  it('takes every other character literally', () => {
    expect(glob('a.c')('abc')).toBe(false);
    expect(glob('(a|b)+')('(a|b)+')).toBe(true);
  });

  it('agrees with the obvious regular expression', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 });
    fc.assert(
      fc.property(text, fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 }), (pattern, subject) => {
        const expected = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(subject);
        expect(glob(pattern)(subject)).toBe(expected);
      }),
    );
  });

  it('is not held up by a pattern that makes regular expressions backtrack', () => {
    expect(glob(`${'*a'.repeat(40)}b`)('a'.repeat(2000))).toBe(false);
  });
});
