import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';

/** A file is not what zstd writes, or not as {@link compressFrames} has it written. */
export class ZstdError extends Error {
  override readonly name = 'ZstdError';
}

/** Bytes of text in a frame. Each is compressed by itself, so that no more than a few of them are ever held. */
const frameBytes = 512 * 1024;

/**
 * What a frame could have at most: https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1.2 has blocks of at most 128
 * KiB.
 */
const maximumFrameBytes = frameBytes + 64 * 1024;

/** One more than a frame's text, so that all of it comes in one buffer and no other is begun. */
const outputBytes = frameBytes + 1;

/** Frames that other threads work on at a time. */
const inFlight = 2;

/** The fastest level: those above it take twice as long for rows, and make them hardly any smaller. */
const level = 1;

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/**
 * Yields a zstd file of what `source` yields: frames of 512 KiB that follow each other, as `pzstd` writes them and
 * every reader takes them, each with a checksum. Never an empty file. Chunks of `source` may be reused once the next is
 * asked for.
 */
export async function* compressFrames(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const spare: Uint8Array[] = [];
  const pending: { frame: Promise<Uint8Array>; text: Uint8Array }[] = [];
  const start = (text: Uint8Array, length: number) => {
    const params = { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 };
    const frame = compress(text.subarray(0, length), { chunkSize: frameBytes / 2, params });
    // Its failure is met when its turn comes.
    frame.catch(() => {});
    pending.push({ frame, text });
  };
  const take = async (): Promise<Uint8Array> => {
    const { frame, text } = pending.shift() as (typeof pending)[number];
    const bytes = await frame;
    spare.push(text);
    return bytes;
  };
  let text: Uint8Array = new Uint8Array(frameBytes);
  let length = 0;
  let hasFrames = false;
  for await (const chunk of source) {
    for (let from = 0; from < chunk.length; ) {
      const count = Math.min(chunk.length - from, frameBytes - length);
      text.set(chunk.subarray(from, from + count), length);
      length += count;
      from += count;
      if (length < frameBytes) continue;
      start(text, length);
      hasFrames = true;
      if (pending.length > inFlight) yield await take();
      text = spare.pop() ?? new Uint8Array(frameBytes);
      length = 0;
    }
  }
  if (length > 0 || !hasFrames) start(text, length);
  while (pending.length > 0) yield await take();
}

/**
 * Yields the text of each frame of a zstd file, in order. What it holds is bounded whatever the file says.
 *
 * @throws ZstdError when the file is not whole frames as {@link compressFrames} writes them.
 */
export async function* decompressFrames(file: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const pending: Promise<Uint8Array>[] = [];
  const start = (frame: Uint8Array) => {
    const text = decompress(frame, { chunkSize: outputBytes, maxOutputLength: frameBytes });
    text.catch(() => {});
    pending.push(text);
  };
  const take = async (): Promise<Uint8Array> => {
    try {
      return await (pending.shift() as Promise<Uint8Array>);
    } catch (error) {
      throw new ZstdError('It cannot be decompressed.', { cause: error });
    }
  };
  for await (const frame of splitFrames(file)) {
    start(frame);
    if (pending.length > inFlight) yield await take();
  }
  while (pending.length > 0) yield await take();
}

/** Yields the bytes of each frame. */
async function* splitFrames(file: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let held: Uint8Array = new Uint8Array();
  for await (const chunk of file) {
    // What is left of a frame is short beside the next chunk, so that little is copied.
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    for (let size = frameSize(held); size !== undefined; size = frameSize(held)) {
      yield held.subarray(0, size);
      held = held.subarray(size);
    }
  }
  if (held.length > 0) throw new ZstdError('It ends within a frame.');
}

/**
 * Returns the size of the frame that bytes begin with; undefined when they do not reach to its end.
 * https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1
 */
function frameSize(bytes: Uint8Array): number | undefined {
  if (bytes.length < 5) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== 0xfd2fb528) throw new ZstdError('It has something that is no frame of zstd.');
  const descriptor = view.getUint8(4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const contentSizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6] as number;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] as number;
  let at = 5 + (isSingleSegment ? 0 : 1) + dictionaryBytes + contentSizeBytes;
  for (let isLast = false; !isLast; ) {
    if (at + 3 > bytes.length) return undefined;
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    isLast = (header & 1) === 1;
    const type = (header >>> 1) & 3;
    if (type === reservedBlock) throw new ZstdError('It has a block of a kind that zstd does not know.');
    at += 3 + (type === repeatedBlock ? 1 : header >>> 3);
    if (at > maximumFrameBytes) throw new ZstdError('It has a frame that is larger than was written.');
  }
  if ((descriptor & 4) !== 0) at += 4;
  return at <= bytes.length ? at : undefined;
}

const repeatedBlock = 1;
const reservedBlock = 3;
