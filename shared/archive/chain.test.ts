import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ArchiveFault } from './archive-fault.ts';
import {
  type ArchivePlace,
  archiveBucket,
  archivePrefix,
  type SampleArchive,
  startArchivePlace,
  writeSampleArchive,
} from './archive-fixtures.ts';
import { completionKey, exclusionsKey, fileKey, manifestKey } from './archive-names.ts';
import { readChain, requireManifests } from './chain.ts';
import { readExclusions, readManifest } from './read-manifest.ts';

let place: ArchivePlace;
let archives: SampleArchive[];

beforeEach(async () => {
  place = await startArchivePlace();
  archives = [];
  for (const sequence of [1, 2, 3]) {
    const previousManifest = archives.at(-1)?.hash ?? null;
    const attempt = `attempt${sequence}`;
    archives.push(await writeSampleArchive(place.store, { sequence, previousManifest, attempt }));
    if (sequence < 3) await place.store.putNew(completionKey('listens', sequence), completionOf(sequence - 1));
  }
});

afterEach(async () => {
  await place[Symbol.asyncDispose]();
});

const bucket = () => place.server.bucket(archiveBucket);

function edit(key: string, change: (text: string) => string): void {
  const chunks = bucket().current(archivePrefix + key)?.content.chunks ?? [];
  bucket().put(archivePrefix + key, change(Buffer.concat(chunks).toString()));
}

function hashOf(index: number): string {
  return (archives[index] as SampleArchive).hash;
}

function completionOf(index: number): string {
  const counts = { deletedRows: 30, keptRows: 0 };
  return JSON.stringify({
    formatVersion: 1,
    manifest: hashOf(index),
    completedAt: '2026-11-20T12:00:00.000Z',
    ...counts,
  });
}

async function faultOf(after?: Parameters<typeof readChain>[2]): Promise<ArchiveFault> {
  const outcome = await readChain(place.store, 'listens', after).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(ArchiveFault);
  return outcome as ArchiveFault;
}

function urlOf(sequence: number): string {
  return place.store.urlOf(manifestKey('listens', sequence));
}

