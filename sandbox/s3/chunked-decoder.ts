import { s3Error } from './s3-error.ts';

const lineFeed = 10;
/** Of the line before a chunk, or of one behind the last. */
const maximumLineLength = 1024;

/**
 * Decodes the body of a request with `Content-Encoding: aws-chunked`: chunks behind their length in hexadecimal, the last one empty, and
 * behind it headers with the checksum of all. Signatures are not looked at.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
 */
export class ChunkedDecoder {
  readonly trailers = new Map<string, string>();
  #state: 'length' | 'data' | 'data-end' | 'trailer' | 'done' = 'length';
  #line = '';
  #left = 0;

  /** Whether the end has come. */
  get isComplete(): boolean {
    return this.#state === 'done';
  }

  /** Yields the pieces of the content that are in what was received, as views of it. @throws Refusal for what is no such body. */
  *decode(received: Buffer): Generator<Buffer, void, undefined> {
    let at = 0;
    while (at < received.length) {
      if (this.#state === 'done') throw s3Error('InvalidRequest', 'There is something behind the last chunk.');
      if (this.#state === 'data') {
        const end = Math.min(received.length, at + this.#left);
        yield received.subarray(at, end);
        this.#left -= end - at;
        at = end;
        if (this.#left === 0) this.#state = 'data-end';
        continue;
      }
      const end = received.indexOf(lineFeed, at);
      this.#line += received.toString('latin1', at, end === -1 ? received.length : end);
      if (this.#line.length > maximumLineLength) throw s3Error('InvalidRequest', 'A line between chunks is too long.');
      if (end === -1) return;
      at = end + 1;
      this.#take(this.#line.replace(/\r$/, ''));
      this.#line = '';
    }
  }

  #take(line: string): void {
    if (this.#state === 'length') {
      const [length = ''] = line.split(';');
      if (!/^[0-9a-f]+$/i.test(length)) throw s3Error('InvalidRequest', 'The length of a chunk is none.');
      this.#left = Number.parseInt(length, 16);
      this.#state = this.#left === 0 ? 'trailer' : 'data';
    } else if (this.#state === 'data-end') {
      if (line !== '') throw s3Error('InvalidRequest', 'A chunk is longer than it says.');
      this.#state = 'length';
    } else if (line === '') this.#state = 'done';
    else {
      const colon = line.indexOf(':');
      this.trailers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
    }
  }
}
