import sql from 'sql-template-tag';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Ledger } from '../ledger/ledger.ts';
import type { LedgerStore } from '../ledger/ledger-store.ts';
import { MemoryLedgerStore } from '../ledger/memory-ledger-store.ts';
import type { Writer } from '../postgres/writer.ts';
import { BatchLedger } from './batch-ledger.ts';
import { type DeletionServer, ledgerEntries, openTestWriter, startDeletionServer } from './batch-loop-fixtures.ts';

let at: DeletionServer;
let writer: Writer;
beforeAll(async () => {
  at = await startDeletionServer();
  await at.reset(10);
  writer = await openTestWriter(at.url);
});
afterAll(async () => {
  await writer[Symbol.asyncDispose]();
  await at[Symbol.asyncDispose]();
});

const chain = 'data-purge/listens';
const work = { actor: 'ada', task: 'data-purge', subject: 'listens', target: 'main', action: 'purge', planHash: 'p' };

async function openOn(store: LedgerStore): Promise<BatchLedger> {
  return new BatchLedger(await Ledger.open(store, chain, () => new Date()), work);
}

function batch(transaction: string, rows = 10) {
  return { transaction, rows, childRows: [3], keysHash: 'abc' };
}

/** Returns the number of a transaction that has ended so, or goes on. */
async function transaction(end: 'commit' | 'rollback' | 'open', by: Writer = writer): Promise<string> {
  await by.begin();
  const [row] = await by.query<{ id: string }>(sql`select pg_current_xact_id()::text as id`);
  if (end === 'commit') await by.commit();
  if (end === 'rollback') await by.rollback();
  return row?.id ?? '';
}

const outcomes = async (store: LedgerStore) => (await ledgerEntries(store, chain)).map(({ outcome }) => outcome);

/** Leaves an intention without an end, as a process does that is killed. */
async function killed(id: string): Promise<MemoryLedgerStore> {
  const store = new MemoryLedgerStore();
  const ledger = await openOn(store);
  await ledger.settle(writer);
  await ledger.intend(batch(id), { before: 100 });
  return store;
}

