import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LocalStateTable, startStateTable } from '../aws/state-table-fixtures.ts';
import { readReadable } from './control-document.ts';
import type { ControlStore } from './control-store.ts';
import { DynamoControlStore } from './dynamo-control-store.ts';
import { FileControlStore } from './file-control-store.ts';
import { MemoryControlStore } from './memory-control-store.ts';

let stateTable: LocalStateTable;
let client: DynamoDBClient;
let table: string;
let directory: string;

beforeAll(async () => {
  stateTable = await startStateTable();
  ({ client, name: table } = stateTable);
  directory = await mkdtemp(join(tmpdir(), 'caretaker-control-'));
});
afterAll(async () => {
  await stateTable[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const stores: [kind: string, make: () => ControlStore][] = [
  ['in memory', () => new MemoryControlStore()],
  ['in files', () => new FileControlStore(join(directory, 'control'))],
  ['in DynamoDB', () => new DynamoControlStore(client, table)],
];

describe.each(stores)('a control store %s', (_, make) => {
  let store: ControlStore;
  beforeAll(() => {
    store = make();
  });

  it('has nothing under a key that was never written', async () => {
    expect(await store.read('pause/data-purge')).toBeUndefined();
    await store.remove('pause/data-purge');
    expect(await store.read('pause/data-purge')).toBeUndefined();
  });

  it('returns what was written last, whatever plain JSON it is', async () => {
    const values = [{ a: [1, 'é€\u{1f600}\n', null, { b: false }] }, [], '', 0, null, 'x'.repeat(300_000)];
    for (const value of values) {
      await store.write('history/data-purge/sessions', value);
      expect(await store.read('history/data-purge/sessions')).toEqual(value);
    }
  });

  it('keeps a key apart from those that begin with it', async () => {
    await store.write('pause/a', 'task');
    await store.write('pause/a/b', 'policy');
    await store.write('pause/a.json', 'named like a file');
    expect(await store.read('pause/a')).toBe('task');
    expect(await store.read('pause/a/b')).toBe('policy');
    await store.remove('pause/a');
    expect(await store.read('pause/a/b')).toBe('policy');
    expect(await store.read('pause/a.json')).toBe('named like a file');
  });

  it('lets one of many create what is not there, and keeps what that one said', async () => {
    const key = 'approval/abc';
    const created = await Promise.all(Array.from({ length: 12 }, (_, by) => store.create(key, { by })));
    expect(created.filter(Boolean)).toHaveLength(1);
    expect(await store.read(key)).toEqual({ by: created.indexOf(true) });
  });

  it('lets one of many replace what they have read, and none what is another by then', async () => {
    const key = 'hold/data-purge';
    expect(await store.replace(key, { by: 0 }, { by: 1 })).toBe(false);
    expect(await store.read(key)).toBeUndefined();
    await store.write(key, { by: 0, since: 'é' });
    const read = await store.read(key);
    const replaced = await Promise.all(Array.from({ length: 12 }, (_, by) => store.replace(key, read, { by: by + 1 })));
    expect(replaced.filter(Boolean)).toHaveLength(1);
    expect(await store.read(key)).toEqual({ by: replaced.indexOf(true) + 1 });
    expect(await store.replace(key, read, { by: 99 })).toBe(false);
    expect(await store.read(key)).toEqual({ by: replaced.indexOf(true) + 1 });
  });

  it('creates again what was removed, and replaces what was created', async () => {
    const key = 'plan/again';
    expect(await store.create(key, 1)).toBe(true);
    await store.remove(key);
    expect(await store.read(key)).toBeUndefined();
    expect(await store.create(key, 2)).toBe(true);
    expect(await store.create(key, 3)).toBe(false);
    await store.write(key, 4);
    expect(await store.read(key)).toBe(4);
  });

  it.each(['', '/', '..', '../plan', 'a//b', 'a b', 'a\0', 'Größe'])('refuses the key %j', async (key) => {
    await expect(store.read(key)).rejects.toThrow(TypeError);
    await expect(store.write(key, 1)).rejects.toThrow(TypeError);
    await expect(store.create(key, 1)).rejects.toThrow(TypeError);
    await expect(async () => store.replace(key, 1, 2)).rejects.toThrow(TypeError);
    await expect(store.remove(key)).rejects.toThrow(TypeError);
  });
});

describe('a control store in DynamoDB', () => {
  const itemOf = async (key: string) => {
    const Key = { pk: { S: `control#${key}` }, sk: { S: 'document' } };
    return (await client.send(new GetItemCommand({ TableName: table, Key }))).Item;
  };

  it('leaves of what was removed what the table forgets by itself, unless it is written again', async () => {
    const now = new Date('2026-11-20T12:00:00Z');
    const store = new DynamoControlStore(client, table, () => now);
    await store.write('pause/gone', 1);
    await store.remove('pause/gone');
    const expiresAt = { N: String(now.getTime() / 1000 + 7 * 86_400) };
    expect(await itemOf('pause/gone')).toEqual({
      pk: { S: 'control#pause/gone' },
      sk: { S: 'document' },
      expiresAt,
    });
    expect(await store.create('pause/gone', 2)).toBe(true);
    expect(await itemOf('pause/gone')).not.toHaveProperty('expiresAt');
    await store.remove('pause/gone');
    await store.write('pause/gone', 3);
    expect(await itemOf('pause/gone')).not.toHaveProperty('expiresAt');
  });

  it('says so when a document is not JSON', async () => {
    const store = new DynamoControlStore(client, table);
    await store.write('plan/torn', 1);
    await client.send(
      new PutItemCommand({
        TableName: table,
        Item: { pk: { S: 'control#plan/torn' }, sk: { S: 'document' }, document: { S: '{"half' } },
      }),
    );
    await expect(store.read('plan/torn')).rejects.toMatchObject({ reason: 'bad-control-document' });
  });

  it('does not take a failure for a document that was there', async () => {
    const store = new DynamoControlStore(client, 'no-such-table');
    await expect(store.create('a', 1)).rejects.toThrow();
    await expect(store.read('a')).rejects.toThrow();
  });
});

describe('a control store in files', () => {
  it('is closed to others, except where the folder is to be shared', async () => {
    await new FileControlStore(join(directory, 'own')).write('plan/a', 1);
    expect((await stat(join(directory, 'own'))).mode & 0o777).toBe(0o700);
    expect((await stat(join(directory, 'own', 'plan', 'a.json'))).mode & 0o777).toBe(0o600);
    const umask = process.umask(0o077);
    try {
      await new FileControlStore(join(directory, 'shared', 'control'), 0o2770).write('plan/a', 1);
    } finally {
      process.umask(umask);
    }
    expect((await stat(join(directory, 'shared'))).mode & 0o7777).toBe(0o2770);
    expect((await stat(join(directory, 'shared', 'control', 'plan'))).mode & 0o7777).toBe(0o2770);
    expect((await stat(join(directory, 'shared', 'control', 'plan', 'a.json'))).mode & 0o777).toBe(0o660);
  });

  it('says so when a document is not JSON', async () => {
    const store = new FileControlStore(join(directory, 'torn'));
    await store.write('plan/a', 1);
    await writeFile(join(directory, 'torn', 'plan', 'a.json'), '{"half');
    await expect(store.read('plan/a')).rejects.toMatchObject({ reason: 'bad-control-document' });
    expect(await readReadable(store, 'plan/a')).toBeNull();
  });
});
