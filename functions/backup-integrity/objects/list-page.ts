import type { Readable } from 'node:stream';
import {
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  type ListObjectsV2CommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { DeserializeMiddleware } from '@smithy/types';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import { type ListedObject, unquoted } from './listed-object.ts';
import { decodeUrl, type Listing, scanListing } from './scan-listing.ts';

/** An answer that stops in the middle would otherwise be waited for until the end of the run. */
const bodyTimeoutMs = 20_000;

/**
 * Returns one answer to ListObjectsV2, its keys as they are. The request is the SDK's, with its endpoint, signature, retries and
 * errors; its answer is read by {@link scanListing}, and by the SDK where that does not understand it.
 *
 * @param whenWanted until then the answer stays as it came, if it comes earlier: bytes that wait cost the collector nothing, while
 *   thousands of objects that wait make it take ever more memory.
 * @throws UncheckedError for an answer that contradicts itself: nobody knows then what it left out.
 */
export async function listPage(
  client: S3Client,
  input: Omit<ListObjectsV2CommandInput, 'EncodingType'>,
  { signal, whenWanted }: { readonly signal: AbortSignal; readonly whenWanted?: Promise<void> },
): Promise<Listing> {
  let scanned: Listing | undefined;
  const command = new ListObjectsV2Command({ ...input, EncodingType: 'url' });
  const scan: DeserializeMiddleware<ListObjectsV2CommandInput, ListObjectsV2CommandOutput> = (next) => async (args) => {
    scanned = undefined;
    const result = await next(args);
    const response = result.response as RawResponse;
    if (response.statusCode !== 200) return result;
    await withBody(response.body, async (body) => {
      await whenWanted;
      scanned = scanListing(body);
      // The SDK reads no empty body, and so does not read twice.
      response.body = scanned === undefined ? Buffer.from(body) : new Uint8Array();
    });
    return result;
  };
  command.middlewareStack.addRelativeTo(scan, {
    name: 'caretakerScanListing',
    relation: 'after',
    toMiddleware: 'deserializerMiddleware',
  });
  const output = await client.send(command, { abortSignal: signal });
  return consistent(scanned ?? fromSdk(output), input);
}

interface RawResponse {
  readonly statusCode: number;
  body: Readable | Uint8Array;
}

/** Buffers for answers, used again and again: thousands of answers would leave hundreds of megabytes to be collected. */
const spareBuffers: Buffer[] = [];
const maximumSpareBuffers = 8;
const firstBufferBytes = 512 * 1024;

/** Reads the body to its end for `use`, which must not keep it. */
async function withBody(body: Readable | Uint8Array, use: (body: Buffer) => Promise<void>): Promise<void> {
  if (body instanceof Uint8Array) return use(Buffer.from(body));
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
    clearTimeout(timer);
    await use(buffer.subarray(0, length));
  } finally {
    clearTimeout(timer);
    if (spareBuffers.length < maximumSpareBuffers) spareBuffers.push(buffer);
  }
}

/** Returns what the SDK has read, in our form. */
function fromSdk(output: ListObjectsV2CommandOutput): Listing {
  const decode = output.EncodingType === 'url' ? decodeOrThrow : (text: string) => text;
  return {
    isTruncated: output.IsTruncated,
    nextToken: output.NextContinuationToken,
    keyCount: output.KeyCount,
    objects: (output.Contents ?? []).map(({ Key, Size, LastModified, ETag, StorageClass }): ListedObject => {
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
    }),
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

function consistent(listing: Listing, { Bucket }: { Bucket: string | undefined }): Listing {
  const { isTruncated, nextToken, keyCount, objects, commonPrefixes } = listing;
  const held = objects.length + commonPrefixes.length;
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
