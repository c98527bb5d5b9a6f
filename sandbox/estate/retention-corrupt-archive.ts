import { createHash } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import { copyFileName, fileKey, manifestKey } from '../../shared/archive/archive-names.ts';
import { type Manifest, manifestSchema } from '../../shared/archive/manifest.ts';
import { rowHashName } from '../../shared/archive/row-hash.ts';
import { canonicalJson, type Json } from '../../shared/ledger/canonical-json.ts';
import type { StoredBucket } from '../s3/stored-bucket.ts';

const table = { schema: 'history', name: 'royalty_notes' };
const policy = 'royalty-notes';
const prefix = 'archives/';

/**
 * Puts an archive into the bucket as a run leaves it that is cut off before it deletes, and flips one bit of its file since: whoever
 * takes it for what its manifest says would delete rows that nobody can restore.
 */
export function plantCorruptArchive(bucket: StoredBucket, createdAt: Date): void {
  const text = '1\t2024-01-01 00:00:00+00\tnote 1\n2\t2024-01-02 00:00:00+00\tnote 2\n';
  const bytes = zstdCompressSync(text);
  const name = copyFileName('0123456789abcdef', table);
  const manifest = manifestOf({
    createdAt,
    file: { name, bytes: bytes.length, sha256: sha256(bytes), uncompressedBytes: Buffer.byteLength(text) },
  });
  const flipped = Buffer.from(bytes);
  const middle = flipped.length >> 1;
  flipped[middle] = (flipped[middle] ?? 0) ^ 1;
  const options = { lastModified: createdAt };
  bucket.put(`${prefix}${fileKey(policy, 1, name)}`, flipped, options);
  bucket.put(`${prefix}${manifestKey(policy, 1)}`, canonicalJson(manifestSchema.parse(manifest) as Json), options);
}

function manifestOf({
  createdAt,
  file,
}: {
  readonly createdAt: Date;
  readonly file: Manifest['tables'][number]['file'];
}): Manifest {
  const digest = { rows: 2, hash: '00000000deadbeef' };
  const upTo = ['2024-01-02 00:00:00+00', '2'];
  const column = { isNotNull: true, isGenerated: false, isIdentity: false };
  return {
    formatVersion: 1,
    estate: 'nycmg',
    task: 'data-archival',
    policy,
    sequence: 1,
    actor: 'lambda:caretaker-sandbox-data-archival:1',
    runId: 'an-earlier-run',
    planHash: '0'.repeat(64),
    createdAt: createdAt.toISOString(),
    codeVersion: '0.0.0',
    policyDefinition: { id: policy },
    database: 'main',
    serverVersion: '18.0',
    encoding: 'UTF8',
    compression: 'zstd',
    rowHash: rowHashName,
    cutoff: '2024-06-01 00:00:00+00',
    ageColumn: 'noted_at',
    key: ['id'],
    range: { after: null, upTo },
    tables: [
      {
        ...table,
        parent: null,
        referringColumns: [],
        referredColumns: [],
        columns: [
          { ...column, name: 'id', type: 'bigint', isIdentity: true },
          { ...column, name: 'noted_at', type: 'timestamp with time zone' },
          { ...column, name: 'note', type: 'text' },
        ],
        primaryKey: ['id'],
        ddl: [
          'create table history.royalty_notes (id bigint not null, noted_at timestamp with time zone not null, note text not null)',
        ],
        ...digest,
        file,
      },
    ],
    segments: [{ upTo, digests: [digest] }],
    parquet: [],
    previousManifest: null,
  };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
