import { createHash } from 'node:crypto';
import type { ReplicationConfiguration } from '@aws-sdk/client-s3';
import type * as z from 'zod';
import type { configSchema } from '../../functions/backup-integrity/config.ts';
import type { task } from '../../functions/backup-integrity/task.ts';
import type { RuleOf } from '../../shared/task.ts';
import { Refusal } from '../control-plane/refusal.ts';
import type { S3BucketDocument, S3ObjectDocument } from '../control-plane/services/s3-document.ts';
import type { PlantedCase, PlantedFinding } from './planted-case.ts';

type RuleId = RuleOf<typeof task>;
type ConfigInput = z.input<typeof configSchema>;
type Entries<Key extends 'policies' | 'artifacts' | 'replicas' | 'verifications'> = NonNullable<ConfigInput[Key]>;

/** A bucket, or a set of objects that are read again; `unchecked` is why it cannot all be looked at. */
export type BucketCase = PlantedCase<string, RuleId> & { readonly unchecked?: string };

/** Buckets with their guards, objects whose bytes are read again, and what the configuration says of them. */
export interface BackupBuckets {
  /** What the rules about buckets and verifications must find. */
  readonly cases: readonly BucketCase[];
  readonly buckets: Readonly<Record<string, S3BucketDocument>>;
  readonly policies: Entries<'policies'>;
  readonly artifacts: Entries<'artifacts'>;
  readonly replicas: Entries<'replicas'>;
  readonly verifications: Entries<'verifications'>;
}

const west = 'us-west-2';
const dayMs = 86_400_000;

/** Where the sample estate keeps the recordings as they came from the studios. */
const mastersBucket = 'nycmg-masters';

const complianceLock = {
  ObjectLockEnabled: 'Enabled',
  Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 35 } },
} as const;

const governanceLock = {
  ObjectLockEnabled: 'Enabled',
  Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 35 } },
} as const;

/** Tags by which the policies tell buckets apart. */
const daily = { app: 'nycmg', backup: 'daily' };
const keptElsewhere = { app: 'nycmg', backup: 'kept-elsewhere' };
const immutable = { app: 'nycmg', backup: 'immutable' };

/** Returns the buckets of the sample estate as they stand at `now`. */
export function backupBuckets(now: Date): BackupBuckets {
  const creationDate = new Date(now.getTime() - 900 * dayMs);
  const bucket = (details: Partial<S3BucketDocument>): S3BucketDocument => ({
    region: 'us-east-1',
    creationDate,
    tags: daily,
    versioning: 'Enabled',
    objects: [],
    ...details,
  });
  const verified = verifiedObjects(now);
  /** The same objects on both sides: these cases are about the buckets. */
  const copied = (name: string) => [object(now, `${name}/cover.jpg`, 5), object(now, `${name}/booklet.pdf`, 9)];
  const dump = object(now, 'sessions/listens.json', 0.5);

  return {
    cases: [
      ...verified.cases,
      planted('nycmg-artwork', 'versioned, and replicated by a rule that is on'),
      planted('nycmg-artwork-copy', 'a copy under Object Lock in COMPLIANCE mode'),
      planted(
        'nycmg-liner-notes',
        'never versioned, and so without replication',
        { rule: 'versioning-off', severity: 'high' },
        { rule: 'replication-off', severity: 'medium', discriminator: 'liner-notes' },
      ),
      planted(
        'nycmg-liner-notes-copy',
        'versioning was suspended, and whoever may delete can delete the copy',
        { rule: 'versioning-off', severity: 'high' },
        { rule: 'object-lock-off', severity: 'medium' },
      ),
      planted('nycmg-videos', 'its replication was switched off', {
        rule: 'replication-off',
        severity: 'medium',
        discriminator: 'videos',
      }),
      planted('nycmg-videos-copy', 'under Object Lock in GOVERNANCE mode, which a permission lifts', {
        rule: 'object-lock-off',
        severity: 'low',
      }),
      planted('nycmg-session-dumps', 'dumps that a policy wants immutable, without Object Lock', {
        rule: 'object-lock-off',
        severity: 'high',
      }),
      planted('nycmg-scratch', 'neither versioned nor locked, and nothing asks for it'),
    ],
    buckets: {
      [mastersBucket]: bucket({ tags: keptElsewhere, objects: verified.objects }),
      'nycmg-artwork': bucket({
        objects: copied('artwork'),
        replication: replicationTo('nycmg-artwork-copy', 'Enabled'),
      }),
      'nycmg-artwork-copy': bucket({
        region: west,
        tags: keptElsewhere,
        objectLock: complianceLock,
        objects: copied('artwork'),
      }),
      'nycmg-liner-notes': bucket({ versioning: undefined, objects: copied('liner-notes') }),
      'nycmg-liner-notes-copy': bucket({
        region: west,
        tags: keptElsewhere,
        versioning: 'Suspended',
        objects: copied('liner-notes'),
      }),
      'nycmg-videos': bucket({
        objects: copied('videos'),
        replication: replicationTo('nycmg-videos-copy', 'Disabled'),
      }),
      'nycmg-videos-copy': bucket({
        region: west,
        tags: keptElsewhere,
        objectLock: governanceLock,
        objects: copied('videos'),
      }),
      'nycmg-session-dumps': bucket({ tags: immutable, objects: [dump] }),
      'nycmg-scratch': bucket({ versioning: undefined, tags: keptElsewhere }),
    },
    policies: [
      { id: 'daily-buckets', select: { types: ['s3-bucket'], tags: { backup: daily.backup } }, rpoMinutes: 1440 },
      {
        id: 'kept-elsewhere',
        select: { types: ['s3-bucket'], tags: { backup: keptElsewhere.backup } },
        mayBeUnprotected: 'holds copies of what is kept elsewhere, or what can be made anew',
      },
      {
        id: 'immutable-buckets',
        select: { types: ['s3-bucket'], tags: { backup: immutable.backup } },
        immutable: true,
        retentionDays: 35,
      },
    ],
    artifacts: [{ id: 'session-dumps', bucket: 'nycmg-session-dumps', prefix: 'sessions/', everyMinutes: 1440 }],
    replicas: ['artwork', 'liner-notes', 'videos'].map((id) => ({
      id,
      source: { bucket: `nycmg-${id}` },
      copy: { bucket: `nycmg-${id}-copy`, region: west },
    })),
    verifications: verified.verifications,
  };
}

