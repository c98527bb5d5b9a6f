import { isAscii } from 'node:buffer';
import { UncheckedError } from '../unchecked-error.ts';

/**
 * What the Encoding Standard calls the encodings of a server whose bytes it reads alike:
 * https://encoding.spec.whatwg.org/#names-and-labels,
 * https://www.postgresql.org/docs/current/multibyte.html#MULTIBYTE-CHARSET-SUPPORTED. It reads `latin1` as windows-1252
 * and `latin5` as windows-1254, which are others.
 */
const labels: Readonly<Record<string, string>> = {
  UTF8: 'utf-8',
  LATIN2: 'iso-8859-2',
  LATIN3: 'iso-8859-3',
  LATIN4: 'iso-8859-4',
  LATIN6: 'iso-8859-10',
  LATIN7: 'iso-8859-13',
  LATIN8: 'iso-8859-14',
  LATIN9: 'iso-8859-15',
  LATIN10: 'iso-8859-16',
  ISO_8859_5: 'iso-8859-5',
  ISO_8859_6: 'iso-8859-6',
  ISO_8859_7: 'iso-8859-7',
  ISO_8859_8: 'iso-8859-8',
  KOI8R: 'koi8-r',
  KOI8U: 'koi8-u',
  WIN866: 'ibm866',
  WIN874: 'windows-874',
  WIN1250: 'windows-1250',
  WIN1251: 'windows-1251',
  WIN1252: 'windows-1252',
  WIN1253: 'windows-1253',
  WIN1254: 'windows-1254',
  WIN1255: 'windows-1255',
  WIN1256: 'windows-1256',
  WIN1257: 'windows-1257',
  WIN1258: 'windows-1258',
  EUC_JP: 'euc-jp',
  EUC_KR: 'euc-kr',
  EUC_CN: 'gbk',
  // It may be anything; what is not UTF-8 cannot be told.
  SQL_ASCII: 'utf-8',
};

/** Characters that the Encoding Standard, or Latin-1, has for bytes of which PostgreSQL makes others, and those. */
const others: Readonly<Record<string, ReadonlyMap<string, string>>> = {
  LATIN5: new Map([
    ['\u00d0', '\u011e'],
    ['\u00dd', '\u0130'],
    ['\u00de', '\u015e'],
    ['\u00f0', '\u011f'],
    ['\u00fd', '\u0131'],
    ['\u00fe', '\u015f'],
  ]),
  KOI8U: new Map([
    ['\u045e', '\u255d'],
    ['\u040e', '\u256c'],
  ]),
  EUC_JP: new Map([['\u00a6', '\uffe4']]),
  EUC_CN: new Map([
    ['\u00b7', '\u30fb'],
    ['\u2014', '\u2015'],
  ]),
};

/** Reads bytes that a server has in its encoding. */
export type DecodeText = (bytes: Uint8Array) => string;

/**
 * Returns what reads text in the encoding that a server says it has. It throws UncheckedError `encoding-unknown` for
 * bytes that are no text in it, and of an encoding that is not known reads only what every server has alike: ASCII.
 */
export function textDecoder(encoding: string): DecodeText {
  const read = isLatin1.test(encoding) ? latin1 : labelDecoder(encoding);
  const replaced = others[encoding];
  if (replaced === undefined) return read;
  return (bytes) => Array.from(read(bytes), (letter) => replaced.get(letter) ?? letter).join('');
}

/** LATIN5 is Latin-1 but for six letters. */
const isLatin1 = /^LATIN[15]$/;

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

function labelDecoder(encoding: string): DecodeText {
  const label = labels[encoding];
  if (label === undefined) {
    return (bytes) => {
      if (isAscii(bytes)) return latin1(bytes);
      throw new UncheckedError('encoding-unknown', `Text of a server in the encoding ${encoding} cannot be read.`);
    };
  }
  const decoder = new TextDecoder(label, { fatal: true, ignoreBOM: true });
  return (bytes) => {
    try {
      return decoder.decode(bytes);
    } catch (error) {
      throw new UncheckedError('encoding-unknown', `A value is no text in the encoding ${encoding}.`, { cause: error });
    }
  };
}
