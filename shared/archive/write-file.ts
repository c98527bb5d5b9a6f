import { createHash } from 'node:crypto';
import type { ArchiveStore } from './archive-store.ts';
import { compressFrames } from './zstd-frames.ts';

/** A file as it was sent: what has to be read back. */
export interface WrittenFile {
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
  readonly uncompressedBytes: number;
}

/**
 * Writes COPY text as a zstd file, of any size, and returns what was sent: none of it has been read back. Small chunks
 * cost no more than large ones. When `source` fails, nothing is there.
 */
export async function writeCopyFile(
  source: AsyncIterable<Uint8Array>,
  store: ArchiveStore,
  key: string,
): Promise<WrittenFile> {
  let uncompressedBytes = 0;
  const counted = async function* () {
    for await (const chunk of source) {
      uncompressedBytes += chunk.length;
      yield chunk;
    }
  };
  const { bytes, sha256 } = await writeHashed(compressFrames(counted()), store, key);
  return { bytes, sha256, uncompressedBytes };
}

/** Writes bytes as they are; returns how many there were, and their SHA-256. */
export async function writeHashed(
  source: AsyncIterable<Uint8Array>,
  store: ArchiveStore,
  key: string,
): Promise<Pick<WrittenFile, 'bytes' | 'sha256'>> {
  const hash = createHash('sha256');
  let bytes = 0;
  const hashed = async function* () {
    for await (const chunk of source) {
      hash.update(chunk);
      bytes += chunk.length;
      yield chunk;
    }
  };
  await store.upload(key, hashed());
  return { bytes, sha256: hash.digest('hex') };
}
