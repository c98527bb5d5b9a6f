import type { ObjectHead } from '../../../shared/objects/head-object.ts';

/** What is known of an object's content. */
interface HeldChecksum {
  /** SHA-256, 64 lower-case hexadecimal digits. */
  readonly sha256: string;
  /** `s3`: computed by S3 of what it received. `metadata`: what the writer said it was. */
  readonly origin: 's3' | 'metadata';
}

/**
 * Returns the SHA-256 of an object's whole content: the one that S3 keeps, or else the one that whoever wrote it has
 * put into its metadata as `sha256`. An ETag is none, that of a multipart upload not even of the content; nor is the
 * checksum of parts' checksums.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
 */
export function checksumOf({ sha256, metadata }: Pick<ObjectHead, 'sha256' | 'metadata'>): HeldChecksum | undefined {
  const held = sha256 === undefined ? undefined : fromBase64(sha256);
  if (held !== undefined) return { sha256: held, origin: 's3' };
  const said = metadata.sha256 === undefined ? undefined : (readSha256(metadata.sha256) ?? fromBase64(metadata.sha256));
  return said === undefined ? undefined : { sha256: said, origin: 'metadata' };
}

/** Returns a SHA-256 as 64 lower-case digits, given it in hexadecimal of any case; `undefined` for what is none. */
export function readSha256(text: string): string | undefined {
  const digits = text.trim().toLowerCase();
  return /^[0-9a-f]{64}$/.test(digits) ? digits : undefined;
}

function fromBase64(text: string): string | undefined {
  return readSha256(Buffer.from(text, 'base64').toString('hex'));
}
