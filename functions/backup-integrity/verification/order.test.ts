import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  compareWaiting,
  OldestSelection,
  type SelectionLimits,
  selectOldest,
  stalenessBoundRuns,
  type VerificationCandidate,
  waitingSince,
} from './order.ts';

const candidates = fc.uniqueArray(
  fc.record({
    key: fc.string({ minLength: 1, maxLength: 4, unit: 'binary' }),
    sizeBytes: fc.nat({ max: 20 }),
    sinceMs: fc.nat({ max: 30 }),
  }),
  { selector: ({ key }) => key, maxLength: 60 },
);

const limits = fc.record({ bytesBudget: fc.nat({ max: 120 }), maximumObjects: fc.integer({ min: 1, max: 40 }) });

async function* each<T>(items: readonly T[]) {
  yield* items;
}

/** The definition, on the whole list. */
function sortAndTake(all: readonly VerificationCandidate[], { bytesBudget, maximumObjects }: SelectionLimits) {
  const taken: VerificationCandidate[] = [];
  let begun = 0;
  for (const candidate of [...all].sort(compareWaiting)) {
    const isOver = candidate.sizeBytes === 0 ? begun > bytesBudget : begun >= bytesBudget;
    if (isOver || taken.length >= maximumObjects) break;
    taken.push(candidate);
    begun += candidate.sizeBytes;
  }
  return taken;
}

test('selects what sorting the whole list and taking from its head would', async () => {
  await fc.assert(
    fc.asyncProperty(candidates, limits, async (all, given) => {
      expect(await selectOldest(each(all), given)).toEqual(sortAndTake(all, given));
    }),
    { numRuns: 1000 },
  );
});

test('keeps no more than it selects, and gives back every other one exactly once', () => {
  fc.assert(
    fc.property(candidates, limits, (all, given) => {
      const selection = new OldestSelection(given);
      const left = all.flatMap((candidate, index) => {
        const evicted = selection.add(candidate);
        expect(selection.oldestFirst()).toEqual(sortAndTake(all.slice(0, index + 1), given));
        return evicted;
      });
      expect([...left, ...selection.oldestFirst()].sort(compareWaiting)).toEqual([...all].sort(compareWaiting));
    }),
  );
});

test('says when the number of objects, not the budget, ended the selection', () => {
  fc.assert(
    fc.property(candidates, limits, (all, given) => {
      const selection = new OldestSelection(given);
      for (const candidate of all) selection.add(candidate);
      const unlimited = sortAndTake(all, { ...given, maximumObjects: Number.MAX_SAFE_INTEGER });
      const selected = selection.oldestFirst();
      const hasRoom = selected.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) < given.bytesBudget;
      expect(selection.isCut).toBe(hasRoom && unlimited.length > selected.length);
    }),
    { numRuns: 1000 },
  );
});

test('takes one object that is larger than the budget, and nothing once the budget is used up', async () => {
  const large = { key: 'master.wav', sizeBytes: 1000, sinceMs: 1 };
  const newer = { key: 'newer.wav', sizeBytes: 1, sinceMs: 2 };
  expect(await selectOldest(each([newer, large]), { bytesBudget: 1, maximumObjects: 9 })).toEqual([large]);
  expect(await selectOldest(each([newer, large]), { bytesBudget: 0, maximumObjects: 9 })).toEqual([]);
});

test('takes the objects that exactly fill the budget, and not one more', async () => {
  const all = [1, 2, 3].map((sinceMs) => ({ key: `${sinceMs}`, sizeBytes: 10, sinceMs }));
  const selected = await selectOldest(each(all), { bytesBudget: 20, maximumObjects: 9 });
  expect(selected.map(({ key }) => key)).toEqual(['1', '2']);
});

test('takes empty objects where those before them fill the budget to the byte, and not behind more', async () => {
  const sizes = [10, 10, 0, 0, 1, 0];
  const all = sizes.map((sizeBytes, index) => ({ key: `${index}`, sizeBytes, sinceMs: index }));
  const keys = async (bytesBudget: number, given = all) =>
    (await selectOldest(each(given), { bytesBudget, maximumObjects: 9 })).map(({ key }) => key).join('');
  expect(await keys(20)).toBe('0123');
  expect(await keys(20, all.toReversed())).toBe('0123');
  expect(await keys(19)).toBe('01');
  expect(await keys(21)).toBe('012345');
});