/** What reading the bytes again must find, and the objects that it is to be found in. */
function verifiedObjects(now: Date): {
  readonly cases: readonly BucketCase[];
  readonly objects: readonly S3ObjectDocument[];
  readonly verifications: Entries<'verifications'>;
} {
  const set = (id: string, details: Partial<Entries<'verifications'>[number]> = {}) => ({
    id: `${id}-bytes`,
    bucket: mastersBucket,
    prefix: `${id}/`,
    ...details,
  });
  const plantedSet = (id: string, why: string, unchecked: string | undefined, ...findings: Findings): BucketCase => ({
    resource: `${mastersBucket}/${id}/`,
    resourceId: `s3://${mastersBucket}/${id}/`,
    why,
    findings,
    ...(unchecked === undefined ? {} : { unchecked }),
  });
  return {
    cases: [
      plantedSet('masters', 'one recording is not what was uploaded, and one cannot be read', 'objects-unreadable', {
        rule: 'content-altered',
        severity: 'critical',
      }),
      plantedSet('stems', 'whole, whichever checksum S3 keeps of them, beside one in an archive', undefined),
      plantedSet('vinyl', 'old, never read before, and too much for one run', undefined, {
        rule: 'verification-overdue',
        severity: 'medium',
      }),
      plantedSet('demos', 'read at a pace that can never keep up', undefined, {
        rule: 'verification-overdue',
        severity: 'low',
      }),
      plantedSet('tapes', 'nobody has noticed that they were moved', 'nothing-found'),
      plantedSet('reels', 'all in an archive', 'all-archived'),
    ],
    objects: [
      object(now, 'masters/brooklyn/01 — Bridge.wav', 12),
      object(now, 'masters/brooklyn/02 — Ferry.wav', 12, (body) => ({ checksums: { sha256: sha256Of(body) } })),
      object(now, 'masters/bronx/01 — Courtyard.wav', 30, () => ({
        checksums: { sha256: sha256Of(Buffer.from('as it was uploaded')) },
      })),
      object(now, 'masters/queens/01 — Seven Train.wav', 40, (body) => ({
        size: body.length,
        etag: md5Of(body),
        body: () => {
          throw new Refusal('accessDenied', 'The ciphertext refers to a key that you may not use');
        },
      })),
      object(now, 'stems/drums.wav', 20, () => ({ checksums: { crc64nvme: crc64OfDrums }, etag: 'kms-encrypted' })),
      object(now, 'stems/bass.wav', 20, (body) => ({
        checksums: { sha256: `${sha256Of(body)}-2`, type: 'COMPOSITE' },
        etag: `${md5Of(body)}-2`,
      })),
      object(now, 'stems/vocals.wav', 20, () => ({ storageClass: 'DEEP_ARCHIVE' })),
      ...['a', 'b', 'c'].map((side) => object(now, `vinyl/side-${side}.wav`, 400)),
      ...['1', '2', '3'].map((take) => object(now, `demos/take-${take}.wav`, 1)),
      object(now, 'reels/1968.wav', 200, () => ({ storageClass: 'GLACIER' })),
    ],
    verifications: [
      set('masters'),
      set('stems'),
      set('vinyl', { bytesPerRun: 20 }),
      set('demos', { bytesPerRun: 1, maximumAgeDays: 30 }),
      set('tapes'),
      set('reels'),
    ],
  };
}

/** CRC-64/NVME of what {@link object} puts into it. */
const crc64OfDrums = 'j1cu/mthIow=';

type Findings = PlantedFinding<RuleId>[];

function planted(name: string, why: string, ...findings: Findings): BucketCase {
  return { resource: name, resourceId: `arn:aws:s3:::${name}`, why, findings };
}

function object(
  now: Date,
  key: string,
  daysAgo: number,
  details: (body: Buffer) => Partial<S3ObjectDocument> = () => ({}),
): S3ObjectDocument {
  const body = Buffer.from(`The recording ${key}\n`);
  return { key, lastModified: new Date(now.getTime() - daysAgo * dayMs), body, ...details(body) };
}

function replicationTo(copy: string, status: 'Enabled' | 'Disabled'): ReplicationConfiguration {
  return {
    Role: 'arn:aws:iam::123456789012:role/nycmg-replication',
    Rules: [
      {
        ID: `to-${copy}`,
        Priority: 1,
        Status: status,
        Filter: { Prefix: '' },
        DeleteMarkerReplication: { Status: 'Disabled' },
        Destination: { Bucket: `arn:aws:s3:::${copy}` },
      },
    ],
  };
}

function sha256Of(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('base64');
}

function md5Of(body: Uint8Array): string {
  return createHash('md5').update(body).digest('hex');
}
