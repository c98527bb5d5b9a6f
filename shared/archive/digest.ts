import type { RowsDigest } from '../retention/row-target.ts';

/** Of no rows. */
export const emptyDigest: RowsDigest = { rows: 0, hash: '0'.repeat(16) };

/** Returns the digest of the rows of both. */
export function addDigests(a: RowsDigest, b: RowsDigest): RowsDigest {
  return { rows: a.rows + b.rows, hash: hashText(BigInt(`0x${a.hash}`) + BigInt(`0x${b.hash}`)) };
}

/**
 * Returns the digest of the rows of `a` that are not in `b`.
 *
 * @throws RangeError when `b` has more.
 */
export function subtractDigests(a: RowsDigest, b: RowsDigest): RowsDigest {
  if (b.rows > a.rows) throw new RangeError(`${b.rows} rows cannot be taken from ${a.rows}`);
  return { rows: a.rows - b.rows, hash: hashText(BigInt(`0x${a.hash}`) - BigInt(`0x${b.hash}`)) };
}

/** Returns the digest of all rows of several. */
export function sumDigests(digests: Iterable<RowsDigest>): RowsDigest {
  let rows = 0;
  let hash = 0n;
  for (const digest of digests) {
    rows += digest.rows;
    hash += BigInt(`0x${digest.hash}`);
  }
  return { rows, hash: hashText(hash) };
}

/** Returns whether two are of the same rows, as far as count and hash can tell. */
export function equalDigests(a: RowsDigest, b: RowsDigest): boolean {
  return a.rows === b.rows && a.hash === b.hash;
}

/**
 * Returns a sum of hashes modulo 2^64, whatever its sign, as 16 hexadecimal digits: PostgreSQL's sum of bigint is a
 * `numeric`.
 */
export function hashText(sum: bigint): string {
  return BigInt.asUintN(64, sum).toString(16).padStart(16, '0');
}
