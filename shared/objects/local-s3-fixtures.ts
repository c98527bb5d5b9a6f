import { S3Client } from '@aws-sdk/client-s3';

/** Returns a client for an S3 of this machine, which tries once: tests are not to wait. */
export function localS3(url: string): S3Client {
  return new S3Client({
    endpoint: url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  });
}
