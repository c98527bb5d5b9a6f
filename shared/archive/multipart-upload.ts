import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { freeMemory } from './free-memory.ts';

/**
 * Bytes of a part of an upload: the least that S3 takes, as several are in memory. It takes 10,000 of them, so that a
 * file may have 48 GiB: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
 */
const partBytes = 5 * 1024 * 1024;

/** Parts that are in memory at a time: on their way, but for one that is filled. */
const partsHeld = 3;

/** What S3 compares what it has received with. */
const ChecksumAlgorithm = 'CRC32';

/** Where an object is to be, and how it is to be stored. */
export type UploadedObject = Pick<
  PutObjectCommandInput,
  'Bucket' | 'Key' | 'StorageClass' | 'ServerSideEncryption' | 'SSEKMSKeyId'
>;

/**
 * Writes an object of any size, in the memory of three parts, which is used again and again. It is there when this
 * returns, and else not at all: an upload that fails is aborted, and one whose process dies is for the bucket's
 * lifecycle rule. Chunks of `content` may be reused once the next is asked for.
 *
 * @throws what `content` throws; the signal's reason, at once; and the SDK's errors.
 */
export async function uploadInParts(
  s3: S3Client,
  object: UploadedObject,
  content: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const upload = new PartsUpload(s3, object, signal);
  const source = content[Symbol.asyncIterator]();
  const stopped = Promise.withResolvers<never>();
  stopped.promise.catch(() => {});
  const stop = () => stopped.reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  // Whatever is waited for: nothing may keep an upload that is to end, or cannot succeed.
  const first = <T>(work: Promise<T>): Promise<T> => Promise.race([work, upload.failed, stopped.promise]);
  try {
    for (;;) {
      const { done, value } = await first(source.next());
      if (done) break;
      for (let at = 0; at < value.length; ) {
        if (upload.isPartFull) await first(upload.sendPart());
        at += upload.fill(value, at);
      }
    }
    await first(upload.complete());
  } catch (error) {
    // Neither is waited for when the time is up: a source that hangs does not end, and S3 may not answer.
    const closed = source.return?.();
    closed?.catch(() => {});
    const undone = upload.undo().catch(() => {});
    await Promise.race([undone, stopped.promise]).catch(() => {});
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

class PartsUpload {
  /** Never resolves; rejects when a part was refused. */
  readonly failed: Promise<never>;
  readonly #s3: S3Client;
  readonly #object: UploadedObject;
  readonly #fail: (error: unknown) => void;
  /** Ends the requests that are on their way. */
  readonly #requests = new AbortController();
  readonly #signal: AbortSignal;
  /** Undefined until there is more than one part. */
  #id: Promise<string | undefined> | undefined;
  readonly #sending = new Set<Promise<void>>();
  readonly #parts: CompletedPart[] = [];
  #number = 0;
  readonly #spare: Uint8Array[] = [];
  #part: Uint8Array = newPart();
  #length = 0;

  constructor(s3: S3Client, object: UploadedObject, signal: AbortSignal) {
    this.#s3 = s3;
    this.#object = object;
    this.#signal = AbortSignal.any([signal, this.#requests.signal]);
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => {});
    this.failed = promise;
    this.#fail = reject;
  }

  get isPartFull(): boolean {
    return this.#length === partBytes;
  }

  /** Takes as many bytes as the part has room for; returns how many. */
  fill(bytes: Uint8Array, from: number): number {
    const count = Math.min(bytes.length - from, partBytes - this.#length);
    this.#part.set(bytes.subarray(from, from + count), this.#length);
    this.#length += count;
    return count;
  }

  /** Has the part sent; returns when there is room for the next one. */
  async sendPart(): Promise<void> {
    this.#id ??= this.#create();
    this.#number += 1;
    const sending = this.#send(await this.#id, this.#number, this.#part, this.#length);
    this.#sending.add(sending);
    // One that was refused stays, so that nothing is made without it.
    sending.then(() => this.#sending.delete(sending), this.#fail);
    while (this.#sending.size >= partsHeld) await Promise.race(this.#sending);
    this.#part = this.#spare.pop() ?? newPart();
    this.#length = 0;
  }

  /** Sends what is left, and makes the object. */
  async complete(): Promise<void> {
    if (this.#id === undefined) {
      const Body = this.#part.subarray(0, this.#length);
      await this.#s3.send(new PutObjectCommand({ ...this.#object, ChecksumAlgorithm, Body }), this.#abortable);
    } else {
      await this.sendPart();
      await Promise.all(this.#sending);
      const UploadId = await this.#id;
      const Parts = this.#parts.sort((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0));
      const { Bucket, Key } = this.#object;
      const command = new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } });
      await this.#s3.send(command, this.#abortable);
    }
    for (const part of [this.#part, ...this.#spare]) freeMemory(part);
  }

  /** Has S3 forget all of it, once nothing of it is on its way any longer. */
  async undo(): Promise<void> {
    this.#requests.abort();
    const UploadId = await this.#id;
    if (UploadId === undefined) return;
    await Promise.allSettled(this.#sending);
    const { Bucket, Key } = this.#object;
    await this.#s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
  }

  get #abortable(): { readonly abortSignal: AbortSignal } {
    return { abortSignal: this.#signal };
  }

  /** Is not aborted: what S3 has begun is to be known, and undone. */
  async #create(): Promise<string | undefined> {
    const { UploadId } = await this.#s3.send(new CreateMultipartUploadCommand({ ...this.#object, ChecksumAlgorithm }));
    return UploadId;
  }

  async #send(UploadId: string | undefined, PartNumber: number, part: Uint8Array, length: number): Promise<void> {
    const { Bucket, Key } = this.#object;
    const Body = part.subarray(0, length);
    const command = new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, ChecksumAlgorithm, Body });
    const { ETag, ChecksumCRC32 } = await this.#s3.send(command, this.#abortable);
    this.#parts.push({ PartNumber, ETag, ChecksumCRC32 });
    this.#spare.push(part);
  }
}

function newPart(): Uint8Array {
  return Buffer.allocUnsafeSlow(partBytes);
}
