import { describe, expect, it } from 'vitest';
import { entryLine } from './chain-check.ts';
import { Ledger } from './ledger.ts';
import type { LedgerEntry } from './ledger-entry.ts';
import { ledgerRecord as record, rehashed } from './ledger-fixtures.ts';
import type { LedgerStore } from './ledger-store.ts';
import { MemoryLedgerStore } from './memory-ledger-store.ts';

const now = new Date('2026-11-20T12:00:00.000Z');
const clock = () => now;
const chain = 'data-purge/sessions';

async function ledgerWith(entries: number): Promise<{ store: MemoryLedgerStore; ledger: Ledger }> {
  const store = new MemoryLedgerStore();
  const ledger = await Ledger.open(store, chain, clock);
  for (let index = 1; index <= entries; index += 1) await ledger.append(record({ subject: `policy-${index}` }));
  return { store, ledger };
}

function nameOf(sequence: number): string {
  return `${chain}/${String(sequence).padStart(8, '0')}.json`;
}

/** Returns a store with the same documents but one, as somebody would leave it who can write into it. */
async function changed(
  store: LedgerStore,
  sequence: number,
  change: (entry: LedgerEntry) => string | undefined,
): Promise<LedgerStore> {
  const copy = new MemoryLedgerStore();
  for await (const name of store.list('')) {
    const line = (await store.read(name)) as string;
    const kept = name === nameOf(sequence) ? change(JSON.parse(line)) : line;
    if (kept !== undefined) await copy.add(name, kept);
  }
  return copy;
}

async function all(store: LedgerStore): Promise<LedgerEntry[]> {
  return Array.fromAsync((await Ledger.open(store, chain, clock)).entries());
}

