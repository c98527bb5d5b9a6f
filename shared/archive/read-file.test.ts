import { zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ArchiveFault } from './archive-fault.ts';
import { type ArchivePlace, archiveBucket, archivePrefix, inPieces, startArchivePlace } from './archive-fixtures.ts';
import type { ArchiveStore } from './archive-store.ts';
import { readCopyFile, readStored } from './read-file.ts';
import { type WrittenFile, writeCopyFile } from './write-file.ts';

let place: ArchivePlace;
let written: WrittenFile;
const text = Buffer.from('1\tone\n2\ttwo\n'.repeat(100_000));

beforeEach(async () => {
  place = await startArchivePlace();
  written = await writeCopyFile(inPieces(text), place.store, 'file');
});

afterEach(async () => {
  await place[Symbol.asyncDispose]();
});

async function whole(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(source, (bytes) => Buffer.from(bytes)));
}

/** A store whose downloads end with an error. */
function failingStore(error: Error): ArchiveStore {
  const { store } = place;
  return {
    urlOf: (key: string) => store.urlOf(key),
    open: async (key: string) =>
      (async function* () {
        for await (const chunk of await store.open(key)) yield chunk.subarray(0, 10);
        throw error;
      })(),
  } as unknown as ArchiveStore;
}

describe('reading a file', () => {
  it('gives back the text that was written', async () => {
    expect((await whole(readCopyFile(place.store, 'file', written))).equals(text)).toBe(true);
  });

  it('gives back the bytes of any file', async () => {
    const bytes = await whole(readStored(place.store, 'file', written));
    expect(bytes).toHaveLength(written.bytes);
  });

  it('ends with a fault unless size, SHA-256 and text are those that were written', async () => {
    const faults: [Partial<WrittenFile>, string][] = [
      [{ bytes: written.bytes + 1 }, `The file has ${written.bytes} bytes where ${written.bytes + 1} were written.`],
      [{ bytes: written.bytes - 1 }, `The file has more than the ${written.bytes - 1} bytes written.`],
      [{ sha256: '0'.repeat(64) }, `The SHA-256 of the file is ${written.sha256}`],
      [{ uncompressedBytes: text.length + 1 }, `The file holds ${text.length} bytes of text where ${text.length + 1}`],
    ];
    for (const [change, message] of faults) {
      const read = whole(readCopyFile(place.store, 'file', { ...written, ...change }));
      await expect(read).rejects.toMatchObject({ rule: 'archive-corrupt', message: expect.stringContaining(message) });
    }
  });

  it('ends with a fault for a file that another program has compressed anew', async () => {
    const anew = zstdCompressSync(text);
    place.server.bucket(archiveBucket).put(`${archivePrefix}file`, anew);
    await expect(whole(readCopyFile(place.store, 'file', written))).rejects.toBeInstanceOf(ArchiveFault);
  });

  it('tells what an error says of the file from what it says of the way to it', async () => {
    const named = (name: string, message = name) => Object.assign(new Error(message), { name });
    const read = (error: Error) => whole(readStored(failingStore(error), 'file', written));
    await expect(read(named('PreconditionFailed'))).rejects.toMatchObject({ rule: 'archive-corrupt' });
    const mismatch = 'Checksum mismatch: expected "a" but received "b" in response header "x-amz-checksum-crc32".';
    await expect(read(new Error(mismatch))).rejects.toMatchObject({ rule: 'archive-corrupt' });
    await expect(read(named('InvalidObjectState'))).rejects.toMatchObject({ reason: 'archived' });
    for (const name of ['AccessDenied', 'TimeoutError', 'NoSuchBucket']) {
      await expect(read(named(name))).rejects.toMatchObject({ name });
    }
  });
});
