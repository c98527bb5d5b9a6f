import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  NoSuchKey,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { documentName } from './document-name.ts';
import type { StateStore } from './state-store.ts';

/**
 * Bytes of a part, and the most that is held in memory. S3 takes 10,000 parts, of which all but the last must have 5 MiB or more:
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
 */
const partBytes = 8 * 1024 * 1024;

/**
 * A store below a prefix of a bucket. What fits one part is written by one PutObject, which is atomic; what does not, by a multipart
 * upload, which shows nothing until it is complete.
 */
export class S3StateStore implements StateStore {
  readonly #s3: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;

  /** @param prefix ends with `/`. */
  constructor(s3: S3Client, bucket: string, prefix: string) {
    this.#s3 = s3;
    this.#bucket = bucket;
    this.#prefix = prefix;
  }

  async read(name: string): Promise<AsyncIterable<Uint8Array> | undefined> {
    try {
      const { Body } = await this.#s3.send(new GetObjectCommand(this.#locationOf(name)));
      return Body as unknown as AsyncIterable<Uint8Array>;
    } catch (error) {
      if (error instanceof NoSuchKey) return undefined;
      throw error;
    }
  }

  async write(name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    const location = this.#locationOf(name);
    const parts = partsOf(content);
    try {
      await this.#writeParts(location, parts);
    } finally {
      // What the content comes from would stay open when S3 takes no more of it.
      await parts.return(undefined);
    }
  }

  async #writeParts(location: { Bucket: string; Key: string }, parts: AsyncGenerator<Buffer>): Promise<void> {
    const first = await parts.next();
    const second = first.done === true ? first : await parts.next();
    if (second.done === true) {
      await this.#s3.send(
        new PutObjectCommand({ ...location, Body: first.done === true ? Buffer.alloc(0) : first.value }),
      );
      return;
    }
    await this.#upload(
      location,
      (async function* () {
        yield first.value as Buffer;
        yield second.value;
        for (let next = await parts.next(); next.done !== true; next = await parts.next()) yield next.value;
      })(),
    );
  }

  async #upload(location: { Bucket: string; Key: string }, parts: AsyncIterable<Buffer>): Promise<void> {
    const { UploadId } = await this.#s3.send(new CreateMultipartUploadCommand(location));
    const upload = { ...location, UploadId };
    try {
      const uploaded: CompletedPart[] = [];
      for await (const Body of parts) {
        const PartNumber = uploaded.length + 1;
        const { ETag, ChecksumCRC32 } = await this.#s3.send(new UploadPartCommand({ ...upload, PartNumber, Body }));
        // The SDK sends a checksum with each part; S3 wants to be told those again.
        uploaded.push({ PartNumber, ETag, ChecksumCRC32 });
      }
      await this.#s3.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: uploaded } }));
    } catch (error) {
      // Its own failure would hide why; the bucket's lifecycle rule clears away what is left of an upload.
      await this.#s3.send(new AbortMultipartUploadCommand(upload)).catch(() => {});
      throw error;
    }
  }

  #locationOf(name: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: `${this.#prefix}${documentName(name)}` };
  }
}

/** Returns the same bytes in pieces of `partBytes`, of which the last may be shorter. */
async function* partsOf(content: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let pieces: Uint8Array[] = [];
  let length = 0;
  for await (let piece of content) {
    while (length + piece.length >= partBytes) {
      const rest = partBytes - length;
      yield Buffer.concat([...pieces, piece.subarray(0, rest)]);
      pieces = [];
      length = 0;
      piece = piece.subarray(rest);
    }
    if (piece.length > 0) pieces.push(piece);
    length += piece.length;
  }
  if (length > 0) yield Buffer.concat(pieces);
}
