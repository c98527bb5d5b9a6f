import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bitString, certificateTime, integer, objectIdentifier, octetString } from './der.ts';

/** Reads an INTEGER back by definition: two's complement, big-endian. */
function readInteger(der: Buffer): bigint {
  const content = der.subarray(2);
  const unsigned = BigInt(`0x${content.toString('hex')}`);
  return BigInt.asIntN(content.length * 8, unsigned);
}

test('an INTEGER reads back as the same number and has no superfluous octet', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 160n), max: 2n ** 160n }), (value) => {
      const der = integer(value);
      expect(readInteger(der)).toBe(value);
      const [first = 0, second = 0] = der.subarray(2);
      // X.690, section 8.3.2: the first nine bits are neither all ones nor all zeros.
      if (der.length > 3) expect(first === 0x00 ? second < 0x80 : first === 0xff && second >= 0x80).toBe(false);
    }),
  );
});

test.each([
  [0n, '020100'],
  [127n, '02017f'],
  [128n, '02020080'],
  [-1n, '0201ff'],
  [-128n, '020180'],
  [-129n, '0202ff7f'],
])('INTEGER %d is %s', (value, hex) => {
  expect(integer(value).toString('hex')).toBe(hex);
});

test('an object identifier has arcs in base 128', () => {
  expect(objectIdentifier('1.2.840.113549.1.1.11').toString('hex')).toBe('06092a864886f70d01010b');
});

test.each([
  [0x7f, '047f'],
  [0x80, '048180'],
  [0x100, '04820100'],
  [0x10000, '0483010000'],
])('a length of %d octets is written as %s', (length, hex) => {
  expect(octetString(Buffer.alloc(length)).toString('hex').slice(0, hex.length)).toBe(hex);
});

test('a BIT STRING says how many of its bits do not count', () => {
  expect(bitString(Buffer.of(0x80), 7).toString('hex')).toBe('03020780');
});

test.each([
  ['1949-12-31T23:59:59Z', 0x18, '19491231235959Z'],
  ['1950-01-01T00:00:00Z', 0x17, '500101000000Z'],
  ['2049-12-31T23:59:59.999Z', 0x17, '491231235959Z'],
  ['2050-01-01T00:00:00Z', 0x18, '20500101000000Z'],
])('%s takes the form that RFC 5280 prescribes', (time, tag, text) => {
  const der = certificateTime(new Date(time));
  expect(der[0]).toBe(tag);
  expect(der.subarray(2).toString()).toBe(text);
});
