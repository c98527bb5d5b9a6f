import type { ReplicationConfiguration } from '@aws-sdk/client-s3';
import type * as z from 'zod';
import type { configSchema } from '../../functions/backup-integrity/config.ts';
import type { task } from '../../functions/backup-integrity/task.ts';
import type { RuleOf } from '../../shared/task.ts';
import type { S3BucketDocument, S3ObjectDocument } from '../control-plane/services/s3-document.ts';
import type { PlantedCase } from './planted-case.ts';

type RuleId = RuleOf<typeof task>;

/** A source and its copy as the configuration names them. */
export type ReplicaEntry = NonNullable<z.input<typeof configSchema>['replicas']>[number];

/** A pair with what must be found about it; `unchecked` is why nothing can be said about it. */
export type ReplicaCase = PlantedCase<ReplicaEntry, RuleId> & { readonly unchecked?: string };

/** The copied buckets of the sample estate. */
export interface BackupReplicas {
  readonly cases: readonly ReplicaCase[];
  readonly buckets: Readonly<Record<string, S3BucketDocument>>;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

const east = 'us-east-1';
const west = 'us-west-2';

const audio = 'nycmg-audio';
const audioCopy = 'nycmg-audio-copy';
const posters = 'nycmg-posters';
const postersCopy = 'nycmg-posters-copy';
const stems = 'nycmg-stems';
const stemsCopy = 'nycmg-stems-copy';

/** An object on both sides; a side that is left out does not have it. */
interface Track {
  readonly name: string;
  readonly source?: Written;
  readonly copy?: Written;
}

interface Written extends Partial<S3ObjectDocument> {
  readonly hoursAgo: number;
}

const copiedWell = (name: string, hoursAgo: number): Track => ({ name, source: { hoursAgo }, copy: { hoursAgo } });

/** Every way in which a copy can be at fault, and those in which it only looks so. */
const tracks: readonly Track[] = [
  ...['bronx', 'brooklyn', 'manhattan', 'queens', 'staten-island'].flatMap((borough, index) =>
    [1, 2, 3].map((track) => copiedWell(`${borough}/${track}.flac`, 24 * (30 + index + track))),
  ),
  { name: 'brooklyn/lost.flac', source: { hoursAgo: 80 } },
  {
    name: 'brooklyn/given-up.flac',
    source: { hoursAgo: 50, replicationStatus: 'FAILED' },
  },
  {
    name: 'harlem/remastered.flac',
    source: { hoursAgo: 30, body: recording('harlem/remastered.flac', 'the new master, which is longer') },
    copy: { hoursAgo: 500 },
  },
  {
    name: 'harlem/truncated.flac',
    source: { hoursAgo: 700 },
    copy: { hoursAgo: 699, body: Buffer.alloc(0) },
  },
  { name: 'queens/deleted.flac', copy: { hoursAgo: 900 } },
  // What follows is as it should be.
  { name: 'queens/just-uploaded.flac', source: { hoursAgo: 0.5, replicationStatus: 'PENDING' } },
  {
    name: 'queens/archived.flac',
    source: { hoursAgo: 2_000 },
    copy: { hoursAgo: 2_000, storageClass: 'DEEP_ARCHIVE' },
  },
  { name: 'smörgåsbord/50% + more 🎷.flac', source: { hoursAgo: 100 }, copy: { hoursAgo: 100 } },
];

/** Returns the copied buckets of the sample estate and what is wrong with them, as they stand at `now`. */
export function backupReplicas(now: Date): BackupReplicas {
  const covers = [1, 2, 3, 4].map((cover) => copiedWell(`${cover}.jpg`, 24 * cover));
  return {
    cases: [
      {
        resource: {
          id: 'audio',
          source: { bucket: audio, region: east },
          copy: { bucket: audioCopy, region: west },
          mayHaveExtra: false,
        },
        resourceId: `s3://${audio}/ > s3://${audioCopy}/`,
        why: 'objects that were never copied, copied too early, cut short and left behind',
        findings: [
          { rule: 'replica-missing', severity: 'critical' },
          { rule: 'replica-differs', severity: 'critical' },
          { rule: 'replica-stale', severity: 'high' },
          { rule: 'replication-failed', severity: 'high' },
          { rule: 'replica-extra', severity: 'low' },
        ],
      },
      {
        resource: {
          id: 'posters',
          source: { bucket: posters, region: east },
          copy: { bucket: postersCopy, prefix: 'from-the-east/', region: west },
        },
        resourceId: `s3://${posters}/ > s3://${postersCopy}/from-the-east/`,
        why: 'a bucket copied whole into a folder of another',
        findings: [],
      },
      {
        resource: {
          id: 'stems',
          source: { bucket: stems, prefix: 'stem/', region: east },
          copy: { bucket: stemsCopy, prefix: 'stem/', region: west },
        },
        resourceId: `s3://${stems}/stem/ > s3://${stemsCopy}/stem/`,
        why: 'a mistyped prefix, under which the source has nothing: comparing that proves nothing',
        findings: [],
        unchecked: 'nothing-compared',
      },
    ],
    buckets: {
      [audio]: {
        ...bucket(east, now, written('audio/', 'source', tracks, now)),
        replication: replicationTo(audioCopy),
      },
      [audioCopy]: bucket(west, now, written('audio/', 'copy', tracks, now)),
      [posters]: { ...bucket(east, now, written('', 'source', covers, now)), replication: replicationTo(postersCopy) },
      [postersCopy]: bucket(west, now, written('from-the-east/', 'copy', covers, now)),
      [stems]: {
        ...bucket(east, now, written('stems/', 'source', covers, now)),
        replication: replicationTo(stemsCopy),
      },
      [stemsCopy]: bucket(west, now, written('stems/', 'copy', covers, now)),
    },
  };
}

function bucket(region: string, now: Date, objects: readonly S3ObjectDocument[]): S3BucketDocument {
  return {
    region,
    creationDate: new Date(now.getTime() - 3 * 365 * dayMs),
    tags: { app: 'nycmg' },
    versioning: 'Enabled',
    objectLock: { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 35 } } },
    objects,
  };
}

/** Everything is copied; S3 has no rule that would put it into a folder, which is some other program's work. */
function replicationTo(copy: string): ReplicationConfiguration {
  return {
    Role: 'arn:aws:iam::123456789012:role/nycmg-replication',
    Rules: [
      {
        ID: `to-${copy}`,
        Priority: 1,
        Status: 'Enabled',
        Filter: { Prefix: '' },
        DeleteMarkerReplication: { Status: 'Disabled' },
        Destination: { Bucket: `arn:aws:s3:::${copy}` },
      },
    ],
  };
}

function written(prefix: string, side: 'source' | 'copy', all: readonly Track[], now: Date): S3ObjectDocument[] {
  return all.flatMap((track) => {
    const given = track[side];
    if (given === undefined) return [];
    const { hoursAgo, ...details } = given;
    const replicationStatus = side === 'copy' ? 'REPLICA' : 'COMPLETED';
    return {
      key: prefix + track.name,
      lastModified: new Date(now.getTime() - hoursAgo * hourMs),
      body: recording(track.name),
      replicationStatus,
      ...details,
    };
  });
}

function recording(name: string, more = ''): Buffer {
  return Buffer.from(`fLaC ${name} ${more}`);
}
