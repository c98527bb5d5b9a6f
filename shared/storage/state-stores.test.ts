import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, ListMultipartUploadsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Fauxqs, startFauxqs } from '../../sandbox/aws/fauxqs.ts';
import { FileStateStore, stateFolder } from './file-state-store.ts';
import { MemoryStateStore } from './memory-state-store.ts';
import { S3StateStore } from './s3-state-store.ts';
import { readJson, type StateStore, writeJson } from './state-store.ts';

const bucket = 'reports';
let fauxqs: Fauxqs;
let s3: S3Client;
let directory: string;

beforeAll(async () => {
  fauxqs = await startFauxqs();
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
  s3 = new S3Client({ endpoint: fauxqs.url, region: 'us-east-1', credentials, forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  directory = await mkdtemp(join(tmpdir(), 'caretaker-state-'));
});
afterAll(async () => {
  s3.destroy();
  await fauxqs.stop();
  await rm(directory, { recursive: true });
});

async function textOf(store: StateStore, name: string): Promise<string | undefined> {
  const content = await store.read(name);
  if (content === undefined) return undefined;
  const parts: Uint8Array[] = [];
  for await (const part of content) parts.push(part);
  return Buffer.concat(parts).toString();
}

async function* pieces(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text);
}

async function* broken() {
  yield Buffer.from('half');
  throw new RangeError('the source broke off');
}

const stores: [kind: string, make: () => StateStore][] = [
  ['in memory', () => new MemoryStateStore()],
  ['in files', () => new FileStateStore(join(directory, 'estate', 'task'))],
  ['in S3', () => new S3StateStore(s3, bucket, 'state/task/')],
];

describe.each(stores)('a state store %s', (_, make) => {
  let store: StateStore;
  beforeAll(() => {
    store = make();
  });

  it('has nothing under a name that was never written', async () => {
    expect(await store.read('runs/r1/plan')).toBeUndefined();
    expect(await readJson(store, 'never')).toBeUndefined();
  });

  it('returns what was written last', async () => {
    await store.write('verification/audio', pieces('a long first document'));
    await store.write('verification/audio', pieces('sec', 'ond'));
    expect(await textOf(store, 'verification/audio')).toBe('second');
    await writeJson(store, 'verification/stems', { cursor: 3 });
    expect(await readJson(store, 'verification/stems')).toEqual({ cursor: 3 });
  });

  it('keeps an empty document apart from none', async () => {
    await store.write('empty', pieces());
    expect(await textOf(store, 'empty')).toBe('');
  });

  it('keeps what was there when a write fails half way', async () => {
    await store.write('kept', pieces('whole'));
    await expect(store.write('kept', broken())).rejects.toThrow('the source broke off');
    expect(await textOf(store, 'kept')).toBe('whole');
    await expect(store.write('never-whole', broken())).rejects.toThrow('the source broke off');
    expect(await store.read('never-whole')).toBeUndefined();
  });

  it('can be read before its reader has finished with another', async () => {
    await store.write('unread', pieces('x'));
    for await (const _part of (await store.read('unread')) ?? []) break;
    expect(await textOf(store, 'unread')).toBe('x');
  });

  it.each(['', '/', '..', '../plan', 'a/../../b', '/etc/passwd', 'a//b', 'a/', './a', 'a\\b', 'a\0', 'Größe', 'a b'])(
    'refuses the name %j',
    async (name) => {
      await expect(store.read(name)).rejects.toThrow(TypeError);
      await expect(store.write(name, pieces('x'))).rejects.toThrow(TypeError);
    },
  );
});

describe('a state store in files', () => {
  it('is closed to others and leaves no half-written file', async () => {
    const folder = join(directory, 'closed');
    const store = new FileStateStore(folder);
    await store.write('a/b', pieces('x'));
    await expect(store.write('a/b', broken())).rejects.toThrow();
    expect(await readdir(join(folder, 'a'))).toEqual(['b']);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, 'a', 'b'))).mode & 0o777).toBe(0o600);
  });

  it('lies where the XDG specification says', () => {
    const usual = join(homedir(), '.local', 'state', 'caretaker', 'nycmg', 'backup-integrity');
    expect(stateFolder('nycmg', 'backup-integrity', {})).toBe(usual);
    expect(stateFolder('nycmg', 'backup-integrity', { XDG_STATE_HOME: 'not/absolute' })).toBe(usual);
    expect(stateFolder('nycmg', 't', { XDG_STATE_HOME: '/state' })).toBe('/state/caretaker/nycmg/t');
  });
});

describe('a state store in S3', () => {
  const mebibyte = Buffer.alloc(1024 * 1024, 'x');

  async function* mebibytes(count: number, end?: () => never) {
    for (let index = 0; index < count; index += 1) yield mebibyte;
    end?.();
  }

  it('writes below its prefix and nowhere else', async () => {
    await new S3StateStore(s3, bucket, 'state/prefixed/').write('a/b', pieces('x'));
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: 'state/prefixed/' }));
    expect(Contents.map(({ Key }) => Key)).toEqual(['state/prefixed/a/b']);
  });

  it.each([7, 8, 9, 16, 17])('keeps every byte of a stream of %i MiB', async (count) => {
    const store = new S3StateStore(s3, bucket, 'state/long/');
    await store.write('lines', mebibytes(count));
    let length = 0;
    for await (const part of (await store.read('lines')) ?? []) length += part.length;
    expect(length).toBe(count * mebibyte.length);
  });

  it('leaves nothing of a long stream that breaks off', async () => {
    const store = new S3StateStore(s3, bucket, 'state/broken/');
    const end = () => {
      throw new RangeError('the source broke off');
    };
    await expect(store.write('lines', mebibytes(17, end))).rejects.toThrow('the source broke off');
    expect(await store.read('lines')).toBeUndefined();
    const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    expect(Uploads).toEqual([]);
  });

  it('closes what a long stream comes from when S3 does not take it', async () => {
    let isClosed = false;
    async function* closing() {
      try {
        yield* mebibytes(40);
      } finally {
        isClosed = true;
      }
    }
    await expect(new S3StateStore(s3, 'no-such-bucket', 'state/').write('lines', closing())).rejects.toThrow();
    expect(isClosed).toBe(true);
  });

  it('lets an error that is not about a missing document through', async () => {
    await expect(new S3StateStore(s3, 'no-such-bucket', 'state/').read('x')).rejects.toThrow();
  });
});
