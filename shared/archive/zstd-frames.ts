import type { TransformOptions } from 'node:stream';
import { promisify } from 'node:util';
import { constants, createZstdCompress, type ZstdOptions, zstdDecompress } from 'node:zlib';
import { freeMemory } from './free-memory.ts';

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

/** Of as many, a frame's end is found, or that there is none: a header of a block and a checksum are behind the rest. */
const joinedBytes = maximumFrameBytes + 8;

/** One more than a frame's text, so that all of it comes in one buffer and no other is begun. */
const outputBytes = frameBytes + 1;

/** Of what is compressed: several frames, as one that fits into what is left of it is not copied once more. */
const compressedBytes = 1024 * 1024;

/** Frames that other threads decompress at a time. */
const inFlight = 2;

const compression = {
  // The fastest level: those above it take twice as long for rows, and make them hardly any smaller.
  [constants.ZSTD_c_compressionLevel]: 1,
  // A table that stays in the processor's nearest cache: faster by a tenth, and for rows as good as the level's own.
  [constants.ZSTD_c_hashLog]: 13,
  [constants.ZSTD_c_checksumFlag]: 1,
};

/** Each write is a frame of its own, whose pieces are read one by one, and none of which waits until it is read. */
const frameOptions: ZstdOptions & Pick<TransformOptions, 'readableObjectMode' | 'readableHighWaterMark'> = {
  params: compression,
  flush: constants.ZSTD_e_end,
  chunkSize: compressedBytes,
  readableObjectMode: true,
  readableHighWaterMark: 16,
};

const decompress = promisify(zstdDecompress);

/**
 * Yields a zstd file of what `source` yields: frames of 512 KiB that follow each other, as `pzstd` writes them and
 * every reader takes them, each with a checksum and its size. Never an empty file. One frame is compressed while the next
 * one is filled. Chunks of `source` may be reused once the next is asked for; bytes are good until the next ones are.
 */
export async function* compressFrames(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  using compressor = new FrameCompressor();
  let text = Buffer.allocUnsafeSlow(frameBytes);
  let other = Buffer.allocUnsafeSlow(frameBytes);
  let length = 0;
  for await (const chunk of source) {
    for (let from = 0; from < chunk.length; ) {
      // Not before there is more, so that the last frame is never an empty one.
      if (length === frameBytes) {
        yield* compressor.finish();
        compressor.start(text);
        [text, other] = [other, text];
        length = 0;
      }
      const count = Math.min(chunk.length - from, frameBytes - length);
      text.set(chunk.subarray(from, from + count), length);
      length += count;
      from += count;
    }
  }
  yield* compressor.finish();
  compressor.start(text.subarray(0, length));
  yield* compressor.finish();
}

/** Compresses one frame at a time, on another thread, with one context for all of them. */
class FrameCompressor implements Disposable {
  readonly #zstd = createZstdCompress(frameOptions);
  readonly #failed = Promise.withResolvers<never>();
  #frame: Promise<void> | undefined;

  constructor() {
    this.#failed.promise.catch(() => {});
    this.#zstd.on('error', this.#failed.reject);
  }

  /** Its text has to stay as it is until the frame is finished. */
  start(text: Uint8Array): void {
    this.#frame = new Promise((resolve) => {
      this.#zstd.write(text, () => resolve());
    });
  }

  /** Yields the frame that was started, in pieces; nothing when there is none. */
  async *finish(): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#frame === undefined) return;
    await Promise.race([this.#frame, this.#failed.promise]);
    this.#frame = undefined;
    for (let piece = this.#read(); piece !== null; piece = this.#read()) {
      yield piece;
      // Nothing more is written where it ends, and all before it in the same memory has been read.
      if (piece.byteOffset + piece.length === piece.buffer.byteLength) freeMemory(new Uint8Array(piece.buffer));
    }
  }

  #read(): Uint8Array | null {
    return this.#zstd.read() as Uint8Array | null;
  }

  [Symbol.dispose](): void {
    this.#zstd.destroy();
  }
}

/**
 * Yields the text of each frame of a zstd file, in order. What it holds is bounded whatever the file says. Chunks of
 * `file` may be reused once the next is asked for.
 *
 * @throws ZstdError when the file is not whole frames as {@link compressFrames} writes them.
 */
export async function* decompressFrames(file: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const frames = new FrameSplitter();
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
  for await (const chunk of file) {
    for (const frame of frames.push(chunk)) {
      start(frame);
      if (pending.length > inFlight) yield await take();
    }
    // They are read from the chunk's own memory.
    await Promise.allSettled(pending);
  }
  frames.end();
  while (pending.length > 0) yield await take();
}

/** Finds the frames of a file in chunks that end anywhere. */
class FrameSplitter {
  /** The beginning of a frame is in the first; a frame that was put together of two chunks is in the second. */
  #begun = Buffer.allocUnsafeSlow(joinedBytes);
  #joined = Buffer.allocUnsafeSlow(joinedBytes);
  #begunLength = 0;

  /** Yields the bytes of each frame that ends in a chunk. They are good until the next chunk is pushed. */
  *push(chunk: Uint8Array): Generator<Uint8Array, void, undefined> {
    let rest = chunk;
    if (this.#begunLength > 0) {
      const length = this.#begunLength;
      this.#keep(chunk);
      const size = frameSize(this.#begun.subarray(0, this.#begunLength));
      if (size === undefined) return;
      [this.#begun, this.#joined] = [this.#joined, this.#begun];
      this.#begunLength = 0;
      rest = chunk.subarray(size - length);
      yield this.#joined.subarray(0, size);
    }
    for (let size = frameSize(rest); size !== undefined; size = frameSize(rest)) {
      yield rest.subarray(0, size);
      rest = rest.subarray(size);
    }
    this.#keep(rest);
  }

  /** Takes no more than are sure to reach to a frame's end. */
  #keep(bytes: Uint8Array): void {
    const taken = bytes.subarray(0, joinedBytes - this.#begunLength);
    this.#begun.set(taken, this.#begunLength);
    this.#begunLength += taken.length;
  }

  /** Says that there is no more. @throws ZstdError within a frame. */
  end(): void {
    if (this.#begunLength > 0) throw new ZstdError('It ends within a frame.');
  }
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
