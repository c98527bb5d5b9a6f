import type { Readable } from 'node:stream';
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  NoSuchKey,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { listObjects } from '../objects/list-objects.ts';
import { s3Url } from '../objects/object-store.ts';
import type { Destination } from '../retention/retention-config.ts';
import { UncheckedError } from '../unchecked-error.ts';
import { freeMemory } from './free-memory.ts';
import { uploadInParts } from './multipart-upload.ts';

/** Bytes of a piece of a download. */
const pieceBytes = 4 * 1024 * 1024;
/** A piece that is not here by then is asked for again. */
const defaultPieceTimeoutMs = 60_000;
const pieceAttempts = 3;
/** Of a document that is read at once. */
const maximumTextBytes = 64 * 1024 * 1024;
/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html */
const keysPerRequest = 1_000;

/** An object in the store, as it is listed. */
export interface StoredArchiveObject {
  /** Behind the destination's prefix. */
  readonly key: string;
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly modifiedAtMs: number;
}

/** Where archives are: a bucket and a prefix, which stands before each key that is named here. */
export class ArchiveStore {
  readonly #s3: S3Client;
  readonly #destination: Destination;
  readonly #signal: AbortSignal;
  readonly #pieceTimeoutMs: number;

  /** @param signal ends whatever is under way. */
  constructor(s3: S3Client, destination: Destination, signal: AbortSignal, pieceTimeoutMs = defaultPieceTimeoutMs) {
    this.#s3 = s3;
    this.#destination = destination;
    this.#signal = signal;
    this.#pieceTimeoutMs = pieceTimeoutMs;
  }