describe('a ledger', () => {
  it('gives back what was appended, in order, each entry naming the one before', async () => {
    const { store, ledger } = await ledgerWith(3);
    const entries = await all(store);
    expect(entries.map(({ sequence, subject, at }) => [sequence, subject, at])).toEqual([
      [1, 'policy-1', now.toISOString()],
      [2, 'policy-2', now.toISOString()],
      [3, 'policy-3', now.toISOString()],
    ]);
    expect(entries.map(({ previousHash }) => previousHash)).toEqual([null, entries[0]?.hash, entries[1]?.hash]);
    expect(ledger.last).toEqual(entries[2]);
    expect(await Array.fromAsync(ledger.backwards())).toEqual(entries.reverse());
  });

  it('is empty before anything was appended, whatever the chains beside it hold', async () => {
    const { store } = await ledgerWith(2);
    const beside = await Ledger.open(store, 'data-purge', clock);
    expect(beside.last).toBeUndefined();
    expect(await Array.fromAsync(beside.entries())).toEqual([]);
    expect(await Array.fromAsync(beside.backwards())).toEqual([]);
    await beside.append(record());
    expect(await all(store)).toHaveLength(2);
  });

  it.each([1, 2, 3, 4, 5, 7, 8, 9, 16, 33, 100])('is opened at its end, of %i entries', async (count) => {
    const { store } = await ledgerWith(count);
    const ledger = await Ledger.open(store, chain, clock);
    expect(ledger.last).toMatchObject({ sequence: count, subject: `policy-${count}` });
    expect((await ledger.append(record())).sequence).toBe(count + 1);
  });

  it('asks a few times only where a long chain ends', async () => {
    const { store } = await ledgerWith(1000);
    let listings = 0;
    const counting: LedgerStore = {
      add: (name, line) => store.add(name, line),
      read: (name) => store.read(name),
      list(prefix, after) {
        listings += 1;
        return store.list(prefix, after);
      },
      tampering: () => store.tampering(),
    };
    expect((await Ledger.open(counting, chain, clock)).last?.sequence).toBe(1000);
    expect(listings).toBeLessThan(25);
  });

  it.each<[string, (entry: LedgerEntry) => string]>([
    ['a count that was changed', (entry) => entryLine({ ...entry, before: 2 })],
    ['a key that was added', (entry) => entryLine({ ...entry, more: 1 } as LedgerEntry)],
    ['another time', (entry) => entryLine({ ...entry, at: '2026-11-21T12:00:00.000Z' })],
    ['a hash that was changed', (entry) => entryLine({ ...entry, hash: '0'.repeat(64) })],
    ['another sequence with the right hash', (entry) => entryLine(rehashed({ ...entry, sequence: 7 }))],
    ['a key twice', (entry) => entryLine(entry).replace('{', '{"actor":"mallory",')],
    ['spaces', (entry) => `${JSON.stringify(entry, null, 1)}\n`],
    ['something else', () => '{"text":"nothing"}\n'],
    ['half a line', (entry) => entryLine(entry).slice(0, 80)],
    ['nothing in it', () => ''],
  ])('names the entry that has %s', async (_, change) => {
    const { store } = await ledgerWith(3);
    await expect(all(await changed(store, 2, change))).rejects.toMatchObject({ name: 'LedgerError', sequence: 2 });
    // The end is read even by those who only add.
    const end = await changed(store, 3, change);
    await expect(Ledger.open(end, chain, clock)).rejects.toMatchObject({ name: 'LedgerError', sequence: 3 });
    const backwards = await Ledger.open(await changed(store, 2, change), chain, clock);
    await expect(Array.fromAsync(backwards.backwards())).rejects.toMatchObject({ sequence: 2 });
  });

  it('names the entry behind one that was replaced as a whole, with a hash that is right', async () => {
    const { store } = await ledgerWith(3);
    const replaced = await changed(store, 2, (entry) => entryLine(rehashed({ ...entry, actor: 'mallory' })));
    await expect(all(replaced)).rejects.toMatchObject({ sequence: 3 });
    const backwards = (await Ledger.open(replaced, chain, clock)).backwards();
    await expect(Array.fromAsync(backwards)).rejects.toMatchObject({ sequence: 3 });
  });

  it.each([1, 2])('names entry %i when it was taken away', async (sequence) => {
    const { store } = await ledgerWith(3);
    const shortened = await changed(store, sequence, () => undefined);
    await expect(all(shortened)).rejects.toMatchObject({ name: 'LedgerError', sequence });
    await expect(Array.fromAsync((await Ledger.open(shortened, chain, clock)).backwards())).rejects.toMatchObject({
      sequence,
    });
  });

  it('misses the last entry when it is taken away after it was seen', async () => {
    const { store } = await ledgerWith(3);
    let gone = false;
    const shrinking: LedgerStore = {
      add: (name, line) => store.add(name, line),
      read: async (name) => (gone && name === nameOf(3) ? undefined : store.read(name)),
      async *list(prefix, after) {
        for await (const name of store.list(prefix, after)) if (!gone || name !== nameOf(3)) yield name;
      },
      tampering: () => store.tampering(),
    };
    const ledger = await Ledger.open(shrinking, chain, clock);
    gone = true;
    await expect(Array.fromAsync(ledger.entries())).rejects.toMatchObject({ sequence: 3 });
  });

  it('takes the next place when somebody else was first', async () => {
    const { store, ledger } = await ledgerWith(1);
    const other = await Ledger.open(store, chain, clock);
    await other.append(record({ actor: 'bob' }));
    await other.append(record({ actor: 'bob' }));
    expect(await ledger.append(record())).toMatchObject({ sequence: 4, actor: 'ada' });
    expect((await other.append(record({ actor: 'bob' }))).sequence).toBe(5);
    expect((await all(store)).map(({ actor }) => actor)).toEqual(['ada', 'bob', 'bob', 'ada', 'bob']);
  });

  it('loses nothing of many who append at once, and writes nothing twice', async () => {
    const { store } = await ledgerWith(0);
    const writers = await Promise.all(Array.from({ length: 8 }, () => Ledger.open(store, chain, clock)));
    await Promise.all(
      writers.map(async (ledger, writer) => {
        for (let index = 0; index < 10; index += 1) await ledger.append(record({ subject: `${writer}-${index}` }));
      }),
    );
    const subjects = (await all(store)).map(({ subject }) => subject);
    expect(new Set(subjects).size).toBe(80);
    expect(subjects).toHaveLength(80);
  });

  it('knows its own entry again when the answer to its writing was lost', async () => {
    const { store } = await ledgerWith(1);
    const forgetful: LedgerStore = {
      // As when the connection breaks after the write, and the client tries again.
      add: async (name, line) => (await store.add(name, line)) && (await store.add(name, line)),
      read: (name) => store.read(name),
      list: (prefix, after) => store.list(prefix, after),
      tampering: () => store.tampering(),
    };
    const entry = await (await Ledger.open(forgetful, chain, clock)).append(record({ subject: 'once' }));
    expect((await all(store)).map(({ subject }) => subject)).toEqual(['policy-1', 'once']);
    expect(entry.sequence).toBe(2);
  });

  it('gives up on a place that is never free and never taken', async () => {
    const { store } = await ledgerWith(1);
    const stubborn: LedgerStore = {
      add: async () => false,
      read: (name) => store.read(name),
      list: (prefix, after) => store.list(prefix, after),
      tampering: () => store.tampering(),
    };
    const ledger = await Ledger.open(stubborn, chain, clock);
    await expect(ledger.append(record())).rejects.toMatchObject({
      name: 'LedgerError',
      sequence: 2,
      message: expect.stringContaining('its place is taken, and nothing is there'),
    });
  });

  it('adds nothing behind an entry of somebody else that does not follow', async () => {
    const { store, ledger } = await ledgerWith(1);
    const forged = rehashed({ ...(ledger.last as LedgerEntry), sequence: 2, previousHash: '0'.repeat(64) });
    await store.add(nameOf(2), entryLine(forged));
    await expect(ledger.append(record())).rejects.toMatchObject({ name: 'LedgerError', sequence: 2 });
    expect(await store.read(nameOf(3))).toBeUndefined();
  });

  it.each(['settles', 'confirms'] as const)('does not believe that an entry %s what is not there', async (key) => {
    const { store, ledger } = await ledgerWith(1);
    const intention = await ledger.append(record({ outcome: 'intended' }));
    await ledger.append(record({ [key]: intention.hash }));
    expect(await all(store)).toHaveLength(3);
    // Two who have both looked may tell of it.
    await ledger.append(record({ [key]: intention.hash }));
    // Done is no intention.
    await ledger.append(record({ [key]: (await all(store))[0]?.hash as string }));
    await expect(all(store)).rejects.toMatchObject({ name: 'LedgerError', sequence: 5 });
  });

  it('does not take a record that lacks something', async () => {
    const { store, ledger } = await ledgerWith(0);
    await expect(ledger.append({ ...record(), actor: '' })).rejects.toThrow();
    await expect(Ledger.open(store, '../x', clock)).rejects.toThrow(TypeError);
    expect(await all(store)).toEqual([]);
  });
});
