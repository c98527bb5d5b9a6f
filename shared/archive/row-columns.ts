import type { CopiedRow } from './copy-text.ts';
import type { DecodeText } from './text-encoding.ts';

/**
 * Returns the value of a column of a row as the bytes that the server has for it; null for NULL. They are good until
 * the next row.
 *
 * @param index of the column, from 0 on.
 */
export function columnBytes({ bytes, starts, ends }: CopiedRow, index: number): Uint8Array | null {
  const end = ends[index] as number;
  return end < 0 ? null : bytes.subarray(starts[index] as number, end);
}

/** Returns the value of a column as text; null for NULL. */
export function columnText(row: CopiedRow, index: number, decode: DecodeText): string | null {
  const bytes = columnBytes(row, index);
  return bytes === null ? null : decode(bytes);
}
