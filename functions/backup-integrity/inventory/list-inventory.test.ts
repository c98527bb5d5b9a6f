import { mkdtempSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareKeys } from '../../../shared/objects/compare-keys.ts';
import { type FakeObject, fakeS3 } from '../../../shared/objects/fake-s3.ts';
import type { ListedObject } from '../../../shared/objects/listed-object.ts';
import type { InventoryConfig } from '../config.ts';
import { sortObjects } from './external-sort.ts';
import { csvFile, type InventoryRow, inventoryObjects, parquetFile } from './inventory-fixtures.ts';
import { listInventory } from './list-inventory.ts';
import { newestManifest } from './manifest.ts';

const now = new Date('2026-11-22T12:00:00Z');
const { signal } = new AbortController();

const config: InventoryConfig = {
  bucket: 'b',
  manifests: { bucket: 'inventories', prefix: 'b/daily/' },
  maximumAgeHours: 48,
};

async function listed(objects: readonly FakeObject[], range = {}) {
  const client = fakeS3({ inventories: objects });
  const manifest = await newestManifest(client, config, now, signal);
  const all: ListedObject[] = [];
  for await (const page of listInventory(client, manifest, 'inventories', { prefix: '', ...range }, signal))
    all.push(...page);
  return all;
}

const keysIn = async (...given: Parameters<typeof listed>) => (await listed(...given)).map(({ key }) => key);

const row = (key: string, details: Partial<InventoryRow> = {}): InventoryRow => ({
  key,
  sizeBytes: 5,
  modifiedAt: new Date('2026-11-01T00:00:00Z'),
  etag: 'e',
  ...details,
});

const odd = ['b/50% + more.flac', 'a "quoted", one', 'é/🎷', '\ue000', 'line\nbreak'];

describe.each([
  ['CSV', csvFile, {}],
  ['Parquet', parquetFile, { format: 'Parquet', schema: 'message s3.inventory { … }' }],
])('an inventory in %s', (_, file, options) => {
  it('is listed in the order of keys, whatever order its files and rows are in', async () => {
    const objects = inventoryObjects(
      [
        file([row(odd[0] as string), row(odd[3] as string)]),
        file(odd.slice(1, 3).map((key) => row(key))),
        file([row(odd[4] as string)]),
      ],
      options,
    );
    expect(await keysIn(objects)).toEqual([...odd].sort(compareKeys));
  });

  it('tells of each object what a listing tells', async () => {
    const objects = inventoryObjects([file([row('a', { storageClass: 'DEEP_ARCHIVE', sizeBytes: 2 ** 40 })])], options);
    expect(await listed(objects)).toEqual([
      {
        key: 'a',
        sizeBytes: 2 ** 40,
        modifiedAtMs: Date.parse('2026-11-01T00:00:00Z'),
        etag: 'e',
        storageClass: 'DEEP_ARCHIVE',
      },
    ]);
  });

  it('has neither older versions nor marks of deletion', async () => {
    const rows = [
      row('a', { isLatest: false }),
      row('a'),
      row('b', { isLatest: false }),
      row('b', { isDeleteMarker: true }),
    ];
    expect(await keysIn(inventoryObjects([file(rows)], options))).toEqual(['a']);
  });

  it('is listed in part where a part is asked for', async () => {
    const rows = ['a', 'p/1', 'p/2', 'p/3', 'q'].map((key) => row(key));
    const range = { prefix: 'p/', startAfter: 'p/1', endBefore: 'p/3' };
    expect(await keysIn(inventoryObjects([file(rows)], options), range)).toEqual(['p/2']);
  });

  it('is refused when a byte of it was changed, or it ends too early', async () => {
    const whole = file([row('a'), row('b')]);
    for (const body of [Buffer.concat([whole.subarray(0, -1), Buffer.from([1])]), whole.subarray(0, -9)]) {
      const objects = inventoryObjects([whole], options).map((object) =>
        object.key.includes('/data/') ? { ...object, body } : object,
      );
      await expect(listed(objects)).rejects.toMatchObject({ reason: 'inventory-damaged' });
    }
  });

  it('is refused when it is not what its manifest calls it', async () => {
    await expect(listed(inventoryObjects([Buffer.from('nonsense')], options))).rejects.toMatchObject({
      reason: 'inventory-damaged',
    });
  });
});

