import type { RowsDigest } from '../retention/row-target.ts';
import type { CopiedRow } from './copy-text.ts';
import { HashSum, hashOfHalves } from './hash-sum.ts';

/**
 * What manifests call the hash of rows, which `row-hash-sql.ts` has the server compute and {@link RowsHash} computes
 * here: a chain of PostgreSQL's 64-bit hashes, each with the hash before it as its seed, of which the first has 0.
 *
 * 1. For each hundred columns, in their order: the text of which of them are NULL, a letter for each, `t` or `f`; the
 *    empty text where none is.
 * 2. For each column, in their order: its value as its type writes it, and so COPY before it escapes anything; the
 *    empty text for NULL.
 *
 * A text is hashed by `hashtextextended`. For {@link isInteger integers} it is `hashint4extended(0, seed # value)`, NULL
 * being 0, which spares the server to write them as text.
 */
export const rowHashName = 'chained-hashtextextended-2';

/** Columns of which one text says which are NULL. No function of PostgreSQL takes more arguments. */
export const flaggedColumns = 100;

/** Returns whether values of a type, as `format_type` writes it, are taken into the chain as numbers. */
export function isInteger(type: string): boolean {
  return type === 'bigint' || type === 'integer' || type === 'smallint';
}

/** {@link RowsHash.add} of a single text. */
const oneText = new Uint8Array(1);

/** Returns a row of one text, which is to say which columns are NULL. */
function flagsRow(): CopiedRow {
  const bytes = new Uint8Array(flaggedColumns + 12);
  return { bytes, words: new Int32Array(bytes.buffer), starts: new Int32Array(1), ends: new Int32Array(1), nulls: 0 };
}

/** By how many bytes are left of a text: which bytes of the next three words are its. */
const masks = [0, 1, 2].map((word) =>
  Int32Array.from({ length: 12 }, (_, rest) => {
    const bytes = Math.min(4, Math.max(0, rest - 4 * word));
    return bytes === 4 ? -1 : 2 ** (8 * bytes) - 1;
  }),
) as [Int32Array, Int32Array, Int32Array];
const [masksA, masksB, masksC] = masks;

/**
 * Count and sum of hashes of rows, as the server has them. A link of the chain is `hash_bytes_extended` of
 * src/common/hashfn.c on a processor that is little-endian, as all are that RDS and Lambda run on.
 */
export class RowsHash {
  /** Upper and lower half of the hash of the row added last, as signed integers. */
  lastHigh = 0;
  lastLow = 0;
  readonly #sum = new HashSum();
  readonly #columns: number;
  /** Which of them are integers. */
  readonly #areIntegers: Uint8Array;
  /** What every row without NULL begins with. */
  readonly #fullHigh: number;
  readonly #fullLow: number;
  readonly #flags = flagsRow();

  /** @param types of the columns, as `format_type` writes them. */
  constructor(types: readonly string[]) {
    this.#columns = types.length;
    this.#areIntegers = Uint8Array.from(types, (type) => Number(isInteger(type)));
    for (let first = 0; first < types.length; first += flaggedColumns) this.#linkFlags(0);
    this.#fullHigh = this.lastHigh;
    this.#fullLow = this.lastLow;
  }

  /** Rows added. */
  get rows(): number {
    return this.#sum.rows;
  }

  /** Adds a row. */
  add(row: CopiedRow): void {
    if (row.nulls === 0) {
      this.lastHigh = this.#fullHigh;
      this.lastLow = this.#fullLow;
    } else {
      this.#addFlags(row.ends);
    }
    this.#link(row, this.#areIntegers);
    this.#sum.add(this.lastHigh, this.lastLow);
  }

  /** Returns count and sum so far. */
  digest(): RowsDigest {
    return this.#sum.digest();
  }

  /** Returns the digest of the row added last alone. */
  lastDigest(): RowsDigest {
    return { rows: 1, hash: hashOfHalves(this.lastHigh, this.lastLow) };
  }

  /** Forgets all rows. */
  reset(): void {
    this.#sum.reset();
  }

  #addFlags(ends: Int32Array): void {
    this.lastHigh = 0;
    this.lastLow = 0;
    const { bytes } = this.#flags;
    for (let first = 0; first < this.#columns; first += flaggedColumns) {
      const count = Math.min(flaggedColumns, this.#columns - first);
      let hasNull = false;
      for (let at = 0; at < count; at += 1) {
        const isNull = (ends[first + at] as number) < 0;
        hasNull ||= isNull;
        bytes[at] = isNull ? 0x74 : 0x66;
      }
      this.#linkFlags(hasNull ? count : 0);
    }
  }

