import { createHash } from 'node:crypto';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import type * as z from 'zod';
import type { configSchema } from '../../functions/backup-integrity/config.ts';
import type { task } from '../../functions/backup-integrity/task.ts';
import type { RuleOf } from '../../shared/task.ts';
import type { S3BucketDocument, S3ObjectDocument } from '../control-plane/services/s3-document.ts';
import { customDump, type DumpSample, plainDump, type SampleTable } from './pg-dump-sample.ts';
import type { PlantedCase, PlantedFinding } from './planted-case.ts';
import { tarArchive } from './tar-sample.ts';

type RuleId = RuleOf<typeof task>;

/** A set of artifacts as the configuration names it. */
export type ArtifactsEntry = NonNullable<z.input<typeof configSchema>['artifacts']>[number];

/** A set of artifacts with what must be found about it; `unchecked` is why its newest artifact cannot be looked into. */
export type ArtifactsCase = PlantedCase<ArtifactsEntry, RuleId> & { readonly unchecked?: string };

/** The dumps and archives of the sample estate. */
export interface BackupArtifacts {
  readonly cases: readonly ArtifactsCase[];
  readonly buckets: Readonly<Record<string, S3BucketDocument>>;
}

/** Where the sample estate keeps its dumps. */
export const artifactsBucket = 'nycmg-backups';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Most of them come every night. */
const everyMinutes = 1440;

/** One artifact of a series and what stands beside it. */
interface Sample {
  readonly body: Buffer;
  /** Of the companion, when it is to be another than the right one; `null`: there is none. */
  readonly sum?: string | null;
  readonly details?: Partial<S3ObjectDocument>;
}

/** How a set came to be: night by night, the newest first. */
interface Spec {
  readonly why: string;
  readonly entry: Omit<ArtifactsEntry, 'bucket' | 'everyMinutes'>;
  readonly extension: string;
  /** Hours from now back to each artifact. */
  readonly hoursAgo?: readonly number[];
  /** Returns the artifact that came so many nights ago. */
  readonly make: (nightsAgo: number, madeAt: Date) => Sample | Buffer;
  readonly findings?: readonly PlantedFinding<RuleId>[];
  readonly unchecked?: string;
}

/** Returns the sets of artifacts of the sample estate and the bucket that holds them, as they stand at `now`. */
export function backupArtifacts(now: Date): BackupArtifacts {
  const specs = [...healthy(), ...late(), ...tooSmall(), ...unreadable(), ...beside()];
  const objects = specs.flatMap((spec) => objectsOf(spec, now));
  return {
    cases: specs.map(({ why, entry, findings = [], unchecked }) => ({
      resource: { everyMinutes, ...entry, bucket: artifactsBucket },
      resourceId: `s3://${artifactsBucket}/${entry.prefix}${entry.pattern ?? ''}`,
      why,
      findings,
      ...(unchecked === undefined ? {} : { unchecked }),
    })),
    buckets: {
      [artifactsBucket]: {
        region: 'us-east-1',
        creationDate: new Date(now.getTime() - 3 * 365 * dayMs),
        tags: { app: 'nycmg' },
        versioning: 'Enabled',
        objectLock: {
          ObjectLockEnabled: 'Enabled',
          Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 35 } },
        },
        // As consoles make folders: nobody's backup.
        objects: [{ key: 'dumps/', lastModified: now, body: Buffer.alloc(0) }, ...objects],
      },
    },
  };
}

