import { guardIds } from '../../shared/retention/guard.ts';
import { defineTask } from '../../shared/task.ts';
import { configSchema, type PurgeConfig } from './config.ts';
import { purgedBuckets, purgedDatabases, purgedObjects, writtenDatabases } from './named-places.ts';

export const task = defineTask({
  id: 'data-purge',
  title: 'Data purge',
  schedule: 'cron(0 2 * * ? *)',
  timeoutSeconds: 900,
  memoryMiB: 1024,
  resumable: true,
  applies: true,
  databases: purgedDatabases,
  writes: writtenDatabases,
  alarms: [
    {
      metric: 'backlogAgeHours',
      title: 'Data past its retention is still there',
      threshold: (config) => (config as PurgeConfig).maximumBacklogHours,
    },
  ],
  permissions: [
    {
      actions: ['s3:ListBucket', 's3:ListBucketVersions', 's3:ListBucketMultipartUploads', 's3:GetBucketVersioning'],
      resources: purgedBuckets,
      reason: 'The buckets that the configuration names.',
    },
    {
      actions: [
        // S3 asks for it where a deletion is bound to the ETag of what was listed.
        's3:GetObject',
        's3:DeleteObject',
        's3:DeleteObjectVersion',
        's3:AbortMultipartUpload',
        's3:ListMultipartUploadParts',
        's3:GetObjectRetention',
        's3:GetObjectLegalHold',
      ],
      resources: purgedObjects,
      reason: 'What is past its retention below the prefixes that the configuration names.',
    },
    {
      actions: ['cloudwatch:GetMetricData'],
      resources: ['*'],
      reason: 'CloudWatch knows no resources for reading metrics; the burst balance of the database is read.',
    },
  ],
  rules: [...guardIds, 'backlog', 'paused', 'deletion-failed', 'object-kept', 'ledger-broken'],
  config: configSchema,
});
