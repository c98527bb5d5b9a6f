import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { CreateBucketCommand, PutBucketVersioningCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type * as z from 'zod';
import type { configSchema } from '../../functions/backup-integrity/config.ts';
import { credentials, region } from './ministack.ts';

const source = 'e2e-audio';
const copy = 'e2e-audio-copy';
const dumps = 'e2e-dumps';
const tracks = 40;

/** What the configuration says of the buckets that {@link putObjects} fills. */
export const objectConfig = {
  replicas: [{ id: 'audio', source: { bucket: source }, copy: { bucket: copy }, graceMinutes: 0 }],
  verifications: [{ id: 'audio', bucket: source }],
  artifacts: [
    {
      id: 'dumps',
      bucket: dumps,
      prefix: 'nightly/',
      everyMinutes: 1440,
      companion: 'sha256',
      content: 'pg-dump-plain',
    },
  ],
} satisfies z.input<typeof configSchema>;

/** Ids of resources with the one rule that each must break, and no other. */
export const objectFaults: Readonly<Record<string, string>> = {
  [`s3://${source}/ > s3://${copy}/`]: 'replica-missing',
  [`s3://${dumps}/nightly/`]: 'artifact-unreadable',
};

/** Puts a bucket, its copy, which lacks one object, and a dump that breaks off into the emulator's S3. */
export async function putObjects(endpoint: string): Promise<void> {
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  const put = (Bucket: string, Key: string, Body: string | Buffer) =>
    client.send(new PutObjectCommand({ Bucket, Key, Body, ChecksumAlgorithm: 'SHA256' }));
  try {
    for (const Bucket of [source, copy, dumps]) {
      await client.send(new CreateBucketCommand({ Bucket }));
      await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }));
    }
    for (let track = 1; track <= tracks; track++) {
      const key = `brooklyn/${track} — side a.flac`;
      await put(source, key, `track ${track}`);
      if (track !== 7) await put(copy, key, `track ${track}`);
    }
    const brokenOff = gzipSync('--\n-- PostgreSQL database dump\n--\n\nCOPY public.tracks (id) FROM stdin;\n1\n2\n');
    await put(dumps, 'nightly/2026.sql.gz', brokenOff);
    const sum = createHash('sha256').update(brokenOff).digest('hex');
    await put(dumps, 'nightly/2026.sql.gz.sha256', `${sum}  2026.sql.gz\n`);
  } finally {
    client.destroy();
  }
}