  /** Returns `s3://bucket/prefix…`, for people. */
  urlOf(key: string): string {
    return s3Url({ bucket: this.#destination.bucket, prefix: this.#destination.prefix + key });
  }

  /**
   * Writes an object of any size, holding three parts of it. It is there when this returns, and else not at all: an
   * upload that fails is aborted, and one whose process dies is for the bucket's lifecycle rule. What `content` throws,
   * this throws.
   */
  async upload(key: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    await uploadInParts(this.#s3, { ...this.#location(key), ...this.#writing() }, content, this.#signal);
  }

  /**
   * Returns the bytes of an object, which is asked for in pieces: a reader that is slow keeps no connection waiting,
   * and a piece that breaks off is asked for again. One piece is fetched ahead. All are of the same version. Bytes are
   * good until the next ones are asked for.
   *
   * @throws NoSuchKey when there is none; PreconditionFailed, from the iteration, when it is replaced meanwhile; the
   *   SDK's errors.
   */
  async open(key: string): Promise<AsyncIterable<Uint8Array>> {
    const first = await this.#piece(key, 0, undefined);
    return this.#pieces(key, first);
  }

  /** Writes a document only where there is none, and returns whether it did. */
  async putNew(key: string, text: string): Promise<boolean> {
    const command = new PutObjectCommand({
      ...this.#location(key),
      Body: text,
      ContentType: 'application/json',
      IfNoneMatch: '*',
      ...this.#writing(),
    });
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#s3.send(command, { abortSignal: this.#signal });
        return true;
      } catch (error) {
        const name = error instanceof Error ? error.name : '';
        if (name === 'PreconditionFailed') return false;
        // Somebody else was at the same key at the same time; S3 says to ask again.
        // https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        if (name !== 'ConditionalRequestConflict' || attempt === pieceAttempts) throw error;
      }
    }
  }

  /**
   * Returns a document's text; undefined when there is none.
   *
   * @throws UncheckedError `answer-too-large`; and the SDK's errors.
   */
  async readText(key: string): Promise<string | undefined> {
    let bytes: AsyncIterable<Uint8Array>;
    try {
      bytes = await this.open(key);
    } catch (error) {
      if (error instanceof NoSuchKey) return undefined;
      throw error;
    }
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of bytes) {
      length += chunk.length;
      if (length > maximumTextBytes) {
        throw new UncheckedError('answer-too-large', `${this.urlOf(key)} has more than ${maximumTextBytes} bytes.`);
      }
      chunks.push(Buffer.from(chunk));
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  /** Yields what is below `prefix`, in the order of the keys, those behind `after` only. */
  async *list(prefix: string, after?: string): AsyncGenerator<StoredArchiveObject, void, undefined> {
    const { bucket, prefix: root } = this.#destination;
    const range = {
      bucket,
      prefix: root + prefix,
      startAfter: after === undefined ? undefined : root + after,
    };
    for await (const objects of listObjects(this.#s3, range, { signal: this.#signal })) {
      for (const { key, sizeBytes, modifiedAtMs } of objects) {
        yield { key: key.slice(root.length), sizeBytes, modifiedAtMs };
      }
    }
  }

  /**
   * Removes objects.
   *
   * @throws UncheckedError `object-kept` when S3 keeps any; and the SDK's errors.
   */
  async remove(keys: readonly string[]): Promise<void> {
    const kept: string[] = [];
    for (let start = 0; start < keys.length; start += keysPerRequest) {
      const batch = keys.slice(start, start + keysPerRequest);
      const Objects = batch.map((key) => ({ Key: this.#destination.prefix + key }));
      const command = new DeleteObjectsCommand({ Bucket: this.#destination.bucket, Delete: { Objects, Quiet: true } });
      const { Errors = [] } = await this.#s3.send(command, { abortSignal: this.#signal });
      kept.push(...Errors.map(({ Key, Code }) => `${Key} (${Code})`));
    }
    if (kept.length > 0) {
      throw new UncheckedError('object-kept', `S3 keeps ${kept.length} objects, among them ${kept[0]}.`);
    }
  }

  async *#pieces(key: string, first: Piece): AsyncGenerator<Uint8Array, void, undefined> {
    let piece = first;
    for (;;) {
      const end = piece.start + piece.bytes.length;
      const next = end < piece.totalBytes && end > piece.start ? this.#piece(key, end, piece.etag) : undefined;
      // Its failure is met when it is waited for; until then, or when nobody will, it is nobody's.
      next?.catch(() => {});
      yield piece.bytes;
      freeMemory(piece.bytes);
      if (next === undefined) return;
      piece = await next;
    }
  }

  /** @param etag of the version that earlier pieces were of. */
  async #piece(key: string, start: number, etag: string | undefined): Promise<Piece> {
    for (let attempt = 1; ; attempt += 1) {
      const command = new GetObjectCommand({
        ...this.#location(key),
        Range: `bytes=${start}-${start + pieceBytes - 1}`,
        ...(etag === undefined ? {} : { IfMatch: etag }),
      });
      const late = AbortSignal.timeout(this.#pieceTimeoutMs);
      const signal = AbortSignal.any([this.#signal, late]);
      let answer: GetObjectCommandOutput | undefined;
      try {
        answer = await this.#s3.send(command, { abortSignal: signal });
        return await readPiece(answer, start, signal);
      } catch (error) {
        this.#signal.throwIfAborted();
        // Nothing has no first byte.
        if (start === 0 && error instanceof Error && error.name === 'InvalidRange') return nothing;
        // The SDK repeats nothing once an answer has begun, and does not know of our deadline.
        const isRepeatable = answer !== undefined || late.aborted;
        if (isRepeatable && attempt < pieceAttempts) continue;
        if (!late.aborted) throw error;
        const seconds = (pieceAttempts * this.#pieceTimeoutMs) / 1000;
        const detail = `${this.urlOf(key)}: S3 has not sent a piece of it within ${seconds} s.`;
        throw new UncheckedError('timeout', detail, { cause: error });
      }
    }
  }

  #location(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#destination.bucket, Key: this.#destination.prefix + key };
  }

  #writing() {
    const { storageClass, kmsKeyArn } = this.#destination;
    return {
      StorageClass: storageClass,
      ...(kmsKeyArn === undefined ? {} : { ServerSideEncryption: 'aws:kms' as const, SSEKMSKeyId: kmsKeyArn }),
    };
  }
}

interface Piece {
  readonly start: number;
  readonly bytes: Uint8Array;
  readonly totalBytes: number;
  readonly etag: string | undefined;
}

const nothing: Piece = { start: 0, bytes: new Uint8Array(), totalBytes: 0, etag: undefined };

async function readPiece(
  { Body, ContentRange, ContentLength, ETag }: GetObjectCommandOutput,
  start: number,
  signal: AbortSignal,
): Promise<Piece> {
  const body = Body as Readable;
  const abort = () => body.destroy(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  try {
    if (signal.aborted) abort();
    const bytes = await readToEnd(body, ContentLength ?? 0);
    if (ContentLength !== undefined && bytes.length !== ContentLength) {
      throw Object.assign(new Error('The connection ended before the object did'), { code: 'ECONNRESET' });
    }
    const [, first, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(ContentRange ?? '') ?? [];
    if (total === undefined || Number(first) !== start || bytes.length === 0) {
      // A store that knows no ranges answers with the whole object.
      if (start === 0 && ContentRange === undefined) return { start, bytes, totalBytes: bytes.length, etag: ETag };
      throw new UncheckedError('aws-error', 's3:GetObject answered with another range than was asked for');
    }
    return { start, bytes, totalBytes: Number(total), etag: ETag };
  } finally {
    signal.removeEventListener('abort', abort);
    body.destroy();
  }
}

/** @param expectedBytes how many there are to be: memory for them is taken once. */
async function readToEnd(body: AsyncIterable<Uint8Array>, expectedBytes: number): Promise<Uint8Array> {
  let bytes: Uint8Array = Buffer.allocUnsafeSlow(expectedBytes);
  let length = 0;
  for await (const chunk of body) {
    if (length + chunk.length > bytes.length) bytes = enlarged(bytes, 2 * (length + chunk.length));
    bytes.set(chunk, length);
    length += chunk.length;
    freeMemory(chunk);
  }
  return bytes.subarray(0, length);
}

function enlarged(bytes: Uint8Array, length: number): Uint8Array {
  const larger = new Uint8Array(length);
  larger.set(bytes);
  return larger;
}
