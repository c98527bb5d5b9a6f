import { expect, it } from 'vitest';
import type { ListedObject } from '../../../shared/objects/listed-object.ts';
import { mostArtifacts, NewestArtifacts } from './newest-artifacts.ts';

function object(key: string, modifiedAtMs = 0, details: Partial<ListedObject> = {}): ListedObject {
  return { key, sizeBytes: 10, modifiedAtMs, etag: 'e', storageClass: undefined, ...details };
}

function newestOf(objects: readonly ListedObject[], { prefix = 'dumps/', pattern = '*' } = {}) {
  const found = new NewestArtifacts({ prefix, pattern });
  for (const each of objects) found.add(each);
  return found;
}

it('holds the newest thousand of any number, newest first, and counts them all', () => {
  const many = Array.from({ length: 5500 }, (_, index) => object(`dumps/${index}`, (index * 7919) % 5500));
  const found = newestOf(many);
  const taken = found.take();
  expect(found.count).toBe(5500);
  expect(taken).toHaveLength(mostArtifacts);
  expect(taken.map(({ modifiedAt }) => modifiedAt.getTime())).toEqual(
    Array.from({ length: 1000 }, (_, index) => 5499 - index),
  );
});

it('takes what is as old by its key, the last first', () => {
  const keys = newestOf([object('dumps/a', 5), object('dumps/c', 5), object('dumps/b', 5)])
    .take()
    .map(({ key }) => key);
  expect(keys).toEqual(['dumps/c', 'dumps/b', 'dumps/a']);
});

it('leaves out companions, folders, and what the pattern does not match behind the prefix', () => {
  const found = newestOf(
    [
      object('dumps/', 0, { sizeBytes: 0 }),
      object('dumps/x/', 0, { sizeBytes: 0 }),
      object('dumps/a.dump'),
      object('dumps/a.dump.sha256'),
      object('dumps/manifest.json'),
      object('dumps/deep/b.DUMP'),
      object('dumps/c.txt'),
      object('other/d.dump'),
    ],
    { pattern: '*.dump' },
  );
  expect(
    found
      .take()
      .map(({ key }) => key)
      .toSorted(),
  ).toEqual(['dumps/a.dump', 'dumps/deep/b.DUMP']);
});

it('takes no folder for an artifact, whatever the pattern', () => {
  const folders = ['dumps/', 'dumps/2026/'].map((key) => object(key, 9, { sizeBytes: 0 }));
  expect(newestOf([...folders, object('dumps/a')]).take()).toMatchObject([{ key: 'dumps/a' }]);
});

it('counts empty artifacts, and those whose key ends like a folder but that are not empty', () => {
  const found = newestOf([object('dumps/a', 0, { sizeBytes: 0 }), object('dumps/b/', 0, { sizeBytes: 1 })]);
  expect(found.count).toBe(2);
});

it('has nothing of nothing, and a listing without storage classes is of STANDARD', () => {
  expect(newestOf([]).take()).toEqual([]);
  expect(newestOf([object('dumps/a')]).take()).toMatchObject([{ storageClass: 'STANDARD' }]);
});
