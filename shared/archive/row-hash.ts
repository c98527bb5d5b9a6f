import type { RowsDigest } from '../retention/row-target.ts';

/**
 * Count and sum of hashes of rows, each hashed from its text as PostgreSQL does it: `hashtextextended(row::text collate
 * "C", 0)`, which is `hash_bytes_extended` of src/common/hashfn.c without a seed, on a processor that is little-endian,
 * as all are that RDS and Lambda run on.
 */
export class RowsHash {
  /** Rows added. */
  rows = 0;
  /** Upper and lower half of the hash of the row added last, as signed integers. */
  lastHigh = 0;
  lastLow = 0;
  #high = 0;
  #low = 0;
  #bytes: Uint8Array = new Uint8Array();
  #words: Int32Array = new Int32Array();

  /**
   * Adds the row whose text is the first `length` bytes of `record`.
   *
   * @throws RangeError when these do not begin where four bytes are read at once.
   */
  add(record: Uint8Array, length: number): void {
    if (record !== this.#bytes) {
      this.#words = new Int32Array(record.buffer, record.byteOffset, record.byteLength >>> 2);
      this.#bytes = record;
    }
    const words = this.#words;
    let a = (0x9e3779b9 + length + 3923095) | 0;
    let b = a;
    let c = a;
    let word = 0;
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
    const at = word << 2;
    // The lowest byte of `c` is left to the length.
    if (rest >= 9) c = (c + (tail(record, at + 8, rest - 8) << 8)) | 0;
    if (rest >= 8) b = (b + (words[word + 1] as number)) | 0;
    else if (rest > 4) b = (b + tail(record, at + 4, rest - 4)) | 0;
    if (rest >= 4) a = (a + (words[word] as number)) | 0;
    else if (rest > 0) a = (a + tail(record, at, rest)) | 0;
    c = ((c ^ b) - ((b << 14) | (b >>> 18))) | 0;
    a = ((a ^ c) - ((c << 11) | (c >>> 21))) | 0;
    b = ((b ^ a) - ((a << 25) | (a >>> 7))) | 0;
    c = ((c ^ b) - ((b << 16) | (b >>> 16))) | 0;
    a = ((a ^ c) - ((c << 4) | (c >>> 28))) | 0;
    b = ((b ^ a) - ((a << 14) | (a >>> 18))) | 0;
    c = ((c ^ b) - ((b << 24) | (b >>> 8))) | 0;
    this.lastHigh = b;
    this.lastLow = c;
    this.rows += 1;
    this.#addHash(b, c);
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

  #addHash(high: number, low: number): void {
    const sum = (this.#low >>> 0) + (low >>> 0);
    this.#low = sum | 0;
    this.#high = (this.#high + high + (sum > 0xffffffff ? 1 : 0)) | 0;
  }
}

/** Returns one to three bytes as the lower ones of an integer. */
function tail(bytes: Uint8Array, at: number, count: number): number {
  let value = bytes[at] as number;
  if (count > 1) value |= (bytes[at + 1] as number) << 8;
  if (count > 2) value |= (bytes[at + 2] as number) << 16;
  return value;
}

function hex(half: number): string {
  return (half >>> 0).toString(16).padStart(8, '0');
}
