const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

const oneColumnEach = /^[\u0020-\u007e]*$/u;
const emoji = /\p{RGI_Emoji}|\p{Emoji_Presentation}|\uFE0F/v;
/** Marks that stand above or below a letter; the vowels and final consonants that make a Korean syllable with what precedes. */
const noColumn = /[\p{Mn}\p{Me}\u1160-\u11FF]/u;
/** Wide and full-width characters, of which the half-width forms of the same scripts are none. */
const twoColumns =
  /[[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\p{Script=Yi}\p{Script=Tangut}\u3000-\u303E\u30FB\u30FC\u3190-\u33FF\uFE30-\uFE6B\uFF01-\uFF60\uFFE0-\uFFE6]--[\uFF61-\uFFDC]]/v;

/**
 * Returns how many columns of a terminal `text` takes: two for an emoji and for a wide character, none for a combining mark. The
 * text must be printable. Source: https://www.unicode.org/reports/tr11/
 */
export function displayWidth(text: string): number {
  if (oneColumnEach.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += graphemeWidth(segment);
  return width;
}

/** Returns `text` in parts of at most `columns`, each with at least one character as people see them. */
export function breakAtWidth(text: string, columns: number): string[] {
  const parts: string[] = [];
  let part = '';
  let width = 0;
  for (const { segment } of graphemes.segment(text)) {
    const more = graphemeWidth(segment);
    if (part !== '' && width + more > columns) {
      parts.push(part);
      part = '';
      width = 0;
    }
    part += segment;
    width += more;
  }
  return [...parts, part];
}

function graphemeWidth(grapheme: string): number {
  if (emoji.test(grapheme)) return 2;
  let width = 0;
  for (const character of grapheme) {
    if (!noColumn.test(character)) width += twoColumns.test(character) ? 2 : 1;
  }
  return width;
}
