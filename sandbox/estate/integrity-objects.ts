import { createHash } from 'node:crypto';
import type { S3BucketDocument, S3ObjectDocument } from '../control-plane/services/s3-document.ts';
import { type NycmgData, trackAudio } from '../postgres/nycmg-data.ts';
import type { PlantedRule } from './integrity-planted-rule.ts';

/** Where the audio of the tracks is. */
export const tracksBucket = 'nycmg-tracks';

/** The audio of later tracks is not in the sample: asking for so many would only take time. */
const lastStored = 400;

const minuteMs = 60_000;
const dayMs = 1_440 * minuteMs;

/** The rule that rows and objects belong together. */
export const objectRules: readonly PlantedRule[] = [
  {
    rule: {
      id: 'tracks-have-their-audio',
      kind: 'objects',
      table: 'tracks',
      where: `id <= ${lastStored} or created_at > current_date - 7`,
      keyColumn: 's3_key',
      bucket: tracksBucket,
      region: 'us-east-1',
      sizeColumn: 'size_bytes',
      sha256Column: 'sha256',
      createdColumn: 'created_at',
      checksumsPerRun: 500,
      severity: 'high',
      owner: 'catalog',
    },
    why: 'one object is gone, one is cut off, one has other bytes, and one belongs to no track; two are still on their way',
    findings: [
      { rule: 'object-missing', severity: 'high', violations: 1 },
      { rule: 'object-differs', severity: 'high', violations: 2 },
      { rule: 'object-orphaned', severity: 'low', violations: 1 },
    ],
  },
];

/** Returns the bucket with an object for each track; with what is planted, or as it should be. */
export function trackBucket(
  data: NycmgData,
  now: Date,
  { hasFaults }: { readonly hasFaults: boolean },
): S3BucketDocument {
  const objects = data.tracks.slice(0, lastStored).flatMap((track): S3ObjectDocument[] => {
    const id = Number(track.id);
    const stored = object(String(track.s3_key), trackAudio(id), new Date(String(track.created_at)));
    const fault = hasFaults ? faults[id] : undefined;
    return fault === undefined ? [stored] : fault(stored);
  });
  const inFlight = object(
    'tracks/001232/blackout-on-pier-45.flac',
    Buffer.from('fLaC'),
    new Date(now.getTime() - 10 * minuteMs),
  );
  const orphan = object('tracks/000999/taken-down.flac', Buffer.from('fLaC'), new Date(now.getTime() - 90 * dayMs));
  return {
    region: 'us-east-1',
    creationDate: new Date(now.getTime() - 4_000 * dayMs),
    // What the backups of the sample estate take no interest in.
    tags: { app: 'nycmg', backup: 'kept-elsewhere' },
    versioning: 'Enabled',
    objects: [...objects, inFlight, ...(hasFaults ? [orphan] : [])],
  };
}

/** What became of the objects of some tracks. */
const faults: Readonly<Record<number, (stored: S3ObjectDocument) => S3ObjectDocument[]>> = {
  301: () => [],
  302: ({ key, lastModified }) => [object(key, trackAudio(302).subarray(0, 100), lastModified)],
  303: ({ key, lastModified }) => [object(key, Buffer.alloc(trackAudio(303).length, 'noise'), lastModified)],
  // Two tracks with the same bytes are as their rows say: that is for another rule.
  305: ({ key, lastModified }) => [object(key, trackAudio(306), lastModified)],
};

function object(key: string, body: Buffer, lastModified: Date): S3ObjectDocument {
  return { key, lastModified, body, checksums: { sha256: createHash('sha256').update(body).digest('base64') } };
}
