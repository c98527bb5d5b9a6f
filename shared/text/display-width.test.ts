import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { breakAtWidth, displayWidth } from './display-width.ts';

describe('displayWidth', () => {
  it.each([
    ['nothing', '', 0],
    ['plain text', 'nycmg-rights', 12],
    ['letters with accents', 'Größe', 5],
    ['combining marks', 'e\u0301a\u0308', 2],
    ['Chinese', '音楽', 4],
    ['Japanese', 'カタログの', 10],
    ['half-width Japanese', 'ｶﾀﾛｸﾞ', 5],
    ['Korean', '한국', 4],
    ['Korean in parts', '한국'.normalize('NFD'), 4],
    ['full-width Latin', 'ＮＹＣ', 6],
    ['ideographic punctuation', '、。', 4],
    ['Hebrew and Arabic', 'שלום سلام', 9],
    ['an emoji', '😀', 2],
    ['an emoji with a selector', '⚠\uFE0F', 2],
    ['a flag', '🇺🇸', 2],
    ['an emoji with a skin tone', '👍🏽', 2],
    ['dashes, dots and arrows', '–·→…', 4],
    ['digits', '0123', 4],
  ])('counts %s', (_title, text, expected) => {
    expect(displayWidth(text)).toBe(expected);
  });
});

describe('breakAtWidth', () => {
  it.each([
    ['abcdef', 3, ['abc', 'def']],
    ['abcdefg', 3, ['abc', 'def', 'g']],
    ['音楽a', 3, ['音', '楽a']],
    ['e\u0301e\u0301', 1, ['e\u0301', 'e\u0301']],
    ['音楽', 1, ['音', '楽']],
    ['', 3, ['']],
  ])('breaks %s at %d', (text, columns, expected) => {
    expect(breakAtWidth(text, columns)).toEqual(expected);
  });

  it('loses nothing, and keeps within the width', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.integer({ min: 2, max: 20 }), (text, columns) => {
        const parts = breakAtWidth(text, columns);
        expect(parts.join('')).toBe(text);
        for (const part of parts) {
          const isOne = [...new Intl.Segmenter('en').segment(part)].length <= 1;
          if (!isOne) expect(displayWidth(part)).toBeLessThanOrEqual(columns);
        }
      }),
    );
  });
});
