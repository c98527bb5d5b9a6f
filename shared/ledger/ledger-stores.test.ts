import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ObjectServer, startObjectServer } from '../../sandbox/s3/object-server.ts';
import { FileLedgerStore } from './file-ledger-store.ts';
import { Ledger } from './ledger.ts';
import { ledgerRecord as record } from './ledger-fixtures.ts';
import type { LedgerStore } from './ledger-store.ts';
import { MemoryLedgerStore } from './memory-ledger-store.ts';
import { S3LedgerStore } from './s3-ledger-store.ts';

const clock = () => new Date('2026-11-20T12:00:00.000Z');
const chain = 'data-purge/sessions';
let server: ObjectServer;
let s3: S3Client;
let directory: string;
let buckets = 0;

beforeAll(async () => {
  server = await startObjectServer({ pageSize: 3 });
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
  s3 = new S3Client({ endpoint: server.url, region: 'us-east-1', credentials, forcePathStyle: true });
  directory = await mkdtemp(join(tmpdir(), 'caretaker-ledger-'));
});
afterAll(async () => {
  s3.destroy();
  await server.stop();
  await rm(directory, { recursive: true });
});

async function bucket(): Promise<string> {
  const name = `ledger-${buckets++}`;
  await s3.send(new CreateBucketCommand({ Bucket: name, ObjectLockEnabledForBucket: true }));
  return name;
}

const stores: [kind: string, make: () => Promise<LedgerStore>][] = [
  ['in memory', async () => new MemoryLedgerStore()],
  ['in files', async () => new FileLedgerStore(await mkdtemp(join(directory, 'store-')))],
  ['in S3', async () => new S3LedgerStore(s3, await bucket())],
];

const tamperingOf = (store: LedgerStore, prefix = '') => Array.fromAsync(store.tampering(prefix));

describe.each(stores)('a ledger store %s', (_, make) => {
  it('has nothing that was never added', async () => {
    const store = await make();
    expect(await store.read('a/00000001.json')).toBeUndefined();
    expect(await Array.fromAsync(store.list('a/'))).toEqual([]);
    expect(await tamperingOf(store)).toEqual([]);
  });

  it('gives back byte for byte what was added, and never adds a second time', async () => {
    const store = await make();
    const line = '{"text":"é€\u{1f600}\\n"}\n';
    expect(await store.add('a/00000001.json', line)).toBe(true);
    expect(await store.add('a/00000001.json', 'another')).toBe(false);
    expect(await store.read('a/00000001.json')).toBe(line);
  });

  it('lets one of many add', async () => {
    const store = await make();
    const added = await Promise.all(Array.from({ length: 12 }, (_, n) => store.add('a/00000001.json', `line ${n}`)));
    expect(added.filter(Boolean)).toHaveLength(1);
    expect(await store.read('a/00000001.json')).toBe(`line ${added.indexOf(true)}`);
  });

  it('lists in order what is below a prefix and behind a name, over every page', async () => {
    const store = await make();
    const names = Array.from({ length: 11 }, (_, index) => `a/b/${String(index + 1).padStart(8, '0')}.json`);
    for (const name of names) await store.add(name, 'x');
    for (const name of ['a/bc/00000001.json', 'a/00000001.json', 'b/00000001.json']) await store.add(name, 'x');
    expect(await Array.fromAsync(store.list('a/b/'))).toEqual(names);
    expect(await Array.fromAsync(store.list('a/b/', names[3]))).toEqual(names.slice(4));
    expect(await Array.fromAsync(store.list('a/b/', names[10]))).toEqual([]);
    expect(await Array.fromAsync(store.list('a/b'))).toEqual([...names, 'a/bc/00000001.json']);
    const all = await Array.fromAsync(store.list(''));
    expect(all).toEqual([...all].sort());
    expect(all).toHaveLength(14);
    expect(await tamperingOf(store)).toEqual([]);
  });

  it('holds a ledger to which several write at once', async () => {
    const store = await make();
    const writers = await Promise.all(Array.from({ length: 4 }, () => Ledger.open(store, chain, clock)));
    await Promise.all(
      writers.map(async (ledger, writer) => {
        for (let index = 0; index < 5; index += 1) await ledger.append(record({ subject: `${writer}-${index}` }));
      }),
    );
    const ledger = await Ledger.open(store, chain, clock);
    expect(ledger.last?.sequence).toBe(20);
    expect(new Set((await Array.fromAsync(ledger.entries())).map(({ subject }) => subject)).size).toBe(20);
  });

  it.each(['', '../a', 'a//b', 'a b'])('refuses the name %j', async (name) => {
    const store = await make();
    await expect(store.add(name, 'x')).rejects.toThrow(TypeError);
    await expect(store.read(name)).rejects.toThrow(TypeError);
  });
});

