import { createHash } from 'node:crypto';
import { S3Client } from '@aws-sdk/client-s3';
import type { HttpRequest } from '@smithy/types';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startControlPlane } from '../../../sandbox/control-plane/control-plane.ts';
import type { S3ObjectDocument } from '../../../sandbox/control-plane/services/s3-document.ts';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { type FakeObject, fakeS3 } from '../../../shared/objects/fake-s3.ts';
import { MemoryStateStore } from '../../../shared/storage/memory-state-store.ts';
import { readJson, writeJson } from '../../../shared/storage/state-store.ts';
import {
  type AuditOptions,
  audio,
  audit,
  type FileRow,
  filesTable,
  fill,
  longAgo,
  minutesAgo,
} from './object-fixtures.ts';

let server: PostgresServer;
let client: Client;

beforeAll(async () => {
  server = await startPostgres();
  client = new Client({ connectionString: server.url });
  await client.connect();
});

afterAll(async () => {
  await client?.end();
  await server?.stop();
});

beforeEach(async () => {
  await client.query(`drop table if exists "audio files"; ${filesTable}`);
});

const digest = (text: string, encoding: 'hex' | 'base64') => createHash('sha256').update(text).digest(encoding);

/** A row that records the checksum of a content, which is its key unless given. */
const file = (key: string, content = key, details: Partial<FileRow> = {}): FileRow => ({
  key,
  sha256: digest(content, 'hex'),
  ...details,
});

/** An object of which S3 keeps the checksum of such a content. */
const held = (key: string, content = key, details: Partial<FakeObject> = {}) =>
  audio(key, { sha256: digest(content, 'base64'), ...details });

type Given = AuditOptions & Parameters<typeof fakeS3>[1];

async function audited(rows: readonly FileRow[], objects: readonly FakeObject[], options: Given = {}) {
  await fill(client, rows);
  const rule = { sha256Column: 'sha256', ...options.rule };
  const found = await audit(server.url, fakeS3({ 'nycmg-audio': objects }, options), { ...options, rule });
  return { ...found, differing: found.outcomes.find(({ breaks }) => breaks === 'object-differs') };
}

const denied = { status: 403, body: '' };

