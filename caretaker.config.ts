import { defineConfig } from './config/schema.ts';

export default defineConfig({
  estate: { name: 'nycmg', timeZone: 'America/New_York', regions: ['us-east-1', 'us-west-2'], accounts: [] },
  alerts: { email: ['ops@nycmg.example'], sms: ['+12125550123'] },
  tasks: {
    'certificate-expiry': {
      endpoints: [
        { host: 'nycmg.example', port: 443 },
        { host: 'api.nycmg.example', port: 443 },
        { host: 'db.nycmg.example', port: 5432, startTls: 'postgres' },
      ],
    },
    'backup-integrity': {
      policies: [
        {
          id: 'databases',
          select: { types: ['rds-instance', 'rds-cluster'] },
          rpoMinutes: 60,
          retentionDays: 14,
          copies: { regions: ['us-west-2'], lagMinutes: 240 },
          annual: { retentionDays: 2557 },
        },
        {
          id: 'critical',
          select: { tags: { tier: 'critical' } },
          rtoMinutes: 120,
          immutable: true,
          restoreTestDays: 35,
        },
        { id: 'secondary', select: { tags: { tier: 'secondary' } }, rtoMinutes: 480, restoreTestDays: 100 },
        { id: 'platform', select: { tags: { app: 'nycmg' } }, rtoMinutes: 1440 },
        {
          id: 'user-content',
          select: { types: ['s3-bucket'], ids: ['nycmg-audio', 'nycmg-uploads'] },
          rpoMinutes: 1440,
          copies: { regions: ['us-west-2'] },
        },
        {
          id: 'logs-and-metrics',
          select: { types: ['s3-bucket'], ids: ['nycmg-logs', 'nycmg-metrics'] },
          rpoMinutes: 60,
        },
        {
          id: 'configuration',
          select: { types: ['s3-bucket'], ids: ['nycmg-config'] },
          mayBeUnprotected: 'kept in version control',
        },
        {
          id: 'backups',
          select: { types: ['s3-bucket'], ids: ['nycmg-backups', 'nycmg-*-copy'] },
          mayBeUnprotected: 'these are the copies',
        },
      ],
      artifacts: [
        {
          id: 'dumps',
          bucket: 'nycmg-backups',
          prefix: 'dumps/',
          pattern: '*.dump',
          everyMinutes: 1440,
          companion: 'sha256',
          content: 'pg-dump-custom',
        },
      ],
      replicas: [
        {
          id: 'audio',
          source: { bucket: 'nycmg-audio' },
          copy: { bucket: 'nycmg-audio-copy', region: 'us-west-2' },
        },
      ],
      verifications: [{ id: 'audio', bucket: 'nycmg-audio', maximumAgeDays: 90 }],
    },
  },
});
