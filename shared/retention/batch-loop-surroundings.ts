import type { ClientConfig } from 'pg';
import { delayedSignal } from '../delayed-signal.ts';
import { Ledger } from '../ledger/ledger.ts';
import { type AdvisoryLock, openAdvisoryLock } from '../postgres/advisory-lock.ts';
import { connectionConfig } from '../postgres/connection.ts';
import { openReader, type Reader } from '../postgres/reader.ts';
import { openWriter, type Writer, type WriterOptions } from '../postgres/writer.ts';
import type { WorkContext } from '../run-task.ts';
import { UncheckedError } from '../unchecked-error.ts';
import { BatchLedger } from './batch-ledger.ts';
import type { BatchLimits } from './batch-size.ts';
import { PaceSignals } from './pace-signals.ts';
import { burstBalance } from './pace-signals-burst.ts';
import { Pacer } from './pacer.ts';
import { pausedBy } from './pause.ts';
import type { Pace } from './retention-config.ts';

/** What of a run decides how something is deleted in it. */
export type DeletionContext = Omit<WorkContext<unknown>, 'config' | 'scope' | 'store'>;

/** What of a policy does. */
export interface DeletingPolicy {
  readonly id: string;
  readonly database: string;
  readonly pace: Pace;
}

/** Everything that deleting in batches needs, under the policy's lock until it is disposed of. */
export interface Deletion extends AsyncDisposable {
  readonly lock: AdvisoryLock;
  /** Of the primary, as the role that may delete; it ends a little after the run's time is up. */
  readonly primary: Reader;
  readonly openWriter: () => Promise<Writer>;
  /** Aborted when what is under way is given up, a little after the run's time is up. */
  readonly endsAt: AbortSignal;
  readonly pacer: Pacer;
  readonly limits: BatchLimits;
  /** Opens the policy's ledger for the batches of a plan. */
  openLedger(planHash: string, action: string): Promise<BatchLedger>;
}

/** Counting what is past its retention takes longer than a batch may. */
export const countingSeconds = 300;

/** A batch that is under way when the time is up may come to its end. */
const graceMs = 10_000;

/**
 * Takes the lock of a policy, so that nobody else deletes by it, and opens what deleting in batches needs.
 *
 * @throws UncheckedError `no-writer` for a database that nothing may be changed in, `busy` when another run has the lock; and the errors of
 *   connections.
 */
export async function openDeletion(task: string, policy: DeletingPolicy, context: DeletionContext): Promise<Deletion> {
  const { pace } = policy;
  await using opened = new AsyncDisposableStack();
  const grace = opened.use(delayedSignal(context.signal, graceMs));
  const config = await writerConfig(policy.database, context);
  const options: WriterOptions = {
    config,
    statementTimeoutSeconds: pace.statementTimeoutSeconds,
    lockTimeoutSeconds: pace.lockTimeoutSeconds,
    timeZone: 'UTC',
    signal: grace.signal,
  };
  const lock = opened.use(await openAdvisoryLock(options, `${task}/${policy.id}`));
  const primary = opened.use(
    await openReader({ ...options, connections: 1, statementTimeoutSeconds: countingSeconds }),
  );
  const signals = isUnwatched(pace)
    ? undefined
    : opened.use(
        await PaceSignals.open(
          options,
          pace,
          pace.instanceId === undefined ? undefined : burstBalance(pace.instanceId, context),
        ),
      );
  const pacer = new Pacer({
    pace,
    signals,
    pausedBy: () => pausedBy(context.control, task, policy.id),
    signal: context.signal,
  });
  const running = opened.move();
  return {
    lock,
    primary,
    openWriter: () => openWriter(options),
    endsAt: grace.signal,
    pacer,
    limits: { initial: pace.batchRows, maximum: pace.maximumBatchRows, targetMs: pace.targetBatchMs },
    async openLedger(planHash, action) {
      const ledger = await Ledger.open(context.ledgers, `${task}/${policy.id}`, () => new Date());
      return new BatchLedger(ledger, {
        actor: context.actor,
        task,
        subject: policy.id,
        target: policy.database,
        action,
        planHash,
      });
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function writerConfig(name: string, context: DeletionContext): Promise<ClientConfig> {
  const database = Object.hasOwn(context.databases, name) ? context.databases[name] : undefined;
  if (database?.writer === undefined) {
    throw new UncheckedError('no-writer', `The database ${name} has no writer, as whom rows could be deleted.`);
  }
  return connectionConfig(database.writer, context);
}

/** All of it is switched off. */
function isUnwatched(pace: Pace): boolean {
  const { maximumReplicaLagSeconds, maximumWalMibPerSecond, maximumTransactionSeconds, maximumLockWaiters } = pace;
  const limits = [maximumReplicaLagSeconds, maximumWalMibPerSecond, maximumTransactionSeconds, maximumLockWaiters];
  return limits.every((limit) => limit === null) && pace.instanceId === undefined;
}
