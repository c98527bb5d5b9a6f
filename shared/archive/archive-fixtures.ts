import { createHash } from 'node:crypto';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { type ObjectServer, startObjectServer } from '../../sandbox/s3/object-server.ts';
import { type Destination, destinationSchema } from '../retention/retention-config.ts';
import type { RowsDigest, Segment } from '../retention/row-target.ts';
import { copyFileName, fileKey, manifestKey } from './archive-names.ts';
import { ArchiveStore } from './archive-store.ts';
import { CopyTextReader } from './copy-text.ts';
import { sumDigests } from './digest.ts';
import type { Manifest, ManifestTable } from './manifest.ts';
import { manifestHash } from './read-manifest.ts';
import { RowsHash, rowHashName } from './row-hash.ts';
import { writeCopyFile } from './write-file.ts';

export const archiveBucket = 'nycmg-archive';
export const archivePrefix = 'archives/';

/** A place for archives on a server of its own. */
export interface ArchivePlace extends AsyncDisposable {
  readonly server: ObjectServer;
  readonly s3: S3Client;
  readonly store: ArchiveStore;
  readonly destination: Destination;
}

/** Starts S3 and returns a store in it. */
export async function startArchivePlace(
  signal = new AbortController().signal,
  more: Partial<Destination> = {},
): Promise<ArchivePlace> {
  const server = await startObjectServer();
  const s3 = new S3Client({
    endpoint: server.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'sandbox', secretAccessKey: 'sandbox' },
    forcePathStyle: true,
    // Retries are waited for, and tests are not to wait.
    maxAttempts: 1,
  });
  await s3.send(new CreateBucketCommand({ Bucket: archiveBucket }));
  const destination = destinationSchema.parse({ bucket: archiveBucket, prefix: archivePrefix, ...more });
  return {
    server,
    s3,
    destination,
    store: new ArchiveStore(s3, destination, signal),
    async [Symbol.asyncDispose]() {
      s3.destroy();
      await server.stop();
    },
  };
}

/** A table of an archive to be made: COPY text of its rows, and how many of them go with each segment. */
export interface SampleTable {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly text: string | Uint8Array;
  readonly rowsOfSegments: readonly number[];
  readonly referringColumns?: readonly string[];
}

const listens: SampleTable = {
  name: 'listens',
  columns: [
    { name: 'id', type: 'bigint' },
    { name: 'note', type: 'text' },
    { name: 'at', type: 'timestamp with time zone' },
  ],
  text: Array.from(
    { length: 30 },
    (_, id) => `${id}\t${id % 3 === 0 ? '\\N' : `a "b"\\t${id}`}\t2024-01-01 00:00:00+00\n`,
  ).join(''),
  rowsOfSegments: [10, 10, 10],
};

const details: SampleTable = {
  name: 'details',
  columns: [
    { name: 'listen_id', type: 'bigint' },
    { name: 'value', type: 'text' },
  ],
  text: Array.from({ length: 12 }, (_, id) => `${Math.floor(id / 2)}\tdetail ${id}\n`).join(''),
  rowsOfSegments: [12, 0, 0],
  referringColumns: ['listen_id'],
};

/** Root and child of the archives that are made unless others are given. */
const sampleTables: readonly SampleTable[] = [listens, details];

/** An archive as it was written. */
export interface SampleArchive {
  readonly manifest: Manifest;
  readonly hash: string;
}

/** Writes an archive with its manifest; the digests are those of the text given. */
export async function writeSampleArchive(
  store: ArchiveStore,
  {
    policy = 'listens',
    sequence = 1,
    attempt = '0123456789abcdef',
    previousManifest = null,
    tables = sampleTables,
    change = (manifest) => manifest,
  }: {
    readonly policy?: string;
    readonly sequence?: number;
    readonly attempt?: string;
    readonly previousManifest?: string | null;
    readonly tables?: readonly SampleTable[];
    readonly change?: (manifest: Manifest) => Manifest;
  } = {},
): Promise<SampleArchive> {
  const digests = tables.map(digestsOf);
  const written = await Promise.all(
    tables.map(async (table, index) => {
      const name = copyFileName(attempt, { schema: 'public', name: table.name });
      const text = Buffer.from(table.text);
      const file = await writeCopyFile(inPieces(text), store, fileKey(policy, sequence, name));
      return manifestTable(table, index, digests[index] as RowsDigest[], { name, ...file });
    }),
  );
  const segments: Segment[] = (digests[0] as RowsDigest[]).map((_, segment) => ({
    upTo: ['2024-01-01 00:00:00+00', String(segment)],
    digests: digests.map((ofTable) => ofTable[segment] as RowsDigest),
  }));
  const manifest = change({
    formatVersion: 1,
    estate: 'nycmg',
    task: 'data-archival',
    policy,
    sequence,
    actor: 'tester',
    runId: 'run',
    planHash: createHash('sha256').update('plan').digest('hex'),
    createdAt: '2026-11-20T12:00:00.000Z',
    codeVersion: 'test',
    policyDefinition: {},
    database: 'main',
    serverVersion: '18.0',
    encoding: 'UTF8',
    compression: 'zstd',
    rowHash: rowHashName,
    cutoff: '2025-01-01 00:00:00+00',
    ageColumn: tables[0]?.columns.at(-1)?.name ?? 'at',
    key: ['id'],
    range: { after: null, upTo: segments.at(-1)?.upTo as string[] },
    tables: written,
    segments: segments as Manifest['segments'],
    parquet: [],
    previousManifest,
  });
  const text = JSON.stringify(manifest);
  await store.putNew(manifestKey(policy, sequence), text);
  return { manifest, hash: manifestHash(text) };
}

/** Yields bytes in pieces as small as a COPY's. */
export async function* inPieces(bytes: Uint8Array, size = 10_000): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

function digestsOf({ columns, text, rowsOfSegments }: SampleTable): RowsDigest[] {
  const hashes = rowsOfSegments.map(() => new RowsHash(columns.map(({ type }) => type)));
  let segment = 0;
  const reader = new CopyTextReader(columns.length, (row) => {
    while (hashes[segment]?.rows === rowsOfSegments[segment]) segment += 1;
    (hashes[segment] as RowsHash).add(row);
  });
  reader.push(Buffer.from(text));
  reader.end();
  return hashes.map((hash) => hash.digest());
}

function manifestTable(
  { name, columns, referringColumns = [] }: SampleTable,
  index: number,
  digests: readonly RowsDigest[],
  file: ManifestTable['file'],
): ManifestTable {
  return {
    schema: 'public',
    name,
    parent: index === 0 ? null : 0,
    referringColumns: [...referringColumns],
    referredColumns: index === 0 ? [] : ['id'],
    columns: columns.map((column) => ({ ...column, isNotNull: false, isGenerated: false, isIdentity: false })),
    primaryKey: index === 0 ? ['id'] : [],
    ddl: [],
    ...sumDigests(digests),
    file,
  };
}