describe('the checksum that a row records', () => {
  it('is that of its object', async () => {
    const { differing, unchecked } = await audited(
      [file('a'), file('b', 'other'), file('c')],
      [held('a'), held('b'), held('c')],
    );
    expect(differing).toMatchObject({
      count: 1,
      tested: 3,
      samples: [{ id: '2' }],
      facts: { differentSizes: 0, differentChecksums: 1, checksumsCompared: 3, checksumsSaidByWriter: 0 },
    });
    expect(unchecked).toEqual([]);
  });

  it('is compared where no size is recorded too, in capitals too', async () => {
    const rows = [{ ...file('a'), sha256: digest('a', 'hex').toUpperCase() }, file('b', 'other')];
    const { differing } = await audited(rows, [held('a'), held('b')], { rule: { sizeColumn: undefined } });
    expect(differing).toMatchObject({ count: 1, tested: 2 });
  });

  it('is kept as bytes', async () => {
    await client.query(`alter table "audio files" alter sha256 type bytea using decode(sha256, 'hex')`);
    await client.query(
      `insert into "audio files" ("s3 key", size_bytes, sha256) values ('a', 100, sha256('a')), ('b', 100, sha256('x'))`,
    );
    const s3 = fakeS3({ 'nycmg-audio': [held('a'), held('b')] });
    const { outcomes } = await audit(server.url, s3, { rule: { sha256Column: 'sha256' } });
    expect(outcomes[1]).toMatchObject({ count: 1, samples: [{ id: '2' }] });
  });

  it('is compared with what the writer said, where S3 keeps none or one of parts', async () => {
    const metadata = (content: string) => ({ metadata: { sha256: digest(content, 'hex') } });
    const { differing } = await audited(
      ['a', 'b', 'c', 'd'].map((key) => file(key)),
      [
        audio('a', metadata('a')),
        audio('b', metadata('x')),
        held('c', 'parts', { isChecksumOfParts: true, ...metadata('c') }),
        held('d', 'd', metadata('x')),
      ],
    );
    expect(differing).toMatchObject({
      count: 1,
      samples: [{ id: '2' }],
      facts: { checksumsCompared: 4, checksumsSaidByWriter: 3, objectsWithoutChecksum: 0 },
    });
  });

  it('cannot be compared where neither is there, whatever the ETag, and that is said', async () => {
    const objects = [
      audio('a', { etag: '0cc175b9c0f1b6a831c399e269772661-2' }),
      held('b', 'x', { isChecksumOfParts: true }),
      held('c'),
    ];
    const rows = ['a', 'b', 'c'].map((key) => file(key));
    const { differing, unchecked, metrics } = await audited(rows, objects);
    expect(differing).toMatchObject({ count: 0, facts: { checksumsCompared: 1, objectsWithoutChecksum: 2 } });
    expect(metrics).toMatchObject({ 'audio/checksumsCompared': 1, 'audio/objectsWithoutChecksum': 2 });
    expect(unchecked).toEqual([]);
    const none = await audited(rows, objects.slice(0, 2));
    expect(none.unchecked).toMatchObject([
      { reason: 'no-checksum', detail: expect.stringMatching(/none of 3 objects/) },
    ]);
    expect(none.counts).toEqual({ 'object-missing': 1, 'object-differs': 0, 'object-orphaned': 0 });
  });

  it('is not that of an object of another size, nor of none: these are told of as that', async () => {
    const rows = [file('a', 'other', { size: 1 }), file('b'), file('c')];
    const { counts, differing } = await audited(rows, [held('a'), held('c')]);
    expect(counts).toEqual({ 'object-missing': 1, 'object-differs': 1, 'object-orphaned': 0 });
    expect(differing?.facts).toMatchObject({ differentSizes: 1, differentChecksums: 0, checksumsCompared: 1 });
  });

  it('is judged for each of the rows that have a key, and its object is asked for once', async () => {
    let asked = 0;
    const { differing } = await audited([file('a'), file('a', 'x'), file('a', 'x'), file('a', 'y')], [held('a')], {
      intercept: ({ method }) => {
        if (method === 'HEAD') asked += 1;
        return undefined;
      },
    });
    expect(differing).toMatchObject({ count: 3, tested: 4, samples: [{ id: '2' }, { id: '3' }, { id: '4' }] });
    // Once more before anything is accused.
    expect(asked).toBe(2);
  });

  it('is not compared while row or object is young, nor where the rule is not about the row', async () => {
    const rows = [
      file('a', 'x', { createdAt: minutesAgo(59) }),
      file('b', 'x'),
      file('c', 'x', { isReleased: false }),
      file('d'),
    ];
    const objects = [held('a'), held('b', 'b', { modifiedAt: minutesAgo(59) }), held('c'), held('d')];
    const { differing, unchecked } = await audited(rows, objects, { rule: { where: 'is_released' } });
    expect(differing).toMatchObject({ count: 0, facts: { checksumsCompared: 1 } });
    expect(unchecked).toEqual([]);
    const young = await audited(rows.slice(0, 1), objects.slice(0, 1));
    expect(young.unchecked).toEqual([]);
  });

  it('may be none: that is said, and where all are none, that nothing was compared', async () => {
    const rows = [file('a'), { key: 'b', sha256: 'd41d8cd98f00b204e9800998ecf8427e' }, { key: 'c' }];
    const objects = ['a', 'b', 'c'].map((key) => held(key));
    const { differing, unchecked } = await audited(rows, objects);
    expect(differing).toMatchObject({ count: 0, facts: { checksumsCompared: 1, unreadableChecksums: 1 } });
    expect(unchecked).toEqual([]);
    expect((await audited(rows.slice(1), objects.slice(1))).unchecked).toMatchObject([
      { reason: 'no-checksum', detail: expect.stringContaining('1 rows record') },
    ]);
    expect((await audited(rows.slice(2), objects.slice(2))).unchecked).toMatchObject([
      { reason: 'no-checksum', detail: expect.stringContaining('no row records one') },
    ]);
  });

  it('is compared with no object when none is to be asked for', async () => {
    const { differing, unchecked } = await audited([file('a', 'x')], [held('a')], { rule: { checksumsPerRun: 0 } });
    expect(differing).toMatchObject({ count: 0, tested: 1 });
    expect(unchecked).toEqual([]);
  });

  it('is asked for again before it is a fault', async () => {
    let asked = 0;
    const { differing } = await audited(
      [file('mended', 'x'), file('wrong', 'x'), file('replaced', 'x')],
      [held('mended'), held('wrong'), held('replaced')],
      {
        intercept: async ({ method, path }: HttpRequest) => {
          if (method !== 'HEAD') return undefined;
          asked += 1;
          if (asked === 3) {
            await client.query(`update "audio files" set sha256 = $1 where "s3 key" = 'mended'`, [
              digest('mended', 'hex'),
            ]);
          }
          return asked > 3 && path.endsWith('replaced') ? { status: 404, body: '' } : undefined;
        },
      },
    );
    expect(differing).toMatchObject({ count: 1, samples: [{ id: '2' }], facts: { changedMeanwhile: 2 } });
  });
});

