import { pMapIterable } from 'p-map';

/** How much is read before it is asked for. */
export interface ReadAhead {
  /** Reads that are under way at a time. */
  readonly concurrency: number;
  /** Items that are held at a time, those under way among them: while one is slow, this many may come behind it. */
  readonly held: number;
}

/**
 * Yields what `read` makes of each item, in the order of the items, and reads further ones meanwhile. What an item or `read` throws comes
 * in its place, behind all that was before it. When the iteration has ended, whatever has ended it, nothing is under way any more.
 */
export async function* readAhead<Item, Value>(
  items: AsyncIterable<Item> | Iterable<Item>,
  read: (item: Item) => Promise<Value>,
  { concurrency, held }: ReadAhead,
): AsyncGenerator<Value, void, undefined> {
  const reads = new Set<Promise<unknown>>();
  const listed = Promise.withResolvers<void>();
  const values = pMapIterable(
    untilDone(items, listed.resolve),
    (item) => {
      const value = read(item).then((value) => ({ value }));
      reads.add(value);
      const settled = () => reads.delete(value);
      value.then(settled, settled);
      return value;
    },
    { concurrency, backpressure: held },
  );
  try {
    for await (const { value } of values) yield value;
  } finally {
    // It waits for neither by itself.
    await listed.promise;
    await Promise.allSettled(reads);
  }
}

async function* untilDone<Item>(items: AsyncIterable<Item> | Iterable<Item>, done: () => void): AsyncGenerator<Item> {
  try {
    yield* items;
  } finally {
    done();
  }
}
