import type { Readable } from 'node:stream';
import { GetObjectCommand, type GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { uncheckedReason } from '../../../shared/aws/unchecked-reason.ts';
import { type Digest, digestText, expectedDigest, rememberedDigest, startDigest } from './digests.ts';
import type { HashThread } from './hash-thread.ts';
import { refuseReused } from './large-reads.ts';
import type { ReadingS3Client } from './reading-client.ts';

/** What objects are read with. */
export interface ReadTools {
  readonly client: ReadingS3Client;
  /** Called for objects that are large enough for another thread to be worth it. */
  hashThread(): HashThread;
}

/** Below this, handing bytes to another thread costs more than hashing them. */
const threadFromBytes = 1024 * 1024;

/** What is to be read: this version of the object, and no other. */
export interface ObjectVersion {
  readonly bucket: string;
  readonly key: string;
  readonly etag: string | undefined;
  readonly sizeBytes: number;
}

/** What reading an object has shown. */
export type ReadOutcome =
  /** Its bytes hash to what S3, or an earlier run, says; or, where neither says anything, to `digest` from now on. */
  | { readonly kind: 'good'; readonly digest: string }
  | {
      readonly kind: 'altered';
      /** What its bytes were compared by. */
      readonly algorithm: string;
      readonly expected: string;
      readonly actual: string;
    }
  | { readonly kind: 'unreadable'; readonly reason: string; readonly detail: string }
  /** It was deleted or written anew since it was listed. */
  | { readonly kind: 'moved-on' }
  /** It has to be restored before it can be read. */
  | { readonly kind: 'archived' }
  /** The time was up before its end. */
  | { readonly kind: 'interrupted' };

/**
 * Reads an object to its end and compares its bytes with what they should hash to. What went wrong once its first byte had come is
 * tried once more: the SDK repeats nothing then, and a connection that broke, or bytes that were spoiled on their way, say nothing
 * of the object.
 *
 * @param remembered digest of an earlier run, of the same version.
 * @param signal gives the object up at once.
 * @throws whatever is no reason to leave a single object unread.
 */
export async function readObject(
  tools: ReadTools,
  object: ObjectVersion,
  remembered: string | undefined,
  signal: AbortSignal,
): Promise<ReadOutcome> {
  const first = await tryToRead(tools, object, remembered, signal);
  const deservesAnother = first.kind === 'altered' || (first.kind === 'unreadable' && first.isBodyBroken);
  const outcome = deservesAnother ? await tryToRead(tools, object, remembered, signal) : first;
  if (outcome.kind !== 'unreadable') return outcome;
  const { kind, reason, detail } = outcome;
  return { kind, reason, detail };
}

type Attempt = Exclude<ReadOutcome, { kind: 'unreadable' }> | Unreadable;

interface Unreadable {
  readonly kind: 'unreadable';
  readonly reason: string;
  readonly detail: string;
  readonly isBodyBroken: boolean;
}

async function tryToRead(
  tools: ReadTools,
  { bucket, key, etag, sizeBytes }: ObjectVersion,
  remembered: string | undefined,
  signal: AbortSignal,
): Promise<Attempt> {
  let answer: GetObjectCommandOutput;
  try {
    const version = etag === undefined ? {} : { IfMatch: `"${etag}"` };
    const command = new GetObjectCommand({ Bucket: bucket, Key: key, ...version });
    answer = await tools.client.send(command, { abortSignal: signal });
  } catch (error) {
    return signal.aborted ? { kind: 'interrupted' } : refusal(error);
  }
  const { algorithm, source, value } = expectedDigest(answer, remembered);
  const digest = startDigest(algorithm, sizeBytes < threadFromBytes ? undefined : tools.hashThread());
  let readBytes: number;
  try {
    readBytes = await readToEnd(answer.Body as Readable, digest, signal);
  } catch (error) {
    digest.abandon();
    return signal.aborted ? { kind: 'interrupted' } : unreadable(error, true);
  }
  if (readBytes !== sizeBytes) {
    digest.abandon();
    return { kind: 'altered', algorithm: 'size', expected: `${sizeBytes} bytes`, actual: `${readBytes} bytes` };
  }
  const actual = await digest.end();
  const earlier = rememberedDigest(remembered);
  const isComparable = earlier?.algorithm === algorithm;
  if (value !== undefined && value !== actual) return { kind: 'altered', algorithm: source, expected: value, actual };
  if (isComparable && earlier.value !== actual) {
    return { kind: 'altered', algorithm: `${algorithm} of an earlier reading`, expected: earlier.value, actual };
  }
  return { kind: 'good', digest: digestText(algorithm, actual) };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList */
function refusal(error: unknown): Attempt {
  const name = error instanceof Error ? error.name : '';
  if (name === 'PreconditionFailed' || name === 'NoSuchKey') return { kind: 'moved-on' };
  if (name === 'InvalidObjectState') return { kind: 'archived' };
  return unreadable(error, false);
}

function unreadable(error: unknown, isBodyBroken: boolean): Unreadable {
  const why = uncheckedReason(error);
  if (why === undefined) throw error;
  return { kind: 'unreadable', ...why, isBodyBroken };
}

/** Hashes each chunk where it arrives; returns how many bytes there were. */
function readToEnd(body: Readable, digest: Digest, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    let readBytes = 0;
    const onAbort = () => body.destroy(new Error('The time is up', { cause: signal.reason }));
    const settle = (act: () => void) => {
      signal.removeEventListener('abort', onAbort);
      act();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    body.on('data', (chunk: Buffer) => {
      try {
        refuseReused(chunk);
        readBytes += chunk.length;
        const wait = digest.update(chunk);
        if (wait === undefined) return;
        body.pause();
        wait.then(
          () => body.resume(),
          (error) => body.destroy(error),
        );
      } catch (error) {
        body.destroy(error as Error);
      }
    });
    body.on('error', (error) => settle(() => reject(error)));
    body.on('end', () => settle(() => resolve(readBytes)));
    // Settled by now, unless the connection ended without either of the two.
    body.on('close', () => {
      const error = new Error('The connection ended before the object did');
      settle(() => reject(Object.assign(error, { code: 'ECONNRESET' })));
    });
  });
}