describe('the chain of a policy', () => {
  it('has every archive in its place, with what is still to be done', async () => {
    await place.store.putNew(exclusionsKey('listens', 3, 2), '{}');
    await place.store.putNew(exclusionsKey('listens', 3, 1), '{}');
    const chain = await readChain(place.store, 'listens');
    expect(
      chain.archives.map(({ sequence, state, exclusions, rows }) => ({ sequence, state, exclusions, rows })),
    ).toEqual([
      { sequence: 1, state: 'completed', exclusions: [], rows: 30 },
      { sequence: 2, state: 'completed', exclusions: [], rows: 30 },
      { sequence: 3, state: 'unfinished', exclusions: [1, 2], rows: 30 },
    ]);
    expect(chain.archives.map(({ manifest }) => manifest?.sequence)).toEqual([undefined, undefined, 3]);
    expect(chain).toMatchObject({ nextSequence: 4, lastManifest: hashOf(2), leftovers: [], strangers: [] });
    requireManifests(
      place.store,
      'listens',
      chain,
      archives.map(({ hash }) => hash),
    );
  });

  it("begins with nothing, and takes no other policy's archives for its own", async () => {
    expect(await readChain(place.store, 'listen')).toEqual({
      archives: [],
      nextSequence: 1,
      lastManifest: null,
      leftovers: [],
      strangers: [],
    });
  });

  it('names the files that no manifest names, beside a manifest and behind the last one', async () => {
    const left = [
      fileKey('listens', 2, 'other/public.listens.copy.zst'),
      fileKey('listens', 4, 'attempt4/public.listens.copy.zst'),
      fileKey('listens', 5, 'attempt5/public.listens.copy.zst'),
    ];
    for (const key of left) bucket().put(archivePrefix + key, 'x');
    bucket().put(`${archivePrefix}listens/notes.txt`, 'x');
    const chain = await readChain(place.store, 'listens');
    expect(chain.leftovers).toEqual(left);
    expect(chain.strangers).toEqual(['listens/notes.txt']);
    expect(chain.nextSequence).toBe(4);
  });

  it('can be looked at from an archive on that is known', async () => {
    const count = place.server.requests.length;
    const chain = await readChain(place.store, 'listens', { after: { sequence: 2, manifestHash: hashOf(1) } });
    expect(chain.archives.map(({ sequence }) => sequence)).toEqual([3]);
    expect(chain).toMatchObject({ nextSequence: 4, lastManifest: hashOf(2) });
    expect(place.server.requests.slice(count).map(({ operation }) => operation)).toEqual([
      'ListObjectsV2',
      'GetObject',
    ]);
    const all = await readChain(place.store, 'listens', { after: { sequence: 3, manifestHash: hashOf(2) } });
    expect(all).toMatchObject({ archives: [], nextSequence: 4, lastManifest: hashOf(2) });
  });

  it('is broken where a manifest is missing', async () => {
    bucket().delete(archivePrefix + manifestKey('listens', 2));
    // Its completion tells of it.
    await expect(faultOf()).resolves.toMatchObject({ rule: 'chain-broken', subject: urlOf(2) });
    bucket().delete(archivePrefix + completionKey('listens', 2));
    await expect(faultOf()).resolves.toMatchObject({ rule: 'chain-broken', subject: urlOf(2) });
  });

  it('takes the last archive for completed only by its own document', async () => {
    const others = [
      ['', completionKey('listens', 3)],
      ['{}', completionKey('listens', 3)],
      [completionOf(1), manifestKey('listens', 3)],
    ] as const;
    for (const [text, key] of others) {
      bucket().put(archivePrefix + completionKey('listens', 3), text);
      await expect(faultOf()).resolves.toMatchObject({ rule: 'manifest-tampered', subject: place.store.urlOf(key) });
    }
    bucket().put(archivePrefix + completionKey('listens', 3), completionOf(2));
    expect((await readChain(place.store, 'listens')).archives.at(-1)).toMatchObject({ state: 'completed' });
  });

  it('is broken where the last manifest is missing, and documents beside it tell of it', async () => {
    bucket().delete(archivePrefix + manifestKey('listens', 3));
    await place.store.putNew(exclusionsKey('listens', 3, 1), '{}');
    await expect(faultOf()).resolves.toMatchObject({ rule: 'chain-broken', subject: urlOf(3) });
    bucket().delete(archivePrefix + exclusionsKey('listens', 3, 1));
    await place.store.putNew(completionKey('listens', 3), '{}');
    await expect(faultOf()).resolves.toMatchObject({ rule: 'chain-broken', subject: urlOf(3) });
  });

  it('is broken where the first, or the last, is missing', async () => {
    const first = Buffer.concat(bucket().current(archivePrefix + manifestKey('listens', 1))?.content.chunks ?? []);
    bucket().delete(archivePrefix + manifestKey('listens', 1));
    bucket().delete(archivePrefix + completionKey('listens', 1));
    await expect(faultOf()).resolves.toMatchObject({ rule: 'chain-broken', subject: urlOf(1) });
    bucket().put(archivePrefix + manifestKey('listens', 1), first);
    bucket().delete(archivePrefix + manifestKey('listens', 3));
    const chain = await readChain(place.store, 'listens');
    // Only the ledger can tell.
    expect(() =>
      requireManifests(
        place.store,
        'listens',
        chain,
        archives.map(({ hash }) => hash),
      ),
    ).toThrow(ArchiveFault);
  });

  it('is broken where a manifest was edited by hand, though it still reads well', async () => {
    edit(manifestKey('listens', 2), (text) => text.replace('"actor":"tester"', '"actor":"nobody"'));
    await expect(faultOf()).resolves.toMatchObject({ rule: 'chain-broken', subject: urlOf(2) });
  });

  it('is broken where a manifest is in the place of another', async () => {
    edit(manifestKey('listens', 2), () => JSON.stringify(archives[0]?.manifest));
    await expect(faultOf()).resolves.toMatchObject({ rule: 'manifest-tampered', subject: urlOf(2) });
  });

  it('is broken where an archive was copied to its end', async () => {
    bucket().put(archivePrefix + manifestKey('listens', 4), JSON.stringify({ ...archives[2]?.manifest, sequence: 4 }));
    await expect(faultOf()).resolves.toMatchObject({ rule: 'chain-broken', subject: urlOf(3) });
  });

  it('is broken where the first names one before it, and where the known one is another', async () => {
    edit(manifestKey('listens', 1), () => JSON.stringify({ ...archives[0]?.manifest, previousManifest: hashOf(0) }));
    await expect(faultOf()).resolves.toMatchObject({ rule: 'chain-broken', subject: urlOf(1) });
    const after = { sequence: 2, manifestHash: hashOf(0) };
    await expect(faultOf({ after })).resolves.toMatchObject({ rule: 'chain-broken', subject: urlOf(2) });
  });

  it('finds a manifest that is none', async () => {
    const others = [{ formatVersion: 2 }, { rowHash: 'chained-hashtextextended-1' }, { rowHash: undefined }];
    const texts = others.map((other) => JSON.stringify({ ...archives[1]?.manifest, ...other }));
    for (const text of ['', 'x', '{}', '[]', ...texts]) {
      edit(manifestKey('listens', 2), () => text);
      await expect(faultOf()).resolves.toMatchObject({ rule: 'manifest-tampered', subject: urlOf(2) });
    }
  });
});

describe('a manifest', () => {
  it('is the one that the ledger tells of, or tampered with', async () => {
    expect(await readManifest(place.store, 'listens', 2, hashOf(1))).toEqual(archives[1]);
    // The last one's edit is seen by nobody but the ledger.
    edit(manifestKey('listens', 3), (text) => text.replace('"rows":30', '"rows":31'));
    await expect(readManifest(place.store, 'listens', 3, hashOf(2))).rejects.toMatchObject({
      rule: 'manifest-tampered',
      subject: urlOf(3),
    });
    await expect(readManifest(place.store, 'listens', 4)).rejects.toMatchObject({
      rule: 'chain-broken',
      subject: urlOf(4),
    });
  });

  it('has exclusions that name it, or they are tampered with', async () => {
    const exclusions = { formatVersion: 1, manifest: hashOf(2), createdAt: '2026-11-20T12:00:00.000Z', keys: [['1']] };
    await place.store.putNew(exclusionsKey('listens', 3, 1), JSON.stringify(exclusions));
    expect(await readExclusions(place.store, 'listens', 3, 1, hashOf(2))).toEqual(exclusions);
    await expect(readExclusions(place.store, 'listens', 3, 1, hashOf(1))).rejects.toMatchObject({
      rule: 'manifest-tampered',
      subject: place.store.urlOf(exclusionsKey('listens', 3, 1)),
    });
    await expect(readExclusions(place.store, 'listens', 3, 2, hashOf(2))).rejects.toMatchObject({
      rule: 'manifest-tampered',
    });
  });
});
