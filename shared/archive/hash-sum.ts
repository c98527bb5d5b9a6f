import type { RowsDigest } from '../retention/row-target.ts';

/** Count and sum of hashes of rows, modulo 2^64. Hashes come as two signed integers: as a bigint, each would be an object. */
export class HashSum {
  /** Rows added. */
  rows = 0;
  #high = 0;
  #low = 0;

  /** Adds a row, by the upper and the lower half of its hash. */
  add(high: number, low: number): void {
    const sum = (this.#low >>> 0) + (low >>> 0);
    this.#low = sum | 0;
    this.#high = (this.#high + high + (sum > 0xffffffff ? 1 : 0)) | 0;
    this.rows += 1;
  }

  /** Returns count and sum so far. */
  digest(): RowsDigest {
    return { rows: this.rows, hash: hashOfHalves(this.#high, this.#low) };
  }

  /** Forgets all rows. */
  reset(): void {
    this.rows = 0;
    this.#high = 0;
    this.#low = 0;
  }
}

/** Returns a hash as manifests have it: 16 hexadecimal digits. */
export function hashOfHalves(high: number, low: number): string {
  return hex(high) + hex(low);
}

function hex(half: number): string {
  return (half >>> 0).toString(16).padStart(8, '0');
}
