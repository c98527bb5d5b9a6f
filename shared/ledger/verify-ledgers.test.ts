import { describe, expect, it } from 'vitest';
import { entryLine } from './chain-check.ts';
import { Ledger } from './ledger.ts';
import { ledgerRecord as record, rehashed } from './ledger-fixtures.ts';
import type { LedgerStore } from './ledger-store.ts';
import { MemoryLedgerStore } from './memory-ledger-store.ts';
import { isProven, verifyLedgers } from './verify-ledgers.ts';

const now = new Date('2026-11-20T12:00:00.000Z');
const clock = () => now;
const sessions = 'data-purge/sessions';

async function storeWith(chains: Readonly<Record<string, number>>): Promise<MemoryLedgerStore> {
  const store = new MemoryLedgerStore();
  for (const [chain, entries] of Object.entries(chains)) {
    const ledger = await Ledger.open(store, chain, clock);
    for (let index = 0; index < entries; index += 1) await ledger.append(record());
  }
  return store;
}

/** Returns a store with the same documents but those that are changed; undefined takes one away. */
async function changed(store: LedgerStore, changes: Readonly<Record<string, string | undefined>>) {
  const copy = new MemoryLedgerStore();
  for await (const name of store.list('')) {
    const line = name in changes ? changes[name] : await store.read(name);
    if (line !== undefined) await copy.add(name, line);
  }
  return copy;
}

describe('verifying the ledgers', () => {
  it('proves every chain, says how long it is and by which hash it can be recognized', async () => {
    const store = await storeWith({ [sessions]: 70, 'data-archival/listens': 2, 'data-archival/audit-logs': 1 });
    const chains = await verifyLedgers(store, { now });
    expect(chains.map(({ chain, entries }) => [chain, entries])).toEqual([
      ['data-archival/audit-logs', 1],
      ['data-archival/listens', 2],
      [sessions, 70],
    ]);
    expect(chains.every(isProven)).toBe(true);
    const { last } = await Ledger.open(store, sessions, clock);
    expect(chains.at(-1)).toMatchObject({
      firstAt: now.toISOString(),
      lastAt: now.toISOString(),
      lastHash: last?.hash,
      isUnderWay: false,
    });
  });

  it('looks at one chain only when it is asked to, and finds nothing where there is none', async () => {
    const store = await storeWith({ [sessions]: 2, 'data-purge/sessions-old': 1, 'data-purge': 1 });
    expect((await verifyLedgers(store, { chain: sessions, now })).map(({ chain }) => chain)).toEqual([sessions]);
    expect(await verifyLedgers(store, { chain: 'data-purge', now })).toMatchObject([{ entries: 1, faults: [] }]);
    expect(await verifyLedgers(store, { chain: 'data-purge/none', now })).toMatchObject([{ entries: 0, faults: [] }]);
    expect(await verifyLedgers(new MemoryLedgerStore(), { now })).toEqual([]);
  });

  it('names the first entry that is not as it was written, and proves the other chains', async () => {
    const store = await storeWith({ [sessions]: 5, 'data-archival/listens': 2 });
    const { last } = await Ledger.open(store, sessions, clock);
    const name = `${sessions}/00000003.json`;
    for (const line of ['x', entryLine(rehashed({ ...(last as NonNullable<typeof last>), sequence: 3 }))]) {
      const [listens, broken] = await verifyLedgers(await changed(store, { [name]: line }), { now });
      expect(listens).toMatchObject({ entries: 2, faults: [] });
      expect(broken).toMatchObject({ entries: 2, faults: [{ sequence: 3, document: name }] });
    }
  });

  it('names a gap by the entry that is missing', async () => {
    const store = await storeWith({ [sessions]: 5 });
    const [broken] = await verifyLedgers(await changed(store, { [`${sessions}/00000003.json`]: undefined }), { now });
    expect(broken).toMatchObject({
      entries: 2,
      faults: [{ sequence: 3, fault: 'The ledger is broken at entry 3: it is not there, and there is entry 4.' }],
    });
  });

  it('names what is no entry', async () => {
    const store = await storeWith({ [sessions]: 1 });
    await store.add(`${sessions}/notes.txt`, 'x');
    expect(await verifyLedgers(store, { now })).toMatchObject([
      { chain: sessions, entries: 1, faults: [{ sequence: null, document: `${sessions}/notes.txt` }] },
    ]);
  });

  it('names what the store shows of entries that were replaced or deleted', async () => {
    const store = await storeWith({ [sessions]: 2, 'data-archival/listens': 1 });
    const telling: LedgerStore = {
      add: (name, line) => store.add(name, line),
      read: (name) => store.read(name),
      list: (prefix, after) => store.list(prefix, after),
      async *tampering(prefix) {
        const name = `${sessions}/00000003.json`;
        if (name.startsWith(prefix)) yield { name, fault: 'It was deleted.' };
        yield { name: 'data-purge/all-gone/00000001.json', fault: 'It was deleted.' };
      },
    };
    expect(await verifyLedgers(telling, { now })).toMatchObject([
      { chain: 'data-archival/listens', faults: [] },
      { chain: sessions, entries: 2, faults: [{ sequence: 3, fault: 'It was deleted.' }] },
      { chain: 'data-purge/all-gone', entries: 0, faults: [{ sequence: 1 }] },
    ]);
    expect(await verifyLedgers(telling, { chain: 'data-archival/listens', now })).toMatchObject([{ faults: [] }]);
  });

  it('names the intentions of which nothing tells the end, but not the one that a run is at work on', async () => {
    const store = new MemoryLedgerStore();
    const ledger = await Ledger.open(store, sessions, clock);
    const settled = await ledger.append(record({ outcome: 'intended' }));
    const confirmed = await ledger.append(record({ outcome: 'intended', settles: settled.hash }));
    await ledger.append(record({ outcome: 'intended', confirms: confirmed.hash }));
    await ledger.append(record({ outcome: 'intended', action: 'purge', target: 'main' }));
    expect(await verifyLedgers(store, { now })).toMatchObject([
      {
        entries: 4,
        faults: [],
        isUnderWay: true,
        unsettled: [{ sequence: 3, at: now.toISOString(), action: 'purge', target: 'main' }],
      },
    ]);
    const [later] = await verifyLedgers(store, { now: new Date(now.getTime() + 25 * 3_600_000) });
    expect(later).toMatchObject({ isUnderWay: false, unsettled: [{ sequence: 3 }, { sequence: 4 }] });
    await ledger.append(record({ settles: ledger.last?.hash as string }));
    expect(await verifyLedgers(store, { now })).toMatchObject([{ isUnderWay: false, unsettled: [{ sequence: 3 }] }]);
  });

  it('does not believe an entry that tells the end of what is not there', async () => {
    const store = await storeWith({ [sessions]: 1 });
    const ledger = await Ledger.open(store, sessions, clock);
    await ledger.append(record({ confirms: 'f'.repeat(64) }));
    expect(await verifyLedgers(store, { now })).toMatchObject([{ entries: 1, faults: [{ sequence: 2 }] }]);
  });
});
