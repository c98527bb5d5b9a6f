import type { RowsDigest } from '../retention/row-target.ts';
import type { CopiedRow } from './copy-text.ts';

/**
 * What manifests call the hash of rows, which `row-hash-sql.ts` has the server compute and {@link RowsHash} computes
 * here: a chain of `hashtextextended`, each with the hash before it as its seed, of which the first has 0.
 *
 * 1. For each hundred columns, in their order: the text of which of them are NULL, a letter for each, `t` or `f`; the
 *    empty text where none is.
 * 2. For each column, in their order: its value as its type writes it, and so COPY before it escapes anything; the
 *    empty text for NULL.
 */
export const rowHashName = 'chained-hashtextextended-1';

/** Columns of which one text says which are NULL. No function of PostgreSQL takes more arguments. */
export const flaggedColumns = 100;

const flagsStart = new Int32Array(1);

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
  /** Rows added. */
  rows = 0;
  /** Upper and lower half of the hash of the row added last, as signed integers. */
  lastHigh = 0;
  lastLow = 0;
  /** Sum of the hashes. */
  #high = 0;
  #low = 0;
  readonly #columns: number;
  /** What every row without NULL begins with. */
  readonly #fullHigh: number;
  readonly #fullLow: number;
  readonly #flags = new Uint8Array(flaggedColumns + 12);
  readonly #flagWords = new Int32Array(this.#flags.buffer);
  readonly #flagsEnd = new Int32Array(1);

  constructor(columns: number) {
    this.#columns = columns;
    for (let first = 0; first < columns; first += flaggedColumns) this.#linkFlags(0);
    this.#fullHigh = this.lastHigh;
    this.#fullLow = this.lastLow;
  }

  /** Adds a row. */
  add(row: CopiedRow): void {
    const { words, starts, ends } = row;
    const columns = this.#columns;
    if (row.nulls === 0) {
      this.lastHigh = this.#fullHigh;
      this.lastLow = this.#fullLow;
    } else {
      this.#addFlags(ends);
    }
    this.#link(words, starts, ends, columns);
    this.rows += 1;
    const sum = (this.#low >>> 0) + (this.lastLow >>> 0);
    this.#low = sum | 0;
    this.#high = (this.#high + this.lastHigh + (sum > 0xffffffff ? 1 : 0)) | 0;
  }

  /** Returns count and sum so far. */
  digest(): RowsDigest {
    return { rows: this.rows, hash: hex(this.#high) + hex(this.#low) };
  }

  /** Returns the digest of the row added last alone. */
  lastDigest(): RowsDigest {
    return { rows: 1, hash: hex(this.lastHigh) + hex(this.lastLow) };
  }

  /** Forgets all rows. */
  reset(): void {
    this.rows = 0;
    this.#high = 0;
    this.#low = 0;
  }

  #addFlags(ends: Int32Array): void {
    this.lastHigh = 0;
    this.lastLow = 0;
    const flags = this.#flags;
    for (let first = 0; first < this.#columns; first += flaggedColumns) {
      const count = Math.min(flaggedColumns, this.#columns - first);
      let hasNull = false;
      for (let at = 0; at < count; at += 1) {
        const isNull = (ends[first + at] as number) < 0;
        hasNull ||= isNull;
        flags[at] = isNull ? 0x74 : 0x66;
      }
      this.#linkFlags(hasNull ? count : 0);
    }
  }

  /** Takes the first of the flags into the chain. */
  #linkFlags(length: number): void {
    this.#flagsEnd[0] = length;
    this.#link(this.#flagWords, flagsStart, this.#flagsEnd, 1);
  }

  /** Takes so many texts into the chain. */
  #link(words: Int32Array, starts: Int32Array, ends: Int32Array, count: number): void {
    let high = this.lastHigh;
    let low = this.lastLow;
    for (let index = 0; index < count; index += 1) {
      const start = starts[index] as number;
      const length = Math.max(0, (ends[index] as number) - start);
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
      let rest = length;
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

function hex(half: number): string {
  return (half >>> 0).toString(16).padStart(8, '0');
}
