import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FileLedgerStore } from '../../../shared/ledger/file-ledger-store.ts';
import { Ledger } from '../../../shared/ledger/ledger.ts';
import type { LedgerStore } from '../../../shared/ledger/ledger-store.ts';
import { MemoryLedgerStore } from '../../../shared/ledger/memory-ledger-store.ts';
import { FileStateStore } from '../../../shared/storage/file-state-store.ts';
import { readJson, writeJson } from '../../../shared/storage/state-store.ts';
import { type CorrectionServer, deskAt, startCorrectionServer, untitled } from './correction-fixtures.ts';

let at: CorrectionServer;
let directory: string;
beforeAll(async () => {
  at = await startCorrectionServer();
  directory = await mkdtemp(join(tmpdir(), 'caretaker-correction-'));
});
afterAll(async () => {
  await at[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});
beforeEach(() => at.reset());

const rule = {
  ...untitled,
  correction: { kind: 'sql', statement: "update tracks set title = 'x' where title is null" },
};
const untitledNow = () => at.column('select id from tracks where title is null order by id');

const entry = (sequence: number) => `integrity-audit/main/0000000${sequence}.json`;

/** A desk whose plans and ledger are files, below this folder. */
const filedDesk = (folder: string) =>
  deskAt(at, {
    store: new FileStateStore(join(folder, 'state')),
    ledgers: new FileLedgerStore(join(folder, 'ledgers')),
  });

/** Returns a store that does something else around the adding of an entry. */
function around(ledgers: LedgerStore, add: LedgerStore['add']): LedgerStore {
  return {
    add,
    read: (name) => ledgers.read(name),
    list: (prefix, after) => ledgers.list(prefix, after),
    tampering: (prefix) => ledgers.tampering(prefix),
  };
}

/** Applies the rule in a process of its own, which stands still before or behind the writing of an entry, and says so. */
const applying = `
  const { deskAt } = await import(${JSON.stringify(join(import.meta.dirname, 'correction-fixtures.ts'))});
  const { FileStateStore } = await import(${JSON.stringify(join(import.meta.dirname, '../../../shared/storage/file-state-store.ts'))});
  const { FileLedgerStore } = await import(${JSON.stringify(join(import.meta.dirname, '../../../shared/ledger/file-ledger-store.ts'))});
  const [folder, readerUrl, writerUrl, rule, when, stopAt] = process.argv.slice(1);
  const files = new FileLedgerStore(folder + '/ledgers');
  const stand = () => { process.stdout.write('here'); return new Promise(() => setInterval(() => {}, 1000)); };
  const ledgers = {
    read: (name) => files.read(name),
    list: (prefix, after) => files.list(prefix, after),
    tampering: (prefix, after) => files.tampering(prefix, after),
    async add(name, line) {
      if (name === stopAt && when === 'before') await stand();
      const added = await files.add(name, line);
      if (name === stopAt) await stand();
      return added;
    },
  };
  const store = new FileStateStore(folder + '/state');
  await deskAt({ readerUrl, writerUrl }, { store, ledgers }).ask(JSON.parse(rule), 'apply');
`;

async function killed(when: 'before' | 'behind', document: string, folder: string): Promise<void> {
  const args = [
    '--input-type=module',
    '-e',
    applying,
    folder,
    at.readerUrl,
    at.writerUrl,
    JSON.stringify(rule),
    when,
    document,
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => Promise.reject(new Error('it ended by itself'))),
  ]);
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Writes down an intention with the number of a transaction, as a process does that is stopped behind it. */
async function intended(ledgers: LedgerStore, transaction: string, timeline?: string): Promise<void> {
  const ledger = await Ledger.open(ledgers, 'integrity-audit/main', () => new Date());
  await ledger.append({
    actor: 'ada',
    task: 'integrity-audit',
    subject: 'titles',
    target: 'main',
    action: 'sql',
    outcome: 'intended',
    planHash: 'another',
    manifest: null,
    keysHash: null,
    before: 3,
    after: 0,
    // The first entries that there were have none.
    facts: timeline === undefined ? { transaction } : { transaction, timeline },
    settles: null,
    confirms: null,
  });
}

/** Returns the plan of the rule, without anything being settled where it is to be applied. */
async function planShownElsewhere(): Promise<unknown> {
  const { ask, store } = deskAt(at);
  await ask(rule, 'plan');
  return readJson(store, 'plans/titles');
}

