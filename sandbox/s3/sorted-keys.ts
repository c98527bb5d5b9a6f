import { compareKeys } from '../../shared/objects/compare-keys.ts';

/** Keys in the order of their UTF-8 bytes. Adding and taking away is cheap; what was added is sorted in when it is asked for. */
export class SortedKeys {
  #sorted: string[] = [];
  #added: string[] = [];
  /** Of the sorted ones, those that are to be left out. */
  readonly #gone = new Set<string>();

  /** @param key is not there yet. */
  add(key: string): void {
    // It is among the sorted ones still.
    if (!this.#gone.delete(key)) this.#added.push(key);
  }

  /** @param key is there. */
  remove(key: string): void {
    this.#settle();
    this.#gone.add(key);
  }

  /** Yields the keys that are not before `start`, as they are at this moment and while nothing is added. */
  *from(start: string): Generator<string, void, undefined> {
    this.#settle();
    const sorted = this.#sorted;
    for (let index = this.#indexOf(start); index < sorted.length; index += 1) {
      const key = sorted[index] as string;
      if (!this.#gone.has(key)) yield key;
    }
  }

  #settle(): void {
    const isSparse = this.#gone.size > 1_000 && this.#gone.size > this.#sorted.length / 2;
    if (isSparse) {
      this.#sorted = this.#sorted.filter((key) => !this.#gone.has(key));
      this.#gone.clear();
    }
    if (this.#added.length === 0) return;
    const added = this.#added.sort(compareKeys);
    this.#added = [];
    const sorted = this.#sorted;
    const last = sorted.at(-1);
    if (last === undefined || compareKeys(last, added[0] as string) < 0) {
      this.#sorted = sorted.concat(added);
      return;
    }
    const merged: string[] = [];
    let next = 0;
    for (const key of added) {
      while (next < sorted.length && compareKeys(sorted[next] as string, key) < 0)
        merged.push(sorted[next++] as string);
      merged.push(key);
    }
    while (next < sorted.length) merged.push(sorted[next++] as string);
    this.#sorted = merged;
  }

  /** Index of the first that is not before `start`. */
  #indexOf(start: string): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys(this.#sorted[middle] as string, start) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
