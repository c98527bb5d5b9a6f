import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { S3Checksums } from '../control-plane/services/s3-document.ts';
import { s3Error } from './s3-error.ts';

/** Algorithms that are computed here; S3 knows CRC32C and CRC64NVME too, which Node.js does not. */
export const checksumNames = ['crc32', 'sha1', 'sha256'] as const;

export type ChecksumName = (typeof checksumNames)[number];

/** A checksum of bytes that come one after the other. */
export interface RunningChecksum {
  update(bytes: Uint8Array): void;
  digest(): Buffer;
}

export function startChecksum(name: ChecksumName): RunningChecksum {
  if (name !== 'crc32') return createHash(name);
  let value = 0;
  return {
    update(bytes) {
      value = crc32(bytes, value);
    },
    digest() {
      const digest = Buffer.alloc(4);
      digest.writeUInt32BE(value);
      return digest;
    },
  };
}

/** Returns the checksum of all bytes, in Base64. */
export function checksumOf(name: ChecksumName, chunks: Iterable<Uint8Array>): string {
  const checksum = startChecksum(name);
  for (const chunk of chunks) checksum.update(chunk);
  return checksum.digest().toString('base64');
}

/**
 * Returns the checksum of an object's parts' checksums, with their number behind it:
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html#ChecksumTypes
 */
export function compositeChecksum(name: ChecksumName, parts: readonly string[]): string {
  const digests = parts.map((part) => Buffer.from(part, 'base64'));
  return `${checksumOf(name, digests)}-${parts.length}`;
}

const members = { crc32: 'ChecksumCRC32', sha1: 'ChecksumSHA1', sha256: 'ChecksumSHA256' } as const;

/** Returns the name that a checksum has in inputs and outputs. */
export function memberOf(name: ChecksumName): (typeof members)[ChecksumName] {
  return members[name];
}

/** Returns checksums as an output has them. */
export function checksumMembers(checksums: S3Checksums | undefined): Record<string, string | undefined> {
  if (checksums === undefined) return {};
  const entries = checksumNames.map((name) => [members[name], checksums[name]]);
  return { ...Object.fromEntries(entries), ChecksumType: checksums.type ?? 'FULL_OBJECT' };
}

/** Returns the algorithm that a request names as S3 writes it: `CRC32`. @throws Refusal for one that is not computed here. */
export function checksumNamed(algorithm: string): ChecksumName {
  const name = checksumNames.find((candidate) => candidate.toUpperCase() === algorithm.toUpperCase());
  if (name === undefined) throw s3Error('NotImplemented', `The sandbox does not compute ${algorithm.toUpperCase()}.`);
  return name;
}
