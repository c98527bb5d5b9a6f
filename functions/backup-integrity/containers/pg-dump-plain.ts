import type { ByteReader } from './byte-reader.ts';
import { ContainerFault, type Contents, counted, quoted } from './verdict.ts';

const newline = 0x0a;

const nothing: Buffer = Buffer.alloc(0);

/** Of a line, no more than this is held from its beginning and from its end: a row may be a gigabyte. */
const headBytes = 512;
const tailBytes = 64;

/**
 * `pg_dumpall` has marks of its own around those of every database. They are framed by empty remarks, and may well stand in the text of
 * a function, or of a row that is inserted, without.
 */
const beginMark = /^-- PostgreSQL database (cluster )?dump$/;
const endMark = /^-- PostgreSQL database (cluster )?dump complete$/;

/** Kinds of entries that every dump has, of an empty database too. */
const boilerplate = /^-- Name: .*; Type: (DATABASE|DATABASE PROPERTIES|SCHEMA|EXTENSION|COMMENT|ACL); /;

/**
 * Walks a plain dump of `pg_dump` or `pg_dumpall` to its end and returns what is in it: every mark of a beginning must have its
 * mark of the end, which is the last thing that they write, with nothing but remarks and blanks behind it, and the rows of every
 * COPY must end.
 *
 * @throws ContainerFault when it is cut off, goes on behind its end, or is a dump of nothing; and what `reader` throws.
 */
export async function walkPlainDump(reader: ByteReader): Promise<Contents> {
  const dump = new PlainDump();
  const line = new Line();
  for await (const chunk of reader.rest()) {
    let start = 0;
    for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, start)) {
      // Rows are the most of it by far, and of them only the last matters.
      if (!(dump.isInRows && line.isEmpty && isRow(chunk, start, at))) {
        line.add(chunk.subarray(start, at));
        dump.take(line);
        line.clear();
      } else {
        dump.takeRow();
      }
      start = at + 1;
    }
    if (start < chunk.length) line.add(chunk.subarray(start));
  }
  if (!line.isEmpty) dump.take(line);
  return dump.finish();
}

const backslash = 0x5c;
const dot = 0x2e;

/** Rows end with a line of a backslash and a dot; no row begins so. */
function isRow(chunk: Buffer, start: number, end: number): boolean {
  return end - start < 2 || chunk[start] !== backslash || chunk[start + 1] !== dot;
}

/** The beginning and the end of a line. */
class Line {
  #head = nothing;
  #tail = nothing;
  #length = 0;

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  get head(): string {
    return this.#head.toString('utf8').replace(/\r$/, '');
  }

  get tail(): string {
    return this.#tail.toString('latin1').replace(/\r$/, '');
  }

  add(bytes: Buffer): void {
    const isFirst = this.#length === 0;
    this.#length += bytes.length;
    if (isFirst) {
      this.#head = bytes.subarray(0, headBytes);
      this.#tail = bytes.subarray(-tailBytes);
      return;
    }
    if (this.#head.length < headBytes) {
      this.#head = Buffer.concat([this.#head, bytes.subarray(0, headBytes - this.#head.length)]);
    }
    this.#tail = Buffer.concat([this.#tail, bytes.subarray(-tailBytes)]).subarray(-tailBytes);
  }

  clear(): void {
    this.#head = nothing;
    this.#tail = nothing;
    this.#length = 0;
  }
}

/** What the lines of a dump have told so far. */
class PlainDump {
  #open = 0;
  #tables = 0;
  #rows = 0;
  #things = 0;
  #isCluster = false;
  /** Announced by the remark above it, so that a function that contains the word COPY is not taken for one. */
  #announced: string | undefined;
  #copying: string | undefined;
  #isCopy = false;
  #stray: string | undefined;
  #isFramed = false;
  #server: string | undefined;
  #program: string | undefined;
  readonly #schemas = new Set<string>();

  get isInRows(): boolean {
    return this.#copying !== undefined;
  }

  takeRow(): void {
    this.#rows += 1;
  }

  take(line: Line): void {
    const { head } = line;
    if (this.#copying !== undefined) {
      if (head === '\\.') this.#copying = undefined;
      else this.#rows += 1;
      return;
    }
    const isFramed = this.#isFramed;
    this.#isFramed = head === '--';
    if (head.startsWith('--')) {
      if (!(isFramed && this.#takeMark(head))) this.#takeRemark(head);
      return;
    }
    if (head === '' || head.startsWith('\\restrict ') || head.startsWith('\\unrestrict ')) return;
    if (this.#open === 0) {
      this.#stray ??= head;
      return;
    }
    if (this.#announced === undefined) return;
    // Names can have line breaks in them, and so can the command then.
    this.#isCopy ||= head.startsWith('COPY ');
    if (this.#isCopy && line.tail.endsWith(' FROM stdin;')) {
      this.#copying = this.#announced;
      this.#announced = undefined;
      this.#isCopy = false;
    } else if (head.startsWith('INSERT INTO ')) {
      this.#rows += 1;
    }
  }

  /** @throws ContainerFault. */
  finish(): Contents {
    if (this.#copying !== undefined) {
      throw new ContainerFault(`is cut off, in the rows of ${quoted(this.#copying)}`);
    }
    if (this.#open > 0) throw new ContainerFault('is cut off: the line that ends a dump is not there');
    if (this.#stray !== undefined) {
      throw new ContainerFault(`has something else behind the end of the dump: ${quoted(this.#stray)}`);
    }
    if (this.#things === 0 && !this.#isCluster)
      throw new ContainerFault('is a dump of nothing: the database was empty');
    const parts = [
      `${counted(this.#tables, 'table')} with data`,
      counted(this.#rows, 'row'),
      counted(this.#schemas.size, 'schema'),
    ];
    const origin =
      this.#server === undefined
        ? ''
        : `; PostgreSQL ${quoted(this.#server)}, dumped by ${quoted(this.#program ?? '')}`;
    return { contents: `${parts.join(', ')}${origin}`, madeAt: undefined };
  }

  /** Returns whether the remark is a mark. */
  #takeMark(remark: string): boolean {
    const begin = beginMark.exec(remark);
    if (begin !== null) {
      this.#open += 1;
      this.#isCluster ||= begin[1] !== undefined;
      // Several dumps in one file may have commands between them.
      this.#stray = undefined;
      return true;
    }
    if (!endMark.test(remark)) return false;
    this.#open = Math.max(0, this.#open - 1);
    return true;
  }

  #takeRemark(remark: string): void {
    const data = /^-- Data for Name: (.*?); Type: (.*?); Schema: (.*?);/.exec(remark);
    if (data !== null) {
      const [, name = '', type, schema = ''] = data;
      this.#things += 1;
      this.#announced = undefined;
      if (type !== 'TABLE DATA') return;
      this.#tables += 1;
      this.#schemas.add(schema);
      this.#announced = `${schema}.${name}`;
      return;
    }
    if (remark.startsWith('-- Name: ')) {
      this.#announced = undefined;
      if (!boilerplate.test(remark)) this.#things += 1;
      return;
    }
    this.#server ??= /^-- Dumped from database version (.*)$/.exec(remark)?.[1];
    this.#program ??= /^-- Dumped by (.*?)(?: version)?( .*)?$/.exec(remark)?.slice(1).join('');
  }
}