function healthy(): Spec[] {
  return [
    {
      why: 'nightly dumps, whole and with their checksums',
      entry: { id: 'dumps', prefix: 'dumps/', pattern: '*.dump', companion: 'sha256', content: 'pg-dump-custom' },
      extension: 'dump',
      make: (night, madeAt) => customDump(rights(night, madeAt)),
    },
    {
      why: 'an archive in gzip, with a manifest in its folder',
      entry: { id: 'exports', prefix: 'exports/', companion: 'manifest', content: 'tar' },
      extension: 'tar.gz',
      make: (night, madeAt) => gzipSync(tarArchive(exported(night), madeAt)),
    },
    {
      why: 'a plain dump in zstd of which the newest is late, but by less than is granted',
      entry: { id: 'charts', prefix: 'charts/', content: 'pg-dump-plain' },
      extension: 'sql.zst',
      hoursAgo: nightly(26),
      make: (night, madeAt) => zstd(Buffer.from(plainDump(rights(night, madeAt)))),
    },
    {
      why: 'dumps that differ in size as much as they always do',
      entry: { id: 'uneven', prefix: 'uneven/' },
      extension: 'json',
      make: (night) => listens(night, [700, 1000, 600, 1050, 720, 950, 620, 1000][night] ?? 800),
    },
    {
      why: 'archived, and restored for the audit: it can be read',
      entry: { id: 'restored', prefix: 'restored/', content: 'tar' },
      extension: 'tar',
      make: (night, madeAt) => ({
        body: tarArchive(exported(night), madeAt),
        details: {
          storageClass: 'GLACIER',
          restore: 'ongoing-request="false", expiry-date="Fri, 25 Dec 2037 00:00:00 GMT"',
        },
      }),
    },
    {
      why: 'archived: as it should be, but nobody can look inside',
      entry: { id: 'archived', prefix: 'archived/', content: 'tar' },
      extension: 'tar',
      make: (night, madeAt) => ({
        body: tarArchive(exported(night), madeAt),
        details: { storageClass: 'DEEP_ARCHIVE' },
      }),
      unchecked: 'archived',
    },
    {
      why: 'compressed in a way that cannot be unpacked here',
      entry: { id: 'stems', prefix: 'stems/', content: 'tar' },
      extension: 'tar.xz',
      make: (night) => Buffer.concat([Buffer.from('fd377a585a00', 'hex'), listens(night, 100)]),
      unchecked: 'cannot-look-inside',
    },
  ];
}

function late(): Spec[] {
  return [
    {
      why: 'the last two nights are missing',
      entry: { id: 'venues', prefix: 'venues/', pattern: '*.dump', content: 'pg-dump-custom' },
      extension: 'dump',
      hoursAgo: nightly(51),
      make: (night, madeAt) => customDump(rights(night, madeAt)),
      findings: [{ rule: 'artifact-late', severity: 'high' }],
    },
    {
      why: 'nothing was ever written here',
      entry: { id: 'royalties', prefix: 'royalties/', pattern: '*.dump' },
      extension: 'dump',
      hoursAgo: [],
      make: () => Buffer.alloc(0),
      findings: [{ rule: 'artifact-late', severity: 'critical' }],
    },
    {
      why: 'one night of last week failed, and the next did not',
      entry: { id: 'boroughs', prefix: 'boroughs/' },
      extension: 'json',
      hoursAgo: [3, 27, 75, 99],
      make: (night) => listens(night, 800 + night),
      findings: [{ rule: 'artifact-late', severity: 'low', discriminator: 'gap' }],
    },
    {
      why: 'a dump of last month, uploaded again',
      entry: { id: 'contracts', prefix: 'contracts/', content: 'pg-dump-custom' },
      extension: 'dump',
      make: (night, madeAt) => customDump(rights(night, new Date(madeAt.getTime() - 35 * dayMs))),
      findings: [{ rule: 'artifact-late', severity: 'high', discriminator: 'made-earlier' }],
    },
  ];
}

function tooSmall(): Spec[] {
  return [
    {
      why: 'a dump of 0 bytes, written by a job that called it a success',
      entry: { id: 'artists', prefix: 'artists/', content: 'pg-dump-custom' },
      extension: 'dump',
      make: (night, madeAt) => (night === 0 ? Buffer.alloc(0) : customDump(rights(night, madeAt))),
      findings: [{ rule: 'artifact-too-small', severity: 'critical' }],
    },
    {
      why: 'less than a dump of this database can have',
      entry: { id: 'tracks', prefix: 'tracks/', minimumBytes: 2048 },
      extension: 'json',
      make: (night) => (night === 0 ? Buffer.from('{"error":"connection refused"}\n') : listens(night, 500)),
      findings: [{ rule: 'artifact-too-small', severity: 'high' }],
    },
    {
      why: 'less than half of what it always had',
      entry: { id: 'listens', prefix: 'listens/' },
      extension: 'json',
      make: (night) => listens(night, night === 0 ? 350 : 800 + night),
      findings: [{ rule: 'size-drop', severity: 'high' }],
    },
    {
      why: 'the same bytes night after night',
      entry: { id: 'playlists', prefix: 'playlists/' },
      extension: 'json',
      make: () => listens(0, 300),
      findings: [{ rule: 'size-drop', severity: 'high', discriminator: 'unchanged' }],
    },
  ];
}

