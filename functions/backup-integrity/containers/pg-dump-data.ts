import { inflateSync } from 'node:zlib';
import { ByteReader } from './byte-reader.ts';
import { decompressed } from './decompress.ts';
import {
  type DumpHeader,
  type PromisedData,
  readHeldInteger,
  readInteger,
  readToc,
  type TableOfContents,
} from './pg-dump-toc.ts';
import { ContainerFault, quoted } from './verdict.ts';

/** What the blocks of data of a dump hold. */
export interface DumpedData {
  /** Undefined when the data was not unpacked, or is not for COPY. */
  readonly rows: number | undefined;
  readonly largeObjects: number;
}

/** First byte of a block. */
const tableData = 1;
const largeObjects = 3;

/** A piece of no more than this cannot unpack to more than 4 MiB. */
const atOnceBytes = 4096;

const newline = 0x0a;

const block = 'a block of data';

/** pg_dump ends a table's rows with this, as it would for psql. */
const endOfRows = Buffer.from('\\.\n\n\n');

/**
 * Walks the blocks of data to the end of the file. Each begins with its kind and the number of its entry; then come pieces, each
 * behind its length, up to one of no length.
 *
 * @throws ContainerFault when a block is damaged, missing, in another place than the table of contents says, or one too many.
 */
export async function walkDataBlocks(
  reader: ByteReader,
  header: DumpHeader,
  { promised }: TableOfContents,
): Promise<DumpedData> {
  const missing = new Map(promised);
  let rows = 0;
  let objects = 0;
  for (let start = reader.position; (await reader.peek(1)).length > 0; start = reader.position) {
    const kind = (await reader.peek(1))[0];
    if (kind !== tableData && kind !== largeObjects) {
      if (missing.size === 0 && (await isSecondToc(reader, header, promised))) break;
      throw new ContainerFault(`is damaged: at byte ${start.toLocaleString('en-US')} there must be a block of data`);
    }
    await reader.skip(1, block);
    const id = await readInteger(reader, header, block);
    const entry = missing.get(id);
    if (entry === undefined) {
      const name = promised.get(id)?.name;
      const problem = name === undefined ? 'that no entry of it asks for' : `of ${quoted(name)} for the second time`;
      throw new ContainerFault(`does not agree with its table of contents: there is a block ${problem}`);
    }
    missing.delete(id);
    if (entry.position !== undefined && entry.position !== start) {
      throw new ContainerFault(
        `does not agree with its table of contents: the data of ${quoted(entry.name)} is at byte ` +
          `${start.toLocaleString('en-US')}, not ${entry.position.toLocaleString('en-US')}`,
      );
    }
    if (kind === tableData) {
      rows += await walkPieces(reader, header, entry);
    } else {
      while ((await readInteger(reader, header, 'the large objects')) !== 0) {
        await walkPieces(reader, header, entry);
        objects += 1;
      }
    }
  }
  const [first, ...others] = missing.values();
  if (first !== undefined) {
    const more = others.length === 0 ? '' : ` and ${others.length} more`;
    throw new ContainerFault(`is cut off: the data of ${quoted(first.name)}${more} is not there`);
  }
  const isCounted = header.compression !== 'lz4' && [...promised.values()].every(isForCopy);
  return { rows: isCounted ? rows : undefined, largeObjects: objects };
}

function isForCopy({ kind, isCopy }: PromisedData): boolean {
  return kind !== 'TABLE DATA' || isCopy;
}

/**
 * When it is done, pg_dump writes its table of contents over the first, now with the places of the data. Since PostgreSQL 16 its
 * standard output is opened for appending, so that with `pg_dump > file` that second table comes to stand at the end.
 */
async function isSecondToc(
  reader: ByteReader,
  header: DumpHeader,
  promised: TableOfContents['promised'],
): Promise<boolean> {
  try {
    const second = await readToc(reader, header);
    const isSame =
      second.promised.size === promised.size && [...promised.keys()].every((id) => second.promised.has(id));
    return isSame && (await reader.peek(1)).length === 0;
  } catch (error) {
    if (error instanceof ContainerFault) return false;
    throw error;
  }
}

