import type { DecodeText } from './text-encoding.ts';

/**
 * Returns the value of a column of a row that {@link CopyTextReader} gives, as the bytes that the server has for it,
 * without the quotes of a row's text; null for NULL. They are good until the next row.
 *
 * @param index of the column, from 0 on.
 */
export function columnBytes(record: Uint8Array, ends: Int32Array, index: number): Uint8Array | null {
  // Behind the parenthesis, or the comma.
  const start = index === 0 ? 1 : (ends[index - 1] as number) + 1;
  const end = ends[index] as number;
  if (start === end) return null;
  if (record[start] !== quote) return record.subarray(start, end);
  const value = record.subarray(start + 1, end - 1);
  if (!value.includes(quote) && !value.includes(backslash)) return value;
  const undoubled = new Uint8Array(value.length);
  let length = 0;
  for (let at = 0; at < value.length; at += 1) {
    const byte = value[at] as number;
    undoubled[length] = byte;
    length += 1;
    if (byte === quote || byte === backslash) at += 1;
  }
  return undoubled.subarray(0, length);
}

/** Returns the value of a column as text; null for NULL. */
export function columnText(record: Uint8Array, ends: Int32Array, index: number, decode: DecodeText): string | null {
  const bytes = columnBytes(record, ends, index);
  return bytes === null ? null : decode(bytes);
}

const quote = 0x22;
const backslash = 0x5c;
