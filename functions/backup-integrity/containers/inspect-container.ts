import { UncheckedError } from '../../../shared/unchecked-error.ts';
import { ByteReader } from './byte-reader.ts';
import { decompressed } from './decompress.ts';
import { walkPgDump } from './pg-dump-custom.ts';
import { walkPlainDump } from './pg-dump-plain.ts';
import { type Form, headBytes, isCutSignature, recognise } from './recognise.ts';
import { walkTar } from './tar.ts';
import { ContainerFault, type Contents, counted, type Verdict } from './verdict.ts';

/** What may be asked to be inside: `any` is whatever its first bytes say. */
export type ExpectedContent = 'any' | 'tar' | 'pg-dump-custom' | 'pg-dump-plain';

/** More layers of compression than this are no backup. */
const mostLayers = 4;

const formOf: Readonly<Record<Exclude<ExpectedContent, 'any'>, Form>> = {
  tar: 'tar',
  'pg-dump-custom': 'pg_dump custom',
  'pg-dump-plain': 'pg_dump plain',
};

/** Encrypted files can be read only by whoever has the key, and that is how it should be. */
const encrypted: ReadonlySet<Form> = new Set(['age', 'OpenSSL', 'PGP']);

/** Compression that node:zlib does not know. */
const notUnpacked: ReadonlySet<Form> = new Set(['xz', 'bzip2', 'lz4', 'lzip', 'zip', '7z']);

/**
 * Reads a backup file to its end and returns what it is and whether it is whole: compression, by its own checksums, and within it
 * a tar archive or a dump of PostgreSQL. Holds only a little of it at a time. A fault ends the reading where it is found.
 *
 * @throws UncheckedError `cannot-look-inside` for what is packed or encrypted in a way that cannot be read, and `not-reached` when
 *   `signal` aborts first; and whatever `source` throws, which says nothing of the file.
 */
export async function inspectContainer(
  source: AsyncIterable<Uint8Array>,
  { expected, signal }: { readonly expected: ExpectedContent; readonly signal: AbortSignal },
): Promise<Verdict> {
  const layers: string[] = [];
  const verdict = (contents: Partial<Contents>, fault?: string): Verdict => ({
    container: layers.length === 0 ? 'nothing' : layers.join(' > '),
    contents: contents.contents,
    fault,
    madeAt: contents.madeAt,
  });
  try {
    return verdict(await walk(new ByteReader(source, signal), expected, layers));
  } catch (error) {
    if (error instanceof ContainerFault) return verdict({}, error.message);
    throw error;
  }
}

async function walk(reader: ByteReader, expected: ExpectedContent, layers: string[]): Promise<Partial<Contents>> {
  const head = await reader.peek(headBytes);
  if (head.length === 0)
    throw new ContainerFault(layers.length === 0 ? 'is empty' : 'holds nothing once it is unpacked');
  const form = recognise(head);
  if (form === undefined && isCutSignature(head)) throw new ContainerFault('is cut off within its first bytes');
  if (form === 'gzip' || form === 'zstd') {
    layers.push(form);
    if (layers.length > mostLayers) {
      throw new UncheckedError('cannot-look-inside', `The file is packed more than ${mostLayers} times over.`);
    }
    const unpacked = decompressed(reader, form);
    try {
      return await walk(new ByteReader(unpacked, reader.signal), expected, layers);
    } finally {
      await unpacked.return();
    }
  }
  if (form !== undefined && (notUnpacked.has(form) || (encrypted.has(form) && expected !== 'any'))) {
    layers.push(form);
    const how = encrypted.has(form) ? `encrypted with ${form}` : `packed as ${form}`;
    throw new UncheckedError('cannot-look-inside', `The file is ${how}, which cannot be looked into.`);
  }
  // An archive of no members is nothing but zeros.
  const isZeros = expected === 'tar' && head.length === headBytes && head.every((byte) => byte === 0);
  const actual = isZeros ? 'tar' : form;
  layers.push(actual === undefined || encrypted.has(actual) ? 'data' : actual);
  if (expected !== 'any' && actual !== formOf[expected]) {
    throw new ContainerFault(
      `is ${actual === undefined ? 'something else' : `a file of ${actual}`}, not ${formOf[expected]}`,
    );
  }
  if (actual === 'tar') return walkTar(reader);
  if (actual === 'pg_dump custom') return walkPgDump(reader, { mayBeToc: expected === 'any' });
  if (actual === 'pg_dump plain') return walkPlainDump(reader);
  for await (const _ of reader.rest());
  return { contents: counted(reader.position, 'byte') };
}
