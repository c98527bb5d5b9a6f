import { createHash } from 'node:crypto';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import * as z from 'zod';
import { listPage } from '../../../shared/objects/list-page.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { InventoryConfig } from '../config.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html */
const manifestSchema = z.object({
  sourceBucket: z.string(),
  /** An ARN. */
  destinationBucket: z.string(),
  /** Milliseconds since 1970, as text: when S3 began to look at the bucket. */
  creationTimestamp: z.string().regex(/^\d+$/).transform(Number),
  fileFormat: z.string(),
  fileSchema: z.string(),
  files: z.array(z.object({ key: z.string(), size: z.number(), MD5checksum: z.string() })),
});

/** What S3 says about an inventory that it has written. */
export type Manifest = z.output<typeof manifestSchema>;

/** One of the files that an inventory consists of. */
export type InventoryFile = Manifest['files'][number];

const folder = /\/?\d{4}-\d\d-\d\dT\d\d-\d\dZ\/$/;

/** Of the newest inventories, how many may still be being written. */
const maximumUnfinished = 3;

const hourMs = 3_600_000;

/**
 * Returns the manifest of the newest inventory that is complete: its checksum is what S3 writes last.
 *
 * @throws UncheckedError when there is none, when it is too old, damaged, or of another bucket.
 */
export async function newestManifest(
  client: S3Client,
  { bucket, manifests, maximumAgeHours }: InventoryConfig,
  now: Date,
  signal: AbortSignal,
): Promise<Manifest> {
  const folders = await foldersBelow(client, manifests, signal);
  for (const name of folders.slice(0, maximumUnfinished)) {
    const checksum = await readText(client, manifests.bucket, `${name}manifest.checksum`, signal);
    if (checksum === undefined) continue;
    const text = await readText(client, manifests.bucket, `${name}manifest.json`, signal);
    if (text === undefined || md5(text) !== checksum.trim().toLowerCase()) {
      throw damaged(`${name}manifest.json is not what its checksum says.`);
    }
    const manifest = parseManifest(text, name);
    if (manifest.sourceBucket !== bucket) {
      throw new UncheckedError('wrong-inventory', `${name} is of ${manifest.sourceBucket}, not of ${bucket}.`);
    }
    if (!manifest.destinationBucket.endsWith(`:${manifests.bucket}`)) {
      throw new UncheckedError(
        'wrong-inventory',
        `${name} lies in ${manifest.destinationBucket}, not in ${manifests.bucket}.`,
      );
    }
    const ageHours = (now.getTime() - manifest.creationTimestamp) / hourMs;
    if (ageHours > maximumAgeHours) {
      const detail = `The newest inventory of ${bucket} is ${Math.floor(ageHours)} hours old, at most ${maximumAgeHours} allowed.`;
      throw new UncheckedError('inventory-too-old', detail);
    }
    return manifest;
  }
  throw new UncheckedError('no-inventory', `There is no inventory of ${bucket} under ${manifests.prefix}.`);
}

/** Says that an inventory is not what S3 has written. */
export function damaged(detail: string, options?: ErrorOptions): UncheckedError {
  return new UncheckedError('inventory-damaged', detail, options);
}

/** Returns the folders of the inventories, the newest first: their names are times. */
async function foldersBelow(
  client: S3Client,
  { bucket, prefix }: InventoryConfig['manifests'],
  signal: AbortSignal,
): Promise<string[]> {
  const folders: string[] = [];
  let token: string | undefined;
  do {
    const input = { Bucket: bucket, Prefix: prefix, Delimiter: '/', ContinuationToken: token };
    const { commonPrefixes, nextToken, isTruncated } = await listPage(client, input, { signal });
    folders.push(...commonPrefixes.filter((name) => folder.test(name)));
    token = isTruncated ? nextToken : undefined;
  } while (token !== undefined);
  return folders.sort().reverse();
}

function parseManifest(text: string, name: string): Manifest {
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (error) {
    throw damaged(`${name}manifest.json is no manifest of an inventory.`, { cause: error });
  }
}

async function readText(
  client: S3Client,
  bucket: string,
  key: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }), { abortSignal: signal });
    return await Body?.transformToString();
  } catch (error) {
    if (error instanceof Error && error.name === 'NoSuchKey') return undefined;
    throw error;
  }
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}
