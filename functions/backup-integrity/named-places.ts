import { bucketArn, objectsArn } from '../../shared/objects/bucket-arn.ts';
import type { BackupConfig, Location } from './config.ts';

/** Returns the places in S3 that the configuration names: the only ones whose objects are listed and read. */
function namedPlaces(config: BackupConfig): Pick<Location, 'bucket' | 'prefix' | 'region'>[] {
  return [
    ...config.artifacts,
    ...config.replicas.flatMap(({ source, copy }) => [source, copy]),
    ...config.verifications,
    // The data files lie in a folder beside the manifests:
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
    ...config.inventories.map(({ manifests }) => manifests),
  ];
}

/** Returns ARNs of the buckets named, for s3:ListBucket. */
export function namedBuckets(config: unknown): string[] {
  return unique(namedPlaces(config as BackupConfig).map(({ bucket, region }) => bucketArn(bucket, region)));
}

/** Returns ARNs of the objects below the places named, for s3:GetObject. */
export function namedObjects(config: unknown): string[] {
  return unique(namedPlaces(config as BackupConfig).map(objectsArn));
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
