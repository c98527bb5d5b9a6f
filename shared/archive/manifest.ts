import * as z from 'zod';
import { rowHashName } from './row-hash.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const digest = z.strictObject({
  rows: z.int().min(0),
  /** Sum of the hashes of rows, as `rowHash` says, modulo 2^64, 16 hexadecimal digits. */
  hash: z.string().regex(/^[0-9a-f]{16}$/),
});
const position = z.array(z.string());

const columnSchema = z.strictObject({
  name: z.string(),
  type: z.string(),
  isNotNull: z.boolean(),
  /** Its values are in the archive, and are computed anew when it is restored. */
  isGenerated: z.boolean(),
  isIdentity: z.boolean(),
});

const storedFile = z.strictObject({
  /** Behind the archive's folder: `public.listens.copy.zst`. */
  name: z.string(),
  bytes: z.int().min(0),
  sha256,
  uncompressedBytes: z.int().min(0),
});

const tableSchema = z.strictObject({
  schema: z.string(),
  name: z.string(),
  /** Index in `tables` of the table whose rows these go with; null for the root, which is the first. */
  parent: z.int().min(0).nullable(),
  referringColumns: z.array(z.string()),
  referredColumns: z.array(z.string()),
  columns: z.array(columnSchema),
  primaryKey: z.array(z.string()),
  /** Statements that make an empty table like it, without its foreign keys and triggers; the types that it needs come first. */
  ddl: z.array(z.string()),
  ...digest.shape,
  file: storedFile,
});

/**
 * What an archive is: rows of a table and of its children as COPY text (https://www.postgresql.org/docs/current/sql-copy.html), one
 * zstd file for each table, in segments that follow each other. Written when everything in it has been read back and proven. Each names
 * the one before, so that none can be exchanged or left out.
 */
export const manifestSchema = z.strictObject({
  formatVersion: z.literal(1),
  estate: z.string(),
  task: z.string(),
  policy: z.string(),
  /** From 1 on, without a gap, in each policy's folder. */
  sequence: z.int().min(1),
  /** Who, in which run, under which plan. */
  actor: z.string(),
  runId: z.string(),
  planHash: z.string(),
  createdAt: z.iso.datetime(),
  codeVersion: z.string(),
  /** The policy as configured, as canonical JSON has it. */
  policyDefinition: z.unknown(),
  database: z.string(),
  /** `server_version` and `server_encoding`; the files are in that encoding. */
  serverVersion: z.string(),
  encoding: z.string(),
  compression: z.literal('zstd'),
  /** How a row is hashed. */
  rowHash: z.literal(rowHashName),
  cutoff: z.string(),
  ageColumn: z.string(),
  key: z.array(z.string()),
  range: z.strictObject({ after: position.nullable(), upTo: position }),
  tables: z.array(tableSchema).min(1),
  segments: z.array(z.strictObject({ upTo: position, digests: z.array(digest) })).min(1),
  /** A second copy to be asked questions of; not good to restore from. */
  parquet: z.array(z.strictObject({ ...storedFile.omit({ uncompressedBytes: true }).shape, rows: z.int().min(0) })),
  /** SHA-256 of the manifest before, as it is stored; null in the first. */
  previousManifest: sha256.nullable(),
});

export type Manifest = z.output<typeof manifestSchema>;
export type ManifestTable = Manifest['tables'][number];

/** Rows of an archive that were not deleted, because they had changed by then: they are in the table, and restoring leaves them out. */
export const exclusionsSchema = z.strictObject({
  formatVersion: z.literal(1),
  manifest: sha256,
  createdAt: z.iso.datetime(),
  /** Keys of the root's rows, as text. */
  keys: z.array(z.array(z.string())),
});

export type Exclusions = z.output<typeof exclusionsSchema>;

/** Says that everything in an archive that was to be deleted has been. */
export const completionSchema = z.strictObject({
  formatVersion: z.literal(1),
  manifest: sha256,
  completedAt: z.iso.datetime(),
  deletedRows: z.int().min(0),
  keptRows: z.int().min(0),
});

export type Completion = z.output<typeof completionSchema>;