function unreadable(): Spec[] {
  const unreadableNewest: readonly PlantedFinding<RuleId>[] = [{ rule: 'artifact-unreadable', severity: 'critical' }];
  const broken = (why: string, entry: Spec['entry'], extension: string, make: Spec['make']): Spec => ({
    why,
    entry,
    extension,
    make,
    findings: unreadableNewest,
  });
  return [
    broken(
      'gzip that breaks off, as after a full disk',
      { id: 'uploads', prefix: 'uploads/', content: 'tar' },
      'tar.gz',
      (night, madeAt) =>
        ifNewest(night, gzipSync(tarArchive(exported(night), madeAt)), (whole) => whole.subarray(0, -20)),
    ),
    broken('one bit of zstd is another', { id: 'labels', prefix: 'labels/' }, 'sql.zst', (night, madeAt) =>
      ifNewest(night, zstd(Buffer.from(plainDump(rights(night, madeAt)))), flipLastBit),
    ),
    broken(
      'a tar that breaks off between two members, which looks whole without its end',
      { id: 'covers', prefix: 'covers/', content: 'tar' },
      'tar',
      (night, madeAt) => ifNewest(night, tarArchive(exported(night), madeAt), (whole) => whole.subarray(0, -1024)),
    ),
    broken(
      'an archive of pg_dump without the data of its last table',
      { id: 'publishers', prefix: 'publishers/', content: 'pg-dump-custom' },
      'dump',
      (night, madeAt) => {
        const sample = { ...rights(night, madeAt), isPiped: true };
        return ifNewest(night, customDump(sample), (whole) => whole.subarray(0, whole.lastIndexOf(dataBlock)));
      },
    ),
    broken(
      'a plain dump without its last lines, as of a job that was killed',
      { id: 'schedules', prefix: 'schedules/', content: 'pg-dump-plain' },
      'sql.gz',
      (night, madeAt) =>
        ifNewest(night, Buffer.from(plainDump(rights(night, madeAt))), (whole) => whole.subarray(0, -80), gzipSync),
    ),
    broken(
      'gzip of nothing: what `pg_dump | gzip` leaves when pg_dump could not connect',
      { id: 'metrics', prefix: 'metrics/' },
      'sql.gz',
      (night, madeAt) =>
        ifNewest(night, Buffer.from(plainDump(rights(night, madeAt))), () => Buffer.alloc(0), gzipSync),
    ),
    broken(
      'a dump of an empty database',
      { id: 'sessions', prefix: 'sessions/', content: 'pg-dump-custom' },
      'dump',
      (night, madeAt) => {
        const sample = rights(night, madeAt);
        return customDump(night === 0 ? { ...sample, database: 'postgres', tables: [] } : sample);
      },
    ),
  ];
}

function beside(): Spec[] {
  return [
    {
      why: 'its bytes are not those that its checksum was made from',
      entry: { id: 'masters', prefix: 'masters/', companion: 'sha256', content: 'tar' },
      extension: 'tar',
      make: (night, madeAt) => {
        const body = tarArchive(exported(night), madeAt);
        return night === 0 ? { body, sum: sha256(tarArchive(exported(night + 1), madeAt)) } : body;
      },
      findings: [{ rule: 'checksum-mismatch', severity: 'critical' }],
    },
    {
      why: 'its bytes are not those that S3 took in',
      entry: { id: 'scores', prefix: 'scores/', content: 'tar' },
      extension: 'tar',
      make: (night, madeAt) => ({
        body: tarArchive(exported(night), madeAt),
        details: night === 0 ? { checksums: { sha256: sha256(Buffer.from('other'), 'base64') } } : {},
      }),
      findings: [{ rule: 'checksum-mismatch', severity: 'critical' }],
    },
    {
      why: 'nothing stands beside the newest',
      entry: { id: 'lyrics', prefix: 'lyrics/', companion: 'sha256', content: 'tar' },
      extension: 'tar',
      make: (night, madeAt) => ({ body: tarArchive(exported(night), madeAt), ...(night === 0 ? { sum: null } : {}) }),
      findings: [{ rule: 'companion-missing', severity: 'medium' }],
    },
  ];
}