describe('the turn of each checksum', () => {
  const keys = ['a', 'b', 'c', 'd', 'e'];

  async function asking(
    store: MemoryStateStore,
    perRun: number,
    rows = keys.map((key) => file(key)),
    given: Given = {},
  ) {
    const asked: string[] = [];
    const { metrics, unchecked } = await audited(
      rows,
      keys.map((key) => held(key)),
      {
        intercept: ({ method, path }) => {
          if (method === 'HEAD') asked.push(path.slice(-1));
          return undefined;
        },
        ...given,
        rule: { checksumsPerRun: perRun, ...given.rule },
        context: { store },
      },
    );
    expect(unchecked).toEqual([]);
    return [asked.join(''), metrics['audio/checksumRoundPercent']];
  }

  it('comes before any has a second one, and goes round', async () => {
    const store = new MemoryStateStore();
    const turns: unknown[] = [];
    for (let run = 0; run < 6; run += 1) turns.push(await asking(store, 2));
    expect(turns).toEqual([
      ['ab', 40],
      ['cd', 80],
      ['ea', 20],
      ['bc', 60],
      ['de', 100],
      ['ab', 40],
    ]);
  });

  it('comes in each run where all can be asked for in one', async () => {
    const store = new MemoryStateStore();
    expect(await asking(store, 5)).toEqual(['abcde', 100]);
    expect(await asking(store, 100)).toEqual(['abcde', 100]);
    expect(await asking(store, 2)).toEqual(['ab', 40]);
    expect((await asking(store, 5))[0]).toBe('cdeab');
  });

  it('goes on where the key asked for last is gone', async () => {
    const store = new MemoryStateStore();
    expect((await asking(store, 3))[0]).toBe('abc');
    const others = keys.filter((key) => key !== 'c').map((key) => file(key));
    // No row has the object `c` then.
    expect((await asking(store, 2, others, { rule: { orphanSeverity: 'ignore' } }))[0]).toBe('de');
  });

  it('is that of rows that record a checksum', async () => {
    const store = new MemoryStateStore();
    const rows = keys.map((key) => (key < 'c' ? { key } : file(key)));
    expect((await asking(store, 2, rows))[0]).toBe('cd');
    expect((await asking(store, 2, rows))[0]).toBe('ec');
  });

  it('is remembered for each rule, and begins anew where what is remembered is damaged', async () => {
    const store = new MemoryStateStore();
    expect((await asking(store, 2))[0]).toBe('ab');
    expect((await asking(store, 2, undefined, { rule: { database: 'archive' } }))[0]).toBe('ab');
    await writeJson(store, 'objects/main/audio', { after: 3 });
    expect((await asking(store, 2))[0]).toBe('ab');
    await store.write(
      'objects/main/audio',
      (async function* () {
        yield Buffer.from('{');
      })(),
    );
    expect((await asking(store, 2))[0]).toBe('ab');
  });

  it('is not over when no answer was given, and that is no comparison', async () => {
    const store = new MemoryStateStore();
    const { unchecked, differing } = await audited(
      keys.map((key) => file(key)),
      keys.map((key) => held(key)),
      {
        rule: { checksumsPerRun: 2 },
        context: { store },
        intercept: ({ method }) => (method === 'HEAD' ? denied : undefined),
      },
    );
    expect(unchecked).toMatchObject([
      { reason: 'access-denied', detail: expect.stringMatching(/^2 of 2 objects gave no answer/) },
    ]);
    expect(differing).toMatchObject({ count: 0, facts: { objectsRefused: 2 } });
    expect((await asking(store, 2))[0]).toBe('ab');
  });

  it('is not taken for a comparison where some give no answer', async () => {
    const { unchecked, differing } = await audited(
      ['a', 'b'].map((key) => file(key)),
      ['a', 'b'].map((key) => held(key)),
      { intercept: ({ method, path }) => (method === 'HEAD' && path.endsWith('b') ? denied : undefined) },
    );
    expect(differing).toMatchObject({ count: 0, facts: { checksumsCompared: 1, objectsRefused: 1 } });
    expect(unchecked).toMatchObject([
      { reason: 'access-denied', detail: expect.stringMatching(/^1 of 2 objects gave no answer/) },
    ]);
  });

  it('is over for those that a run has asked for, though its time ends on the same page; what differs is told', async () => {
    const store = new MemoryStateStore();
    const many = Array.from({ length: 1_200 }, (_, index) => `k${String(index).padStart(4, '0')}`);
    const end = new AbortController();
    let heads = 0;
    const { unchecked, differing } = await audited(
      many.map((key) => (key === 'k0007' ? file(key, 'x') : file(key))),
      many.map((key) => held(key)),
      {
        rule: { checksumsPerRun: 5_000 },
        context: { store, signal: end.signal },
        intercept: ({ method }) => {
          if (method !== 'HEAD') return undefined;
          heads += 1;
          if (heads === 700) end.abort();
          return end.signal.aborted ? end.signal.reason : undefined;
        },
      },
    );
    expect(unchecked).toMatchObject([{ reason: 'not-reached' }]);
    expect(differing).toMatchObject({ count: 1, isAtLeast: true, samples: [{ id: '8' }] });
    expect(await readJson(store, 'objects/main/audio')).toEqual({ schemaVersion: 1, after: 'k0499' });
  });

  it('is told where it could not be read', async () => {
    const store = new MemoryStateStore();
    store.read = () => Promise.reject(Object.assign(new Error('no'), { name: 'AccessDenied' }));
    const { unchecked } = await audited([file('a')], [held('a')], { context: { store } });
    expect(unchecked).toMatchObject([{ reason: 'access-denied' }]);
  });
});

