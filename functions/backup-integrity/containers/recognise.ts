/** How bytes are packed, by how they begin. */
export type Form =
  | 'gzip'
  | 'zstd'
  | 'tar'
  | 'pg_dump custom'
  | 'pg_dump plain'
  /** What Caretaker cannot unpack. */
  | 'xz'
  | 'bzip2'
  | 'lz4'
  | 'lzip'
  | 'zip'
  | '7z'
  | 'age'
  | 'OpenSSL'
  | 'PGP';

/** Bytes at the beginning that are enough to tell. */
export const headBytes = 512;

/** Signatures: RFC 1952, RFC 8878, the xz, bzip2, lz4 and lzip formats, APPNOTE.TXT, age-encryption.org/v1, pg_backup_archiver.c. */
const signatures: readonly (readonly [Form, Buffer])[] = [
  ['gzip', Buffer.from('1f8b', 'hex')],
  ['zstd', Buffer.from('28b52ffd', 'hex')],
  ['xz', Buffer.from('fd377a585a00', 'hex')],
  ['bzip2', Buffer.from('BZh')],
  ['lz4', Buffer.from('04224d18', 'hex')],
  ['lzip', Buffer.from('LZIP')],
  ['zip', Buffer.from('504b0304', 'hex')],
  ['7z', Buffer.from('377abcaf271c', 'hex')],
  ['age', Buffer.from('age-encryption.org/')],
  ['OpenSSL', Buffer.from('Salted__')],
  ['PGP', Buffer.from('-----BEGIN PGP MESSAGE-----')],
  ['pg_dump custom', Buffer.from('PGDMP')],
];

/** Skippable frames of zstd begin with any of sixteen numbers: RFC 8878, 3.1.2. */
const zstdSkippable = 0x184d2a50;

const plainDump = /^--\r?\n-- PostgreSQL database (cluster )?dump\r?\n/;

/**
 * Returns the form that the first bytes of a file show; `undefined` for any other, which may be text, or anything.
 *
 * @param head the first {@link headBytes}, or all there are.
 */
export function recognise(head: Buffer): Form | undefined {
  const signed = signatures.find(([, signature]) => head.subarray(0, signature.length).equals(signature));
  if (signed !== undefined) return signed[0];
  if (head.length >= 4 && (head.readUInt32LE(0) & ~0xf) >>> 0 === zstdSkippable) return 'zstd';
  if (plainDump.test(head.toString('latin1'))) return 'pg_dump plain';
  return isTarHeader(head) ? 'tar' : undefined;
}

/** Returns whether a whole file is nothing but the beginning of a signature: one that was cut off before it could be recognised. */
export function isCutSignature(file: Buffer): boolean {
  const begins = [...signatures.map(([, signature]) => signature), Buffer.from('--\n-- PostgreSQL database dump\n')];
  return begins.some((signature) => file.length < signature.length && signature.subarray(0, file.length).equals(file));
}

/** https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06 */
function isTarHeader(head: Buffer): boolean {
  if (head.subarray(257, 262).toString('latin1') === 'ustar') return true;
  if (head.length < 512) return false;
  // Before POSIX there was only the checksum.
  const written = Number.parseInt(head.subarray(148, 156).toString('latin1').replaceAll('\0', ' ').trim(), 8);
  let sum = 8 * 0x20;
  for (const [index, byte] of head.entries()) if (index < 148 || index >= 156) sum += byte;
  return sum > 8 * 0x20 && sum === written;
}
