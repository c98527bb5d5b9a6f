import type { ClientConfig } from 'pg';
import { UncheckedError } from '../unchecked-error.ts';
import { answerDeadlineMs, type ReadMode, unlockAll } from './read-mode.ts';
import { Session } from './session.ts';
import { type StatementSettings, serverFeatures, settingsScript, transactionScript } from './transaction-script.ts';

/** What a server says of a snapshot that nobody holds any more: it differs from version to version. */
const lostSqlStates = ['22023', '42704', '55000'];

/**
 * All statements are in transactions that see one moment. A connection that only holds that moment lets further ones
 * join it for as long as it lives; those that have joined do not need it.
 */
export class SnapshotMode implements ReadMode {
  readonly #keeper: Session;
  readonly #join: readonly string[];
  readonly #defaults: StatementSettings;

  /**
   * Returns the moment of now.
   *
   * @throws as {@link Session.connect}, and the server's errors.
   */
  static async open(
    config: ClientConfig,
    {
      timeZone,
      defaults,
      signal,
    }: { readonly timeZone: string; readonly defaults: StatementSettings; readonly signal: AbortSignal },
  ): Promise<SnapshotMode> {
    const deadlineMs = answerDeadlineMs(defaults);
    const keeper = await Session.connect(config, { signal });
    try {
      using _ = keeper.breakOn(signal);
      const features = await serverFeatures(keeper, deadlineMs);
      const common = { isolation: 'repeatable read', timeZone, features, settings: defaults } as const;
      const exportSnapshot = 'select pg_catalog.pg_export_snapshot() as snapshot';
      const [row] = await keeper.script([...transactionScript(common), exportSnapshot], deadlineMs);
      const join = transactionScript({ ...common, snapshot: String(row?.snapshot) });
      return new SnapshotMode(keeper, join, defaults);
    } catch (error) {
      await keeper.close();
      throw error;
    }
  }

  private constructor(keeper: Session, join: readonly string[], defaults: StatementSettings) {
    this.#keeper = keeper;
    this.#join = join;
    this.#defaults = defaults;
  }

  get fault(): Error | undefined {
    return this.#keeper.fault === undefined ? undefined : lost(this.#keeper.fault);
  }

  async prepare(session: Session): Promise<void> {
    if (this.fault !== undefined) throw this.fault;
    try {
      const [row] = await session.script(this.#join, answerDeadlineMs(this.#defaults));
      session.pid = Number(row?.pid);
      await session.script(['savepoint caretaker'], answerDeadlineMs(this.#defaults));
    } catch (error) {
      const isLost = error instanceof Error && 'code' in error && lostSqlStates.includes(String(error.code));
      if (!isLost) throw error;
      this.#keeper.break(error);
      throw lost(error);
    }
  }

  async enter(session: Session, settings: StatementSettings): Promise<void> {
    const { statementTimeoutMs, lockTimeoutMs } = this.#defaults;
    const isDefault =
      settings.statementTimeoutMs === statementTimeoutMs &&
      settings.lockTimeoutMs === lockTimeoutMs &&
      !settings.fromHeap;
    if (!isDefault) await session.script(settingsScript(settings), answerDeadlineMs(settings));
  }

  /** The savepoint is there again afterwards, and with it every setting as it was. */
  async leave(session: Session): Promise<void> {
    await session.script(['rollback to savepoint caretaker', unlockAll], answerDeadlineMs(this.#defaults));
  }

  async close(fault?: Error): Promise<void> {
    if (fault !== undefined) this.#keeper.break(fault);
    await this.#keeper.close();
  }
}

function lost(cause: Error): UncheckedError {
  return new UncheckedError('snapshot-lost', `The connection that holds the snapshot is gone: ${told(cause)}.`, {
    cause,
  });
}

/** A server that ends a connection says why in words that speak of no rows. */
function told(cause: Error): string {
  return cause.message.replace(/\.$/, '');
}