/** Walks one stream of data and returns the rows in it; 0 where it is not for COPY. */
async function walkPieces(reader: ByteReader, header: DumpHeader, entry: PromisedData): Promise<number> {
  const what = `the data of ${quoted(entry.name)}`;
  const rows = new RowCount();
  const first = await pieceLength(reader, header, what);
  if (first === 0) return 0;
  if (header.compression === 'none' || header.compression === 'lz4') {
    await walkBarePieces(reader, header, what, first, rows);
  } else {
    try {
      await unpack(reader, header, what, first, rows);
    } catch (error) {
      // What is cut off is the file, and says so itself.
      if (!(error instanceof ContainerFault) || error.message.includes(what)) throw error;
      throw new ContainerFault(`is damaged: ${what} ${error.message}`, { cause: error });
    }
  }
  return entry.isCopy ? rows.total : 0;
}

/** Without compression every row is a piece of its own, so that most of them are at hand. */
async function walkBarePieces(reader: ByteReader, header: DumpHeader, what: string, first: number, rows: RowCount) {
  for (let length = first; length !== 0; ) {
    const piece = reader.readHeld(length);
    if (piece !== undefined) rows.add(piece);
    else for await (const chunk of reader.take(length, what)) rows.add(chunk);
    const next = readHeldInteger(reader, header);
    length = next === undefined || next < 0 ? await pieceLength(reader, header, what, next) : next;
  }
}

async function unpack(reader: ByteReader, header: DumpHeader, what: string, first: number, rows: RowCount) {
  if (header.compression === 'gzip' && first <= atOnceBytes) {
    // A decoder for each of a million small large objects would take longer than all the rest.
    const piece = await reader.read(first, what);
    const second = await pieceLength(reader, header, what);
    if (second === 0) return rows.add(inflateAtOnce(piece));
    const all = pieces(reader, header, what, second, piece);
    for await (const chunk of decompressed(new ByteReader(all, reader.signal), 'zlib')) rows.add(chunk);
    return;
  }
  const all = new ByteReader(pieces(reader, header, what, first), reader.signal);
  for await (const chunk of decompressed(all, header.compression === 'gzip' ? 'zlib' : 'zstd')) rows.add(chunk);
}

function inflateAtOnce(piece: Buffer): Buffer {
  try {
    return inflateSync(piece);
  } catch (error) {
    throw new ContainerFault(`cannot be unpacked (${(error as Error).message})`, { cause: error });
  }
}

/** Yields `begun`, then the piece of `first` bytes that comes next, and those behind it, each behind its length. */
async function* pieces(
  reader: ByteReader,
  header: DumpHeader,
  what: string,
  first: number,
  begun?: Buffer,
): AsyncGenerator<Buffer, void, undefined> {
  if (begun !== undefined) yield begun;
  for (let length = first; length !== 0; length = await pieceLength(reader, header, what)) {
    yield* reader.take(length, what);
  }
}

async function pieceLength(reader: ByteReader, header: DumpHeader, what: string, held?: number): Promise<number> {
  const length = held ?? (await readInteger(reader, header, what));
  if (length < 0) throw new ContainerFault(`is damaged: ${what} has a piece of ${length} bytes`);
  return length;
}

/** Counts rows as COPY writes them, each on a line of its own. */
class RowCount {
  #lines = 0;
  #last: Uint8Array = Buffer.alloc(0);

  add(chunk: Uint8Array): void {
    for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, at + 1)) this.#lines += 1;
    const enough = chunk.length >= endOfRows.length;
    this.#last = enough ? chunk : Buffer.concat([this.#last.subarray(-endOfRows.length), chunk]);
  }

  get total(): number {
    return endOfRows.equals(this.#last.subarray(-endOfRows.length)) ? this.#lines - 3 : this.#lines;
  }
}
