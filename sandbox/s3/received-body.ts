import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { S3Checksums } from '../control-plane/services/s3-document.ts';
import { type ChecksumName, checksumNamed, startChecksum } from './checksums.ts';
import { ChunkedDecoder } from './chunked-decoder.ts';
import { s3Error } from './s3-error.ts';

/** The body of a request, whole and found to be what its checksums say. */
export interface ReceivedBody {
  /** As they came, never copied. */
  readonly chunks: readonly Buffer[];
  readonly size: number;
  /** Hexadecimal. */
  readonly md5: string;
  /** Those that the request brought. */
  readonly checksums: S3Checksums;
}

const prefix = 'x-amz-checksum-';
/** Say how, and are no checksums. */
const notChecksums = ['algorithm', 'type', 'mode'];

/**
 * Reads the body of a request to its end.
 *
 * @throws Refusal `BadDigest` when it is not what its checksums say, `IncompleteBody` when it is shorter than it says.
 */
export async function receiveBody(request: IncomingMessage): Promise<ReceivedBody> {
  const { headers } = request;
  const decoder = headers['content-encoding']?.includes('aws-chunked') ? new ChunkedDecoder() : undefined;
  const trailer = headers['x-amz-trailer'];
  const given = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(prefix) && !notChecksums.includes(name.slice(prefix.length))) given.set(name, String(value));
  }
  const names = [...given.keys(), ...(typeof trailer === 'string' ? [trailer.trim().toLowerCase()] : [])];
  const running = names.map((name) => [name, startChecksum(algorithmOf(name))] as const);
  const md5 = createHash('md5');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const received of request as AsyncIterable<Buffer>) {
    for (const chunk of decoder?.decode(received) ?? [received]) {
      chunks.push(chunk);
      size += chunk.length;
      md5.update(chunk);
      for (const [, checksum] of running) checksum.update(chunk);
    }
  }
  const expectedSize = headers['x-amz-decoded-content-length'] ?? headers['content-length'];
  if (decoder?.isComplete === false || (expectedSize !== undefined && Number(expectedSize) !== size)) {
    throw s3Error('IncompleteBody');
  }
  const checksums: Partial<Record<ChecksumName, string>> = {};
  for (const [name, checksum] of running) {
    const value = checksum.digest().toString('base64');
    if (value !== (given.get(name) ?? decoder?.trailers.get(name))) throw s3Error('BadDigest');
    checksums[algorithmOf(name)] = value;
  }
  const digest = md5.digest();
  const contentMd5 = headers['content-md5'];
  if (contentMd5 !== undefined && contentMd5 !== digest.toString('base64')) {
    throw s3Error('BadDigest', 'The Content-MD5 you specified did not match what we received.');
  }
  return { chunks, size, md5: digest.toString('hex'), checksums };
}

/** What is not verified must not look as if it were: others are refused. */
function algorithmOf(header: string): ChecksumName {
  return checksumNamed(header.slice(prefix.length));
}
