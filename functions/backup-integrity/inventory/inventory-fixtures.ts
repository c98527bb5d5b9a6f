import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { encodeKey, type FakeObject } from '../../../shared/objects/fake-s3.ts';

/** A row of an inventory of all versions. */
export interface InventoryRow {
  readonly key: string;
  readonly sizeBytes: number;
  readonly modifiedAt: Date;
  readonly etag: string;
  readonly storageClass?: string;
  readonly isLatest?: boolean;
  readonly isDeleteMarker?: boolean;
}

/** The fields of {@link csvFile}, as a manifest names them. */
const csvSchema = 'Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass';

/** Returns a data file as S3 writes it in CSV. */
export function csvFile(rows: readonly InventoryRow[]): Buffer {
  const lines = rows.map(
    ({ key, sizeBytes, modifiedAt, etag, storageClass = 'STANDARD', isLatest = true, isDeleteMarker = false }) => {
      const fields = isDeleteMarker
        ? ['b', encodeKey(key), 'v', isLatest, true, '', modifiedAt.toISOString(), '', '']
        : ['b', encodeKey(key), 'v', isLatest, false, sizeBytes, modifiedAt.toISOString(), etag, storageClass];
      return `${fields.map((field) => `"${field}"`).join(',')}\n`;
    },
  );
  return gzipSync(lines.join(''));
}

/** Returns a data file as S3 writes it in Parquet, in groups of two rows. */
export function parquetFile(rows: readonly InventoryRow[]): Buffer {
  const column = <T>(
    name: string,
    type: 'STRING' | 'BOOLEAN' | 'INT64' | 'TIMESTAMP',
    value: (row: InventoryRow) => T,
  ) => ({
    name,
    type,
    nullable: true,
    data: rows.map(value),
  });
  const file = parquetWriteBuffer({
    rowGroupSize: 2,
    columnData: [
      column('bucket', 'STRING', () => 'b'),
      column('key', 'STRING', ({ key }) => key),
      column('version_id', 'STRING', () => 'v'),
      column('is_latest', 'BOOLEAN', ({ isLatest = true }) => isLatest),
      column('is_delete_marker', 'BOOLEAN', ({ isDeleteMarker = false }) => isDeleteMarker),
      column('size', 'INT64', ({ sizeBytes, isDeleteMarker }) => (isDeleteMarker ? null : BigInt(sizeBytes))),
      column('last_modified_date', 'TIMESTAMP', ({ modifiedAt }) => modifiedAt),
      column('e_tag', 'STRING', ({ etag }) => etag),
      column('storage_class', 'STRING', ({ storageClass = 'STANDARD' }) => storageClass),
    ],
  });
  return Buffer.from(file);
}

/** Returns the objects that an inventory of `source` consists of in its destination, `manifest.json` and all. */
export function inventoryObjects(
  files: readonly Buffer[],
  {
    source = 'b',
    destination = 'inventories',
    prefix = 'b/daily/',
    format = 'CSV',
    schema = csvSchema,
    createdAt = new Date('2026-11-22T01:00:00Z'),
    isComplete = true,
  }: {
    source?: string;
    destination?: string;
    prefix?: string;
    format?: string;
    schema?: string;
    createdAt?: Date;
    isComplete?: boolean;
  } = {},
): FakeObject[] {
  const folder = `${prefix}${createdAt.toISOString().slice(0, 16).replace(':', '-')}Z/`;
  const data = files.map((body, index) => ({ key: `${prefix}data/${createdAt.getTime()}-${index}`, body }));
  const manifest = JSON.stringify({
    sourceBucket: source,
    destinationBucket: `arn:aws:s3:::${destination}`,
    version: '2016-11-30',
    creationTimestamp: String(createdAt.getTime()),
    fileFormat: format,
    fileSchema: schema,
    files: data.map(({ key, body }) => ({ key, size: body.length, MD5checksum: md5(body) })),
  });
  const checksum = { key: `${folder}manifest.checksum`, body: Buffer.from(`${md5(manifest)}\n`) };
  return [...data, { key: `${folder}manifest.json`, body: Buffer.from(manifest) }, ...(isComplete ? [checksum] : [])];
}

function md5(content: string | Buffer): string {
  return createHash('md5').update(content).digest('hex');
}
