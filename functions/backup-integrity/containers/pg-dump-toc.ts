import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { ByteReader } from './byte-reader.ts';
import { ContainerFault } from './verdict.ts';

/** How the data of a dump is packed. */
export type DumpCompression = 'none' | 'gzip' | 'lz4' | 'zstd';

/** What a dump says of itself. */
export interface DumpHeader {
  /** Of the archive's format: `1.16`. */
  readonly version: string;
  readonly minor: number;
  readonly format: 'custom' | 'tar' | 'directory';
  readonly integerBytes: number;
  readonly offsetBytes: number;
  readonly compression: DumpCompression;
  /** The clock of the machine that made it, taken as UTC: its time zone is not told. */
  readonly madeAt: Date | undefined;
  readonly database: string;
  readonly serverVersion: string;
  readonly dumpVersion: string;
}

/** An entry whose data must follow. */
export interface PromisedData {
  /** What it is, for people: `public.artists`. */
  readonly name: string;
  /** `TABLE DATA`, `BLOBS` … */
  readonly kind: string;
  /** Whether its data is what COPY reads. */
  readonly isCopy: boolean;
  /** Byte of the file at which its block begins; undefined where the dump was written into a pipe. */
  readonly position: number | undefined;
}

export interface TableOfContents {
  readonly count: number;
  /** Entries by their kind. */
  readonly kinds: ReadonlyMap<string, number>;
  readonly schemas: ReadonlySet<string>;
  readonly tablesWithData: number;
  /** By the number of the entry. */
  readonly promised: ReadonlyMap<number, PromisedData>;
}

const toc = 'its table of contents';

/** `PGDMP`, before the version. */
const magicBytes = 5;

/** What is older than PostgreSQL 8.0 is not read. */
const oldestMinor = 10;
const newestMinor = 16;

const formats: Readonly<Record<number, DumpHeader['format']>> = { 1: 'custom', 3: 'tar', 5: 'directory' };

const compressions: readonly DumpCompression[] = ['none', 'gzip', 'lz4', 'zstd'];

/** An identifier of PostgreSQL has 63 bytes; signatures of functions and lists of columns are longer. */
const longestText = 1024 * 1024;

/** Reads what stands before the table of contents. @throws ContainerFault; UncheckedError for an unknown version. */
export async function readHeader(reader: ByteReader): Promise<DumpHeader> {
  const what = 'the header of the dump';
  await reader.skip(magicBytes, what);
  const byte = async () => (await reader.read(1, what))[0] as number;
  const major = await byte();
  const minor = await byte();
  await byte();
  const version = `${major}.${minor}`;
  if (major !== 1 || minor < oldestMinor || minor > newestMinor) {
    const detail = `The dump is in version ${version} of its format; 1.${oldestMinor} to 1.${newestMinor} are known.`;
    throw new UncheckedError('cannot-look-inside', detail);
  }
  const integerBytes = await byte();
  const offsetBytes = await byte();
  const format = formats[await byte()];
  // pg_restore takes integers of up to 32 bytes; no machine has written any of more than 8.
  if (format === undefined || integerBytes < 4 || integerBytes > 8 || offsetBytes < 4 || offsetBytes > 8) {
    throw new ContainerFault('is damaged: its header makes no sense');
  }
  const numbers = { integerBytes };
  const integer = () => readInteger(reader, numbers, what);
  const text = async () => (await readText(reader, numbers, what)) ?? '';
  // Up to 1.14 the level was told, and everything but none was zlib's.
  const compression = minor >= 15 ? compressions[await byte()] : (await integer()) === 0 ? 'none' : 'gzip';
  if (compression === undefined) {
    throw new UncheckedError('cannot-look-inside', 'The dump is packed in a way that is not known.');
  }
  const [second, minute, hour, day, month, year] = [
    await integer(),
    await integer(),
    await integer(),
    await integer(),
    await integer(),
    await integer(),
  ];
  await integer();
  return {
    version,
    minor,
    format,
    integerBytes,
    offsetBytes,
    compression,
    madeAt: validDate(Date.UTC(1900 + year, month, day, hour, minute, second)),
    database: await text(),
    serverVersion: await text(),
    dumpVersion: await text(),
  };
}

