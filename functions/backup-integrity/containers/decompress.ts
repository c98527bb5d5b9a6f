import type { Transform } from 'node:stream';
import { createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { ByteReader } from './byte-reader.ts';
import { ContainerFault } from './verdict.ts';

/** What can be unpacked: `zlib` is what the data blocks of `pg_dump` are in. */
export type Compression = 'gzip' | 'zstd' | 'zlib';

/** A decoder of node:zlib; `bytesWritten` counts what it has used of what it was given. */
interface Decoder extends Transform {
  readonly bytesWritten: number;
}

/**
 * Yields what compressed bytes unpack to, all members and frames of them to the end, with every checksum that they carry compared.
 *
 * @throws ContainerFault when they are damaged, cut off, or followed by something else; UncheckedError `cannot-look-inside` when they
 *   can only be unpacked with a dictionary, or with more memory than there is; and what `reader` throws.
 */
export async function* decompressed(
  reader: ByteReader,
  compression: Compression,
): AsyncGenerator<Uint8Array, void, undefined> {
  const end = { isReached: false };
  do {
    yield* oneDecoder(reader, compression, end);
    // The decoder of gzip goes on by itself, up to zeros: tapes and fixed blocks are padded with them, and nobody minds.
    if (compression === 'gzip' && !end.isReached) return await requireZeros(reader);
    if (compression === 'zlib' && !end.isReached && (await reader.peek(1)).length > 0) throw followed(compression);
  } while (!end.isReached && (await reader.peek(1)).length > 0);
}

async function* oneDecoder(
  reader: ByteReader,
  compression: Compression,
  end: { isReached: boolean },
): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = decoderOf(compression);
  let failure: { readonly error: unknown } | undefined;
  let isOver = false;
  let wake = () => {};
  const over = () => {
    isOver = true;
    wake();
  };
  decoder.once('end', over).once('close', over);

  const feed = async () => {
    let given = 0;
    try {
      while (!isOver) {
        const chunk = await reader.next();
        if (chunk === undefined) {
          end.isReached = true;
          decoder.end();
          return;
        }
        given += chunk.length;
        await new Promise<void>((resolve) => {
          wake = resolve;
          decoder.write(chunk, () => resolve());
        });
        // What the decoder leaves is behind the end of what it can unpack.
        const unused = given - decoder.bytesWritten;
        if (unused === 0) continue;
        reader.unread(chunk.subarray(chunk.length - unused));
        return;
      }
    } catch (error) {
      failure = { error };
      decoder.destroy();
    }
  };

  const fed = feed();
  try {
    for await (const piece of decoder) yield piece;
  } catch (error) {
    // Where the bytes come from failed first, and that says nothing of what they are.
    if (failure === undefined) throw damaged(compression, error);
  } finally {
    decoder.destroy();
    await fed;
  }
  if (failure !== undefined) throw failure.error;
}

function decoderOf(compression: Compression): Decoder {
  if (compression === 'gzip') return createGunzip();
  return compression === 'zstd' ? createZstdDecompress() : createInflate();
}

/** What `zstd --long=31` and `zstd -D` leave is whole, and can be unpacked elsewhere. Such frames say so in their heads. */
const needs: Readonly<Record<string, string>> = {
  ZSTD_error_frameParameter_windowTooLarge: 'a window of more than 128 MiB',
  ZSTD_error_dictionary_wrong: 'a dictionary',
};

function damaged(compression: Compression, error: unknown): Error {
  const { code, message } = error as { code?: string; message: string };
  const need = code === undefined ? undefined : needs[code];
  if (need !== undefined) {
    const detail = `The ${compression} data needs ${need} to be unpacked (${message}).`;
    return new UncheckedError('cannot-look-inside', detail, { cause: error });
  }
  if (code === 'Z_BUF_ERROR') {
    return new ContainerFault(`is cut off: the ${compression} data ends in the middle`, { cause: error });
  }
  return new ContainerFault(`is damaged: its ${compression} data cannot be unpacked (${message})`, { cause: error });
}

async function requireZeros(reader: ByteReader): Promise<void> {
  for await (const chunk of reader.rest()) if (chunk.some((byte) => byte !== 0)) throw followed('gzip');
}

function followed(compression: Compression): ContainerFault {
  return new ContainerFault(`has something else behind the end of its ${compression} data`);
}