async function filed(entries: number): Promise<{ folder: string; store: FileLedgerStore }> {
  const folder = await mkdtemp(join(directory, 'filed-'));
  const store = new FileLedgerStore(folder);
  const ledger = await Ledger.open(store, chain, clock);
  for (let index = 0; index < entries; index += 1) await ledger.append(record());
  return { folder, store };
}

describe('a ledger in files', () => {
  it('is closed to others and leaves nothing half-written', async () => {
    const { folder } = await filed(2);
    expect((await readdir(join(folder, chain))).sort()).toEqual(['.head', '00000001.json', '00000002.json']);
    expect((await stat(join(folder, chain, '00000001.json'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'data-purge'))).mode & 0o777).toBe(0o700);
  });

  it('misses its last entries when they were deleted, and does not go on before them', async () => {
    const { folder, store } = await filed(4);
    const ledger = await Ledger.open(store, chain, clock);
    for (const sequence of [3, 4]) await rm(join(folder, chain, `0000000${sequence}.json`));
    await expect(Ledger.open(store, chain, clock)).rejects.toMatchObject({ name: 'LedgerError', sequence: 4 });
    await expect(Array.fromAsync(ledger.entries())).rejects.toMatchObject({ name: 'LedgerError', sequence: 3 });
    expect(await store.add(`${chain}/00000003.json`, 'x')).toBe(false);
    expect(await tamperingOf(store)).toEqual([
      { name: `${chain}/00000004.json`, fault: 'It was there, and was deleted.' },
    ]);
  });

  it('goes on behind an entry whose writer was stopped before it could say that it is there', async () => {
    const { folder, store } = await filed(2);
    await writeFile(join(folder, chain, '.head'), `${chain}/00000001.json\n`);
    const ledger = await Ledger.open(store, chain, clock);
    expect((await ledger.append(record())).sequence).toBe(3);
    expect(await tamperingOf(store)).toEqual([]);
  });

  it('has whole entries only, in whatever moment a writer is killed', async () => {
    const folder = await mkdtemp(join(directory, 'killed-'));
    const writing = `
      const { FileLedgerStore } = await import(${JSON.stringify(join(import.meta.dirname, 'file-ledger-store.ts'))});
      const { Ledger } = await import(${JSON.stringify(join(import.meta.dirname, 'ledger.ts'))});
      const { ledgerRecord } = await import(${JSON.stringify(join(import.meta.dirname, 'ledger-fixtures.ts'))});
      const ledger = await Ledger.open(new FileLedgerStore(process.argv[1]), '${chain}', () => new Date());
      for (;;) { await ledger.append(ledgerRecord()); process.stdout.write('.'); }`;
    let entries = 0;
    for (let round = 1; round <= 5; round += 1) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', writing, folder], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = 0;
      child.stdout.on('data', (text: Buffer) => {
        said += text.length;
        if (said >= 7 * round) child.kill('SIGKILL');
      });
      await once(child, 'close');
      const ledger = await Ledger.open(new FileLedgerStore(folder), chain, clock);
      const now = (await Array.fromAsync(ledger.entries())).length;
      // What it said is there; one more may be.
      expect(now - entries).toBeGreaterThanOrEqual(said);
      expect(now - entries).toBeLessThanOrEqual(said + 1);
      entries = now;
    }
  });
});

