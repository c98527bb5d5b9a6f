import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareKeys } from './compare-keys.ts';
import { fakeS3 } from './fake-s3.ts';
import { type KeyRange, listObjects } from './list-objects.ts';
import { splitRange } from './split-prefix.ts';

const { signal } = new AbortController();

async function keysOf(client: ReturnType<typeof fakeS3>, range: KeyRange): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of listObjects(client, range, { signal })) keys.push(...page.map(({ key }) => key));
  return keys;
}

const part = fc.string({
  unit: fc.constantFrom('a', 'b', 'c', ' ', '+', 'é', '\ud7ff', '\ue000', '😀', '\u{10ffff}'),
  maxLength: 3,
});
const keys = fc.uniqueArray(
  fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => `p/${parts.join('/')}`),
  { maxLength: 60 },
);

describe('listing objects', () => {
  it('yields every key of a range once and in order, whatever the pages', async () => {
    const bound = fc.option(
      part.map((text) => `p/${text}`),
      { nil: undefined },
    );
    await fc.assert(
      fc.asyncProperty(
        keys,
        fc.integer({ min: 1, max: 7 }),
        bound,
        bound,
        async (all, pageSize, startAfter, endBefore) => {
          const client = fakeS3({ b: all.map((key) => ({ key })) }, { pageSize });
          const expected = all
            .filter((key) => startAfter === undefined || compareKeys(key, startAfter) > 0)
            .filter((key) => endBefore === undefined || compareKeys(key, endBefore) < 0)
            .sort(compareKeys);
          expect(await keysOf(client, { bucket: 'b', prefix: 'p/', startAfter, endBefore })).toEqual(expected);
        },
      ),
    );
  });

  it('asks for the next page while one is worked on, and for none behind the end of the range', async () => {
    let requests = 0;
    const count = () => {
      requests += 1;
      return undefined;
    };
    const objects = Array.from({ length: 10 }, (_, index) => ({ key: `k${index}` }));
    const client = fakeS3({ b: objects }, { pageSize: 2, intercept: count });
    const pages = listObjects(client, { bucket: 'b', prefix: '', endBefore: 'k3' }, { signal });
    await pages.next();
    await setImmediate();
    expect(requests).toBe(2);
    expect((await pages.next()).value).toHaveLength(1);
    expect((await pages.next()).done).toBe(true);
    expect(requests).toBe(2);
  });

  it('throws when a later page cannot be had', async () => {
    let requests = 0;
    const denied = { status: 403, body: '<Error><Code>AccessDenied</Code></Error>' };
    const client = fakeS3(
      { b: [{ key: 'a' }, { key: 'b' }] },
      { pageSize: 1, intercept: () => (++requests > 1 ? denied : undefined) },
    );
    await expect(keysOf(client, { bucket: 'b', prefix: '' })).rejects.toMatchObject({ name: 'AccessDenied' });
  });
});

describe('dividing a place', () => {
  it('loses no key and has none twice', async () => {
    await fc.assert(
      fc.asyncProperty(
        keys,
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 9 }),
        async (all, pageSize, parts) => {
          const client = fakeS3({ b: all.map((key) => ({ key })) }, { pageSize });
          const ranges = await splitRange(client, { bucket: 'b', prefix: 'p/' }, parts, { signal });
          expect(ranges.length).toBeLessThanOrEqual(parts);
          const found: string[] = [];
          for (const range of ranges) found.push(...(await keysOf(client, range)));
          expect(found).toEqual([...all].sort(compareKeys));
        },
      ),
    );
  });

  it('divides folders, below a single one on top', async () => {
    const objects = Array.from({ length: 40 }, (_, index) => ({
      key: `audio/artist-${10 + (index >> 2)}/${index}.flac`,
    }));
    const client = fakeS3({ b: objects }, { pageSize: 20 });
    const ranges = await splitRange(client, { bucket: 'b', prefix: '' }, 4, { signal });
    expect(ranges.map(({ startAfter }) => startAfter)).toEqual([
      undefined,
      'audio/artist-12/',
      'audio/artist-15/',
      'audio/artist-17/',
    ]);
  });

  it('divides keys without folders by their first letters', async () => {
    const objects = Array.from({ length: 100 }, (_, index) => ({ key: `x${(index * 37) % 100}` }));
    const client = fakeS3({ b: objects }, { pageSize: 20 });
    const ranges = await splitRange(client, { bucket: 'b', prefix: '' }, 4, { signal });
    expect(ranges).toHaveLength(4);
  });

  it('does not divide what fits a page', async () => {
    const client = fakeS3({ b: [{ key: 'a/1' }, { key: 'b/1' }] });
    expect(await splitRange(client, { bucket: 'b', prefix: '' }, 4, { signal })).toEqual([{ bucket: 'b', prefix: '' }]);
  });

  it('asks a bounded number of times', async () => {
    let requests = 0;
    const count = () => {
      requests += 1;
      return undefined;
    };
    const objects = Array.from({ length: 300 }, (_, index) => ({ key: `${'x/'.repeat(index % 100)}${index}` }));
    const client = fakeS3({ b: objects }, { pageSize: 3, intercept: count });
    await splitRange(client, { bucket: 'b', prefix: '' }, 200, { signal });
    expect(requests).toBeLessThanOrEqual(66);
  });
});
