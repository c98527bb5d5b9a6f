import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addDigests, emptyDigest, equalDigests, hashText, subtractDigests, sumDigests } from './digest.ts';

const digest = fc.record({
  rows: fc.nat(1_000_000),
  hash: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(hashText),
});

describe('digests of rows', () => {
  it('add up modulo 2^64, in any order', () => {
    fc.assert(
      fc.property(digest, digest, (a, b) => {
        const sum = addDigests(a, b);
        expect(sum).toEqual(addDigests(b, a));
        expect(sum.hash).toBe(hashText(BigInt(`0x${a.hash}`) + BigInt(`0x${b.hash}`)));
        expect(sum.hash).toMatch(/^[0-9a-f]{16}$/);
        expect(sum.rows).toBe(a.rows + b.rows);
      }),
    );
  });

  it('give back what was added when it is taken away', () => {
    fc.assert(
      fc.property(digest, digest, (a, b) => {
        expect(subtractDigests(addDigests(a, b), b)).toEqual(a);
      }),
    );
  });

  it('sum up to what adding them one by one gives', () => {
    fc.assert(
      fc.property(fc.array(digest), (digests) => {
        expect(sumDigests(digests)).toEqual(digests.reduce(addDigests, emptyDigest));
      }),
    );
  });

  it('do not take more rows than there are', () => {
    expect(() => subtractDigests({ rows: 1, hash: '0'.repeat(16) }, { rows: 2, hash: '0'.repeat(16) })).toThrow(
      RangeError,
    );
  });

  it('are equal only in count and hash', () => {
    const a = { rows: 1, hash: 'a'.repeat(16) };
    expect(equalDigests(a, { ...a })).toBe(true);
    expect(equalDigests(a, { ...a, rows: 2 })).toBe(false);
    expect(equalDigests(a, { ...a, hash: 'b'.repeat(16) })).toBe(false);
  });

  it('take a sum as PostgreSQL writes it, whatever its sign and size', () => {
    expect(hashText(-1n)).toBe('f'.repeat(16));
    expect(hashText(2n ** 70n + 5n)).toBe('0000000000000005');
  });
});
