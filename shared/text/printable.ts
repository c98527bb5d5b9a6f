const ellipsis = '…';

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });
const utf8 = new TextEncoder();

/*
 * Control characters (with them the ANSI escapes and line breaks), format characters (with them the bidirectional
 * overrides, zero-width characters and tags), line and paragraph separators, lone surrogates, and code points that
 * display as nothing or are no characters, which SNS does not take: https://aws.amazon.com/sns/faqs/. The two variation
 * selectors that stay are part of common emoji.
 */
const unprintable =
  /[[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}\p{Default_Ignorable_Code_Point}]--[\uFE0E\uFE0F]]/gv;

const shortEscapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * Returns `text`, which came from outside, as one line that neither a terminal, nor a log, nor a mail reads as anything
 * but text: what would act, reorder or hide is shown as an escape such as `\u001b`, `\n` or `\u{e0041}`.
 *
 * @param maxLength in UTF-16 code units; a longer result is cut as {@link truncate} does. Text beyond it costs no time.
 */
export function printable(text: string, maxLength = Number.POSITIVE_INFINITY): string {
  // No character becomes shorter, so what lies beyond the limit cannot come back within it; one more tells that there
  // was more.
  const begin = text.length > maxLength ? text.slice(0, maxLength + 1) : text;
  return truncate(begin.replace(unprintable, escapeOf), maxLength);
}

/** Returns `text`, which came from outside and may have several lines, as a stack trace has, with each of them {@link printable}. */
export function printableLines(text: string): string {
  return text
    .split('\n')
    .map((line) => printable(line))
    .join('\n');
}

/**
 * Returns `text` when it is at most `maxLength` UTF-16 code units long, else its beginning, ended by `…`, within that
 * length. The cut is between two characters as people see them (grapheme clusters); only a cluster that is longer than
 * all the room is cut between two code points.
 */
export function truncate(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  if (maxLength < 1) return '';
  const room = maxLength - 1;
  // A boundary depends on what precedes it and on one code point after it, which two code units hold.
  const boundary = graphemes.segment(text.slice(0, room + 2)).containing(room)?.index ?? 0;
  return text.slice(0, boundary > 0 ? boundary : codePointBoundary(text, room)) + ellipsis;
}

/**
 * Returns `text` when its UTF-8 form has at most `maxBytes` bytes, else its beginning, ended by `…` where that has
 * room, within that size. A code point is kept whole or left out.
 */
export function truncateBytes(text: string, maxBytes: number): string {
  // A UTF-16 code unit takes at least one byte, so that a text much longer than the limit need not be measured.
  if (text.length <= maxBytes && Buffer.byteLength(text) <= maxBytes) return text;
  const end = maxBytes >= Buffer.byteLength(ellipsis) ? ellipsis : '';
  const room = new Uint8Array(Math.max(0, maxBytes - Buffer.byteLength(end)));
  return text.slice(0, utf8.encodeInto(text, room).read) + end;
}

function escapeOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  return shortEscapes[character] ?? (code > 0xffff ? `\\u{${hex}}` : `\\u${hex.padStart(4, '0')}`);
}

function codePointBoundary(text: string, index: number): number {
  return (text.codePointAt(index - 1) ?? 0) > 0xffff ? index - 1 : index;
}