/** The server has seen that the process is gone. */
async function untilAlone(): Promise<void> {
  const others = "select 1 from pg_stat_activity where usename = 'writing'";
  while ((await at.column(others)).length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('a process that is killed while it corrects', () => {
  it('has changed nothing before the intention is written, and nothing is to be settled', async () => {
    const folder = join(directory, 'before-intention');
    const desk = filedDesk(folder);
    await desk.ask(rule, 'plan');
    await killed('before', entry(1), folder);
    await untilAlone();
    expect(await untitledNow()).toEqual([3, 4, 5]);
    expect(await desk.ask(rule, 'apply')).toMatchObject({ outcome: 'applied', settled: [] });
  });

  it('has changed nothing between the intention and the end, which the next look finds out, and the plan can be applied', async () => {
    const folder = join(directory, 'before-commit');
    const desk = filedDesk(folder);
    await desk.ask(rule, 'plan');
    await killed('behind', entry(1), folder);
    await untilAlone();
    expect(await untitledNow()).toEqual([3, 4, 5]);
    expect(await desk.ledger()).toMatchObject([{ outcome: 'intended' }]);
    const result = await desk.ask(rule, 'apply');
    expect(result).toMatchObject({
      outcome: 'applied',
      settled: [{ sequence: 1, rule: 'titles', outcome: 'rolled-back' }],
    });
    expect(await desk.ledger()).toMatchObject([
      { outcome: 'intended' },
      { outcome: 'rolled-back', after: null },
      { outcome: 'intended' },
      { outcome: 'done' },
    ]);
  });

  it('has changed everything after the end, which the next look finds out, and does not do again', async () => {
    const folder = join(directory, 'after-commit');
    const desk = filedDesk(folder);
    await desk.ask(rule, 'plan');
    await killed('before', entry(2), folder);
    await untilAlone();
    expect(await untitledNow()).toEqual([]);
    expect(await desk.ask(rule, 'apply')).toMatchObject({ outcome: 'refused', code: 'already-applied' });
    expect(await desk.ledger()).toMatchObject([
      { outcome: 'intended' },
      { outcome: 'done', before: 3, after: 0 },
      { outcome: 'refused' },
    ]);
  });
});

describe('an end that nobody has heard of', () => {
  it.each([
    ['was made', true, 'done', []],
    ['was not made', false, 'rolled-back', [3, 4, 5]],
  ])(
    'is unknown when the connection breaks, and %s as the server says the next time',
    async (_, isSent, outcome, left) => {
      await using proxy = await breakingAtCommit(at.server.port, isSent);
      const writerUrl = Object.assign(new URL(at.writerUrl), { port: proxy.port }).href;
      const cut = deskAt({ ...at, writerUrl });
      const { store, ledgers } = cut;
      await cut.ask(rule, 'plan');
      expect(await cut.ask(rule, 'apply')).toMatchObject({ outcome: 'unknown', remaining: null, ledgerEntry: 1 });
      await untilAlone();
      const desk = deskAt(at, { store, ledgers });
      expect((await desk.ask(rule, 'plan')).settled).toMatchObject([{ sequence: 1, outcome }]);
      expect((await desk.ask(rule, 'plan')).settled).toEqual([]);
      expect(await untitledNow()).toEqual(left);
    },
  );

  it('is said to be under way as long as it is', async () => {
    const held: { release(): void }[] = [];
    const memory = new MemoryLedgerStore();
    const ledgers = around(memory, async (name, line) => {
      const added = await memory.add(name, line);
      if (name === entry(1)) await new Promise<void>((resolve) => held.push({ release: resolve }));
      return added;
    });
    const desk = deskAt(at, { ledgers });
    const beside = deskAt(at, { store: desk.store, ledgers: memory });
    await desk.ask(rule, 'plan');
    const applied = desk.ask(rule, 'apply');
    while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    expect((await beside.ask(rule, 'plan')).settled).toMatchObject([{ outcome: 'in-progress' }]);
    expect(await beside.ask(rule, 'apply')).toMatchObject({ outcome: 'refused', code: 'busy' });
    held[0]?.release();
    expect((await applied).outcome).toBe('applied');
  });

  it('keeps other corrections out as long as it is under way, also when nobody holds its lock any more', async () => {
    const desk = deskAt(at);
    await desk.ask(rule, 'plan');
    await at.client.query('begin');
    const [transaction] = await at.column('select pg_current_xact_id()::text');
    await intended(desk.ledgers, String(transaction));
    expect(await desk.ask(rule, 'apply')).toMatchObject({ outcome: 'refused', code: 'busy' });
    expect(await untitledNow()).toEqual([3, 4, 5]);
    await at.client.query('rollback');
    expect(await desk.ask(rule, 'apply')).toMatchObject({ outcome: 'applied', settled: [{ outcome: 'rolled-back' }] });
  });

  it('stays unknown on a server that has never had the transaction', async () => {
    await using other = await startCorrectionServer();
    await other.reset();
    await at.client.query('select pg_current_xact_id() from generate_series(1, 1)');
    for (let spent = 0; spent < 50; spent += 1) await at.client.query('select pg_current_xact_id()');
    await using proxy = await breakingAtCommit(at.server.port, false);
    const cut = deskAt({ ...at, writerUrl: Object.assign(new URL(at.writerUrl), { port: proxy.port }).href });
    const { store, ledgers } = cut;
    await cut.ask(rule, 'plan');
    await cut.ask(rule, 'apply');
    expect((await deskAt(other, { store, ledgers }).ask(rule, 'plan')).settled).toMatchObject([{ outcome: 'unknown' }]);
  });

  it('stays unknown on a server that was another one then, whatever became of its transaction of that number', async () => {
    const desk = deskAt(at);
    const [transaction] = await at.column('select pg_current_xact_id()::text');
    await intended(desk.ledgers, String(transaction), '0000000F');
    expect((await desk.ask(rule, 'plan')).settled).toMatchObject([{ outcome: 'unknown' }]);
    await intended(desk.ledgers, String(transaction), '00000001');
    expect((await desk.ask(rule, 'plan')).settled).toMatchObject([{ outcome: 'done' }]);
    expect(await desk.ask(rule, 'apply')).toMatchObject({ outcome: 'applied' });
    expect((await desk.ledger()).at(-1)?.facts).toMatchObject({ timeline: '00000001' });
  });

  it('stays unknown of several likewise when a plan is applied, which still keeps all others out', async () => {
    const memory = new MemoryLedgerStore();
    for (const transaction of ['9000000001', '9000000002']) await intended(memory, transaction);
    const held: unknown[] = [];
    const ledgers = around(memory, async (name, line) => {
      if (name === entry(5)) {
        held.push(...(await at.column("select count(*)::int from pg_locks where locktype = 'advisory' and granted")));
      }
      return memory.add(name, line);
    });
    const desk = deskAt(at, { ledgers });
    await writeJson(desk.store, 'plans/titles', await planShownElsewhere());
    expect(await desk.ask(rule, 'apply')).toMatchObject({
      outcome: 'applied',
      settled: [
        { sequence: 1, outcome: 'unknown' },
        { sequence: 2, outcome: 'unknown' },
      ],
    });
    expect(held).toEqual([1]);
  });

  it('is told, when the ledger does not take it, and completed the next time', async () => {
    const memory = new MemoryLedgerStore();
    let isFull = true;
    const ledgers = around(memory, async (name, line) => {
      if (name === entry(2) && isFull) throw new Error('no space left');
      return memory.add(name, line);
    });
    const desk = deskAt(at, { ledgers });
    await desk.ask(rule, 'plan');
    await expect(desk.ask(rule, 'apply')).rejects.toThrow('It is final, but could not be written into the ledger');
    isFull = false;
    expect(await desk.ask(rule, 'plan')).toMatchObject({
      outcome: 'nothing-to-correct',
      settled: [{ sequence: 1, outcome: 'done' }],
    });
  });
});

/** Passes on what a client says to the server, until it asks to commit: then the client is cut off, and what it said sent or not. */
async function breakingAtCommit(port: number, isSent: boolean) {
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    client.on('error', () => {});
    upstream.on('error', () => {});
    upstream.pipe(client);
    client.on('data', (bytes) => {
      if (!bytes.includes('commit\0')) {
        upstream.write(bytes);
        return;
      }
      client.destroy();
      if (isSent) upstream.end(bytes);
      else upstream.destroy();
    });
    client.on('close', () => {
      if (!isSent) upstream.destroy();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}
