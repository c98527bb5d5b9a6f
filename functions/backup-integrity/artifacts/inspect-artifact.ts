import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import {
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
} from '@aws-sdk/client-s3';
import { uncheckedReason } from '../../../shared/aws/unchecked-reason.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { ArtifactsConfig } from '../config.ts';
import { outOfTime } from '../containers/byte-reader.ts';
import type { Verdict } from '../containers/verdict.ts';
import { expectedDigest, startDigest } from '../verification/digests.ts';
import { refuseReused } from '../verification/large-reads.ts';
import type { ReadingS3Client } from '../verification/reading-client.ts';
import type { Expectation } from './expectation.ts';
import type { Artifact, CompanionState, Inspection } from './facts.ts';

/** What looking at an artifact has shown, and what of it could not be looked at. */
export interface InspectedArtifact {
  /** Undefined when there is nothing that it has shown. */
  readonly inspection: Inspection | undefined;
  readonly unchecked: { readonly reason: string; readonly detail: string } | undefined;
}

/** Storage classes whose objects may have to be restored before they can be read. GLACIER_IR is not one of them. */
const mayBeArchived: ReadonlySet<string> = new Set(['GLACIER', 'DEEP_ARCHIVE', 'INTELLIGENT_TIERING']);

/**
 * Reads an artifact once from end to end: its bytes go through the hashes that its companion and S3 have of it, and through what
 * looks into it. One that is archived is only compared with the checksum that S3 keeps, which takes no byte of it.
 *
 * @throws whatever is no reason to leave one artifact unchecked.
 */
export async function inspectArtifact(
  client: ReadingS3Client,
  { bucket, content }: Pick<ArtifactsConfig, 'bucket' | 'content'>,
  artifact: Artifact,
  expectation: Expectation,
  signal: AbortSignal,
): Promise<InspectedArtifact> {
  const reading: Reading = { client, bucket, content, artifact, expectation, signal };
  try {
    if (mayBeArchived.has(artifact.storageClass)) {
      const head = await headOf(reading);
      if (isArchived(head)) return archivedArtifact(head, expectation);
    }
    const first = await readOnce(reading);
    // The SDK repeats nothing once the first byte has come, and what was spoiled on its way says nothing of the object.
    return first.deservesAnother ? await readOnce(reading) : first;
  } catch (error) {
    const obstacle = error instanceof Error ? keyObstacles[error.name] : undefined;
    if (obstacle === undefined) return { inspection: undefined, unchecked: reasonFor(error) };
    const fault = `can be decrypted by nobody: ${obstacle}`;
    return { inspection: { ...nothingRead, ...compared(expectation, undefined), fault }, unchecked: undefined };
  }
}

/**
 * Compares what S3 keeps of an artifact with its companion: one request, and no byte of it. That proves what was uploaded, not what is
 * there now. Nothing is shown where S3 keeps no SHA-256 of the whole.
 *
 * @throws whatever is no reason to leave one artifact unchecked.
 */
export async function compareArtifact(
  client: ReadingS3Client,
  { bucket, content }: Pick<ArtifactsConfig, 'bucket' | 'content'>,
  artifact: Artifact,
  expectation: Expectation,
  signal: AbortSignal,
): Promise<InspectedArtifact> {
  const { state, unchecked } = expectation;
  if (state === 'not-expected' || unchecked !== undefined) return { inspection: undefined, unchecked };
  if (state !== 'known') return { inspection: { ...nothingRead, ...compared(expectation, undefined) }, unchecked };
  try {
    const sha256 = keptSha256(await headOf({ client, bucket, content, artifact, expectation, signal }));
    const inspection = sha256 === undefined ? undefined : { ...nothingRead, ...compared(expectation, sha256) };
    return { inspection, unchecked };
  } catch (error) {
    // Old ones go while they are looked at; HEAD has its own name for that.
    const isGone = error instanceof Error && (error.name === 'NotFound' || error.name === 'NoSuchKey');
    return { inspection: undefined, unchecked: isGone ? undefined : reasonFor(error) };
  }
}

/** Returns the SHA-256 of the whole object in hexadecimal, where S3 keeps one. */
function keptSha256(head: HeadObjectCommandOutput): string | undefined {
  const { algorithm, value } = expectedDigest(head, undefined);
  return algorithm === 'SHA256' && value !== undefined ? Buffer.from(value, 'base64').toString('hex') : undefined;
}

