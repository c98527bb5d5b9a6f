import { guardIds } from '../../shared/retention/guard.ts';
import { defineTask } from '../../shared/task.ts';
import { configSchema, type PurgeConfig } from './config.ts';
import { bucketsOf, purgedDatabases, seenObjects, takenObjects, writtenDatabases } from './named-places.ts';

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
      actions: ['s3:ListBucket'],
      resources: bucketsOf('current'),
      reason: 'The buckets whose objects the configuration names.',
    },
    {
      actions: ['s3:ListBucketVersions', 's3:GetBucketVersioning'],
      resources: bucketsOf('noncurrent'),
      reason: 'The buckets whose versions the configuration names.',
    },
    {
      actions: ['s3:ListBucketMultipartUploads'],
      resources: bucketsOf('uploads'),
      reason: 'The buckets whose uploads the configuration names.',
    },
    {
      // Until when an upload was worked on, its parts tell.
      actions: ['s3:ListMultipartUploadParts'],
      resources: seenObjects('uploads'),
      reason: 'Uploads below the prefixes that the configuration names.',
    },
    {
      // S3 asks for the first where a deletion is bound to the ETag of what was listed.
      actions: ['s3:GetObject', 's3:DeleteObject'],
      resources: takenObjects('current'),
      reason: 'Objects past their retention below the prefixes of policies that are applied.',
    },
    {
      actions: ['s3:DeleteObjectVersion', 's3:GetObjectRetention', 's3:GetObjectLegalHold'],
      resources: takenObjects('noncurrent'),
      reason: 'Versions past their retention below the prefixes of policies that are applied.',
    },
    {
      actions: ['s3:AbortMultipartUpload'],
      resources: takenObjects('uploads'),
      reason: 'Uploads past their retention below the prefixes of policies that are applied.',
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