describe('objects on the wire of S3', () => {
  const account = '123456789012';
  const object = (key: string, details: Partial<S3ObjectDocument> = {}): S3ObjectDocument => ({
    key: `audio/${key}`,
    lastModified: longAgo,
    body: Buffer.from(key),
    ...details,
  });
  const kept = (content: string) => ({ checksums: { sha256: digest(content, 'base64') } });
  const odd = ['a b+c%20d&e=f?g#h', 'a/../b', 'control\u0001\t', '<&>"\'', 'é', '\uff01', '🎵'];

  it('are listed, asked for and compared under any key', async () => {
    const objects = [
      ...odd.map((key) => object(key, kept(key))),
      object('changed', kept('something else')),
      object('multipart', { checksums: { sha256: `${digest('x', 'base64')}-3`, type: 'COMPOSITE' } }),
      object('said', { metadata: { sha256: digest('said', 'hex') } }),
      object('orphan'),
    ];
    await using started = new AsyncDisposableStack();
    const plane = await startControlPlane({
      estate: {
        homeAccount: account,
        accounts: {
          [account]: {
            s3: { buckets: { 'nycmg-audio': { region: 'us-east-1', creationDate: longAgo, objects } } },
            regions: {},
          },
        },
      },
    });
    started.defer(() => plane.stop());
    const s3 = new S3Client({
      endpoint: plane.url,
      region: 'us-east-1',
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: {
        accessKeyId: plane.environment.AWS_ACCESS_KEY_ID as string,
        secretAccessKey: plane.environment.AWS_SECRET_ACCESS_KEY as string,
      },
    });
    started.defer(() => s3.destroy());
    const keys = [...odd, 'changed', 'multipart', 'said'];
    await fill(client, [...keys.map((key) => file(key, key, { size: Buffer.byteLength(key) })), file('missing')]);
    const { outcomes, unchecked } = await audit(server.url, s3, { rule: { sha256Column: 'sha256' } });
    expect(outcomes).toMatchObject([
      { count: 1, tested: 11, samples: [{ id: '11' }] },
      {
        count: 1,
        tested: 10,
        samples: [{ id: '8' }],
        facts: { checksumsCompared: 9, checksumsSaidByWriter: 1, objectsWithoutChecksum: 1 },
      },
      { count: 1, tested: 11, facts: { orphanedBytes: 6 } },
    ]);
    expect(unchecked).toEqual([]);
  });
});
