import { S3Client } from '@aws-sdk/client-s3';
import type { AwsClients } from '../../shared/aws/clients.ts';
import { anyRun } from '../../shared/run-fixtures.ts';
import { MemoryStateStore } from '../../shared/storage/memory-state-store.ts';
import { type ArchivalPolicy, configSchema } from './config.ts';
import type { ArchivalContext } from './context.ts';

/**
 * Returns what tests hand to this task's work in place of a run: one that applies, of NYCMG's estate, with the default configuration,
 * empty stores and no end to its time. `options` replaces any of it.
 */
export function contextFor(options: Partial<ArchivalContext> & Pick<ArchivalContext, 'clients'>): ArchivalContext {
  return {
    ...anyRun(),
    mode: 'apply',
    config: configSchema.parse({ destination }),
    estate: { name: 'nycmg', timeZone: 'America/New_York', regions: ['us-east-1', 'us-west-2'], accounts: [] },
    databases: {},
    homeRegion: 'us-east-1',
    scope: {},
    now: new Date('2026-11-20T12:00:00.000Z'),
    store: new MemoryStateStore(),
    signal: new AbortController().signal,
    ...options,
  };
}

export const archiveBucket = 'nycmg-archive';

const destination = { bucket: archiveBucket, prefix: 'archives/' };

/** Returns a policy as it is written in a configuration, every default filled in: listens that are kept for 13 months. */
export function parsePolicy({
  guards = {},
  pace = {},
  ...changes
}: { readonly guards?: object; readonly pace?: object } & Readonly<Record<string, unknown>> = {}): ArchivalPolicy {
  const [policy] = configSchema.parse({
    destination,
    policies: [
      {
        id: 'old-listens',
        mode: 'apply',
        table: 'listens',
        ageColumn: 'listened_at',
        retention: { months: 13 },
        index: 'listens_listened_at',
        guards: { approval: 'never', maximumPercent: 100, minimumHistory: 1_000, ...guards },
        pace: { workPercent: 100, maximumReplicaLagSeconds: null, maximumWalMibPerSecond: null, ...pace },
        ...changes,
      },
    ],
  }).policies;
  return policy as ArchivalPolicy;
}

/** Returns clients of which each is the one for the S3 at `url`, which tries once and does not wait. */
export function clientsAt(
  url: string,
  { maxAttempts = 1 } = {},
): { readonly s3: S3Client; readonly clients: AwsClients } {
  const s3 = new S3Client({
    endpoint: url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'sandbox', secretAccessKey: 'sandbox' },
    forcePathStyle: true,
    maxAttempts,
  });
  return { s3, clients: { get: () => s3, destroy: () => s3.destroy() } as unknown as AwsClients };
}