describe('the ledger of batches', () => {
  it('has one entry for each batch, each confirming the one before, and the end of the last', async () => {
    const store = new MemoryLedgerStore();
    const ledger = await openOn(store);
    expect(await ledger.settle(writer)).toBeUndefined();
    for (const before of [100, 90, 5]) {
      await ledger.intend(batch('1'), { before, manifest: 'a'.repeat(64) });
      ledger.confirm();
    }
    await ledger.close();
    await ledger.close();
    const entries = await ledgerEntries(store, chain);
    expect(entries.map(({ outcome, before, after }) => [outcome, before, after])).toEqual([
      ['intended', 100, 90],
      ['intended', 90, 80],
      ['intended', 5, 0],
      ['done', 5, 0],
    ]);
    expect(entries.map(({ confirms, settles }) => confirms ?? settles)).toEqual([
      null,
      entries[0]?.hash,
      entries[1]?.hash,
      entries[2]?.hash,
    ]);
    expect(entries[0]).toMatchObject({
      ...work,
      manifest: 'a'.repeat(64),
      keysHash: 'abc',
      facts: { rows: 10, childRows1: 3 },
    });
  });

  it('says of a batch that was undone that it was', async () => {
    const store = new MemoryLedgerStore();
    const ledger = await openOn(store);
    await ledger.settle(writer);
    await ledger.intend(batch('1'), { before: 100 });
    await ledger.undo();
    await ledger.close();
    const [intention, end] = await ledgerEntries(store, chain);
    expect(end).toMatchObject({ outcome: 'rolled-back', before: 100, after: 100, settles: intention?.hash });
    expect(ledger.isOpen).toBe(false);
  });

  it.each([
    ['done', 'commit'],
    ['rolled-back', 'rollback'],
  ] as const)('finds out after a crash that the last batch is %s', async (outcome, end) => {
    const store = await killed(await transaction(end));
    const ledger = await openOn(store);
    expect(ledger.isOpen).toBe(true);
    expect(await ledger.settle(writer)).toMatchObject({ outcome, intention: { before: 100 } });
    expect(ledger.isOpen).toBe(false);
    expect(await outcomes(store)).toEqual(['intended', outcome]);
    // The next one knows it.
    expect(await (await openOn(store)).settle(writer)).toBeUndefined();
    expect(await outcomes(store)).toHaveLength(2);
  });

  it('knows what became of a batch that was followed by another', async () => {
    const store = new MemoryLedgerStore();
    const ledger = await openOn(store);
    await ledger.settle(writer);
    await ledger.intend(batch(await transaction('commit')), { before: 100 });
    ledger.confirm();
    const second = await transaction('rollback');
    await ledger.intend(batch(second), { before: 90 });
    expect(await (await openOn(store)).settle(writer)).toMatchObject({
      outcome: 'rolled-back',
      intention: { facts: { transaction: second } },
    });
    const entries = await ledgerEntries(store, chain);
    expect(entries[1]?.confirms).toBe(entries[0]?.hash);
  });

  it('says that nobody knows of a transaction that the server has not come to yet', async () => {
    const store = await killed('999999999999');
    expect(await (await openOn(store)).settle(writer)).toMatchObject({ outcome: 'unknown' });
    expect(await outcomes(store)).toEqual(['intended', 'unknown']);
  });

  it('says that nobody knows of a transaction that is so old that the server has forgotten it', async () => {
    const store = await killed('5');
    const forgetful = {
      query: async (statement: ReturnType<typeof sql>) =>
        statement.text.includes('pg_xact_status') ? [{ status: null }] : writer.query(statement),
    } as unknown as Writer;
    expect(await (await openOn(store)).settle(forgetful)).toMatchObject({ outcome: 'unknown' });
    const [, end] = await ledgerEntries(store, chain);
    expect(end).toMatchObject({ before: 100, after: null });
  });

  it('takes no word of a server that was another one then', async () => {
    const id = await transaction('commit');
    const store = await killed(id);
    const promoted = {
      query: async (statement: ReturnType<typeof sql>) =>
        statement.text.includes('pg_walfile_name') ? [{ timeline: '00000002' }] : writer.query(statement),
    } as unknown as Writer;
    expect(await (await openOn(store)).settle(promoted)).toMatchObject({ outcome: 'unknown' });
    expect(await outcomes(store)).toEqual(['intended', 'unknown']);
  });

  it('waits for a transaction that is about to end', async () => {
    await using other = await openTestWriter(at.url);
    const store = await killed(await transaction('open', other));
    const ledger = await openOn(store);
    let asked = 0;
    const asking = {
      query: async (statement: ReturnType<typeof sql>) => {
        if (statement.text.includes('pg_xact_status')) {
          asked += 1;
          if (asked === 3) await other.commit();
        }
        return writer.query(statement);
      },
    } as unknown as Writer;
    expect(await ledger.settle(asking)).toMatchObject({ outcome: 'done' });
    expect(asked).toBe(3);
  });

  it('lets nothing come between a batch and its end', async () => {
    const store = new MemoryLedgerStore();
    const ledger = await openOn(store);
    await ledger.settle(writer);
    await ledger.intend(batch('1'), { before: 100 });
    const note = {
      action: 'archive',
      outcome: 'done',
      manifest: null,
      keysHash: null,
      before: 1,
      after: 1,
      facts: {},
    } as const;
    const noted = ledger.note(note);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await outcomes(store)).toEqual(['intended']);
    ledger.confirm();
    const entries = [...(await ledgerEntries(store, chain)), await noted];
    expect(entries.at(-1)).toMatchObject({ action: 'archive', confirms: entries[0]?.hash });
    await ledger.close();
    expect(await outcomes(store)).toEqual(['intended', 'done']);
  });

  it('writes nothing more when an entry could not be written: whoever comes next reads the end anew', async () => {
    const store = new MemoryLedgerStore();
    let isDown = false;
    const failing: LedgerStore = {
      // It is written, and nobody is told.
      add: async (name, line) => {
        const added = await store.add(name, line);
        if (isDown) throw new Error('no answer');
        return added;
      },
      read: (name) => store.read(name),
      list: (prefix, after) => store.list(prefix, after),
      tampering: () => store.tampering(),
    };
    const ledger = await openOn(failing);
    await ledger.settle(writer);
    await ledger.intend(batch(await transaction('commit')), { before: 100 });
    ledger.confirm();
    isDown = true;
    const second = await transaction('rollback');
    await expect(ledger.intend(batch(second), { before: 90 })).rejects.toThrow('no answer');
    isDown = false;
    await ledger.close();
    expect(await outcomes(store)).toEqual(['intended', 'intended']);
    await (await openOn(store)).settle(writer);
    expect(await outcomes(store)).toEqual(['intended', 'intended', 'rolled-back']);
  });
});
