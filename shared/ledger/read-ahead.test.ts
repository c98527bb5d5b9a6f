import { describe, expect, it } from 'vitest';
import { Ledger } from './ledger.ts';
import { ledgerRecord } from './ledger-fixtures.ts';
import type { LedgerStore } from './ledger-store.ts';
import { MemoryLedgerStore } from './memory-ledger-store.ts';
import { readAhead } from './read-ahead.ts';
import { verifyLedgers } from './verify-ledgers.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
const clock = () => new Date('2026-11-20T12:00:00.000Z');
const chain = 'data-purge/sessions';
const nameOf = (sequence: number) => `${chain}/${String(sequence).padStart(8, '0')}.json`;

/** Counts what is asked for, each of which takes as long as it happens to. */
class Counter {
  underWay = 0;
  most = 0;
  begun = 0;

  async take<Value>(value: () => Value | Promise<Value>): Promise<Value> {
    this.begun += 1;
    this.underWay += 1;
    this.most = Math.max(this.most, this.underWay);
    try {
      await new Promise((resolve) => setTimeout(resolve, (this.begun * 7) % 5));
      return await value();
    } finally {
      this.underWay -= 1;
    }
  }

  /** Says that nothing goes on, and nothing is begun any more. */
  async expectRest(): Promise<void> {
    const { begun } = this;
    expect(this.underWay).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(this.begun).toBe(begun);
  }
}

describe('reading ahead', () => {
  it('keeps the order, and reads as many at a time as it may and no more', async () => {
    const counter = new Counter();
    const values = readAhead(numbers(50), (item) => counter.take(() => item), { concurrency: 6, held: 12 });
    expect(await Array.fromAsync(values)).toEqual(numbers(50));
    expect(counter.most).toBe(6);
    await counter.expectRest();
  });

  it('holds no more than it may while nobody asks for the next one', async () => {
    const counter = new Counter();
    const values = readAhead(numbers(50), (item) => counter.take(() => item), { concurrency: 6, held: 12 });
    for await (const value of values) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(counter.begun - value).toBeLessThanOrEqual(12);
      if (value === 3) break;
    }
    await counter.expectRest();
  });

  it('throws what was thrown in its place, when all else has ended', async () => {
    const counter = new Counter();
    const read = (item: number) =>
      counter.take(() => {
        if (item === 20) throw new Error('not item 20');
        return item;
      });
    const seen: number[] = [];
    const all = async () => {
      for await (const item of readAhead(numbers(50), read, { concurrency: 6, held: 12 })) seen.push(item);
    };
    await expect(all()).rejects.toThrow('not item 20');
    await counter.expectRest();
    expect(seen).toEqual(numbers(19));
  });

  it('throws what a listing throws behind what was listed, and waits for a listing that is under way', async () => {
    const counter = new Counter();
    async function* listing(last: number) {
      for (const item of numbers(last)) yield await counter.take(() => item);
      throw new Error('no more pages');
    }
    const seen: number[] = [];
    const all = async (last: number, until: number) => {
      const values = readAhead(listing(last), (item) => counter.take(() => item), { concurrency: 6, held: 12 });
      for await (const item of values) if (seen.push(item) === until) return;
    };
    await expect(all(15, 100)).rejects.toThrow('no more pages');
    expect(seen).toEqual(numbers(15));
    await counter.expectRest();
    await all(15, 18);
    await counter.expectRest();
  });
});

describe('a long ledger', () => {
  /** Returns a store that counts the reads, and fails where it is told to. */
  async function counted(entries: number, failing?: number) {
    const store = new MemoryLedgerStore();
    const writer = await Ledger.open(store, chain, clock);
    for (let index = 0; index < entries; index += 1) await writer.append(ledgerRecord());
    const counter = new Counter();
    const counting: LedgerStore = {
      add: (name, line) => store.add(name, line),
      read: (name) =>
        counter.take(() => {
          if (failing !== undefined && name === nameOf(failing)) throw new Error(`${name} is denied`);
          return store.read(name);
        }),
      list: (prefix, after) => store.list(prefix, after),
      tampering: () => store.tampering(),
    };
    return { counter, store: counting, ledger: await Ledger.open(counting, chain, clock) };
  }

  it('is read many at a time, from either end and to be verified', async () => {
    const { counter, store, ledger } = await counted(150);
    const sequences = async (entries: AsyncIterable<{ sequence: number }>) =>
      (await Array.fromAsync(entries)).map(({ sequence }) => sequence);
    expect(await sequences(ledger.entries())).toEqual(numbers(150));
    expect(counter.most).toBe(16);
    counter.most = 0;
    expect(await sequences(ledger.backwards())).toEqual(numbers(150).reverse());
    expect(counter.most).toBe(8);
    counter.most = 0;
    expect(await verifyLedgers(store, { now: clock() })).toMatchObject([{ entries: 150, faults: [] }]);
    expect(counter.most).toBe(16);
    await counter.expectRest();
  });

  it('is read no further when nobody asks for more, and not at all for its last entry', async () => {
    const { counter, ledger } = await counted(150);
    const begun = counter.begun;
    for await (const { sequence } of ledger.backwards()) if (sequence === 150) break;
    expect(counter.begun).toBe(begun);
    for await (const { sequence } of ledger.backwards()) if (sequence === 145) break;
    await counter.expectRest();
    expect(counter.begun - begun).toBeLessThanOrEqual(5 + 8);
    for await (const { sequence } of ledger.entries()) if (sequence === 5) break;
    await counter.expectRest();
  });

  it('tells of what cannot be read in its place, and reads no further', async () => {
    const { counter, store, ledger } = await counted(150, 75);
    const seen: number[] = [];
    const all = async (entries: AsyncIterable<{ sequence: number }>) => {
      for await (const { sequence } of entries) seen.push(sequence);
    };
    const denied = `${nameOf(75)} is denied`;
    await expect(all(ledger.entries())).rejects.toThrow(denied);
    await counter.expectRest();
    expect(seen.splice(0)).toEqual(numbers(74));
    await expect(all(ledger.backwards())).rejects.toThrow(denied);
    await counter.expectRest();
    expect(seen).toEqual(numbers(150).slice(75).reverse());
    await expect(verifyLedgers(store, { now: clock() })).rejects.toThrow(denied);
    await counter.expectRest();
  });
});
