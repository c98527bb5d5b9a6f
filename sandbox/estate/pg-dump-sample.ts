import { deflateSync, zstdCompressSync } from 'node:zlib';

/** A table of a sample dump. */
export interface SampleTable {
  readonly schema: string;
  readonly name: string;
  /** Names and types as CREATE TABLE takes them: `id integer`, `name text`. */
  readonly columns: readonly string[];
  /** As COPY writes them, without line breaks. */
  readonly rows: readonly string[];
}

/** What a sample dump is of, and how it is written. */
export interface DumpSample {
  readonly database: string;
  /** The clock of the machine that makes the dump, taken as UTC. */
  readonly madeAt: Date;
  readonly tables: readonly SampleTable[];
  /** Contents of large objects. */
  readonly largeObjects?: readonly Buffer[];
  /** Of the archive's format: 10 to 16; PostgreSQL 12 to 15 write 14. */
  readonly minor?: number;
  /** `lz4` only says so: its data is whatever the bytes are. */
  readonly compression?: 'gzip' | 'none' | 'zstd' | 'lz4';
  /** Bytes in a piece of packed data. */
  readonly pieceBytes?: number;
  /** Written into a pipe, where the places of the data cannot be filled in afterwards. */
  readonly isPiped?: boolean;
  /** As `pg_dump > file` leaves it since PostgreSQL 16, with the table of contents once more at the end. */
  readonly hasSecondToc?: boolean;
}

interface Entry {
  readonly id: number;
  readonly tag: string;
  readonly kind: string;
  readonly section: number;
  readonly definition: string;
  readonly drop: string;
  readonly copy: string | undefined;
  readonly schema: string | undefined;
  readonly dependencies: readonly number[];
  /** Undefined: the entry has no data. */
  readonly data: Buffer | undefined;
}

const owner = 'nycmg';
/** Number of the first large object. */
const firstObject = 16_400;

const section = { none: 1, preData: 2, data: 3 };
const offset = { notSet: 1, set: 2, noData: 3 };

/**
 * Returns an archive as `pg_dump --format=custom` writes it, which `pg_restore` reads:
 * src/bin/pg_dump/pg_backup_archiver.c and pg_backup_custom.c of PostgreSQL.
 */
export function customDump(sample: DumpSample): Buffer {
  const { minor = 14, isPiped = false, hasSecondToc = false } = sample;
  const entries = entriesOf(sample);
  const header = headerOf(sample, minor);
  const positions = new Map<number, number>();
  // Of the same length whatever the positions are.
  let position = header.length + tocOf(entries, minor, positions).length;
  const blocks = entries.flatMap(({ id, data }) => {
    if (data === undefined) return [];
    positions.set(id, position);
    position += data.length;
    return [data];
  });
  const first = tocOf(entries, minor, isPiped || hasSecondToc ? new Map() : positions);
  return Buffer.concat([header, first, ...blocks, ...(hasSecondToc ? [tocOf(entries, minor, positions)] : [])]);
}

/** Returns a plain dump as `pg_dump` writes it. */
export function plainDump({ database, tables }: DumpSample): string {
  const schemas = [...new Set(tables.map(({ schema }) => schema))];
  const remark = (what: string, name: string, kind: string, schema: string) =>
    `--\n-- ${what}: ${name}; Type: ${kind}; Schema: ${schema}; Owner: ${owner}\n--\n\n`;
  return [
    `--\n-- PostgreSQL database dump\n--\n\n\\restrict ${database}\n\n`,
    '-- Dumped from database version 18.4\n-- Dumped by pg_dump version 18.4\n\n',
    "SET statement_timeout = 0;\nSET client_encoding = 'UTF8';\n\n",
    ...schemas.map((name) => `${remark('Name', name, 'SCHEMA', '-')}CREATE SCHEMA ${name};\n\n`),
    ...tables.map((table) => `${remark('Name', table.name, 'TABLE', table.schema)}${createOf(table)}\n`),
    ...tables.map(
      (table) => `${remark('Data for Name', table.name, 'TABLE DATA', table.schema)}${copyOf(table)}${rowsOf(table)}`,
    ),
    `--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict ${database}\n\n`,
  ].join('');
}

