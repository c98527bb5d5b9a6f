import type { ObjectServer } from '../s3/object-server.ts';
import type { StoredBucket } from '../s3/stored-bucket.ts';
import { plantCorruptArchive } from './retention-corrupt-archive.ts';
import { archiveBucket, userUploadsBucket } from './retention-policies.ts';

const dayMs = 86_400_000;

/** Puts buckets with uploads past their retention into S3, and the bucket of archives with what a run that was killed has left there. */
export function plantRetentionObjects(server: ObjectServer, now: Date): void {
  const ago = (days: number) => new Date(now.getTime() - days * dayMs);
  const uploads = server.bucket(userUploadsBucket);
  uploads.versioning = 'Enabled';
  uploads.hasObjectLock = true;
  plantIncoming(uploads, ago);
  plantMasters(uploads, ago);
  plantExports(uploads, ago);
  for (let number = 1; number <= 3; number += 1) {
    const begun = number === 3 ? ago(1) : ago(20 + number);
    plantUpload(uploads, `incoming/given-up-${number}.wav`, `given-up-${number}`, begun);
  }
  const archive = server.bucket(archiveBucket);
  archive.versioning = 'Enabled';
  plantCorruptArchive(archive, ago(2));
  plantUpload(archive, 'archives/audit-events/00000001/0f1e2d3c4b5a6978/audit.events.copy.zst', 'killed', ago(9));
  archive.put('archives/audit-events/00000001/0f1e2d3c4b5a6978/audit.events.copy.zst', 'cut off', {
    lastModified: ago(9),
  });
}

/** Each has its row but those that are called otherwise, of which one may yet get it. */
function plantIncoming(bucket: StoredBucket, ago: (days: number) => Date): void {
  for (let number = 1; number <= 60; number += 1) {
    bucket.put(`incoming/${String(number).padStart(4, '0')}.wav`, `take ${number}`, { lastModified: ago(100) });
  }
  for (let number = 1; number <= 7; number += 1) {
    bucket.put(`incoming/nobody-${number}.wav`, 'RIFF', { lastModified: ago(number === 7 ? 1 : 40) });
  }
}

/** Each was replaced twice, the last one lately; what was there before is past its time. */
function plantMasters(bucket: StoredBucket, ago: (days: number) => Date): void {
  for (let number = 1; number <= 6; number += 1) {
    const key = `masters/${number}.flac`;
    bucket.put(key, 'first', {
      lastModified: ago(90),
      ...(number === 4 ? { legalHold: 'ON' } : {}),
      ...(number === 5 ? { retention: { mode: 'GOVERNANCE', until: ago(-365) } } : {}),
    });
    bucket.put(key, 'second', { lastModified: ago(60) });
    bucket.put(key, 'third', { lastModified: ago(number === 6 ? 2 : 40) });
  }
}

function plantExports(bucket: StoredBucket, ago: (days: number) => Date): void {
  for (let number = 1; number <= 8; number += 1) {
    bucket.put(`exports/${number}.csv`, `export ${number}`, { lastModified: ago(number * 20) });
  }
}

function plantUpload(bucket: StoredBucket, key: string, uploadId: string, initiated: Date): void {
  const content = { storageClass: 'STANDARD', metadata: {}, headers: {} } as const;
  bucket.uploads.set(uploadId, { key, uploadId, initiated, checksum: undefined, content, lock: {}, parts: new Map() });
}
