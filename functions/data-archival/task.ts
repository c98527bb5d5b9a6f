import { guardIds } from '../../shared/retention/guard.ts';
import { defineTask } from '../../shared/task.ts';
import { type ArchivalConfig, configSchema } from './config.ts';
import { archiveBuckets, archivedDatabases, archiveKeys, archiveObjects, writtenDatabases } from './named-places.ts';

export const task = defineTask({
  id: 'data-archival',
  title: 'Data archival',
  schedule: 'cron(0 1 * * ? *)',
  timeoutSeconds: 900,
  memoryMiB: 1769,
  resumable: true,
  applies: true,
  databases: archivedDatabases,
  writes: writtenDatabases,
  alarms: [
    {
      metric: 'backlogAgeHours',
      title: 'Data past its retention is still there',
      threshold: (config) => (config as ArchivalConfig).maximumBacklogHours,
    },
  ],
  permissions: [
    {
      actions: ['s3:ListBucket'],
      resources: archiveBuckets,
      reason: 'The buckets of archives that the configuration names.',
    },
    {
      actions: ['s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload', 's3:DeleteObject'],
      resources: archiveObjects,
      reason:
        'Archives are written and read back below the prefixes that the configuration names; what is deleted are files that no manifest names.',
    },
    {
      actions: ['kms:GenerateDataKey', 'kms:Decrypt'],
      resources: archiveKeys,
      reason: 'The keys that the configuration says archives are encrypted with.',
    },
    {
      actions: ['cloudwatch:GetMetricData'],
      resources: ['*'],
      reason: 'CloudWatch knows no resources for reading metrics; the burst balance of the database is read.',
    },
  ],
  rules: [
    ...guardIds,
    'backlog',
    'paused',
    'archive-corrupt',
    'manifest-tampered',
    'chain-broken',
    'row-changed',
    'deletion-failed',
    'restore-drill-failed',
    'restore-drill-overdue',
    'ledger-broken',
  ],
  config: configSchema,
});
