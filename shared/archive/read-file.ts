import { createHash } from 'node:crypto';
import { UncheckedError } from '../unchecked-error.ts';
import { ArchiveFault } from './archive-fault.ts';
import type { ArchiveStore } from './archive-store.ts';
import type { WrittenFile } from './write-file.ts';
import { decompressFrames, ZstdError } from './zstd-frames.ts';

/**
 * Yields the COPY text of a file as it is in the store now, in the order in which it was written. Only when the
 * iteration has ended without an error are all these bytes those that were written.
 *
 * @throws ArchiveFault when the file is not there, or not the one expected: another size, another SHA-256, no zstd.
 * @throws UncheckedError `archived` when it has to be restored from a colder storage class first; and the SDK's errors.
 */
export async function* readCopyFile(
  store: ArchiveStore,
  key: string,
  expected: WrittenFile,
): AsyncGenerator<Uint8Array, void, undefined> {
  let uncompressedBytes = 0;
  try {
    for await (const text of decompressFrames(readStored(store, key, expected))) {
      uncompressedBytes += text.length;
      yield text;
    }
  } catch (error) {
    if (!(error instanceof ZstdError)) throw error;
    throw corrupt(store, key, `The file is damaged: ${error.message}`, error);
  }
  if (uncompressedBytes !== expected.uncompressedBytes) {
    const written = expected.uncompressedBytes;
    throw corrupt(store, key, `The file holds ${uncompressedBytes} bytes of text where ${written} were written.`);
  }
}

/**
 * Yields the bytes of a file as it is in the store now; they are good until the next ones are asked for. Only when the
 * iteration has ended without an error are they those that were written.
 *
 * @throws as {@link readCopyFile} does.
 */
export async function* readStored(
  store: ArchiveStore,
  key: string,
  expected: Pick<WrittenFile, 'bytes' | 'sha256'>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of await store.open(key)) {
      bytes += chunk.length;
      if (bytes > expected.bytes)
        throw corrupt(store, key, `The file has more than the ${expected.bytes} bytes written.`);
      hash.update(chunk);
      yield chunk;
    }
  } catch (error) {
    throw readFault(store, key, error);
  }
  if (bytes !== expected.bytes) {
    throw corrupt(store, key, `The file has ${bytes} bytes where ${expected.bytes} were written.`);
  }
  const sha256 = hash.digest('hex');
  if (sha256 === expected.sha256) return;
  throw corrupt(store, key, `The SHA-256 of the file is ${sha256}; that of what was written is ${expected.sha256}.`);
}

/** Returns what an error of a download says of the file; the error itself when it says nothing. */
function readFault(store: ArchiveStore, key: string, error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (error.name === 'NoSuchKey') return corrupt(store, key, 'The file is not there.', error);
  if (error.name === 'PreconditionFailed') {
    return corrupt(store, key, 'The file was replaced while it was read.', error);
  }
  if (error.name === 'InvalidObjectState') {
    const detail = `${store.urlOf(key)} is in a storage class from which it has to be restored before it can be read.`;
    return new UncheckedError('archived', detail, { cause: error });
  }
  // The SDK compares with a checksum that S3 keeps of its own; its error has no name of its own.
  if (error.message.startsWith('Checksum mismatch')) {
    return corrupt(store, key, 'The file is not the one that S3 keeps a checksum of.', error);
  }
  return error;
}

function corrupt(store: ArchiveStore, key: string, detail: string, cause?: unknown): ArchiveFault {
  return new ArchiveFault('archive-corrupt', store.urlOf(key), detail, { cause });
}
