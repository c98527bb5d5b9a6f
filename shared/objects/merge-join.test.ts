import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareKeys } from './compare-keys.ts';
import type { ListedObject } from './listed-object.ts';
import { mergeJoin, type Pair } from './merge-join.ts';

const object = (key: string): ListedObject => ({
  key,
  sizeBytes: key.length,
  modifiedAtMs: 0,
  etag: undefined,
  storageClass: undefined,
});

/** Cuts a listing into pages, some of them empty, as a generator that can be seen to have been closed. */
async function* pages(keys: readonly string[], sizes: readonly number[], onClose = () => {}) {
  try {
    let at = 0;
    for (let page = 0; at < keys.length; page++) {
      const size = sizes[page % sizes.length] as number;
      yield keys.slice(at, at + size).map(object);
      at += size;
    }
  } finally {
    onClose();
  }
}

async function joined(source: string[], copy: string[], sizes = [1_000], prefixes = { source: '', copy: '' }) {
  const pairs: Pair<ListedObject>[] = [];
  for await (const batch of mergeJoin(pages(source, sizes), pages(copy, sizes), prefixes)) {
    expect(batch.length).toBeGreaterThan(0);
    pairs.push(...batch);
  }
  return pairs.map(({ key, source: ours, copy: theirs }) => [key, ours?.key, theirs?.key]);
}

const key = fc.oneof(
  fc.string({
    unit: fc.constantFrom(
      'a',
      'b',
      '/',
      ' ',
      '\u0000',
      '\u0001',
      'é',
      '\ud7ff',
      '\ue000',
      '\uffff',
      '😀',
      '\u{10ffff}',
    ),
    minLength: 1,
    maxLength: 4,
  }),
  fc.constantFrom('a'.repeat(1_024), `${'a'.repeat(1_023)}b`, 'a'.repeat(1_023)),
);
const listing = fc.array(key, { maxLength: 40 }).map((keys) => keys.sort(compareKeys));
const sizes = fc
  .array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 4 })
  .filter((all) => all.some((size) => size > 0));

describe('joining two listings', () => {
  it('gives what comparing sets gives, whatever the pages, keys and repetitions', async () => {
    await fc.assert(
      fc.asyncProperty(listing, listing, sizes, async (source, copy, pageSizes) => {
        const all = [...new Set([...source, ...copy])].sort(compareKeys);
        const expected = all.map((name) => [
          name,
          source.includes(name) ? `s/${name}` : undefined,
          copy.includes(name) ? `copies/${name}` : undefined,
        ]);
        const actual = await joined(
          source.map((name) => `s/${name}`),
          copy.map((name) => `copies/${name}`),
          pageSizes,
          { source: 's/', copy: 'copies/' },
        );
        expect(actual).toEqual(expected);
      }),
    );
  });

  it('refuses a listing that is out of order, on either side and over the end of a page', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(key, { minLength: 2, maxLength: 20 }),
        sizes,
        fc.boolean(),
        async (keys, pageSizes, isSource) => {
          const wrong = [...keys].sort(compareKeys);
          wrong.push(wrong.shift() as string);
          const sides: [string[], string[]] = isSource ? [wrong, []] : [[], wrong];
          await expect(joined(...sides, pageSizes)).rejects.toMatchObject({
            name: 'UncheckedError',
            reason: 'out-of-order',
          });
        },
      ),
    );
  });

  it('refuses a key outside the prefix', async () => {
    await expect(joined(['b/x'], [], [1], { source: 'a/', copy: '' })).rejects.toMatchObject({
      reason: 'out-of-order',
    });
  });

  it('closes both listings when it is not read to its end', async () => {
    const closed: string[] = [];
    const keys = ['a', 'b', 'c'];
    const batches = mergeJoin(
      pages(keys, [1], () => closed.push('source')),
      pages(keys, [1], () => closed.push('copy')),
      { source: '', copy: '' },
    );
    for await (const _ of batches) break;
    expect(closed.sort()).toEqual(['copy', 'source']);
  });
});
