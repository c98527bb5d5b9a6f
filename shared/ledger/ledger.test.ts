import { describe, expect, it } from 'vitest';
import { MemoryStateStore } from '../storage/memory-state-store.ts';
import { readJson, type StateStore, writeJson } from '../storage/state-store.ts';
import { Ledger } from './ledger.ts';
import type { LedgerEntry, LedgerRecord } from './ledger-entry.ts';
import { sha256Of } from './sha256.ts';

const now = new Date('2026-11-20T12:00:00.000Z');

function record(changes: Partial<LedgerRecord> = {}): LedgerRecord {
  return {
    actor: 'ada',
    task: 'integrity-audit',
    rule: 'titles',
    database: 'main',
    action: 'quarantine',
    outcome: 'done',
    planHash: 'abc',
    before: 3,
    after: 3,
    facts: { changedRows: 3 },
    settles: null,
    ...changes,
  };
}

async function ledgerWith(entries: number): Promise<{ store: StateStore; ledger: Ledger }> {
  const store = new MemoryStateStore();
  const ledger = new Ledger(store, () => now);
  for (let index = 0; index < entries; index += 1) await ledger.append(record({ rule: `rule-${index}` }));
  return { store, ledger };
}

/** Changes a document as somebody would who can write into the store. */
async function tamper(store: StateStore, sequence: number, change: (entry: LedgerEntry) => unknown): Promise<void> {
  const name = `ledger/${String(sequence).padStart(8, '0')}`;
  await writeJson(store, name, change((await readJson(store, name)) as LedgerEntry));
}

/** The hash that an entry with this content must have. */
function rehashed({ hash: _, ...content }: LedgerEntry): LedgerEntry {
  return { ...content, hash: sha256Of(content) };
}

describe('a ledger', () => {
  it('gives back what was appended, in order, each entry naming the one before', async () => {
    const { ledger } = await ledgerWith(3);
    const entries = await ledger.read();
    expect(entries.map(({ sequence, rule, at }) => [sequence, rule, at])).toEqual([
      [1, 'rule-0', now.toISOString()],
      [2, 'rule-1', now.toISOString()],
      [3, 'rule-2', now.toISOString()],
    ]);
    expect(entries.map(({ previousHash }) => previousHash)).toEqual([null, entries[0]?.hash, entries[1]?.hash]);
  });

  it('is empty before anything was appended', async () => {
    expect(await (await ledgerWith(0)).ledger.read()).toEqual([]);
  });

  it.each([
    ['a count that was changed', (entry: LedgerEntry) => ({ ...entry, before: 2 })],
    ['a key that was added', (entry: LedgerEntry) => ({ ...entry, more: 1 })],
    ['another time', (entry: LedgerEntry) => ({ ...entry, at: '2026-11-21T12:00:00.000Z' })],
    ['a hash that was changed', (entry: LedgerEntry) => ({ ...entry, hash: '0'.repeat(64) })],
    ['another sequence with the right hash', (entry: LedgerEntry) => rehashed({ ...entry, sequence: 7 })],
    ['something else', () => ({ text: 'nothing' })],
  ])('names the entry that has %s', async (_, change) => {
    const { store, ledger } = await ledgerWith(3);
    await tamper(store, 2, change);
    await expect(ledger.read()).rejects.toMatchObject({ name: 'LedgerError', sequence: 2 });
    await expect(ledger.append(record())).rejects.toMatchObject({ name: 'LedgerError', sequence: 2 });
  });

  it('names the entry behind one that was replaced as a whole, with a hash that is right', async () => {
    const { store, ledger } = await ledgerWith(3);
    await tamper(store, 2, (entry) => rehashed({ ...entry, actor: 'mallory' }));
    await expect(ledger.read()).rejects.toMatchObject({ sequence: 3 });
  });

  it('misses the last entry when it was replaced, or taken away', async () => {
    const replaced = await ledgerWith(2);
    await tamper(replaced.store, 2, (entry) => rehashed({ ...entry, actor: 'mallory' }));
    await expect(replaced.ledger.read()).rejects.toThrow('The ledger is broken at entry 2: it is not the one that');
    const { store } = await ledgerWith(2);
    const shortened = new MemoryStateStore();
    for (const name of ['ledger/00000001', 'ledger/head'])
      await writeJson(shortened, name, await readJson(store, name));
    await expect(new Ledger(shortened, () => now).read()).rejects.toThrow('it is not there, and there were 2');
  });

  it('is not read on under a head that is none', async () => {
    const { store, ledger } = await ledgerWith(2);
    await writeJson(store, 'ledger/head', { sequence: 'two' });
    await expect(ledger.append(record())).rejects.toThrow('The ledger is broken at entry 2: the head');
  });

  it('goes on behind an entry whose writer was stopped before it could say that it is there', async () => {
    const { store, ledger } = await ledgerWith(1);
    const head = await readJson(store, 'ledger/head');
    await ledger.append(record());
    await writeJson(store, 'ledger/head', head);
    expect((await ledger.append(record())).sequence).toBe(3);
    expect(await ledger.read()).toHaveLength(3);
  });

  it('misses the intention that an entry settles, when another one has taken its place', async () => {
    const { store, ledger } = await ledgerWith(0);
    const intent = await ledger.append(record({ outcome: 'intended' }));
    // Another process has seen the ledger when it was empty, and writes its first entry now.
    await new Ledger(new Unread(store), () => now).append(record({ rule: 'other' }));
    await expect(ledger.append(record({ settles: intent.hash }))).rejects.toThrow(
      'The ledger is broken at entry 2: it tells the end of an intention that is not there',
    );
    expect(await ledger.read()).toMatchObject([{ rule: 'other' }]);
  });

  it('does not take an entry for written in whose place another process has put its own', async () => {
    const { store } = await ledgerWith(0);
    const racing: StateStore = {
      read: (name) => store.read(name),
      async write(name, content) {
        await store.write(name, content);
        if (name.endsWith('1')) await tamper(store, 1, (entry) => rehashed({ ...entry, actor: 'somebody else' }));
      },
    };
    await expect(new Ledger(racing, () => now).append(record())).rejects.toThrow('at the same moment');
  });
});

/** A store in which nothing is to be seen until something was written. */
class Unread implements StateStore {
  readonly #store: StateStore;
  #isWritten = false;

  constructor(store: StateStore) {
    this.#store = store;
  }

  async read(name: string) {
    return this.#isWritten ? this.#store.read(name) : undefined;
  }

  async write(name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    this.#isWritten = true;
    await this.#store.write(name, content);
  }
}