/** Reads the table of contents, up to the first block of data. @throws ContainerFault. */
export async function readToc(reader: ByteReader, header: DumpHeader): Promise<TableOfContents> {
  const integer = () => readInteger(reader, header, toc);
  const text = () => readText(reader, header, toc);
  const passText = async () => {
    const length = await integer();
    if (length > 0) await reader.skip(length, toc);
    return length;
  };

  const count = await integer();
  if (count < 0) throw new ContainerFault('is damaged: its table of contents has fewer than no entries');
  const kinds = new Map<string, number>();
  const schemas = new Set<string>();
  const promised = new Map<number, PromisedData>();
  let tablesWithData = 0;
  for (let index = 0; index < count; index++) {
    const id = await integer();
    if (id <= 0)
      throw new ContainerFault(`is damaged: entry ${index + 1} of its table of contents has the number ${id}`);
    const hasData = (await integer()) !== 0;
    await passText();
    await passText();
    const tag = (await text()) ?? '';
    const kind = (await text()) ?? '';
    if (header.minor >= 11) await integer();
    await passText();
    await passText();
    const isCopy = (await passText()) > 0;
    const schema = (await text()) ?? '';
    await passText();
    if (header.minor >= 14) await passText();
    if (header.minor >= 16) await integer();
    await passText();
    await passText();
    // Whom it depends on, up to a text that is none at all.
    while ((await passText()) >= 0);
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    if (schema !== '' && kind !== 'EXTENSION' && kind !== 'COMMENT') schemas.add(schema);

    if (header.format !== 'custom') {
      await passText();
      continue;
    }
    const { state, position } = await readOffset(reader, header);
    if (!hasData || state === 'no data') continue;
    if (promised.has(id))
      throw new ContainerFault(`is damaged: its table of contents has two entries of the number ${id}`);
    if (kind === 'TABLE DATA') tablesWithData += 1;
    const name = schema === '' ? tag : `${schema}.${tag}`;
    promised.set(id, { name, kind, isCopy, position: state === 'known' ? position : undefined });
  }
  return { count, kinds, schemas, tablesWithData, promised };
}

/** Reads a number: a byte for its sign, then its bytes, the lowest first. @throws ContainerFault. */
export async function readInteger(reader: ByteReader, numbers: NumberForm, what: string): Promise<number> {
  return readHeldInteger(reader, numbers) ?? toInteger(await reader.read(1 + numbers.integerBytes, what));
}

/** Reads a number that is at hand already. */
export function readHeldInteger(reader: ByteReader, { integerBytes }: NumberForm): number | undefined {
  const bytes = reader.readHeld(1 + integerBytes);
  return bytes === undefined ? undefined : toInteger(bytes);
}

type NumberForm = Pick<DumpHeader, 'integerBytes'>;

function toInteger(bytes: Buffer): number {
  const magnitude = littleEndian(bytes, 1);
  return bytes[0] === 0 ? magnitude : -magnitude;
}

async function readText(reader: ByteReader, numbers: NumberForm, what: string): Promise<string | undefined> {
  const length = await readInteger(reader, numbers, what);
  if (length < 0) return undefined;
  if (length > longestText) throw new ContainerFault(`is damaged: a name of ${length} bytes in ${what}`);
  return (await reader.read(length, what)).toString('utf8');
}

async function readOffset(
  reader: ByteReader,
  { offsetBytes }: DumpHeader,
): Promise<{ state: 'unknown' | 'known' | 'no data'; position: number }> {
  const bytes = await reader.read(1 + offsetBytes, toc);
  const state = ({ 1: 'unknown', 2: 'known', 3: 'no data' } as const)[bytes[0] as number];
  if (state === undefined) throw new ContainerFault('is damaged: its table of contents makes no sense');
  return { state, position: littleEndian(bytes, 1) };
}

/** Exact up to 2^53, which is beyond the size of any object. */
function littleEndian(bytes: Buffer, from: number): number {
  let sum = 0;
  for (let index = bytes.length - 1; index >= from; index--) sum = sum * 256 + (bytes[index] as number);
  return sum;
}

function validDate(time: number): Date | undefined {
  return Number.isNaN(time) ? undefined : new Date(time);
}
