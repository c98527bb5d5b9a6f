import type { Sql } from 'sql-template-tag';
import { answerDeadlineMs } from './read-mode.ts';
import type { ReaderOptions, ReadOptions } from './reader.ts';
import { Session } from './session.ts';
import type { TableName } from './sql.ts';
import {
  anyWayScript,
  heapScript,
  type ServerFeatures,
  type StatementSettings,
  serverFeatures,
  transactionScript,
} from './transaction-script.ts';

/** How a writer behaves towards the server. */
export type WriterOptions = Omit<ReaderOptions, 'connections' | 'guard'>;

/** How one statement of a transaction finds its rows. */
export type WriteOptions = Pick<ReadOptions, 'fromHeap'>;

/** What the server says of a statement that it has run. */
export interface Ran {
  /** Its first word: `UPDATE`. */
  readonly command: string;
  readonly rowCount: number;
}

/**
 * One connection over which data can be changed. It sends one statement at a time, a single one each, apart from its values. Nothing
 * that it did is final before `commit`; closed before, it leaves everything as it was.
 */
export interface Writer extends AsyncDisposable {
  /**
   * Begins a transaction in which all statements see the database as it was at its first one, beside what they change themselves. A
   * change to a row that somebody else has changed since is an error of class 40: nothing is ever counted on one state and changed on
   * another. https://www.postgresql.org/docs/current/transaction-iso.html#XACT-REPEATABLE-READ
   *
   * @param holds tables that nobody can alter from before that moment to the end of the transaction.
   */
  begin(holds?: readonly TableName[]): Promise<void>;
  query<Row extends object>(statement: Sql, options?: WriteOptions): Promise<Row[]>;
  run(statement: Sql, options?: WriteOptions): Promise<Ran>;
  /**
   * Makes the changes final.
   *
   * @throws an error of the server with the severity `ERROR` when they are undone; any other leaves open whether they are final.
   */
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/** Returns a connection to a database that can change what is in it. */
export async function openWriter({
  config,
  statementTimeoutSeconds,
  lockTimeoutSeconds,
  timeZone,
  signal,
}: WriterOptions): Promise<Writer> {
  const settings: StatementSettings = {
    statementTimeoutMs: Math.ceil(statementTimeoutSeconds * 1000),
    lockTimeoutMs: Math.ceil(lockTimeoutSeconds * 1000),
    fromHeap: false,
  };
  const session = await Session.connect(config, { signal });
  const watch = session.breakOn(signal);
  try {
    const features = await serverFeatures(session, answerDeadlineMs(settings));
    return new SessionWriter(session, watch, { settings, timeZone, features });
  } catch (error) {
    watch[Symbol.dispose]();
    await session.close();
    throw error;
  }
}

class SessionWriter implements Writer {
  readonly #session: Session;
  readonly #watch: Disposable;
  readonly #surroundings: {
    readonly settings: StatementSettings;
    readonly timeZone: string;
    readonly features: ServerFeatures;
  };
  readonly #deadlineMs: number;

  constructor(
    session: Session,
    watch: Disposable,
    surroundings: {
      readonly settings: StatementSettings;
      readonly timeZone: string;
      readonly features: ServerFeatures;
    },
  ) {
    this.#session = session;
    this.#watch = watch;
    this.#surroundings = surroundings;
    this.#deadlineMs = answerDeadlineMs(surroundings.settings);
  }

  async begin(holds: readonly TableName[] = []): Promise<void> {
    const isolation = 'repeatable read';
    const script = transactionScript({ ...this.#surroundings, isolation, access: 'read write', holds });
    await this.#session.script(script, this.#deadlineMs);
  }

  async query<Row extends object>(statement: Sql, options?: WriteOptions): Promise<Row[]> {
    const { rows } = await this.#send(statement, options);
    return rows as Row[];
  }

  async run(statement: Sql, options?: WriteOptions): Promise<Ran> {
    const { command, rowCount } = await this.#send(statement, options);
    return { command, rowCount: rowCount ?? 0 };
  }

  async commit(): Promise<void> {
    const { command } = await this.#session.send('commit', [], this.#deadlineMs);
    // The server's answer to the commit of a transaction that has failed.
    if (command !== 'COMMIT') throw Object.assign(new Error(`the server answered ${command}`), { severity: 'ERROR' });
  }

  async rollback(): Promise<void> {
    await this.#session.run('rollback', [], this.#deadlineMs);
  }

  /** Not for the whole transaction: foreign keys would be looked up without their indexes, row by row. */
  async #send({ text, values }: Sql, { fromHeap = false }: WriteOptions = {}) {
    if (fromHeap !== false) await this.#session.script(heapScript(fromHeap), this.#deadlineMs);
    const result = await this.#session.send(text, values, this.#deadlineMs);
    if (fromHeap !== false) await this.#session.script(anyWayScript(), this.#deadlineMs);
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch[Symbol.dispose]();
    await this.#session.close();
  }
}
