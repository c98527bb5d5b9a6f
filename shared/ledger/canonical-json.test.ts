import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, type Json } from './canonical-json.ts';

describe('the canonical form of JSON', () => {
  it('sorts keys at every depth by their UTF-16 code units, and has no spaces', () => {
    expect(canonicalJson({ b: [1, { d: null, c: true }], a: 'é\n', '€': 1, '\u{1f600}': 2 })).toBe(
      '{"a":"é\\n","b":[1,{"c":true,"d":null}],"€":1,"\u{1f600}":2}',
    );
  });

  it('is the same for the same value, in whatever order its keys were set and after a journey through JSON', () => {
    const reversed = (value: Json): Json => {
      if (Array.isArray(value)) return value.map((entry) => reversed(entry));
      if (value === null || typeof value !== 'object') return value;
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([key, member]) => [key, member === undefined ? member : reversed(member)]),
      );
    };
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const text = canonicalJson(value as Json);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
        expect(canonicalJson(reversed(value as Json))).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('leaves out what has no value, and refuses numbers that JSON does not have', () => {
    expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
    expect(() => canonicalJson({ a: Number.NaN })).toThrow(TypeError);
  });
});
