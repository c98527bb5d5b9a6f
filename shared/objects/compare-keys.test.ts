import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareKeys } from './compare-keys.ts';

const key = fc.string({
  unit: fc.constantFrom('a', 'b', '/', ' ', '\u0000', 'é', '\ud7ff', '\ue000', '\uffff', '😀', '\u{10ffff}'),
});

test('orders keys as their UTF-8 bytes are ordered', () => {
  fc.assert(
    fc.property(key, key, (a, b) => {
      const expected = Buffer.compare(Buffer.from(a), Buffer.from(b));
      expect(Math.sign(compareKeys(a, b))).toBe(expected);
    }),
  );
});

test('puts what is above U+FFFF behind private characters, unlike JavaScript', () => {
  expect(compareKeys('\ue000', '😀')).toBeLessThan(0);
  expect('\ue000' < '😀').toBe(false);
});