  /** Takes the first of the flags into the chain. */
  #linkFlags(length: number): void {
    this.#flags.ends[0] = length;
    this.#link(this.#flags, oneText);
  }

  /**
   * Takes the values of a row into the chain. The rounds of the hash stand here each time that they are done: as functions they would have
   * to hand three numbers on through memory, for each twelve bytes.
   */
  #link({ bytes, words, starts, ends }: CopiedRow, areIntegers: Uint8Array): void {
    let high = this.lastHigh;
    let low = this.lastLow;
    for (let index = 0; index < areIntegers.length; index += 1) {
      const start = starts[index] as number;
      let length = Math.max(0, (ends[index] as number) - start);
      let rest = length;
      if (areIntegers[index] === 1 && readInteger(bytes, start, ends[index] as number)) {
        high ^= integer[0] as number;
        low ^= integer[1] as number;
        // Of the four bytes of a 0 nothing is to be added.
        length = 4;
        rest = 0;
      }
      let word = start >> 2;
      let a = (0x9e3779b9 + length + 3923095) | 0;
      let b = a;
      let c = a;
      // A seed of 0 is none.
      if ((high | low) !== 0) {
        a = (a + high) | 0;
        b = (b + low) | 0;
        a = (a - c) ^ ((c << 4) | (c >>> 28));
        c = (c + b) | 0;
        b = (b - a) ^ ((a << 6) | (a >>> 26));
        a = (a + c) | 0;
        c = (c - b) ^ ((b << 8) | (b >>> 24));
        b = (b + a) | 0;
        a = (a - c) ^ ((c << 16) | (c >>> 16));
        c = (c + b) | 0;
        b = (b - a) ^ ((a << 19) | (a >>> 13));
        a = (a + c) | 0;
        c = (c - b) ^ ((b << 4) | (b >>> 28));
        b = (b + a) | 0;
      }
      for (; rest >= 12; rest -= 12) {
        a = (a + (words[word] as number)) | 0;
        b = (b + (words[word + 1] as number)) | 0;
        c = (c + (words[word + 2] as number)) | 0;
        word += 3;
        a = (a - c) ^ ((c << 4) | (c >>> 28));
        c = (c + b) | 0;
        b = (b - a) ^ ((a << 6) | (a >>> 26));
        a = (a + c) | 0;
        c = (c - b) ^ ((b << 8) | (b >>> 24));
        b = (b + a) | 0;
        a = (a - c) ^ ((c << 16) | (c >>> 16));
        c = (c + b) | 0;
        b = (b - a) ^ ((a << 19) | (a >>> 13));
        a = (a + c) | 0;
        c = (c - b) ^ ((b << 4) | (b >>> 28));
        b = (b + a) | 0;
      }
      a = (a + ((words[word] as number) & (masksA[rest] as number))) | 0;
      b = (b + ((words[word + 1] as number) & (masksB[rest] as number))) | 0;
      // The lowest byte of `c` is left to the length.
      c = (c + (((words[word + 2] as number) & (masksC[rest] as number)) << 8)) | 0;
      c = ((c ^ b) - ((b << 14) | (b >>> 18))) | 0;
      a = ((a ^ c) - ((c << 11) | (c >>> 21))) | 0;
      b = ((b ^ a) - ((a << 25) | (a >>> 7))) | 0;
      c = ((c ^ b) - ((b << 16) | (b >>> 16))) | 0;
      a = ((a ^ c) - ((c << 4) | (c >>> 28))) | 0;
      b = ((b ^ a) - ((a << 14) | (a >>> 18))) | 0;
      c = ((c ^ b) - ((b << 24) | (b >>> 8))) | 0;
      high = b;
      low = c;
    }
    this.lastHigh = high;
    this.lastLow = low;
  }
}

/** What {@link readInteger} has read: the upper half, and the lower one. */
const integer = new Int32Array(2);

/**
 * Reads an integer of 64 bits, NULL being 0. Returns false for what no server writes, such as one that does not fit: that is
 * a text like any other.
 */
function readInteger(bytes: Uint8Array, start: number, end: number): boolean {
  const isNegative = end > start && bytes[start] === 0x2d;
  const first = isNegative ? start + 1 : start;
  // NULL is the only one without a digit.
  if (end - first > 19 || first === end || (bytes[first] === 0x30 && end - start > 1)) return false;
  // What fits into the 53 bits of a number, and the nine digits behind it.
  const split = end - first > 15 ? end - 9 : end;
  let head = 0;
  let tail = 0;
  for (let at = first; at < end; at += 1) {
    const digit = (bytes[at] as number) - 0x30;
    if (digit < 0 || digit > 9) return false;
    if (at < split) head = head * 10 + digit;
    else tail = tail * 10 + digit;
  }
  let high = 0;
  let low = head | 0;
  if (split < end) {
    // In two pieces, of which the product with 10^9 fits.
    const upper = Math.floor(head / 2 ** 16) * 1e9;
    const lower = (head % 2 ** 16) * 1e9 + tail;
    const sum = (((upper | 0) << 16) >>> 0) + (lower % 2 ** 32);
    low = sum | 0;
    high = (Math.floor(upper / 2 ** 16) + Math.floor(lower / 2 ** 32) + (sum >= 2 ** 32 ? 1 : 0)) | 0;
  } else if (head > 0xffffffff) {
    high = Math.floor(head / 2 ** 32) | 0;
  }
  // Nineteen digits are less than 2^64, and may be more than 2^63.
  if (high < 0 && !(isNegative && low === 0 && high === -(2 ** 31))) return false;
  if (isNegative) {
    low = -low | 0;
    high = low === 0 ? -high | 0 : ~high;
  }
  integer[0] = high;
  integer[1] = low;
  return true;
}
