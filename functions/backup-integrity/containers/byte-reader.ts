import { UncheckedError } from '../../../shared/unchecked-error.ts';
import { ContainerFault } from './verdict.ts';

const nothing = Buffer.alloc(0);

/**
 * Reads a stream of bytes from its beginning to its end, by exact numbers of bytes or by whatever comes, and holds no more of it
 * than what is asked for at once.
 */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  /** Ends the reading. */
  readonly signal: AbortSignal;
  #held: Buffer = nothing;
  #position = 0;

  /** @param signal ends the reading: what is read next throws an UncheckedError with the reason `not-reached`. */
  constructor(source: AsyncIterable<Uint8Array>, signal: AbortSignal) {
    this.#chunks = source[Symbol.asyncIterator]();
    this.signal = signal;
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#position;
  }

  /** Returns the next bytes, however many there are; `undefined` at the end. */
  async next(): Promise<Buffer | undefined> {
    const chunk = this.#held.length > 0 ? this.#held : await this.#fetch();
    this.#held = nothing;
    this.#position += chunk?.length ?? 0;
    return chunk;
  }

  /** Puts back the last bytes that were read. */
  unread(bytes: Uint8Array): void {
    this.#position -= bytes.length;
    this.#held = this.#held.length === 0 ? asBuffer(bytes) : Buffer.concat([bytes, this.#held]);
  }

  /** Returns the next `length` bytes, or what is left when that is less, and leaves them to be read. */
  async peek(length: number): Promise<Buffer> {
    while (this.#held.length < length) {
      const chunk = await this.#fetch();
      if (chunk === undefined) break;
      this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    }
    return this.#held.subarray(0, length);
  }

  /**
   * Returns exactly the next `length` bytes.
   *
   * @param what is being read, for the message when there are fewer.
   * @throws ContainerFault when the end comes first.
   */
  async read(length: number, what: string): Promise<Buffer> {
    const held = this.readHeld(length);
    if (held !== undefined) return held;
    const { length: left } = await this.peek(length);
    return this.readHeld(length) ?? raise(this.#cutOff(left, what));
  }

  /** Returns exactly the next `length` bytes when they are at hand already: for what is read a million times over. */
  readHeld(length: number): Buffer | undefined {
    if (this.#held.length < length) return undefined;
    const bytes = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    this.#position += length;
    return bytes;
  }

  /** Yields the next `length` bytes as they come. @throws ContainerFault when the end comes first. */
  async *take(length: number, what: string): AsyncGenerator<Buffer, void, undefined> {
    for (let left = length; left > 0; ) {
      const chunk = await this.next();
      if (chunk === undefined) throw this.#cutOff(0, what);
      if (chunk.length > left) this.unread(chunk.subarray(left));
      yield chunk.subarray(0, left);
      left -= Math.min(left, chunk.length);
    }
  }

  /** Passes over the next `length` bytes. @throws ContainerFault when the end comes first. */
  async skip(length: number, what: string): Promise<void> {
    if (this.readHeld(length) !== undefined) return;
    for await (const _ of this.take(length, what));
  }

  /** Yields everything up to the end. */
  async *rest(): AsyncGenerator<Buffer, void, undefined> {
    for (let chunk = await this.next(); chunk !== undefined; chunk = await this.next()) yield chunk;
  }

  async #fetch(): Promise<Buffer | undefined> {
    for (;;) {
      if (this.signal.aborted) throw outOfTime();
      const { done, value } = await this.#chunks.next();
      if (done === true) return undefined;
      if (value.length > 0) return asBuffer(value);
    }
  }

  #cutOff(left: number, what: string): ContainerFault {
    return new ContainerFault(`is cut off after ${(this.#position + left).toLocaleString('en-US')} bytes, in ${what}`);
  }
}

/** Returns what says that the time was up before the end of a file. */
export function outOfTime(): UncheckedError {
  return new UncheckedError('not-reached', 'The run ran out of time before it had read the file to its end.');
}

function raise(error: Error): never {
  throw error;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
