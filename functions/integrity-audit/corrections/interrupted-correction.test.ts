import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Ledger } from '../../../shared/ledger/ledger.ts';
import { FileStateStore } from '../../../shared/storage/file-state-store.ts';
import { MemoryStateStore } from '../../../shared/storage/memory-state-store.ts';
import { readJson, type StateStore, writeJson } from '../../../shared/storage/state-store.ts';
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

/** Applies the rule in a process of its own, which stands still once it has written so many documents, and says so. */
const applying = `
  const { deskAt } = await import(${JSON.stringify(join(import.meta.dirname, 'correction-fixtures.ts'))});
  const { FileStateStore } = await import(${JSON.stringify(join(import.meta.dirname, '../../../shared/storage/file-state-store.ts'))});
  const [folder, readerUrl, writerUrl, rule, stopBefore] = process.argv.slice(1);
  const files = new FileStateStore(folder);
  const store = {
    read: (name) => files.read(name),
    async write(name, content) {
      if (name === stopBefore) { process.stdout.write('here'); await new Promise(() => setInterval(() => {}, 1000)); }
      await files.write(name, content);
    },
  };
  await deskAt({ readerUrl, writerUrl }, { store }).ask(JSON.parse(rule), 'apply');
`;

async function killedBefore(document: string, folder: string): Promise<void> {
  const args = [
    '--input-type=module',
    '-e',
    applying,
    folder,
    at.readerUrl,
    at.writerUrl,
    JSON.stringify(rule),
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
async function intended(store: StateStore, transaction: string): Promise<void> {
  await new Ledger(store, () => new Date()).append({
    actor: 'ada',
    task: 'integrity-audit',
    rule: 'titles',
    database: 'main',
    action: 'sql',
    outcome: 'intended',
    planHash: 'another',
    before: 3,
    after: 0,
    facts: { transaction },
    settles: null,
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
    const desk = deskAt(at, { store: new FileStateStore(folder) });
    await desk.ask(rule, 'plan');
    await killedBefore('ledger/00000001', folder);
    await untilAlone();
    expect(await untitledNow()).toEqual([3, 4, 5]);
    expect(await desk.ask(rule, 'apply')).toMatchObject({ outcome: 'applied', settled: [] });
  });

  it('has changed nothing between the intention and the end, which the next look finds out, and the plan can be applied', async () => {
    const folder = join(directory, 'before-commit');
    const desk = deskAt(at, { store: new FileStateStore(folder) });
    await desk.ask(rule, 'plan');
    // Written behind the entry and before the commit.
    await killedBefore('ledger/head', folder);
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
    const desk = deskAt(at, { store: new FileStateStore(folder) });
    await desk.ask(rule, 'plan');
    await killedBefore('ledger/00000002', folder);
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
      const store = new MemoryStateStore();
      const cut = deskAt({ ...at, writerUrl }, { store });
      await cut.ask(rule, 'plan');
      expect(await cut.ask(rule, 'apply')).toMatchObject({ outcome: 'unknown', remaining: null, ledgerEntry: 1 });
      await untilAlone();
      const desk = deskAt(at, { store });
      expect((await desk.ask(rule, 'plan')).settled).toMatchObject([{ sequence: 1, outcome }]);
      expect((await desk.ask(rule, 'plan')).settled).toEqual([]);
      expect(await untitledNow()).toEqual(left);
    },
  );

  it('is said to be under way as long as it is', async () => {
    const held: { release(): void }[] = [];
    const memory = new MemoryStateStore();
    const store: StateStore = {
      read: (name) => memory.read(name),
      async write(name, content) {
        await memory.write(name, content);
        if (name === 'ledger/head' && held.length === 0) {
          await new Promise<void>((resolve) => held.push({ release: resolve }));
        }
      },
    };
    const desk = deskAt(at, { store });
    await desk.ask(rule, 'plan');
    const applied = desk.ask(rule, 'apply');
    while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    expect((await deskAt(at, { store: memory }).ask(rule, 'plan')).settled).toMatchObject([{ outcome: 'in-progress' }]);
    expect(await deskAt(at, { store: memory }).ask(rule, 'apply')).toMatchObject({ outcome: 'refused', code: 'busy' });
    held[0]?.release();
    expect((await applied).outcome).toBe('applied');
  });

  it('keeps other corrections out as long as it is under way, also when nobody holds its lock any more', async () => {
    const store = new MemoryStateStore();
    const desk = deskAt(at, { store });
    await desk.ask(rule, 'plan');
    await at.client.query('begin');
    const [transaction] = await at.column('select pg_current_xact_id()::text');
    await intended(store, String(transaction));
    expect(await desk.ask(rule, 'apply')).toMatchObject({ outcome: 'refused', code: 'busy' });
    expect(await untitledNow()).toEqual([3, 4, 5]);
    await at.client.query('rollback');
    expect(await desk.ask(rule, 'apply')).toMatchObject({ outcome: 'applied', settled: [{ outcome: 'rolled-back' }] });
  });

  it('stays unknown on a server that has never had the transaction', async () => {
    await using other = await startCorrectionServer();
    await other.reset();
    const store = new MemoryStateStore();
    await at.client.query('select pg_current_xact_id() from generate_series(1, 1)');
    for (let spent = 0; spent < 50; spent += 1) await at.client.query('select pg_current_xact_id()');
    await using proxy = await breakingAtCommit(at.server.port, false);
    const cut = deskAt(
      { ...at, writerUrl: Object.assign(new URL(at.writerUrl), { port: proxy.port }).href },
      { store },
    );
    await cut.ask(rule, 'plan');
    await cut.ask(rule, 'apply');
    expect((await deskAt(other, { store }).ask(rule, 'plan')).settled).toMatchObject([{ outcome: 'unknown' }]);
  });

  it('stays unknown of several likewise when a plan is applied, which still keeps all others out', async () => {
    const memory = new MemoryStateStore();
    for (const transaction of ['9000000001', '9000000002']) await intended(memory, transaction);
    const held: unknown[] = [];
    const store: StateStore = {
      read: (name) => memory.read(name),
      async write(name, content) {
        if (name === 'ledger/00000005')
          held.push(...(await at.column("select count(*)::int from pg_locks where locktype = 'advisory' and granted")));
        await memory.write(name, content);
      },
    };
    const desk = deskAt(at, { store });
    await writeJson(store, 'plans/titles', await planShownElsewhere());
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
    const memory = new MemoryStateStore();
    let isFull = true;
    const store: StateStore = {
      read: (name) => memory.read(name),
      async write(name, content) {
        if (name === 'ledger/00000002' && isFull) throw new Error('no space left');
        await memory.write(name, content);
      },
    };
    const desk = deskAt(at, { store });
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
