/** A text is not what PostgreSQL writes by COPY. */
export class CopyTextError extends Error {
  override readonly name = 'CopyTextError';
}

/**
 * Is given each row: its text as the server has it for a whole row, `(1,"two words",,"")`, in the first `length` bytes
 * of `record`, which are overwritten by the next row. `ends` says where the text of each column ends in there; that of
 * the first begins behind the parenthesis, each further one behind the comma.
 */
export type OnRow = (record: Uint8Array, length: number, ends: Int32Array) => void;

/** What a byte means in COPY text. */
const plain = 0;
/** A row's text is quoted for its sake. */
const quoting = 1;
/** Quoted, and doubled within the quotes. */
const doubled = 2;
const backslash = 3;
const tab = 4;
const newline = 5;
/** Never written as it is. */
const foreign = 6;

const kinds = new Uint8Array(256);
// What record_out quotes for: quotes, backslashes, parentheses, commas and what isspace calls a space, of which all but
// the space are escaped here. https://www.postgresql.org/docs/current/rowtypes.html#ROWTYPES-IO-SYNTAX
for (const character of ' (),') kinds[character.charCodeAt(0)] = quoting;
kinds[0x22] = doubled;
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
/** What one byte becomes at most: nothing between two tabs becomes two quotes and a comma. */
const growth = 3;
/** Quotes and parentheses around it. */
const slack = 8;

/**
 * Reads what `COPY … TO STDOUT` writes, in chunks that end wherever they do, and makes of each row the text that the
 * server has for it. It holds one row, and makes nothing for each.
 *
 * The text is the server's in every encoding that a server can have, in which a byte below 128 is always the ASCII
 * character.
 */
export class CopyTextReader {
  readonly #columns: number;
  readonly #onRow: OnRow;
  readonly #ends: Int32Array;
  #record = new Uint8Array(growth * pieceBytes + slack);
  /** Where the next byte goes, and where the column began. */
  #at = 1;
  #start = 1;
  #column = 0;
  #isQuoted = false;
  #isNull = false;
  #isEscape = false;

  constructor(columns: number, onRow: OnRow) {
    this.#columns = columns;
    this.#onRow = onRow;
    this.#ends = new Int32Array(columns);
    this.#record[0] = 0x28;
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
    if (this.#at !== 1 || this.#column !== 0 || this.#isEscape || this.#isNull || this.#isQuoted) {
      throw new CopyTextError('The text ends within a row.');
    }
  }

  #read(chunk: Uint8Array, from: number, to: number): void {
    this.#reserve(to - from);
    const record = this.#record;
    const columns = this.#columns;
    const ends = this.#ends;
    let at = this.#at;
    let start = this.#start;
    let column = this.#column;
    let isQuoted = this.#isQuoted;
    let isNull = this.#isNull;
    let isEscape = this.#isEscape;
    let index = from;
    while (index < to) {
      let byte = chunk[index] as number;
      index += 1;
      let kind = kinds[byte] as number;
      if (isEscape) {
        isEscape = false;
        if (byte === nullLetter && at === start && !isQuoted && !isNull) {
          isNull = true;
          continue;
        }
        byte = escapes[byte] as number;
        if (byte === 0) throw new CopyTextError('The text has an escape that is none.');
        kind = byte === 0x5c ? doubled : byte === 0x08 ? plain : quoting;
      }
      // Most bytes are no more than this, and are done without a look at anything else.
      while (kind === plain) {
        record[at] = byte;
        at += 1;
        if (index === to) break;
        byte = chunk[index] as number;
        index += 1;
        kind = kinds[byte] as number;
      }
      if (kind === tab || kind === newline) {
        if (isQuoted) {
          record[at] = 0x22;
          at += 1;
          isQuoted = false;
        } else if (isNull) {
          if (at !== start) throw new CopyTextError('The text has an escape that is none.');
        } else if (at === start) {
          // Nothing at all would be NULL.
          record[at] = 0x22;
          record[at + 1] = 0x22;
          at += 2;
        }
        isNull = false;
        if (column === columns) throw new CopyTextError('A row has too many columns.');
        ends[column] = at;
        column += 1;
        if (kind === tab) {
          record[at] = 0x2c;
          at += 1;
          start = at;
          continue;
        }
        if (column !== columns) throw new CopyTextError('A row has too few columns.');
        record[at] = 0x29;
        this.#onRow(record, at + 1, ends);
        column = 0;
        start = 1;
        at = 1;
      } else if (kind === backslash) {
        isEscape = true;
      } else if (kind === quoting || kind === doubled) {
        if (isNull) throw new CopyTextError('The text has an escape that is none.');
        if (!isQuoted) {
          isQuoted = true;
          at = openQuotes(record, start, at);
        }
        record[at] = byte;
        at += 1;
        if (kind === doubled) {
          record[at] = byte;
          at += 1;
        }
      } else if (kind === foreign) {
        throw new CopyTextError('The text has a character that is never written as it is.');
      }
    }
    this.#at = at;
    this.#start = start;
    this.#column = column;
    this.#isQuoted = isQuoted;
    this.#isNull = isNull;
    this.#isEscape = isEscape;
  }

  #reserve(bytes: number): void {
    const needed = this.#at + growth * bytes + slack;
    if (needed <= this.#record.length) return;
    const larger = new Uint8Array(Math.ceil((needed * 1.5) / 4) * 4);
    larger.set(this.#record.subarray(0, this.#at));
    this.#record = larger;
  }
}

/** Puts a quote before what a column has so far; returns where the next byte goes. */
function openQuotes(record: Uint8Array, start: number, at: number): number {
  if (at - start > 64) record.copyWithin(start + 1, start, at);
  else for (let index = at; index > start; index -= 1) record[index] = record[index - 1] as number;
  record[start] = 0x22;
  return at + 1;
}
