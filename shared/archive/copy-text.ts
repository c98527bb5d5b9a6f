/** A text is not what PostgreSQL writes by COPY. */
export class CopyTextError extends Error {
  override readonly name = 'CopyTextError';
}

/** A row as the server has it: the bytes of each column, without what COPY escapes. */
export interface CopiedRow {
  /** What `starts` and `ends` are places in. There are at least twelve further bytes behind the last of them. */
  readonly bytes: Uint8Array;
  /** The same memory, four bytes at once. */
  readonly words: Int32Array;
  /** Where each column begins: at a multiple of four. */
  readonly starts: Int32Array;
  /** Where each column ends; -1 for NULL. */
  readonly ends: Int32Array;
  /** Columns that are NULL. */
  readonly nulls: number;
}

/** Is given each row, in memory that the next row overwrites. */
export type OnRow = (row: CopiedRow) => void;

/** What a byte means in COPY text, where it is not itself. */
const backslash = 1;
const tab = 2;
const newline = 3;
/** Never written as it is. */
const foreign = 4;
/** What means anything else than itself is not above this, but for the backslash. */
const lastControl = 0x0d;

const kinds = new Uint8Array(256);
kinds[0x5c] = backslash;
kinds[0x09] = tab;
kinds[0x0a] = newline;
for (const code of [0x00, 0x08, 0x0b, 0x0c, 0x0d]) kinds[code] = foreign;

/** What stands behind a backslash, and for what: https://www.postgresql.org/docs/current/sql-copy.html */
const escapes = new Uint8Array(256);
for (const [letter, code] of [
  ['b', 0x08],
  ['t', 0x09],
  ['n', 0x0a],
  ['v', 0x0b],
  ['f', 0x0c],
  ['r', 0x0d],
  ['\\', 0x5c],
] as const) {
  escapes[letter.charCodeAt(0)] = code;
}
const nullLetter = 0x4e;

/** Pieces that are worked on at once: the room for a row is made for the largest that could come out of one. */
const pieceBytes = 64 * 1024;
/** What one byte becomes at most: a tab moves the next column to where four bytes are read at once. */
const growth = 3;
/** What may be read behind the last byte. */
const slack = 16;

/**
 * Reads what `COPY … TO STDOUT` writes, in chunks that end wherever they do, and gives each row with the bytes of its
 * columns. It holds one row, and makes nothing for each.
 *
 * The bytes are the server's in every encoding that a server can have, in which a byte below 128 is always the ASCII
 * character.
 */
export class CopyTextReader {
  readonly #columns: number;
  readonly #onRow: OnRow;
  readonly #row: { bytes: Uint8Array; words: Int32Array; starts: Int32Array; ends: Int32Array; nulls: number };
  /** Where the next byte goes, and where the column began. */
  #at = 0;
  #start = 0;
  #column = 0;
  #isNull = false;
  #isEscape = false;

  constructor(columns: number, onRow: OnRow) {
    this.#columns = columns;
    this.#onRow = onRow;
    const bytes = new Uint8Array(growth * pieceBytes + slack);
    this.#row = {
      bytes,
      words: new Int32Array(bytes.buffer),
      starts: new Int32Array(columns),
      ends: new Int32Array(columns),
      nulls: 0,
    };
  }

  /**
   * @throws CopyTextError when these are not bytes of a text with so many columns; and whatever is thrown where rows
   * go.
   */
  push(chunk: Uint8Array): void {
    for (let start = 0; start < chunk.length; start += pieceBytes) {
      this.#read(chunk, start, Math.min(chunk.length, start + pieceBytes));
    }
  }

  /** Says that there is no more. @throws CopyTextError when the text ends within a row. */
  end(): void {
    if (this.#at !== 0 || this.#column !== 0 || this.#isEscape || this.#isNull) {
      throw new CopyTextError('The text ends within a row.');
    }
  }

  #read(chunk: Uint8Array, from: number, to: number): void {
    this.#reserve(to - from);
    const row = this.#row;
    const { bytes, starts, ends } = row;
    const columns = this.#columns;
    let at = this.#at;
    let start = this.#start;
    let column = this.#column;
    let isNull = this.#isNull;
    let isEscape = this.#isEscape;
    let index = from;
    loop: while (index < to) {
      let byte = chunk[index] as number;
      index += 1;
      if (isEscape) {
        isEscape = false;
        if (byte === nullLetter && at === start && !isNull) {
          isNull = true;
          continue;
        }
        byte = escapes[byte] as number;
        if (byte === 0) throw new CopyTextError('The text has an escape that is none.');
        bytes[at] = byte;
        at += 1;
        continue;
      }
      // Most bytes are no more than this, and are done without a look at anything else.
      while (byte > lastControl && byte !== 0x5c) {
        bytes[at] = byte;
        at += 1;
        if (index === to) break loop;
        byte = chunk[index] as number;
        index += 1;
      }
      const kind = kinds[byte];
      if (kind === tab || kind === newline) {
        if (column === columns) throw new CopyTextError('A row has too many columns.');
        starts[column] = start;
        if (isNull) {
          if (at !== start) throw new CopyTextError('The text has an escape that is none.');
          isNull = false;
          row.nulls += 1;
          ends[column] = -1;
        } else {
          ends[column] = at;
        }
        column += 1;
        if (kind === tab) {
          at = (at + 3) & ~3;
          start = at;
          continue;
        }
        if (column !== columns) throw new CopyTextError('A row has too few columns.');
        this.#onRow(row);
        row.nulls = 0;
        column = 0;
        start = 0;
        at = 0;
      } else if (kind === backslash) {
        isEscape = true;
      } else if (kind === foreign) {
        throw new CopyTextError('The text has a character that is never written as it is.');
      } else {
        bytes[at] = byte;
        at += 1;
      }
    }
    this.#at = at;
    this.#start = start;
    this.#column = column;
    this.#isNull = isNull;
    this.#isEscape = isEscape;
  }

  #reserve(bytes: number): void {
    const needed = this.#at + growth * bytes + slack;
    if (needed <= this.#row.bytes.length) return;
    const larger = new Uint8Array(Math.ceil((needed * 1.5) / 4) * 4);
    larger.set(this.#row.bytes.subarray(0, this.#at));
    this.#row.bytes = larger;
    this.#row.words = new Int32Array(larger.buffer);
  }
}