test('lets an object wait since it was read, or since it was written when that was later or it was never read', () => {
  expect(waitingSince(100, undefined)).toBe(100);
  expect(waitingSince(100, 150)).toBe(150);
  expect(waitingSince(200, 150)).toBe(200);
});

test('counts the runs that a bucket takes: whole ones, and at least one', () => {
  expect(stalenessBoundRuns(100, 10)).toBe(10);
  expect(stalenessBoundRuns(101, 10)).toBe(11);
  expect(stalenessBoundRuns(99, 100)).toBe(1);
  expect(stalenessBoundRuns(0, 100)).toBe(1);
});

/** Runs of a simulated bucket; the clock is the number of the run. */
class Bucket {
  readonly #objects = new Map<string, { sizeBytes: number; modifiedAtMs: number; readAtMs: number | undefined }>();
  run = 0;

  put(key: string, sizeBytes: number): void {
    this.#objects.set(key, { sizeBytes, modifiedAtMs: this.run, readAtMs: undefined });
  }

  remove(key: string): void {
    this.#objects.delete(key);
  }

  get bytes(): number {
    return [...this.#objects.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  /** Reads once; returns for how many runs the object that waited longest had been waiting when this run began to read. */
  async verify(bytesBudget: number): Promise<number> {
    this.run += 1;
    const waiting = [...this.#objects].map(([key, { sizeBytes, modifiedAtMs, readAtMs }]) => ({
      key,
      sizeBytes,
      sinceMs: waitingSince(modifiedAtMs, readAtMs),
    }));
    const selected = await selectOldest(each(waiting), { bytesBudget, maximumObjects: 1000 });
    for (const { key } of selected) {
      const object = this.#objects.get(key);
      if (object !== undefined) object.readAtMs = this.run;
    }
    return Math.max(0, ...waiting.map(({ sinceMs }) => this.run - sinceMs));
  }
}

test('leaves no object of an unchanged bucket unread for longer than the bound', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 1, max: 60 }),
      async (sizes, budget) => {
        const bucket = new Bucket();
        for (const [index, size] of sizes.entries()) bucket.put(`track-${index}`, size);
        const bound = stalenessBoundRuns(bucket.bytes, budget);
        for (let run = 0; run < 3 * bound + 2; run++) expect(await bucket.verify(budget)).toBeLessThanOrEqual(bound);
      },
    ),
  );
});

test('lets an empty object wait no longer than the others', async () => {
  const bucket = new Bucket();
  for (const [index, size] of [16, 16, 4, 0].entries()) bucket.put(`track-${index}`, size);
  for (let run = 0; run < 5; run++) expect(await bucket.verify(36)).toBe(1);
});

test('reaches the bound with objects of equal size, and does not exceed it', async () => {
  for (const [count, perRun] of [
    [12, 3],
    [13, 3],
    [5, 1],
    [4, 4],
  ] as const) {
    const bucket = new Bucket();
    for (let index = 0; index < count; index++) bucket.put(`track-${index}`, 7);
    const waits: number[] = [];
    const bound = stalenessBoundRuns(bucket.bytes, 7 * perRun);
    expect(bound).toBe(Math.ceil(count / perRun));
    for (let run = 0; run < 4 * bound; run++) waits.push(await bucket.verify(7 * perRun));
    expect(Math.max(...waits)).toBe(bound);
  }
});

test('leaves no object unread for longer than the bound of all that was there, whatever comes, goes and changes', async () => {
  const change = fc.record({
    kind: fc.constantFrom('put', 'remove'),
    key: fc.integer({ min: 0, max: 15 }).map((index) => `track-${index}`),
    sizeBytes: fc.integer({ min: 0, max: 20 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(change, { maxLength: 3 }), { minLength: 1, maxLength: 25 }),
      fc.integer({ min: 1, max: 60 }),
      async (runs, budget) => {
        const bucket = new Bucket();
        // An object waits behind the bytes that were there when it came: never behind those that came later.
        let mostBytes = 0;
        for (const changes of runs) {
          for (const { kind, key, sizeBytes } of changes) {
            if (kind === 'put') bucket.put(key, sizeBytes);
            else bucket.remove(key);
            mostBytes = Math.max(mostBytes, bucket.bytes);
          }
          const waited = await bucket.verify(budget);
          expect(waited).toBeLessThanOrEqual(stalenessBoundRuns(mostBytes, budget));
        }
      },
    ),
  );
});
