import type { Readable } from 'node:stream';
import {
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  type ListObjectsV2CommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { DeserializeMiddleware } from '@smithy/types';
import { UncheckedError } from '../unchecked-error.ts';
import { type ListedObject, unquoted } from './listed-object.ts';
import { decodeUrl, type IndexedListing, indexListing, type Listing } from './scan-listing.ts';

/** An answer that stops in the middle would otherwise be waited for until the end of the run. */
const bodyTimeoutMs = 20_000;

type Input = Omit<ListObjectsV2CommandInput, 'EncodingType'>;

/** An answer to ListObjectsV2 whose objects are read piece by piece. */
export interface OpenPage extends IndexedListing, Disposable {}

/** Returns one answer to ListObjectsV2 as {@link openPage} does, with all its objects. */
export async function listPage(
  client: S3Client,
  input: Input,
  options: { readonly signal: AbortSignal },
): Promise<Listing> {
  using page = await openPage(client, input, options);
  const { isTruncated, nextToken, keyCount, commonPrefixes, objectCount } = page;
  return { isTruncated, nextToken, keyCount, commonPrefixes, objects: page.read(0, objectCount) };
}

/**
 * Returns one answer to ListObjectsV2, its keys as they are. The request is the SDK's, with its endpoint, signature, retries and
 * errors; its answer is read by {@link indexListing}, and by the SDK where that does not understand it. Has to be disposed of.
 *
 * @throws UncheckedError for an answer that contradicts itself: nobody knows then what it left out.
 */
export async function openPage(
  client: S3Client,
  input: Input,
  { signal }: { readonly signal: AbortSignal },
): Promise<OpenPage> {
  let indexed: IndexedListing | undefined;
  let held: Buffer | undefined;
  const command = new ListObjectsV2Command({ ...input, EncodingType: 'url' });
  const scan: DeserializeMiddleware<ListObjectsV2CommandInput, ListObjectsV2CommandOutput> = (next) => async (args) => {
    const result = await next(args);
    const response = result.response as RawResponse;
    if (response.statusCode !== 200) return result;
    const { bytes, buffer } = await readBody(response.body);
    indexed = indexListing(bytes);
    // The SDK reads no empty body, and so does not read twice.
    response.body = indexed === undefined ? Buffer.from(bytes) : new Uint8Array();
    if (indexed === undefined) giveBack(buffer);
    else held = buffer;
    return result;
  };
  command.middlewareStack.addRelativeTo(scan, {
    name: 'caretakerScanListing',
    relation: 'after',
    toMiddleware: 'deserializerMiddleware',
  });
  const output = await client.send(command, { abortSignal: signal });
  const dispose = () => {
    giveBack(held);
    held = undefined;
  };
  return { ...consistent(indexed ?? fromSdk(output), input), [Symbol.dispose]: dispose };
}

interface RawResponse {
  readonly statusCode: number;
  body: Readable | Uint8Array;
}

/** Buffers for answers, used again and again: thousands of answers would leave hundreds of megabytes to be collected. */
const spareBuffers: Buffer[] = [];
const maximumSpareBuffers = 8;
const firstBufferBytes = 512 * 1024;

function giveBack(buffer: Buffer | undefined): void {
  if (buffer !== undefined && spareBuffers.length < maximumSpareBuffers) spareBuffers.push(buffer);
}

/** Reads the body to its end, into a buffer that is to be given back. */
async function readBody(body: Readable | Uint8Array): Promise<{ bytes: Buffer; buffer: Buffer | undefined }> {
  if (body instanceof Uint8Array) return { bytes: Buffer.from(body), buffer: undefined };
  const timer = setTimeout(() => {
    const late = new Error(`The answer was not complete after ${bodyTimeoutMs} ms.`);
    body.destroy(Object.assign(late, { name: 'TimeoutError' }));
  }, bodyTimeoutMs);
  let buffer = spareBuffers.pop() ?? Buffer.allocUnsafeSlow(firstBufferBytes);
  try {
    let length = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      if (length + chunk.length > buffer.length) {
        const larger = Buffer.allocUnsafeSlow(2 * (length + chunk.length));
        buffer.copy(larger, 0, 0, length);
        buffer = larger;
      }
      chunk.copy(buffer, length);
      length += chunk.length;
    }
    return { bytes: buffer.subarray(0, length), buffer };
  } catch (error) {
    giveBack(buffer);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Returns what the SDK has read, in our form. */
function fromSdk(output: ListObjectsV2CommandOutput): IndexedListing {
  const decode = output.EncodingType === 'url' ? decodeOrThrow : (text: string) => text;
  const objects = (output.Contents ?? []).map(({ Key, Size, LastModified, ETag, StorageClass }): ListedObject => {
    if (typeof Key !== 'string' || Size === undefined || LastModified === undefined) {
      throw new UncheckedError('aws-error', 's3:ListObjectsV2 answered with an object without key, size or time');
    }
    return {
      key: decode(Key),
      sizeBytes: Size,
      modifiedAtMs: LastModified.getTime(),
      etag: ETag === undefined ? undefined : unquoted(ETag),
      storageClass: StorageClass,
    };
  });
  return {
    isTruncated: output.IsTruncated,
    nextToken: output.NextContinuationToken,
    keyCount: output.KeyCount,
    objectCount: objects.length,
    read: (start, end) => objects.slice(start, end),
    commonPrefixes: (output.CommonPrefixes ?? []).map(({ Prefix }) => decode(Prefix ?? '')),
  };
}

function decodeOrThrow(text: string): string {
  try {
    return decodeUrl(text);
  } catch (error) {
    throw new UncheckedError('aws-error', 's3:ListObjectsV2 answered with a key that is no UTF-8', { cause: error });
  }
}

function consistent(listing: IndexedListing, { Bucket }: { Bucket: string | undefined }): IndexedListing {
  const { isTruncated, nextToken, keyCount, objectCount, commonPrefixes } = listing;
  const held = objectCount + commonPrefixes.length;
  if (isTruncated === undefined) throw contradiction(`whether the listing of ${Bucket} goes on, it does not say`);
  if (isTruncated && !nextToken) throw contradiction(`the listing of ${Bucket} goes on, but not where`);
  if (keyCount !== undefined && keyCount !== held) {
    throw contradiction(`it says that it holds ${keyCount} keys of ${Bucket}, and holds ${held}`);
  }
  return listing;
}

function contradiction(what: string): UncheckedError {
  return new UncheckedError('aws-error', `s3:ListObjectsV2 answered with half a listing: ${what}`);
}
