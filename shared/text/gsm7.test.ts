import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gsm7Length, smsSegments, toGsm7, truncateGsm7 } from './gsm7.ts';

const oneSeptet =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&()*+,-./0123456789:;<=>?¡§¿ÄÖÑÜäöñüà\'' +
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const twoSeptets = '^{}[]~|€\\\f';

const anyText = fc.string({ unit: 'binary', maxLength: 400 });
const gsmText = fc
  .array(fc.constantFrom(...oneSeptet, ...twoSeptets), { maxLength: 700 })
  .map((characters) => characters.join(''));
const longText = fc.oneof(
  gsmText,
  fc.string({ unit: 'grapheme', maxLength: 400 }),
  fc.array(fc.constantFrom('a', '€', '😀', '–', '\ud83d'), { maxLength: 400 }).map((characters) => characters.join('')),
);

describe('gsm7Length', () => {
  it('counts every character of the default alphabet as one septet', () => {
    for (const character of oneSeptet) expect(gsm7Length(character), character).toBe(1);
    expect(new Set(oneSeptet).size).toBe(127);
  });

  it('counts every character of the extension table as two septets', () => {
    for (const character of twoSeptets) expect(gsm7Length(character), character).toBe(2);
    expect(new Set(twoSeptets).size).toBe(10);
  });

  it('knows no other character of the Basic Multilingual Plane, nor the escape code itself', () => {
    const known = new Set([...oneSeptet, ...twoSeptets]);
    for (let code = 0; code <= 0xffff; code += 1) {
      const character = String.fromCharCode(code);
      if (!known.has(character)) expect(gsm7Length(character), code.toString(16)).toBeUndefined();
    }
  });

  it('is undefined for a text with a single character that is not encodable', () => {
    expect(gsm7Length('3 critical – see email')).toBeUndefined();
    expect(gsm7Length('')).toBe(0);
  });
});

describe('toGsm7', () => {
  it.each([
    ['leaves what is encodable alone', 'Größe: é à Ñ €5 [ok]', 'Größe: é à Ñ €5 [ok]'],
    ['turns dashes, quotes and the ellipsis into plain ones', '– — ‘a’ “b” c…', `- - 'a' "b" c...`],
    ['takes the accents off letters that the alphabet has without them', 'Łódź Škoda naïve', 'Lodz Skoda naive'],
    ['takes the capital where the alphabet has only that', 'garçon δ', 'garÇon Δ'],
    ['writes Greek capitals in Latin where they look alike', 'ΑΒΓ αβγ', 'ABΓ ABΓ'],
    ['composes before it looks', 'e\u0301 n\u0303', 'é ñ'],
    ['turns each emoji into one question mark', 'a 😀 👩‍👩‍👧 🇺🇸 b', 'a ? ? ? b'],
    ['turns a syllable of another script into one question mark', '한국', '??'],
    ['turns tabs into spaces and every line break into a line feed', 'a\tb\r\nc\rd\u2028e\u0085f', 'a b\nc\nd\ne\nf'],
    ['removes control characters and invisible ones', 'a\u0000\u001b\u0007\u202eb\u200b\u0301', 'ab'],
    ['replaces lone surrogates', 'a\ud83db', 'a?b'],
    ['does not turn a struck-out relation or a fraction into another statement', '3½ ≮ ≠', '3? ? !='],
    ['spells compatibility characters out', 'ﬁ ™ № Ｈ', 'fi TM No H'],
  ])('%s', (_title, text, expected) => {
    expect(toGsm7(text)).toBe(expected);
  });

  it('is always encodable and transliterates to itself', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const result = toGsm7(text);
        expect(gsm7Length(result)).toBeDefined();
        expect(toGsm7(result)).toBe(result);
      }),
      { numRuns: 500 },
    );
  });
});

describe('truncateGsm7', () => {
  it('leaves a text alone that is exactly as long as allowed', () => {
    const text = `${'a'.repeat(158)}€`;
    expect(truncateGsm7(text, 160)).toBe(text);
    expect(truncateGsm7(`${text}b`, 160)).toBe(`${'a'.repeat(157)}...`);
  });

  it('shows what has room instead of nothing but full stops', () => {
    expect(truncateGsm7('abcdef', 3)).toBe('abc');
    expect(truncateGsm7('abcdef', 4)).toBe('a...');
  });

  it('does not split an escaped character', () => {
    expect(truncateGsm7('aaaa€€€€', 8)).toBe('aaaa...');
    expect(truncateGsm7('aaaa€€€€', 9)).toBe('aaaa€...');
  });

  it('is never longer than asked, and keeps the beginning', () => {
    fc.assert(
      fc.property(anyText, fc.nat(200), (text, maxSeptets) => {
        const result = truncateGsm7(text, maxSeptets);
        expect(gsm7Length(result)).toBeLessThanOrEqual(maxSeptets);
        expect(toGsm7(text).startsWith(result.replace(/\.\.\.$/u, ''))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe('smsSegments', () => {
  it.each([
    ['', 'gsm-7', 0],
    ['a'.repeat(160), 'gsm-7', 1],
    ['a'.repeat(161), 'gsm-7', 2],
    ['a'.repeat(306), 'gsm-7', 2],
    ['a'.repeat(307), 'gsm-7', 3],
    [`${'a'.repeat(158)}€`, 'gsm-7', 1],
    // The euro would be split between the first part and the second, so 306 septets need three parts.
    [`${'a'.repeat(152)}€${'a'.repeat(152)}`, 'gsm-7', 3],
    ['–'.repeat(70), 'ucs-2', 1],
    ['–'.repeat(71), 'ucs-2', 2],
    ['–'.repeat(134), 'ucs-2', 2],
    ['–'.repeat(135), 'ucs-2', 3],
    ['😀'.repeat(35), 'ucs-2', 1],
    // 67 is odd: each part holds 33 pairs and no half.
    ['😀'.repeat(66), 'ucs-2', 2],
    ['😀'.repeat(67), 'ucs-2', 3],
  ])('counts the parts at each boundary (%#)', (text, encoding, segments) => {
    expect(smsSegments(text)).toEqual({ encoding, segments });
  });

  it('agrees with a naive split', () => {
    fc.assert(
      fc.property(longText, (text) => {
        expect(smsSegments(text)).toEqual(naiveSegments(text));
      }),
      { numRuns: 500 },
    );
  });
});

/** Writes the parts out, unit by unit, with an escape before each extended character. */
function naiveSegments(text: string): { encoding: string; segments: number } {
  const isGsm = [...text].every((character) => oneSeptet.includes(character) || twoSeptets.includes(character));
  const unitsOf = (character: string) => {
    if (!isGsm) return character.split('');
    return twoSeptets.includes(character) ? ['ESC', character] : [character];
  };
  const [single, part] = isGsm ? [160, 153] : [70, 67];
  const all = [...text].flatMap(unitsOf);
  const encoding = isGsm ? 'gsm-7' : 'ucs-2';
  if (all.length <= single) return { encoding, segments: all.length > 0 ? 1 : 0 };
  const parts: string[][] = [[]];
  for (const character of text) {
    const last = parts.at(-1) ?? [];
    const units = unitsOf(character);
    if (last.length + units.length <= part) last.push(...units);
    else parts.push(units);
  }
  return { encoding, segments: parts.length };
}
