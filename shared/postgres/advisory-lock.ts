import sql from 'sql-template-tag';
import { UncheckedError } from '../unchecked-error.ts';
import { inlineValues } from './inline-values.ts';
import { answerDeadlineMs } from './read-mode.ts';
import { Session } from './session.ts';
import { serverFeatures, transactionScript } from './transaction-script.ts';
import type { WriterOptions } from './writer.ts';

/** A lock while it is held. */
export interface AdvisoryLock extends AsyncDisposable {
  /** Aborted with an UncheckedError `lock-lost` when somebody else may have the lock: whatever it guards must end then. */
  readonly signal: AbortSignal;
  /**
   * Makes sure that the lock is still held, by asking the server over the connection that holds it: whoever gets it gets it later.
   *
   * @throws UncheckedError `lock-lost`.
   */
  confirm(): Promise<void>;
}

/** A server that is gone without a word is found out by asking it. */
const lookEveryMs = 15_000;

/**
 * Returns a lock of this name in the database, held on a connection of its own until it is disposed of: of all who ask for it, one has
 * it. Whoever dies lets it go.
 *
 * It is held by a transaction that stays open and does nothing: a lock of the session would be left behind with a connection that a
 * pooler lends to others, and such a transaction keeps it. Without a snapshot and a number it keeps nothing from being cleaned up.
 * https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
 *
 * @throws UncheckedError `busy` when somebody else has it; and as {@link Session.connect}.
 */
export async function openAdvisoryLock(options: WriterOptions, name: string): Promise<AdvisoryLock> {
  const { config, statementTimeoutSeconds, lockTimeoutSeconds, timeZone, signal } = options;
  const settings = {
    statementTimeoutMs: Math.ceil(statementTimeoutSeconds * 1000),
    lockTimeoutMs: Math.ceil(lockTimeoutSeconds * 1000),
    fromHeap: false,
  } as const;
  const deadlineMs = answerDeadlineMs(settings);
  const lost = new AbortController();
  let isHeld = false;
  const session = await Session.connect(config, {
    signal,
    onBroken: ({ fault }) => {
      if (isHeld) lost.abort(lockLost(name, fault));
    },
  });
  try {
    using _ = session.breakOn(signal);
    const features = await serverFeatures(session, deadlineMs);
    const begin = transactionScript({ isolation: 'read committed', timeZone, features, settings });
    await session.script(begin, deadlineMs);
    const [row] = await session.script([takeLock(name)], deadlineMs);
    if (row?.taken !== true) {
      throw new UncheckedError('busy', `Another run has the lock ${name}: one works on it at a time.`);
    }
  } catch (error) {
    await session.close();
    throw error;
  }
  isHeld = true;
  let isAsked = false;
  const timer = setInterval(async () => {
    if (isAsked) return;
    isAsked = true;
    // What fails breaks the connection, and that tells.
    await session.script(['select'], deadlineMs).catch((error) => session.break(error));
    isAsked = false;
  }, lookEveryMs);
  // Nobody is kept from ending by it.
  timer.unref();
  return {
    signal: lost.signal,
    async confirm() {
      try {
        await session.run('select', [], deadlineMs);
      } catch (error) {
        session.break(error as Error);
        throw lockLost(name, error as Error);
      }
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      isHeld = false;
      await session.close();
    },
  };
}

/**
 * The number of a lock is common to all who use the database: a long one made of the whole name meets no other by chance. Sent by the
 * simple protocol, as what is sent by the other keeps its snapshot until the transaction ends or the next one comes.
 */
function takeLock(name: string): string {
  const number = sql`pg_catalog.hashtextextended(${`caretaker/${name}`}, 0)`;
  return inlineValues(sql`select pg_catalog.pg_try_advisory_xact_lock(${number}) as taken`);
}

function lockLost(name: string, cause: Error | undefined): UncheckedError {
  return new UncheckedError('lock-lost', `The connection that held the lock ${name} is gone.`, { cause });
}
