import sql from 'sql-template-tag';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Ledger } from '../ledger/ledger.ts';
import { MemoryLedgerStore } from '../ledger/memory-ledger-store.ts';
import type { Writer } from '../postgres/writer.ts';
import { UncheckedError } from '../unchecked-error.ts';
import { BatchLedger } from './batch-ledger.ts';
import { type BatchLoopOptions, type BatchSource, runBatches } from './batch-loop.ts';
import {
  type DeletionServer,
  ledgerEntries,
  openTestWriter,
  plugIn,
  startDeletionServer,
} from './batch-loop-fixtures.ts';
import { BatchMismatch } from './delete-batch.ts';
import { inTransaction } from './delete-batch-transaction.ts';
import { Pacer } from './pacer.ts';

let at: DeletionServer;
beforeAll(async () => {
  at = await startDeletionServer();
});
afterAll(() => at[Symbol.asyncDispose]());
beforeEach(() => at.reset(50));

const chain = 'data-purge/listens';

/** Ten listens at a time, by their ids; before each batch it does what it is told to. */
class Tens implements BatchSource {
  readonly #before: ((batch: number, writer: Writer) => Promise<unknown>) | undefined;
  readonly #after: ((batch: number) => void) | undefined;
  readonly tried: number[] = [];
  from = 0;
  #batch = 0;

  constructor(before?: (batch: number, writer: Writer) => Promise<unknown>, after?: (batch: number) => void) {
    this.#before = before;
    this.#after = after;
  }

  async delete(writer: Writer, units: number, intend: Parameters<BatchSource['delete']>[2]): Promise<boolean> {
    this.tried.push(units);
    const upTo = this.from + Math.min(10, units);
    return inTransaction(writer, async () => {
      this.#batch += 1;
      await this.#before?.(this.#batch, writer);
      await writer.run(sql`delete from public.claps where listen_id > ${this.from} and listen_id <= ${upTo}`);
      const gone = await writer.query<{ id: string; transaction: string }>(sql`
        delete from public.listens where id > ${this.from} and id <= ${upTo}
        returning id, pg_current_xact_id()::text as transaction`);
      if (gone[0] === undefined) return false;
      const { transaction } = gone[0];
      const facts = { transaction, rows: gone.length, childRows: [1], keysHash: 'k' };
      await intend({ ...facts, units: gone.length, upTo: [String(upTo)] });
      this.#after?.(this.#batch);
      return true;
    });
  }

  advance({ upTo }: { readonly upTo: readonly string[] }): void {
    this.from = Number(upTo[0]);
  }
}

async function run(source: BatchSource, changes: Partial<BatchLoopOptions> & { store?: MemoryLedgerStore } = {}) {
  const { store = new MemoryLedgerStore(), ...others } = changes;
  const work = { actor: 'ada', task: 'data-purge', subject: 'listens', target: 'main', action: 'purge', planHash: 'p' };
  const pacer = new Pacer({
    pace: { checkEverySeconds: 1, workPercent: 100 },
    signals: undefined,
    pausedBy: async () => undefined,
    signal: new AbortController().signal,
  });
  const progress: number[] = [];
  const result = await runBatches({
    source,
    limits: { initial: 10, maximum: 10, targetMs: 60_000 },
    openWriter: () => openTestWriter(at.url),
    pacer,
    ledger: new BatchLedger(await Ledger.open(store, chain, () => new Date()), work),
    lock: { signal: new AbortController().signal },
    remaining: 50,
    restMs: 5,
    progress: (deleted) => progress.push(deleted),
    ...others,
  });
  return { result, progress, store, outcomes: (await ledgerEntries(store, chain)).map(({ outcome }) => outcome) };
}

const left = async () => (await at.column('select count(*)::int from listens'))[0];
const serverError = (code: string) => Object.assign(new Error('server'), { severity: 'ERROR', code });
const all = ['intended', 'intended', 'intended', 'intended', 'intended', 'done'];

