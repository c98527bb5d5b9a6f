import { type ObjectServer, type ObjectServerOptions, startObjectServer } from '../../../sandbox/s3/object-server.ts';
import type { StoredBucket } from '../../../sandbox/s3/stored-bucket.ts';
import { Ledger } from '../../../shared/ledger/ledger.ts';
import type { LedgerEntry } from '../../../shared/ledger/ledger-entry.ts';
import { approvePlan } from '../../../shared/retention/plans.ts';
import { type PolicyOutcome, policyOutcomeSchema } from '../../../shared/retention/policy-outcome.ts';
import type { WorkProgress } from '../../../shared/run-task.ts';
import type { ObjectsPolicy } from '../config.ts';
import type { PurgeContext } from '../context.ts';
import { clientsAt, contextFor, parsePolicy } from '../context-fixtures.ts';
import { purgeObjects } from './purge-objects.ts';

/** When the tests' runs begin. */
export const now = new Date('2026-11-20T12:00:00.000Z');

/** Returns a moment before that. */
export function daysAgo(days: number): Date {
  return new Date(now.getTime() - days * 86_400_000);
}

/** An S3 with one bucket, and runs over it. */
export interface ObjectBench extends AsyncDisposable {
  readonly server: ObjectServer;
  readonly bucket: StoredBucket;
  readonly context: PurgeContext;
  /** Carries out a policy in one run, in as many steps as it takes. */
  run(policy: ObjectsPolicy, options?: Partial<PurgeContext>): Promise<PolicyOutcome>;
  /** Everything in the ledger of a policy, proven. */
  ledger(policy: string): Promise<LedgerEntry[]>;
}

export const bucketName = 'uploads';

/** Returns a policy for the tests' bucket: everything older than 30 days, applied, with no guard that few objects would trip. */
export function objectsPolicy(options: Readonly<Record<string, unknown>> = {}): ObjectsPolicy {
  const { guards = {}, ...rest } = options;
  return parsePolicy({
    kind: 'objects',
    id: 'incoming',
    mode: 'apply',
    bucket: bucketName,
    olderThanDays: 30,
    what: 'current',
    guards: { approval: 'never', maximumPercent: 100, ...(guards as object) },
    ...rest,
  });
}

export async function openBench(options: ObjectServerOptions = {}): Promise<ObjectBench> {
  const server = await startObjectServer({ clock: () => now, ...options });
  const { s3, clients } = clientsAt(server.url);
  const context = contextFor({ now, clients });
  return {
    server,
    bucket: server.bucket(bucketName),
    context,
    async run(policy, given = {}) {
      let progress: WorkProgress | undefined;
      do {
        progress = await purgeObjects(policy, { ...context, ...given }, progress);
      } while (!progress.isDone);
      return policyOutcomeSchema.parse(progress.state);
    },
    async ledger(policy) {
      const ledger = await Ledger.open(context.ledgers, `data-purge/${policy}`, () => now);
      return Array.fromAsync(ledger.entries());
    },
    async [Symbol.asyncDispose]() {
      s3.destroy();
      await server.stop();
    },
  };
}

/** Approves the plan that an outcome names, as somebody else. */
export async function approve({ control }: PurgeContext, { planHash }: PolicyOutcome, by = 'grace'): Promise<void> {
  await approvePlan(control, planHash ?? '', by, now);
}

/** Returns the keys that a bucket shows now. */
export function currentKeys(bucket: StoredBucket): string[] {
  return [...bucket.keysFrom()].filter((key) => bucket.current(key) !== undefined);
}

/** Returns a document of the state store. */
export async function textOf({ store }: PurgeContext, name: string): Promise<string> {
  const content = (await store.read(name)) ?? [];
  return Buffer.concat(await Array.fromAsync(content as AsyncIterable<Uint8Array>)).toString();
}
