/**
 * The GSM 7-bit default alphabet in the order of its codes, without the escape code 0x1B: 3GPP TS 23.038, section
 * 6.2.1. It has Ç, not ç: the capital is what phones show.
 */
const defaultAlphabet =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?' +
  '¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà';

/** The extension table, each character sent as the escape code and a second septet: 3GPP TS 23.038, section 6.2.1.1. */
const extensionTable = '\f^{}\\[~]|€';

const septetsByCharacter = new Map<string, number>([
  ...[...defaultAlphabet].map((character) => [character, 1] as const),
  ...[...extensionTable].map((character) => [character, 2] as const),
]);

/**
 * What stands in for each of some characters that neither a capital letter nor a decomposition brings into the
 * alphabet.
 */
const substitutes = new Map<string, string>(
  [
    ['\t', ' '],
    ['‐‑‒–—―−•', '-'],
    ['‘’‚‛′`´‹›', "'"],
    ['“”„‟″«»', '"'],
    ['⁄∕÷', '/'],
    ['·', '.'],
    ['×', 'x'],
    ['¦', '|'],
    ['→', '->'],
    ['←', '<-'],
    ['⇒', '=>'],
    ['≤', '<='],
    ['≥', '>='],
    ['≠', '!='],
    ['≈', '~'],
    ['±', '+-'],
    ['°', 'deg'],
    ['©', '(c)'],
    ['®', '(R)'],
    ['µ', 'u'],
    ...pairs('łŁđĐðÐħĦıŋŊŧŦ', 'lLdDdDhHinNtT'),
    ['þ', 'th'],
    ['Þ', 'Th'],
    ['œ', 'oe'],
    ['Œ', 'OE'],
    // The alphabet has only those Greek capitals that look like no Latin one, and means the others to be written in
    // Latin.
    ...pairs('ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ', 'ABEZHIKMNOPTYX'),
  ].flatMap(([characters = '', substitute = '']) =>
    Array.from(characters, (character) => [character, substitute] as const),
  ),
);

const lineBreak = /\r\n?|[\p{Zl}\p{Zp}\v\f\u0085]/gu;
const emoji = /\p{RGI_Emoji}/gv;
const invisible = /^[\p{M}\p{Cc}\p{Cf}]$/u;
const space = /^\p{Zs}$/u;
const undecomposable = /^[\p{Sm}\p{No}]$/u;

/**
 * Returns the length of `text` in septets of the GSM 7-bit alphabet: one for each character, two for those of the
 * extension table (`^{}\[~]|€` and form feed), `undefined` when a character is in neither. Source: 3GPP TS 23.038,
 * section 6.2.1.
 */
export function gsm7Length(text: string): number | undefined {
  let septets = 0;
  for (const character of text) {
    const width = septetsByCharacter.get(character);
    if (width === undefined) return undefined;
    septets += width;
  }
  return septets;
}

/**
 * Returns `text` in characters of the GSM 7-bit alphabet, because a single other character makes an SMS a UCS-2 one of
 * 70 characters: `–` becomes `-`, `ł` becomes `l`, `ç` becomes `Ç`, an emoji becomes `?`, a tab a space, any line break
 * `\n`; control characters and invisible ones go. What has no likeness becomes `?`. The result transliterates to
 * itself.
 */
export function toGsm7(text: string): string {
  // Composed first, so that e + acute counts as the é that the alphabet has.
  const composed = text.toWellFormed().normalize('NFC').replace(lineBreak, '\n').replace(emoji, '?');
  let result = '';
  for (const character of composed) result += likeness(character) ?? decomposed(character) ?? '?';
  return result;
}

/**
 * Returns the beginning of {@link toGsm7} of `text`, at most `maxSeptets` long; what is cut ends in three full stops,
 * as the alphabet has no ellipsis.
 */
export function truncateGsm7(text: string, maxSeptets: number): string {
  const whole = toGsm7(text);
  if ((gsm7Length(whole) ?? 0) <= maxSeptets) return whole;
  const ellipsis = maxSeptets > 3 ? '...' : '';
  let room = maxSeptets - ellipsis.length;
  let result = '';
  for (const character of whole) {
    room -= septetsByCharacter.get(character) ?? 0;
    if (room < 0) break;
    result += character;
  }
  return result.trimEnd() + ellipsis;
}

/** How an SMS travels: its encoding, and the number of parts that are sent and billed. */
export interface SmsSegments {
  readonly encoding: 'gsm-7' | 'ucs-2';
  readonly segments: number;
}

/**
 * Returns the encoding that `text` needs as an SMS and the number of its parts, 0 for the empty text. One part holds
 * 160 septets or 70 UTF-16 code units; each of several holds 153 or 67, and neither an escaped character nor a
 * surrogate pair is split between two. Source: 3GPP TS 23.040, section 9.2.3.24.1 and
 * https://docs.aws.amazon.com/sms-voice/latest/userguide/sms-limitations-character.html
 */
export function smsSegments(text: string): SmsSegments {
  if (gsm7Length(text) === undefined) {
    const codeUnits = Array.from(text, (character) => character.length);
    return { encoding: 'ucs-2', segments: countParts(codeUnits, 70, 67) };
  }
  const widths = Array.from(text, (character) => septetsByCharacter.get(character) ?? 0);
  return { encoding: 'gsm-7', segments: countParts(widths, 160, 153) };
}

function countParts(widths: readonly number[], single: number, part: number): number {
  const total = widths.reduce((sum, width) => sum + width, 0);
  if (total <= single) return total === 0 ? 0 : 1;
  let parts = 1;
  let used = 0;
  for (const width of widths) {
    if (used + width > part) {
      parts += 1;
      used = 0;
    }
    used += width;
  }
  return parts;
}

/**
 * Returns what stands for the character without decomposing it: itself, a substitute, nothing, or its capital letter.
 */
function likeness(character: string): string | undefined {
  const known = septetsByCharacter.has(character) ? character : substitutes.get(character);
  if (known !== undefined) return known;
  if (invisible.test(character)) return '';
  if (space.test(character)) return ' ';
  const capital = character.toUpperCase();
  return septetsByCharacter.has(capital) ? capital : substitutes.get(capital);
}

/**
 * Returns the likenesses of the parts of a character, all or none, so that a syllable becomes one `?` and not three.
 */
function decomposed(character: string): string | undefined {
  // 3½ would read 31/2, and a struck-out relation such as ≮ would turn into its opposite.
  if (undecomposable.test(character)) return undefined;
  const parts = Array.from(character.normalize('NFKD'), (part) => likeness(part));
  return parts.every((part) => part !== undefined) ? parts.join('') : undefined;
}

function pairs(characters: string, likenesses: string): string[][] {
  return Array.from(characters, (character, index) => [character, likenesses.charAt(index)]);
}