describe('a ledger in S3', () => {
  async function stored(entries: number) {
    const name = await bucket();
    const store = new S3LedgerStore(s3, name);
    const ledger = await Ledger.open(store, chain, clock);
    for (let index = 0; index < entries; index += 1) await ledger.append(record());
    return { name, store, ledger };
  }

  it('shows a delete marker that hides an entry, over every page of versions', async () => {
    const { name, store } = await stored(8);
    await s3.send(new DeleteObjectCommand({ Bucket: name, Key: `${chain}/00000008.json` }));
    expect(await tamperingOf(store)).toMatchObject([
      { name: `${chain}/00000008.json`, fault: expect.stringContaining('A delete marker') },
    ]);
    expect(await tamperingOf(store, 'data-purge/other/')).toEqual([]);
    // Where the place was taken again, the versions show it.
    expect(await store.add(`${chain}/00000008.json`, 'x')).toBe(true);
    expect((await tamperingOf(store)).map(({ fault }) => fault.slice(0, 15)).sort()).toEqual([
      'A delete marker',
      'It was replaced',
    ]);
  });

  it.each([1, 2, 5])(
    'is not gone on with when its last %i entries were deleted, until they are back',
    async (count) => {
      const { name, store, ledger } = await stored(5);
      await (await Ledger.open(store, `${chain}.plans`, clock)).append(record());
      const removals = [];
      for (let sequence = 6 - count; sequence <= 5; sequence += 1) {
        const Key = `${chain}/0000000${sequence}.json`;
        const { VersionId } = await s3.send(new DeleteObjectCommand({ Bucket: name, Key }));
        removals.push(new DeleteObjectCommand({ Bucket: name, Key, VersionId }));
      }
      await expect(Ledger.open(store, chain, clock)).rejects.toMatchObject({
        name: 'LedgerError',
        sequence: 6 - count,
        message: expect.stringContaining('it was there, and was deleted'),
      });
      // The chain beside it is whole.
      await Ledger.open(store, `${chain}.plans`, clock);
      for (const removal of removals) await s3.send(removal);
      const opened = await Ledger.open(store, chain, clock);
      expect(opened.last).toEqual(ledger.last);
      expect((await opened.append(record())).sequence).toBe(6);
    },
  );

  it('is opened with one look at versions, and added to without', async () => {
    const { name, ledger } = await stored(12);
    const sent: string[] = [];
    const counting = new S3Client({
      endpoint: server.url,
      region: 'us-east-1',
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      forcePathStyle: true,
    });
    counting.middlewareStack.add(
      (next, { commandName = '' }) =>
        (request) => {
          sent.push(commandName);
          return next(request);
        },
      { step: 'initialize' },
    );
    const opened = await Ledger.open(new S3LedgerStore(counting, name), chain, clock);
    expect(opened.last).toEqual(ledger.last);
    for (let index = 0; index < 3; index += 1) await opened.append(record());
    expect(sent.filter((command) => command === 'ListObjectVersionsCommand')).toHaveLength(1);
    expect(sent.filter((command) => command === 'PutObjectCommand')).toHaveLength(3);
    counting.destroy();
  });

  it('shows an entry that was written over', async () => {
    const { name, store } = await stored(5);
    await s3.send(new PutObjectCommand({ Bucket: name, Key: `${chain}/00000002.json`, Body: 'x' }));
    expect(await tamperingOf(store)).toMatchObject([
      { name: `${chain}/00000002.json`, fault: expect.stringContaining('It was replaced') },
    ]);
  });

  it('has its entry once when the answer to its writing was lost', async () => {
    const { store, ledger } = await stored(1);
    const lift = server.fail({ operation: 'PutObject', fault: 'loses-answer', times: 1 });
    try {
      expect((await ledger.append(record({ subject: 'once' }))).sequence).toBe(2);
    } finally {
      lift();
    }
    const entries = await Array.fromAsync((await Ledger.open(store, chain, clock)).entries());
    expect(entries.map(({ subject }) => subject)).toEqual(['sessions', 'once']);
  });

  it('lets an error through that is not about a document that is there, or is not', async () => {
    const store = new S3LedgerStore(s3, 'no-such-bucket');
    await expect(store.read('a/00000001.json')).rejects.toThrow();
    await expect(store.add('a/00000001.json', 'x')).rejects.toThrow();
    await expect(Array.fromAsync(store.list('a/'))).rejects.toThrow();
    await expect(Array.fromAsync(store.tampering('a/'))).rejects.toThrow();
  });
});
