import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Crc32c, Crc64Nvme } from '@aws-sdk/checksums/crc';
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { giveBack, type HashThread } from './hash-thread.ts';

/** Hashes of whole objects that can be computed here. `MD5` is also what the ETag of many objects is. */
export type DigestAlgorithm = 'SHA256' | 'SHA512' | 'SHA1' | 'MD5' | 'CRC64NVME' | 'CRC32C' | 'CRC32';

/** What an object's bytes are to hash to. */
export interface ExpectedDigest {
  readonly algorithm: DigestAlgorithm;
  /** As S3 calls it: `SHA256`, or `ETag`. */
  readonly source: string;
  /** Base64; undefined when there is nothing to compare with but what an earlier run remembers. */
  readonly value: string | undefined;
}

/** Takes bytes in, and gives their hash. */
export interface Digest {
  /**
   * Takes bytes over: where they have their memory for themselves, it is gone afterwards. Returns when the next can be taken;
   * undefined when that is now.
   */
  update(bytes: Uint8Array): Promise<void> | undefined;
  /** Returns the hash in Base64. To be called once. */
  end(): Promise<string>;
  /** To be called instead of {@link end} when there will be no more bytes. */
  abandon(): void;
}

/** What an answer to GetObject says of the whole object's hashes. */
export type StoredDigests = Pick<
  GetObjectCommandOutput,
  | 'ChecksumCRC32'
  | 'ChecksumCRC32C'
  | 'ChecksumCRC64NVME'
  | 'ChecksumSHA1'
  | 'ChecksumSHA256'
  | 'ChecksumSHA512'
  | 'ChecksumMD5'
  | 'ChecksumType'
  | 'ETag'
  | 'StorageClass'
  | 'ServerSideEncryption'
  | 'SSECustomerAlgorithm'
>;

/**
 * Returns which hash of an object is worth computing, one for each object. The one that S3 keeps is preferred to one that is only
 * remembered, because it was computed when the object was written; of several that S3 keeps, the strongest; and of those that
 * are equally strong against chance, the faster: for CRC64NVME and CRC32C, Node has no code of the processor's speed.
 *
 * A checksum of type COMPOSITE, or one that ends with the number of parts, is of the parts' checksums, not of the bytes.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
 */
export function expectedDigest(stored: StoredDigests, remembered: string | undefined): ExpectedDigest {
  const md5 = stored.ChecksumMD5 ?? md5OfEtag(stored);
  const candidates: readonly ExpectedDigest[] = [
    { algorithm: 'SHA256', source: 'SHA256', value: whole(stored, stored.ChecksumSHA256) },
    { algorithm: 'SHA512', source: 'SHA512', value: whole(stored, stored.ChecksumSHA512) },
    { algorithm: 'SHA1', source: 'SHA1', value: whole(stored, stored.ChecksumSHA1) },
    { algorithm: 'MD5', source: stored.ChecksumMD5 === undefined ? 'ETag' : 'MD5', value: whole(stored, md5) },
    { algorithm: 'CRC64NVME', source: 'CRC64NVME', value: whole(stored, stored.ChecksumCRC64NVME) },
    { algorithm: 'CRC32C', source: 'CRC32C', value: whole(stored, stored.ChecksumCRC32C) },
    { algorithm: 'CRC32', source: 'CRC32', value: whole(stored, stored.ChecksumCRC32) },
  ];
  const best = candidates.find(({ value }) => value !== undefined);
  if (best !== undefined) return best;
  const earlier = rememberedDigest(remembered);
  return { algorithm: earlier?.algorithm ?? 'SHA256', source: 'what was read before', value: undefined };
}

/** Returns a digest as it is remembered: `SHA256:…`. */
export function digestText(algorithm: DigestAlgorithm, value: string): string {
  return `${algorithm}:${value}`;
}

/** Returns what {@link digestText} has written; undefined for an algorithm that is not computed here (any more). */
export function rememberedDigest(
  text: string | undefined,
): { readonly algorithm: DigestAlgorithm; readonly value: string } | undefined {
  const [algorithm, value] = text?.split(':') ?? [];
  if (algorithm === undefined || value === undefined || !Object.hasOwn(makers, algorithm)) return undefined;
  return { algorithm: algorithm as DigestAlgorithm, value };
}

/**
 * Returns an empty digest.
 *
 * @param thread does what `node:crypto` can compute; without one, this thread does.
 */
export function startDigest(algorithm: DigestAlgorithm, thread?: HashThread): Digest {
  const maker = makers[algorithm];
  if (typeof maker === 'function') return maker();
  return thread === undefined ? hash(maker) : thread.start(maker);
}

/** Names of what `node:crypto` computes, and how to compute the rest. */
const makers: Readonly<Record<DigestAlgorithm, string | (() => Digest)>> = {
  SHA256: 'sha256',
  SHA512: 'sha512',
  SHA1: 'sha1',
  MD5: 'md5',
  CRC64NVME: () => sdkChecksum(new Crc64Nvme()),
  CRC32C: () => sdkChecksum(new Crc32c()),
  CRC32: () => {
    let value = 0;
    return {
      update: (bytes) => {
        value = crc32(bytes, value);
        giveBack(bytes);
        return undefined;
      },
      end: async () => {
        const bytes = Buffer.alloc(4);
        bytes.writeUInt32BE(value);
        return bytes.toString('base64');
      },
      abandon: () => {},
    };
  },
};

function hash(name: string): Digest {
  const state = createHash(name);
  return {
    update: (bytes) => {
      state.update(bytes);
      giveBack(bytes);
      return undefined;
    },
    end: async () => state.digest('base64'),
    abandon: () => {},
  };
}

function sdkChecksum(state: { update(bytes: Uint8Array): void; digest(): Promise<Uint8Array> }): Digest {
  return {
    update: (bytes) => {
      state.update(bytes);
      giveBack(bytes);
      return undefined;
    },
    end: async () => Buffer.from(await state.digest()).toString('base64'),
    abandon: () => {},
  };
}

function whole({ ChecksumType }: StoredDigests, value: string | undefined): string | undefined {
  return value === undefined || value.includes('-') || ChecksumType === 'COMPOSITE' ? undefined : value;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-express-differences.html: ETags there are random, and may look like one. */
const classesWithoutMd5: ReadonlySet<string> = new Set(['EXPRESS_ONEZONE', 'FSX_ONTAP', 'FSX_OPENZFS']);

/**
 * The ETag is the bytes' MD5 for objects that were written in one part and are encrypted by keys of S3's own or not at all.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
 */
function md5OfEtag(stored: StoredDigests): string | undefined {
  const { ETag, ServerSideEncryption, SSECustomerAlgorithm, StorageClass } = stored;
  const isPlain = ServerSideEncryption === undefined || ServerSideEncryption === 'AES256';
  if (!isPlain || SSECustomerAlgorithm !== undefined || classesWithoutMd5.has(StorageClass ?? '')) return undefined;
  const digits = /^"?([0-9a-f]{32})"?$/.exec(ETag ?? '')?.[1];
  return digits === undefined ? undefined : Buffer.from(digits, 'hex').toString('base64');
}