describe('deleting batch after batch', () => {
  it.each([
    ['whether it is paused', 'pausedBy'],
    ['how the server is', 'signals'],
  ])('stops where it cannot be asked %s, and still tells what was deleted', async (_, asked) => {
    let looks = 0;
    const ask = async () => {
      looks += 1;
      if (looks === 3) throw new UncheckedError('throttled', 'Nobody answers.');
    };
    const pacer = new Pacer({
      pace: { checkEverySeconds: 0, workPercent: 100 },
      signals:
        asked === 'signals'
          ? {
              read: async () => {
                await ask();
                return { exceeded: [], blindSpots: [] };
              },
            }
          : undefined,
      pausedBy: async () => {
        if (asked === 'pausedBy') await ask();
        return undefined;
      },
      signal: new AbortController().signal,
    });
    const { result, outcomes } = await run(new Tens(), { pacer });
    expect(result).toMatchObject({ state: 'stopped', deleted: 20, batches: 2, failure: { reason: 'throttled' } });
    expect(outcomes).toEqual(['intended', 'intended', 'done']);
    expect(await left()).toBe(30);
  });

  it('goes on until nothing is left, and tells how far it is', async () => {
    const { result, progress, outcomes } = await run(new Tens());
    expect(result).toEqual({
      state: 'done',
      deleted: 50,
      deletedOfChildren: 5,
      kept: 0,
      batches: 5,
      failure: undefined,
    });
    expect(progress).toEqual([10, 20, 30, 40, 50]);
    expect(outcomes).toEqual(all);
    expect(await left()).toBe(0);
  });

  it.each(['40001', '40P01'])('tries again at once after the error %s, with the same batch', async (code) => {
    const source = new Tens(async (batch) => {
      if (batch === 2 || batch === 3) throw serverError(code);
    });
    const { result, outcomes } = await run(source);
    expect(result).toMatchObject({ state: 'done', deleted: 50, batches: 5 });
    expect(source.tried).toEqual([10, 10, 10, 10, 10, 10, 10, 10]);
    expect(outcomes).toEqual(all);
  });

  it.each(['55P03', '57014'])('tries half of it after the error %s', async (code) => {
    const source = new Tens(async (batch) => {
      if (batch === 2) throw serverError(code);
    });
    expect((await run(source)).result).toMatchObject({ state: 'done', deleted: 50 });
    expect(source.tried.slice(0, 3)).toEqual([10, 10, 5]);
  });

  it.each([
    ['55P03', 'locked'],
    ['57014', 'slow'],
    ['23503', 'constraint'],
    ['42501', 'refused'],
  ])('gives up when the error %s stays, and keeps what is done', async (code, kind) => {
    const source = new Tens(async (batch) => {
      if (batch >= 3) throw serverError(code);
    });
    const { result, outcomes } = await run(source);
    expect(result).toMatchObject({ state: 'stopped', deleted: 20, batches: 2, failure: { kind } });
    expect(outcomes).toEqual(['intended', 'intended', 'done']);
    expect(await left()).toBe(30);
  });

  it('does not try again what is not what was to be deleted', async () => {
    const source = new Tens(async (batch) => {
      if (batch === 2) throw new BatchMismatch('public.listens', { rows: 10 }, { rows: 9 });
    });
    expect((await run(source)).result).toMatchObject({ state: 'stopped', deleted: 10, failure: { kind: 'mismatch' } });
    expect(source.tried).toHaveLength(2);
  });

  it('leaves out what stays locked where the source can', async () => {
    const source = Object.assign(
      new Tens(async () => {
        if (source.from === 10) throw serverError('55P03');
      }),
      {
        skip: async () => {
          source.from += 1;
          return 1;
        },
      },
    );
    const { result } = await run(source);
    expect(result).toMatchObject({ state: 'done', deleted: 49, kept: 1 });
    expect(source.tried.slice(1, 6)).toEqual([10, 5, 2, 1, 1]);
    expect(await at.column('select id::int from listens')).toEqual([11]);
  });

  it('passes on what is a bug', async () => {
    const source = new Tens(async () => {
      throw new TypeError('a bug');
    });
    await expect(run(source)).rejects.toThrow('a bug');
  });

  it.each(['before', 'after'] as const)(
    'goes on over another connection when one breaks %s the commit, and counts the batch once',
    async (when) => {
      await using cable = await plugIn(at.url);
      const source = new Tens(undefined, (batch) => {
        if (batch === 2) cable.cutAt('commit', when);
      });
      const { result, outcomes } = await run(source, { openWriter: () => openTestWriter(cable.url) });
      expect(cable.cuts).toBe(1);
      expect(result).toMatchObject({ state: 'done', deleted: 50, batches: 5, failure: undefined });
      const end = when === 'before' ? 'rolled-back' : 'done';
      const again = when === 'before' ? ['intended'] : [];
      expect(outcomes).toEqual(['intended', 'intended', end, ...again, 'intended', 'intended', 'intended', 'done']);
      expect(await left()).toBe(0);
    },
  );

  it('goes on when the server ends the session in the middle of a batch', async () => {
    const source = new Tens(async (batch) => {
      if (batch !== 2) return;
      await at.admin.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'caretaker'",
      );
    });
    expect((await run(source)).result).toMatchObject({ state: 'done', deleted: 50, batches: 5 });
  });

  it('gives up when there is no server any more', async () => {
    let opened = 0;
    const openWriter = async () => {
      opened += 1;
      throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    };
    expect((await run(new Tens(), { openWriter })).result).toMatchObject({
      state: 'stopped',
      failure: { kind: 'lost' },
    });
    expect(opened).toBe(6);
  });

  it('makes nothing final when it has lost its lock', async () => {
    const lock = new AbortController();
    const source = new Tens(async (batch) => {
      if (batch === 2) lock.abort(new UncheckedError('lock-lost', 'gone'));
    });
    const { result, outcomes } = await run(source, { lock });
    expect(result).toMatchObject({ state: 'stopped', deleted: 10, failure: { reason: 'lock-lost' } });
    expect(outcomes).toEqual(['intended', 'done']);
    expect(await left()).toBe(40);
  });

  it('begins by finding out what became of the batch of a run that was killed', async () => {
    const store = new MemoryLedgerStore();
    // Its last batch is final, and nobody has said so.
    const killed = new Tens(undefined, (batch) => {
      if (batch !== 2) return;
      store.add = async () => {
        throw new UncheckedError('not-reached', 'killed');
      };
    });
    await run(killed, { store }).catch(() => {});
    Reflect.deleteProperty(store, 'add');
    expect(await left()).toBe(30);
    const { result, outcomes } = await run(Object.assign(new Tens(), { from: 20 }), { store });
    expect(result).toMatchObject({ state: 'done', deleted: 30 });
    expect(outcomes).toEqual(['intended', 'intended', 'done', 'intended', 'intended', 'intended', 'done']);
  });

  it('stops when a batch cannot be written down', async () => {
    const store = new MemoryLedgerStore();
    let written = 0;
    const add = store.add.bind(store);
    store.add = async (name, line) => {
      written += 1;
      if (written === 3) throw Object.assign(new Error('slow down'), { name: 'ThrottlingException' });
      return add(name, line);
    };
    const { result } = await run(new Tens(), { store });
    expect(result).toMatchObject({ state: 'stopped', deleted: 20, failure: { reason: 'throttled' } });
    expect(await left()).toBe(30);
    // The end of the second is left to whoever comes next.
    expect((await ledgerEntries(store, chain)).map(({ outcome }) => outcome)).toEqual(['intended', 'intended']);
  });
});
