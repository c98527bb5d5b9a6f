import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { parse } from 'csv-parse';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { type ListedObject, unquoted } from '../../../shared/objects/listed-object.ts';
import { decodeUrl } from '../../../shared/objects/scan-listing.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import { damaged, type InventoryFile, type Manifest } from './manifest.ts';

type Row = Readonly<Record<string, unknown>>;

/** Names of the fields in a CSV inventory's schema and in a Parquet inventory's columns. */
const columns = {
  key: ['Key', 'key'],
  size: ['Size', 'size'],
  modified: ['LastModifiedDate', 'last_modified_date'],
  etag: ['ETag', 'e_tag'],
  storageClass: ['StorageClass', 'storage_class'],
  isLatest: ['IsLatest', 'is_latest'],
  isDeleteMarker: ['IsDeleteMarker', 'is_delete_marker'],
} as const;

/**
 * Yields the current objects of an inventory in the order of its files, which says nothing. Every file is read to a temporary one
 * first and compared with its checksum, so that nothing damaged is read.
 *
 * @throws UncheckedError for files that are damaged or of a format that is not read.
 */
export async function* readFiles(
  client: S3Client,
  bucket: string,
  manifest: Manifest,
  directory: string,
  signal: AbortSignal,
): AsyncGenerator<ListedObject, void, undefined> {
  const rowsOf = readers[manifest.fileFormat.toLowerCase()];
  if (rowsOf === undefined) {
    const detail = `Inventories in ${manifest.fileFormat} are not read: have S3 write CSV or Parquet.`;
    throw new UncheckedError('inventory-format', detail);
  }
  for (const [index, file] of manifest.files.entries()) {
    const path = join(directory, `file-${index}`);
    await download(client, bucket, file, path, signal);
    try {
      for await (const row of orDamaged(rowsOf(path, manifest), file)) {
        const object = objectOf(row);
        if (object !== undefined) yield object;
      }
    } finally {
      await rm(path, { force: true });
    }
  }
}

/** What is wrong with a file that is what S3 wrote, its readers say in many ways. */
async function* orDamaged(rows: AsyncIterable<Row>, { key }: InventoryFile): AsyncGenerator<Row> {
  try {
    yield* rows;
  } catch (error) {
    throw damaged(`${key} cannot be read.`, { cause: error });
  }
}

const readers: Readonly<Record<string, (path: string, manifest: Manifest) => AsyncIterable<Row>>> = {
  csv: csvRows,
  parquet: parquetRows,
};

async function download(
  client: S3Client,
  bucket: string,
  { key, MD5checksum }: InventoryFile,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }), { abortSignal: signal });
  const hash = createHash('md5');
  await pipeline(
    Body as Readable,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        yield chunk;
      }
    },
    createWriteStream(path),
    { signal },
  );
  if (hash.digest('hex') !== MD5checksum.toLowerCase()) throw damaged(`${key} is not what its checksum says.`);
}

/** No header: the manifest names the columns. Keys are encoded as in URLs. */
async function* csvRows(path: string, { fileSchema }: Manifest): AsyncGenerator<Row> {
  const names = fileSchema.split(',').map((name) => name.trim());
  const file = createReadStream(path);
  const gunzip = createGunzip();
  const parser = parse({ columns: names });
  const flowing = pipeline(file, gunzip, parser);
  // Its failure is met by whoever reads the rows.
  flowing.catch(() => {});
  for await (const row of parser as AsyncIterable<Record<string, string>>) {
    yield row.Key === undefined ? row : { ...row, Key: decodeUrl(row.Key) };
  }
  await flowing;
}

/** One row group at a time is held. */
async function* parquetRows(path: string): AsyncGenerator<Row> {
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  const present = new Set(metadata.schema.map(({ name }) => name));
  const wanted = Object.values(columns).flatMap(([, name]) => (present.has(name) ? name : []));
  let rowStart = 0;
  for (const { num_rows } of metadata.row_groups) {
    const rowEnd = rowStart + Number(num_rows);
    yield* await parquetReadObjects({ file, metadata, columns: wanted, rowStart, rowEnd });
    rowStart = rowEnd;
  }
}

/** Returns the object of a row; `undefined` for a version that is no longer, or a mark that there is none. */
function objectOf(row: Row): ListedObject | undefined {
  const value = (field: keyof typeof columns) => row[columns[field][0]] ?? row[columns[field][1]];
  const isOld = String(value('isLatest') ?? true) === 'false';
  if (isOld || String(value('isDeleteMarker') ?? false) === 'true') return undefined;
  const key = value('key');
  const sizeBytes = readSize(value('size'));
  const modifiedAtMs = readTime(value('modified'));
  if (typeof key !== 'string' || sizeBytes === undefined || modifiedAtMs === undefined) {
    const detail =
      'The inventory does not tell size and time of every object: have S3 put Size and LastModifiedDate in.';
    throw new UncheckedError('inventory-lacks-fields', detail);
  }
  const etag = value('etag');
  const storageClass = value('storageClass');
  return {
    key,
    sizeBytes,
    modifiedAtMs,
    etag: typeof etag === 'string' && etag !== '' ? unquoted(etag) : undefined,
    storageClass: typeof storageClass === 'string' && storageClass !== '' ? storageClass : undefined,
  };
}

function readSize(value: unknown): number | undefined {
  if (typeof value === 'bigint' || typeof value === 'number') return Number(value);
  return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : undefined;
}

function readTime(value: unknown): number | undefined {
  const ms = value instanceof Date ? value.getTime() : typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}