function entriesOf(sample: DumpSample): Entry[] {
  const { tables, largeObjects = [] } = sample;
  const schemas = [...new Set(tables.map(({ schema }) => schema))];
  const none = { drop: '', copy: undefined, schema: undefined, dependencies: [], data: undefined };
  const firstId = 100;
  const entries: Entry[] = [
    {
      ...none,
      id: 1,
      tag: 'ENCODING',
      kind: 'ENCODING',
      section: section.preData,
      definition: "SET client_encoding = 'UTF8';\n",
    },
    ...schemas.map((name, index) => ({
      ...none,
      id: firstId + index,
      tag: name,
      kind: 'SCHEMA',
      section: section.preData,
      definition: `CREATE SCHEMA ${name};\n`,
      drop: `DROP SCHEMA ${name};\n`,
    })),
  ];
  const tableId = (index: number) => 2 * firstId + index;
  entries.push(
    ...tables.map((table, index) => ({
      ...none,
      id: tableId(index),
      tag: table.name,
      kind: 'TABLE',
      section: section.preData,
      definition: createOf(table),
      drop: `DROP TABLE ${table.schema}.${table.name};\n`,
      schema: table.schema,
      dependencies: [firstId + schemas.indexOf(table.schema)],
    })),
    ...tables.map((table, index) => ({
      ...none,
      id: 2 * tableId(index),
      tag: table.name,
      kind: 'TABLE DATA',
      section: section.data,
      definition: '',
      copy: copyOf(table),
      schema: table.schema,
      dependencies: [tableId(index)],
      data: tableBlock(2 * tableId(index), Buffer.from(rowsOf(table)), sample),
    })),
  );
  if (largeObjects.length > 0) {
    const id = 10 * firstId;
    entries.push(
      ...largeObjects.map((_, index) => ({
        ...none,
        id: id + 1 + index,
        tag: String(firstObject + index),
        kind: 'BLOB',
        section: section.preData,
        definition: `SELECT pg_catalog.lo_create('${firstObject + index}');\n`,
      })),
    );
    const data = largeObjectBlock(id, largeObjects, sample);
    entries.push({ ...none, id, tag: 'BLOBS', kind: 'BLOBS', section: section.data, definition: '', data });
  }
  return entries;
}

function createOf({ schema, name, columns }: SampleTable): string {
  return `CREATE TABLE ${schema}.${name} (\n    ${columns.join(',\n    ')}\n);\n`;
}

function copyOf({ schema, name, columns }: SampleTable): string {
  return `COPY ${schema}.${name} (${columns.map((column) => column.split(' ', 1)[0]).join(', ')}) FROM stdin;\n`;
}

function rowsOf({ rows }: SampleTable): string {
  return `${rows.map((row) => `${row}\n`).join('')}\\.\n\n\n`;
}

function headerOf({ database, madeAt, compression = 'gzip' }: DumpSample, minor: number): Buffer {
  const level = compression === 'none' ? 0 : -1;
  const algorithm = ['none', 'gzip', 'lz4', 'zstd'].indexOf(compression);
  return Buffer.concat([
    Buffer.from('PGDMP'),
    // Version, bytes of an integer, bytes of an offset, custom format.
    Buffer.from([1, minor, 0, 4, 8, 1]),
    minor >= 15 ? Buffer.from([algorithm]) : integer(level),
    integer(madeAt.getUTCSeconds()),
    integer(madeAt.getUTCMinutes()),
    integer(madeAt.getUTCHours()),
    integer(madeAt.getUTCDate()),
    integer(madeAt.getUTCMonth()),
    integer(madeAt.getUTCFullYear() - 1900),
    integer(0),
    text(database),
    text('18.4'),
    text('18.4'),
  ]);
}

function tocOf(entries: readonly Entry[], minor: number, positions: ReadonlyMap<number, number>): Buffer {
  return Buffer.concat([
    integer(entries.length),
    ...entries.flatMap((entry) => [
      integer(entry.id),
      integer(entry.data === undefined ? 0 : 1),
      text('0'),
      text('0'),
      text(entry.tag),
      text(entry.kind),
      ...(minor >= 11 ? [integer(entry.section)] : []),
      text(entry.definition),
      text(entry.drop),
      text(entry.copy),
      text(entry.schema),
      text(undefined),
      ...(minor >= 14 ? [text(undefined)] : []),
      ...(minor >= 16 ? [integer(0)] : []),
      text(owner),
      text('false'),
      ...entry.dependencies.map((id) => text(String(id))),
      text(undefined),
      offsetOf(entry, positions.get(entry.id)),
    ]),
  ]);
}

function offsetOf({ data }: Entry, position: number | undefined): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = data === undefined ? offset.noData : position === undefined ? offset.notSet : offset.set;
  bytes.writeBigUInt64LE(BigInt(position ?? 0), 1);
  return bytes;
}

function tableBlock(id: number, data: Buffer, sample: DumpSample): Buffer {
  return Buffer.concat([Buffer.from([1]), integer(id), pieces(data, sample)]);
}

function largeObjectBlock(id: number, objects: readonly Buffer[], sample: DumpSample): Buffer {
  const each = objects.flatMap((object, index) => [integer(firstObject + index), pieces(object, sample)]);
  return Buffer.concat([Buffer.from([3]), integer(id), ...each, integer(0)]);
}

/** Packs data, and puts its length before each piece of it and none behind the last. */
function pieces(data: Buffer, { compression = 'gzip', pieceBytes = 4096 }: DumpSample): Buffer {
  const packed = compression === 'gzip' ? deflateSync(data) : compression === 'zstd' ? zstdCompressSync(data) : data;
  const parts: Buffer[] = [];
  for (let start = 0; start < packed.length; start += pieceBytes) {
    const piece = packed.subarray(start, start + pieceBytes);
    parts.push(integer(piece.length), piece);
  }
  return Buffer.concat([...parts, integer(0)]);
}

/** A byte for the sign, then the magnitude, its lowest byte first. */
function integer(value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = value < 0 ? 1 : 0;
  bytes.writeUInt32LE(Math.abs(value), 1);
  return bytes;
}

function text(value: string | undefined): Buffer {
  if (value === undefined) return integer(-1);
  const bytes = Buffer.from(value);
  return Buffer.concat([integer(bytes.length), bytes]);
}