const usualNights = 8;

/** Returns the hours back to artifacts that came every night, the newest of them `first` hours ago. */
function nightly(first: number): number[] {
  return Array.from({ length: usualNights }, (_, night) => first + 24 * night);
}

function objectsOf({ entry, extension, hoursAgo = nightly(3), make }: Spec, now: Date): S3ObjectDocument[] {
  const second = Math.floor(now.getTime() / 1000) * 1000;
  return hoursAgo.flatMap((hours, night) => {
    const lastModified = new Date(second - hours * hourMs);
    const day = lastModified.toISOString().slice(0, 10);
    const made = make(night, new Date(lastModified.getTime() - hourMs / 4));
    const { body, sum, details }: Sample = Buffer.isBuffer(made) ? { body: made } : made;
    const isFolder = entry.companion === 'manifest';
    const name = `${entry.id}-${day}.${extension}`;
    const key = `${entry.prefix}${isFolder ? `${day}/` : ''}${name}`;
    const artifact: S3ObjectDocument = { key, lastModified, body, ...details };
    if ((entry.companion ?? 'none') === 'none' || sum === null) return [artifact];
    const hash = sum ?? sha256(body);
    const companion = isFolder
      ? { key: `${entry.prefix}${day}/manifest.json`, text: JSON.stringify({ files: [{ name, sha256: hash }] }) }
      : { key: `${key}.sha256`, text: `${hash}  ${name}\n` };
    return [artifact, { key: companion.key, lastModified, body: Buffer.from(companion.text) }];
  });
}

/** A dump of the rights to the catalogue, a little larger every night. */
function rights(nightsAgo: number, madeAt: Date): DumpSample {
  const artists: SampleTable = {
    schema: 'rights',
    name: 'artists',
    columns: ['id integer', 'name text', 'borough text'],
    rows: Array.from({ length: 60 - nightsAgo }, (_, id) => `${id}\tArtist ${id * 7919}\t${boroughs[id % 5]}`),
  };
  const splits: SampleTable = {
    schema: 'rights',
    name: 'splits',
    columns: ['track integer', 'artist integer', 'share numeric'],
    rows: Array.from({ length: 90 - nightsAgo }, (_, track) => `${track}\t${track % 50}\t0.${(track * 37) % 100}`),
  };
  return { database: 'nycmg_rights', madeAt, tables: [artists, splits] };
}

const boroughs = ['Bronx', 'Brooklyn', 'Manhattan', 'Queens', 'Staten Island'];

/** First bytes of the block of the data of the second table. */
const dataBlock = Buffer.from([1, 0, 402 & 0xff, 402 >> 8, 0, 0]);

function exported(nightsAgo: number): Record<string, Buffer> {
  return {
    'tracks.json': listens(nightsAgo, 40 - nightsAgo),
    'boroughs.json': Buffer.from(JSON.stringify(boroughs)),
  };
}

/** Returns so many lines about what was listened to that night. */
function listens(nightsAgo: number, lines: number): Buffer {
  return Buffer.from(
    Array.from({ length: lines }, (_, line) => `{"track":${(line * 7919 + nightsAgo) % 1000},"n":${line % 97}}\n`).join(
      '',
    ),
  );
}

/** Returns an artifact, spoiled when it is the newest, and then packed. */
function ifNewest(
  nightsAgo: number,
  whole: Buffer,
  spoil: (whole: Buffer) => Buffer,
  pack: (bytes: Buffer) => Buffer = (bytes) => bytes,
): Buffer {
  return pack(nightsAgo === 0 ? spoil(whole) : whole);
}

function flipLastBit(whole: Buffer): Buffer {
  const flipped = Buffer.from(whole);
  flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
  return flipped;
}

function zstd(bytes: Buffer): Buffer {
  return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
}

function sha256(bytes: Buffer, encoding: 'hex' | 'base64' = 'hex'): string {
  return createHash('sha256').update(bytes).digest(encoding);
}