/**
 * What S3 answers when the key of an object cannot be used, whoever asks. A key that only the caller may not use is AccessDenied.
 * https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
 */
const keyObstacles: Readonly<Record<string, string>> = {
  'KMS.DisabledException': 'its KMS key is disabled',
  'KMS.KMSInvalidStateException': 'its KMS key is to be deleted, or cannot be used for another reason',
};

const nothingRead = {
  altered: undefined,
  container: 'not read',
  fault: undefined,
  contents: undefined,
  madeAt: undefined,
} as const;

interface Reading {
  readonly client: ReadingS3Client;
  readonly bucket: string;
  readonly content: ArtifactsConfig['content'];
  readonly artifact: Artifact;
  readonly expectation: Expectation;
  readonly signal: AbortSignal;
}

async function headOf({ client, bucket, artifact, signal }: Reading): Promise<HeadObjectCommandOutput> {
  try {
    const command = new HeadObjectCommand({ Bucket: bucket, Key: artifact.key, ChecksumMode: 'ENABLED' });
    return await client.send(command, { abortSignal: signal });
  } catch (error) {
    // An answer to HEAD has no body, so that its status is all there is to tell one error from another.
    const { $metadata } = error as { $metadata?: { httpStatusCode?: number } };
    if ($metadata?.httpStatusCode !== 403) throw error;
    throw new UncheckedError('access-denied', `s3:HeadObject was denied (${(error as Error).name})`, { cause: error });
  }
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html#API_HeadObject_ResponseSyntax */
function isArchived({ StorageClass, ArchiveStatus, Restore }: HeadObjectCommandOutput): boolean {
  const isRestored = Restore?.includes('ongoing-request="false"') === true;
  return !isRestored && (ArchiveStatus !== undefined || StorageClass === 'GLACIER' || StorageClass === 'DEEP_ARCHIVE');
}

function archivedArtifact(head: HeadObjectCommandOutput, expectation: Expectation): InspectedArtifact {
  const detail = 'It is archived and has to be restored before it can be read.';
  return {
    inspection: { ...nothingRead, ...compared(expectation, keptSha256(head)) },
    unchecked: { reason: 'archived', detail },
  };
}

type Attempt = InspectedArtifact & { readonly deservesAnother: boolean };

async function readOnce(reading: Reading): Promise<Attempt> {
  const { client, bucket, artifact, signal } = reading;
  const version = artifact.etag === undefined ? {} : { IfMatch: `"${artifact.etag}"` };
  const command = new GetObjectCommand({ Bucket: bucket, Key: artifact.key, ...version });
  const answer = await client.send(command, { abortSignal: signal });
  const bytes = new HashedBody(answer, signal);
  try {
    return await readBytes(bytes, reading);
  } finally {
    bytes.close();
  }
}

async function readBytes(bytes: HashedBody, { content, artifact, expectation, signal }: Reading): Promise<Attempt> {
  let verdict: Verdict | undefined;
  let { unchecked } = expectation;
  try {
    // Loaded by the parts of a run that look inside artifacts, and by no other.
    const { inspectContainer } = await import('../containers/inspect-container.ts');
    verdict = await inspectContainer(bytes, { expected: content, signal });
  } catch (error) {
    unchecked = reasonFor(error);
    if (bytes.isBroken) return { inspection: undefined, unchecked, deservesAnother: true };
  }
  try {
    await bytes.drain();
  } catch (error) {
    unchecked = reasonFor(error);
    // What is known to be broken is broken, whatever its hash would have been.
    if (verdict?.fault === undefined) return { inspection: undefined, unchecked, deservesAnother: bytes.isBroken };
  }
  if (bytes.isAtEnd && bytes.count !== artifact.sizeBytes) {
    const detail = `${bytes.count} bytes came of an object that has ${artifact.sizeBytes} by its listing.`;
    return { inspection: undefined, unchecked: { reason: 'size-differs', detail }, deservesAnother: true };
  }
  const altered = bytes.isAtEnd ? await bytes.alteration() : undefined;
  const inspection: Inspection = {
    ...compared(expectation, bytes.isAtEnd ? bytes.sha256() : undefined),
    altered,
    container: verdict?.container ?? 'not read',
    fault: verdict?.fault,
    contents: verdict?.contents,
    madeAt: verdict?.madeAt,
  };
  return { inspection, unchecked, deservesAnother: altered !== undefined };
}

function compared(
  { state, sha256: expectedSha256 }: Expectation,
  sha256: string | undefined,
): Pick<Inspection, 'companion' | 'sha256' | 'expectedSha256'> {
  const companion = (): CompanionState => {
    if (state !== 'known') return state;
    if (sha256 === undefined) return 'unchecked';
    return sha256 === expectedSha256 ? 'agrees' : 'differs';
  };
  return { companion: companion(), sha256, expectedSha256 };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList */
function reasonFor(error: unknown): { reason: string; detail: string } {
  const name = error instanceof Error ? error.name : '';
  if (name === 'InvalidObjectState') {
    return { reason: 'archived', detail: 'It is archived and has to be restored before it can be read.' };
  }
  if (name === 'PreconditionFailed' || name === 'NoSuchKey') {
    return { reason: 'changed', detail: 'It was deleted or written anew since it was listed.' };
  }
  const reason = error instanceof UncheckedError ? error : uncheckedReason(error);
  if (reason === undefined) throw error;
  return { reason: reason.reason, detail: reason.detail };
}

/** The bytes of an object on their way, hashed as they pass. What one reader leaves, the next one gets. */
class HashedBody implements AsyncIterable<Uint8Array> {
  readonly #body: Readable;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #signal: AbortSignal;
  readonly #sha256 = createHash('sha256');
  readonly #stored: ReturnType<typeof expectedDigest>;
  readonly #digest: ReturnType<typeof startDigest>;
  readonly #onAbort: () => void;
  #sum: string | undefined;
  #count = 0;
  isBroken = false;
  isAtEnd = false;

  constructor(answer: GetObjectCommandOutput, signal: AbortSignal) {
    this.#body = answer.Body as Readable;
    this.#chunks = this.#body[Symbol.asyncIterator]();
    this.#signal = signal;
    this.#stored = expectedDigest(answer, undefined);
    this.#digest = startDigest(this.#stored.algorithm);
    this.#onAbort = () => this.#body.destroy(new Error('The time is up'));
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Without `return`: a reader that stops early does not end the body for those who come after it. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return { next: () => this.#next() };
  }

  /** Reads to the end what nobody has read. */
  async drain(): Promise<void> {
    while (!this.isAtEnd) await this.#next();
  }

  /** To be called when nothing more is to be read. */
  close(): void {
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#digest.abandon();
    if (!this.isAtEnd) this.#body.destroy();
  }

  /** Bytes that have passed. */
  get count(): number {
    return this.#count;
  }

  sha256(): string {
    this.#sum ??= this.#sha256.digest('hex');
    return this.#sum;
  }

  /** Returns how the bytes differ from what S3 took in, when they do. */
  async alteration(): Promise<Inspection['altered']> {
    const { source: algorithm, value: expected } = this.#stored;
    if (expected === undefined) return undefined;
    const actual = this.#isSha256 ? Buffer.from(this.sha256(), 'hex').toString('base64') : await this.#digest.end();
    return actual === expected ? undefined : { algorithm, expected, actual };
  }

  get #isSha256(): boolean {
    return this.#stored.algorithm === 'SHA256';
  }

  async #next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#signal.aborted) throw outOfTime();
    let result: IteratorResult<Uint8Array, unknown>;
    try {
      result = await this.#chunks.next();
    } catch (error) {
      if (this.#signal.aborted) throw outOfTime();
      this.isBroken = true;
      const reason = uncheckedReason(error) ?? { reason: 'unreachable', detail: String(error) };
      throw new UncheckedError(reason.reason, `The connection broke while it was read. ${reason.detail}`, {
        cause: error,
      });
    }
    if (result.done === true) {
      this.isAtEnd = true;
      return { done: true, value: undefined };
    }
    refuseReused(result.value);
    this.#sha256.update(result.value);
    this.#count += result.value.length;
    // A digest takes the memory of what it is given; these bytes have somewhere else to go.
    if (!this.#isSha256 && this.#stored.value !== undefined) this.#digest.update(new Uint8Array(result.value));
    return { done: false, value: result.value };
  }
}
