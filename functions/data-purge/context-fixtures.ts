import { S3Client } from '@aws-sdk/client-s3';
import { AwsClients } from '../../shared/aws/clients.ts';
import { anyRun } from '../../shared/run-fixtures.ts';
import { MemoryStateStore } from '../../shared/storage/memory-state-store.ts';
import { configSchema, type PurgePolicy } from './config.ts';
import type { PurgeContext } from './context.ts';

/**
 * Returns what tests hand to this task's work in place of a run: one that applies, of NYCMG's estate, with the default configuration,
 * empty stores and no end to its time. `options` replaces any of it.
 */
export function contextFor(options: Partial<PurgeContext> = {}): PurgeContext {
  return {
    ...anyRun(),
    mode: 'apply',
    config: configSchema.parse({}),
    estate: { name: 'nycmg', timeZone: 'America/New_York', regions: ['us-east-1', 'us-west-2'], accounts: [] },
    databases: {},
    homeRegion: 'us-east-1',
    scope: {},
    now: new Date('2026-11-20T12:00:00.000Z'),
    clients: new AwsClients(),
    store: new MemoryStateStore(),
    signal: new AbortController().signal,
    ...options,
  };
}

/** Returns a policy as it is written in a configuration, every default filled in. */
export function parsePolicy<Kind extends PurgePolicy['kind']>(
  policy: { readonly kind: Kind } & Readonly<Record<string, unknown>>,
): Extract<PurgePolicy, { readonly kind: Kind }> {
  const [parsed] = configSchema.parse({ policies: [policy] }).policies;
  return parsed as Extract<PurgePolicy, { readonly kind: Kind }>;
}

/** Returns clients of which each is the one for the S3 at `url`, which tries once and does not wait. */
export function clientsAt(url: string): { readonly s3: S3Client; readonly clients: AwsClients } {
  const s3 = new S3Client({
    endpoint: url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'sandbox', secretAccessKey: 'sandbox' },
    maxAttempts: 1,
  });
  return { s3, clients: { get: () => s3, destroy: () => s3.destroy() } as unknown as AwsClients };
}
