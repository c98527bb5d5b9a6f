import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareKeys } from '../../../shared/objects/compare-keys.ts';
import type { ListedObject } from '../../../shared/objects/listed-object.ts';
import { MemoryStateStore } from '../../../shared/storage/memory-state-store.ts';
import type { StateStore } from '../../../shared/storage/state-store.ts';
import {
  joinMemory,
  type MemoryEntry,
  MemoryUnreadableError,
  mergeMemory,
  type RememberedObject,
  readMemory,
  writeMemory,
} from './verification-memory.ts';

const name = 'verification/audio';

function entry(key: string, overrides: Partial<MemoryEntry> = {}): MemoryEntry {
  return {
    key,
    etag: 'e1',
    sizeBytes: 10,
    triedAtMs: 1000,
    readAtMs: 1000,
    digest: 'SHA256:abc',
    trouble: undefined,
    ...overrides,
  };
}

const object = (key: string, overrides: Partial<ListedObject> = {}): ListedObject => ({
  key,
  sizeBytes: 10,
  modifiedAtMs: 500,
  etag: 'e1',
  storageClass: 'STANDARD',
  ...overrides,
});

async function* batches<T>(...all: readonly (readonly T[])[]): AsyncGenerator<readonly T[]> {
  yield* all;
}

async function all<T>(given: AsyncIterable<readonly T[]>): Promise<T[]> {
  const items: T[] = [];
  for await (const batch of given) items.push(...batch);
  return items;
}

async function documentOf(entries: readonly MemoryEntry[]): Promise<Buffer> {
  const store = new MemoryStateStore();
  await writeMemory(store, name, batches(entries));
  const content = (await store.read(name)) as AsyncIterable<Uint8Array>;
  const parts: Uint8Array[] = [];
  for await (const part of content) parts.push(part);
  return Buffer.concat(parts);
}

/** A store whose document comes in pieces of `size` bytes. */
function storeOf(bytes: Uint8Array, size = bytes.length): StateStore {
  return {
    read: async () =>
      (async function* () {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
      })(),
    write: async () => {
      throw new Error('not written to');
    },
  };
}

const entries = fc
  .uniqueArray(
    fc.record({
      key: fc.string({ unit: 'binary', minLength: 1 }),
      etag: fc.option(fc.string(), { nil: undefined }),
      sizeBytes: fc.maxSafeNat(),
      triedAtMs: fc.maxSafeNat(),
      readAtMs: fc.option(fc.maxSafeNat(), { nil: undefined }),
      digest: fc.option(fc.string(), { nil: undefined }),
      trouble: fc.option(
        fc.oneof(
          fc.record({ kind: fc.constant('unreadable' as const), reason: fc.string(), detail: fc.string() }),
          fc.record({
            kind: fc.constant('altered' as const),
            algorithm: fc.string(),
            expected: fc.string(),
            actual: fc.string(),
          }),
        ),
        { nil: undefined },
      ),
    }),
    { selector: ({ key }) => key, maxLength: 30 },
  )
  .map((given) => given.sort((a, b) => compareKeys(a.key, b.key)));

test('reads back what it wrote, whatever the keys hold and however the bytes come', async () => {
  await fc.assert(
    fc.asyncProperty(entries, fc.integer({ min: 1, max: 50 }), async (given, size) => {
      expect(await all(readMemory(storeOf(await documentOf(given), size), name))).toEqual(given);
    }),
  );
});

test('remembers nothing when there is no document', async () => {
  expect(await all(readMemory(new MemoryStateStore(), name))).toEqual([]);
});

test('refuses a document that is cut anywhere', async () => {
  const document = await documentOf([entry('a'), entry('b'), entry('c')]);
  for (let length = 0; length < document.length; length++) {
    await expect(all(readMemory(storeOf(document.subarray(0, length)), name)), `${length}`).rejects.toThrow(
      MemoryUnreadableError,
    );
  }
});

test.each([
  ['is not compressed', Buffer.from('plain')],
  ['has another header', gzipSync('{"caretaker":"verification-memory","version":2}\n["a",null,1,1,1,"x",null]\n')],
  ['is empty', gzipSync('')],
  ['has a line that is not JSON', gzipSync('{"caretaker":"verification-memory","version":1}\n{oops\n')],
  ['has a line of another form', gzipSync('{"caretaker":"verification-memory","version":1}\n["a",1]\n')],
  ['ends within a line', gzipSync('{"caretaker":"verification-memory","version":1}\n["a",null,1,1,1,"x",null]')],
])('refuses a document that %s', async (_, bytes) => {
  await expect(all(readMemory(storeOf(bytes), name))).rejects.toThrow(MemoryUnreadableError);
});

