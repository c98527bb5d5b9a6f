import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printable, printableLines, truncate, truncateBytes } from './printable.ts';

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc
    .array(fc.constantFrom('a', '😀', '\ud83d', '\udc00', 'e\u0301', '\u001b[0m', '\r\n', '👩‍👩‍👧'), { maxLength: 40 })
    .map((parts) => parts.join('')),
);

describe('printable', () => {
  it.each([
    ['shows ANSI escapes', '\u001b[31mred\u009b0m', '\\u001b[31mred\\u009b0m'],
    ['keeps a text in one line', 'a\r\nb\tc\u2028d\u2029e\u0085f', 'a\\r\\nb\\tc\\u2028d\\u2029e\\u0085f'],
    [
      'shows bidirectional overrides and isolates',
      'user\u202etxt.exe\u2066x\u2069',
      'user\\u202etxt.exe\\u2066x\\u2069',
    ],
    ['shows invisible characters', 'ny\u200bc\u00adm\ufeffg\u3164', 'ny\\u200bc\\u00adm\\ufeffg\\u3164'],
    ['shows characters beyond the Basic Multilingual Plane in braces', 'a\u{e0041}', 'a\\u{e0041}'],
    ['shows NUL and lone surrogates', 'a\u0000b\ud83dc', 'a\\u0000b\\ud83dc'],
    ['shows what is no character', 'a\uffff\u{1ffff}', 'a\\uffff\\u{1ffff}'],
    ['leaves letters of any script, accents and emoji alone', 'é e\u0301 한국 עברית 😀 ⚠️', 'é e\u0301 한국 עברית 😀 ⚠️'],
    ['leaves formulas and markup alone, which are only text', '=cmd|calc!A1 <b>&amp;', '=cmd|calc!A1 <b>&amp;'],
  ])('%s', (_title, text, expected) => {
    expect(printable(text)).toBe(expected);
  });

  it('leaves nothing that acts, and changes nothing twice', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const result = printable(text);
        expect(result).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        expect(printable(result)).toBe(result);
      }),
    );
  });

  it('cuts as if it had read the whole text', () => {
    fc.assert(
      fc.property(anyText, fc.nat(50), (text, maxLength) => {
        expect(printable(text, maxLength)).toBe(truncate(printable(text), maxLength));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('printableLines', () => {
  it('keeps the lines of a stack trace, and nothing in them that acts', () => {
    expect(printableLines('Error: \u001b[2Jgone\r\n    at file.ts:1\n')).toBe(
      'Error: \\u001b[2Jgone\\r\n    at file.ts:1\n',
    );
  });
});

describe('truncate', () => {
  it.each([
    ['leaves a text alone that is exactly as long as allowed', 'abcde', 5, 'abcde'],
    ['ends what it cuts with an ellipsis', 'abcdef', 5, 'abcd…'],
    ['does not split a surrogate pair', 'abc😀def', 5, 'abc…'],
    ['keeps a surrogate pair that has room', 'abc😀def', 6, 'abc😀…'],
    ['does not split a letter from its accent', 'abce\u0301f', 5, 'abc…'],
    ['does not split a family', 'a👩‍👩‍👧bcd', 8, 'a…'],
    ['cuts a cluster that is longer than all the room', `a${'\u0301'.repeat(100)}`, 5, `a${'\u0301'.repeat(3)}…`],
    ['has nothing to say in no room', 'abc', 0, ''],
    ['has only an ellipsis to say in room for one', 'abc', 1, '…'],
  ])('%s', (_title, text, maxLength, expected) => {
    expect(truncate(text, maxLength)).toBe(expected);
  });

  it('is never longer than asked, and makes no lone surrogate', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.nat(60), (text, maxLength) => {
        const result = truncate(text, maxLength);
        expect(result.length).toBeLessThanOrEqual(maxLength);
        expect(result.isWellFormed()).toBe(true);
        expect(text.startsWith(result.replace(/…$/u, ''))).toBe(true);
      }),
    );
  });
});

describe('truncateBytes', () => {
  it.each([
    ['leaves a text alone that is exactly as large as allowed', 'aé€', 6, 'aé€'],
    ['ends what it cuts with an ellipsis', 'abcdef', 5, 'ab…'],
    ['keeps a code point whole or leaves it out', 'ab😀cdef', 8, 'ab…'],
    ['keeps a code point that has room', 'ab😀cdef', 9, 'ab😀…'],
    ['leaves out the ellipsis where that has no room', 'abcdef', 2, 'ab'],
    ['has nothing to say in no room', 'abc', 0, ''],
  ])('%s', (_title, text, maxBytes, expected) => {
    expect(truncateBytes(text, maxBytes)).toBe(expected);
  });

  it('is never larger than asked, and is a beginning of the text', () => {
    fc.assert(
      fc.property(anyText, fc.nat(80), (text, maxBytes) => {
        const result = truncateBytes(text, maxBytes);
        expect(Buffer.byteLength(result)).toBeLessThanOrEqual(maxBytes);
        expect(result === text || text.startsWith(result.replace(/…$/u, ''))).toBe(true);
        if (text.isWellFormed()) expect(result.isWellFormed()).toBe(true);
      }),
    );
  });
});