describe('an inventory', () => {
  const file = csvFile([row('a')]);

  it('in ORC is not read', async () => {
    await expect(listed(inventoryObjects([file], { format: 'ORC' }))).rejects.toMatchObject({
      reason: 'inventory-format',
    });
  });

  it('without sizes or times says too little', async () => {
    const objects = inventoryObjects([file], {
      schema: 'Bucket, Key, VersionId, IsLatest, IsDeleteMarker, A, B, C, D',
    });
    await expect(listed(objects)).rejects.toMatchObject({ reason: 'inventory-lacks-fields' });
  });

  it('of nothing is empty', async () => {
    expect(await listed(inventoryObjects([]))).toEqual([]);
  });

  it('leaves no temporary files, also when it is not read to its end', async () => {
    const left = () => readdirSync(tmpdir()).filter((name) => name.startsWith('caretaker-inventory-')).length;
    const before = left();
    const client = fakeS3({
      inventories: inventoryObjects([csvFile(Array.from({ length: 1_500 }, (_, index) => row(`${index}`)))]),
    });
    const manifest = await newestManifest(client, config, now, signal);
    for await (const _ of listInventory(client, manifest, 'inventories', { prefix: '' }, signal)) break;
    await expect(listed(inventoryObjects([Buffer.from('x')]))).rejects.toThrow();
    expect(left()).toBe(before);
  });
});

describe('the newest inventory', () => {
  const file = csvFile([row('a')]);
  const at = (time: string, isComplete = true) => inventoryObjects([file], { createdAt: new Date(time), isComplete });
  const newest = (objects: readonly FakeObject[]) =>
    newestManifest(fakeS3({ inventories: objects }, { pageSize: 1 }), config, now, signal);

  it('is the last one that S3 has finished', async () => {
    const objects = [
      ...at('2026-11-20T13:00:00Z'),
      ...at('2026-11-22T01:00:00Z'),
      ...at('2026-11-22T09:00:00Z', false),
    ];
    expect((await newest(objects)).creationTimestamp).toBe(Date.parse('2026-11-22T01:00:00Z'));
  });

  it('may be as old as is allowed, and no older', async () => {
    await expect(newest(at('2026-11-20T12:00:00Z'))).resolves.toBeDefined();
    await expect(newest(at('2026-11-20T11:59:00Z'))).rejects.toMatchObject({ reason: 'inventory-too-old' });
  });

  it('is none where S3 has not written any', async () => {
    await expect(newest([])).rejects.toMatchObject({ reason: 'no-inventory' });
    await expect(newest(at('2026-11-22T01:00:00Z', false))).rejects.toMatchObject({ reason: 'no-inventory' });
  });

  it('is refused when it is of another bucket or its manifest was changed', async () => {
    await expect(newest(inventoryObjects([file], { source: 'c' }))).rejects.toMatchObject({
      reason: 'wrong-inventory',
    });
    await expect(newest(inventoryObjects([file], { destination: 'd' }))).rejects.toMatchObject({
      reason: 'wrong-inventory',
    });
    const changed = at('2026-11-22T01:00:00Z').map((object) =>
      object.key.endsWith('.json') ? { ...object, body: Buffer.from('{}') } : object,
    );
    await expect(newest(changed)).rejects.toMatchObject({ reason: 'inventory-damaged' });
  });
});

describe('sorting more than fits in memory', () => {
  it('gives what sorting in memory gives, whatever the runs', async () => {
    const key = fc.string({ unit: fc.constantFrom('a', 'b', '\n', '\u2028', '"', '\ue000', '😀') });
    const directory = mkdtempSync(join(tmpdir(), 'sort-'));
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(key, { maxLength: 40 }), fc.integer({ min: 1, max: 9 }), async (keys, runLength) => {
          const given = keys.map(
            (name, index): ListedObject => ({
              key: name,
              sizeBytes: index,
              modifiedAtMs: index,
              etag: index % 2 === 0 ? undefined : 'e',
              storageClass: undefined,
            }),
          );
          async function* all() {
            yield* given;
          }
          const sorted: ListedObject[] = [];
          for await (const object of sortObjects(all(), directory, runLength)) sorted.push(object);
          expect(sorted.map((object) => object.key)).toEqual([...keys].sort(compareKeys));
          expect(new Set(sorted.map(({ sizeBytes }) => sizeBytes)).size).toBe(keys.length);
          for (const object of sorted) expect(object).toEqual(given[object.sizeBytes]);
        }),
      );
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