test('refuses a document whose keys are out of order or come twice', async () => {
  for (const keys of [
    ['b', 'a'],
    ['a', 'a'],
  ]) {
    const document = await documentOf(keys.map((key) => entry(key)));
    await expect(all(readMemory(storeOf(document), name))).rejects.toThrow(MemoryUnreadableError);
  }
});

test('passes on a fault of the store as what it is', async () => {
  const document = await documentOf([entry('a')]);
  const store: StateStore = {
    ...storeOf(new Uint8Array()),
    read: async () =>
      (async function* () {
        yield document.subarray(0, 30);
        throw Object.assign(new Error('denied'), { name: 'AccessDenied' });
      })(),
  };
  await expect(all(readMemory(store, name))).rejects.toMatchObject({ name: 'AccessDenied' });
});

test('leaves what was remembered when writing fails halfway', async () => {
  const store = new MemoryStateStore();
  await writeMemory(store, name, batches([entry('a')]));
  const failing = (async function* () {
    yield [entry('b')];
    throw new Error('the listing broke off');
  })();
  await expect(writeMemory(store, name, failing)).rejects.toThrow('the listing broke off');
  expect(await all(readMemory(store, name))).toEqual([entry('a')]);
});

test('writes compressed text of one line for each object', async () => {
  const lines = gunzipSync(await documentOf([entry('a'), entry('b\n')]))
    .toString()
    .split('\n');
  expect(lines).toHaveLength(4);
});

test('joins objects with what is remembered of them, across the borders of pages and batches', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }), { maxLength: 30 }),
      fc.uniqueArray(fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }), { maxLength: 30 }),
      fc.integer({ min: 1, max: 7 }),
      fc.integer({ min: 1, max: 7 }),
      async (listed, remembered, pageSize, batchSize) => {
        const gone: string[] = [];
        const joined = await all(
          joinMemory(
            inPages(
              listed.sort(compareKeys).map((key) => object(key)),
              pageSize,
            ),
            inPages(
              remembered.sort(compareKeys).map((key) => entry(key)),
              batchSize,
            ),
            (key) => gone.push(key),
          ),
        );
        const known = new Set(remembered);
        const expected = listed.map(
          (key): RememberedObject => ({ object: object(key), entry: known.has(key) ? entry(key) : undefined }),
        );
        expect(joined).toEqual(expected);
        expect(gone).toEqual(remembered.filter((key) => !listed.includes(key)));
      },
    ),
  );
});

async function* inPages<T>(items: readonly T[], size: number): AsyncGenerator<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size);
}

test('does not take what is remembered of one version for another', async () => {
  for (const written of [{ etag: 'e2' }, { sizeBytes: 11 }, { modifiedAtMs: 1001 }, { etag: undefined }]) {
    const joined = await all(joinMemory(batches([object('a', written)]), batches([entry('a')]), () => {}));
    expect(joined[0]?.entry).toBeUndefined();
  }
  const same = await all(joinMemory(batches([object('a', { modifiedAtMs: 1000 })]), batches([entry('a')]), () => {}));
  expect(same[0]?.entry).toEqual(entry('a'));
});

test('refuses a listing that is not in the order of keys', async () => {
  const listing = batches([object('b'), object('a')]);
  await expect(all(joinMemory(listing, batches<MemoryEntry>(), () => {}))).rejects.toMatchObject({
    reason: 'listing-unordered',
  });
});

test('merges updates in, and drops what is gone', async () => {
  const updates = [entry('aa', { triedAtMs: 2000 }), entry('c', { triedAtMs: 2000 }), entry('z', { triedAtMs: 2000 })];
  const merged = await all(
    mergeMemory(batches([entry('a'), entry('b')], [entry('c'), entry('d')]), updates, new Set(['b'])),
  );
  expect(merged).toEqual([entry('a'), updates[0], updates[1], entry('d'), updates[2]]);
});

test('a store that cannot be written leaves what the entries come from closed', async () => {
  const closed = Promise.withResolvers<void>();
  async function* endless(): AsyncGenerator<readonly MemoryEntry[]> {
    try {
      for (let index = 0; ; index += 1) yield [entry(`${index}`.padStart(9, '0'), { digest: crypto.randomUUID() })];
    } finally {
      closed.resolve();
    }
  }
  const full: StateStore = {
    read: async () => undefined,
    write: async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      throw new RangeError('no room');
    },
  };
  await expect(writeMemory(full, name, endless())).rejects.toThrow('no room');
  await closed.promise;
});
