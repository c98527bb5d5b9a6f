import type { ClientConfig } from 'pg';
import type { Sql } from 'sql-template-tag';
import type { LoadGuard } from './load-guard.ts';
import { answerDeadlineMs, type ReadMode } from './read-mode.ts';
import { readingEnded } from './reading-ended.ts';
import { Session } from './session.ts';
import { SnapshotMode } from './snapshot-mode.ts';
import { StatementMode } from './statement-mode.ts';
import type { FromHeap, StatementSettings } from './transaction-script.ts';

/** How a reader behaves towards the server. */
export interface ReaderOptions {
  readonly config: ClientConfig;
  /** As many statements can be under way, each on a connection. A snapshot holds one more, on which nothing happens. */
  readonly connections: number;
  readonly statementTimeoutSeconds: number;
  readonly lockTimeoutSeconds: number;
  /** IANA name: what `current_date` is about. */
  readonly timeZone: string;
  /** Asked before each statement, and told of each. */
  readonly guard?: LoadGuard | undefined;
  /** Ends everything, on the server too; its reason, where it is an UncheckedError, is what everybody is given. */
  readonly signal: AbortSignal;
}

/** How one statement is read. */
export interface ReadOptions {
  /** Less than the reader's. */
  readonly statementTimeoutSeconds?: number;
  /**
   * Reads tables, never indexes: what is asked is whether an index tells the truth, or may be wrong because it does
   * not. With `but-lookups`, conditions may look rows up by one: those of another table, for example.
   */
  readonly fromHeap?: FromHeap;
}

/**
 * Reads from one database, and cannot write to it: each statement is a single one, sent apart from its values, in a
 * transaction that is `READ ONLY`. Behind each, all is undone that it may have set, and all let go that it has locked.
 * It uses nothing that a hot standby does not have.
 *
 * A connection that is lost takes its statement with it, and nothing else: the next statement has another one.
 */
export interface Reader extends AsyncDisposable {
  /**
   * Returns the rows of a statement, as `pg` types them: `bigint` and `numeric` are strings.
   *
   * @throws UncheckedError `not-reached` when the run has ended, or the signal's own reason; `timeout`;
   *   `answer-too-large` beyond 64 MiB; `stood-aside` when somebody waited for what it had locked; `snapshot-lost`; the
   *   guard's; and the server's errors.
   */
  query<Row extends object>(statement: Sql, options?: ReadOptions): Promise<Row[]>;
  /**
   * Yields the rows of a SELECT in batches that are never empty, and holds one batch. The time that a statement may
   * take counts for each batch.
   *
   * @throws as {@link query}.
   */
  batches<Row extends object>(
    statement: Sql,
    options?: ReadOptions & { readonly batchRows?: number },
  ): AsyncGenerator<readonly Row[], void, undefined>;
}

const defaultBatchRows = 5_000;

/**
 * Returns a reader whose statements all see the database as it was at one moment, on whichever of its connections they
 * run. The snapshot keeps the server from cleaning up behind it, and CREATE INDEX CONCURRENTLY waiting: close it soon.
 * https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-SNAPSHOT-SYNCHRONIZATION
 */
export async function openSnapshot(options: ReaderOptions): Promise<Reader> {
  const { config, timeZone, signal } = options;
  return new PooledReader(
    options,
    await SnapshotMode.open(config, { timeZone, defaults: settingsOf(options), signal }),
  );
}

/** Returns a reader whose statements each see the moment at which they begin: for what takes long. */
export async function openReader(options: ReaderOptions): Promise<Reader> {
  await using opened = new AsyncDisposableStack();
  const reader = opened.use(new PooledReader(options, new StatementMode(options.timeZone, settingsOf(options))));
  await reader.connect();
  opened.move();
  return reader;
}

function settingsOf(
  { statementTimeoutSeconds, lockTimeoutSeconds }: ReaderOptions,
  { statementTimeoutSeconds: wished = Infinity, fromHeap = false }: ReadOptions = {},
): StatementSettings {
  return {
    statementTimeoutMs: Math.ceil(Math.min(statementTimeoutSeconds, wished) * 1000),
    lockTimeoutMs: Math.ceil(lockTimeoutSeconds * 1000),
    fromHeap,
  };
}

/** Somebody who waits for a connection. */
interface Waiter {
  /** Without one: a place has become free. */
  resolve(session: Session | undefined): void;
  reject(fault: Error): void;
}

class PooledReader implements Reader {
  readonly #options: ReaderOptions;
  readonly #mode: ReadMode;
  /** Connected, and not broken. */
  readonly #sessions = new Set<Session>();
  readonly #idle: Session[] = [];
  readonly #waiters: Waiter[] = [];
  readonly #life = new AbortController();
  readonly #abort = () => this.#finish(readingEnded(this.#options.signal));
  #connecting = 0;
  #end: Error | undefined;
  readonly #closing: Promise<void>[] = [];

  constructor(options: ReaderOptions, mode: ReadMode) {
    this.#options = options;
    this.#mode = mode;
    options.signal.addEventListener('abort', this.#abort, { once: true });
    if (options.signal.aborted) this.#abort();
  }

  /** Makes sure that a connection is possible. */
  async connect(): Promise<void> {
    this.#giveBack(await this.#take());
  }

  async query<Row extends object>(statement: Sql, options: ReadOptions = {}): Promise<Row[]> {
    await using reading = await this.#begin(options);
    const { session, deadlineMs } = reading;
    return (await session.run(statement.text, statement.values, deadlineMs)) as Row[];
  }

  async *batches<Row extends object>(
    statement: Sql,
    { batchRows = defaultBatchRows, ...options }: ReadOptions & { readonly batchRows?: number } = {},
  ): AsyncGenerator<readonly Row[], void, undefined> {
    await using reading = await this.#begin(options);
    const { session, deadlineMs } = reading;
    // A cursor of the protocol would have one timeout for all batches, and the time between them count.
    const declare = `declare caretaker no scroll cursor without hold for ${statement.text}`;
    await session.run(declare, statement.values, deadlineMs);
    while (true) {
      const rows = (await session.run(`fetch forward ${batchRows} from caretaker`, [], deadlineMs)) as Row[];
      if (rows.length > 0) yield rows;
      if (rows.length < batchRows) return;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#options.signal.removeEventListener('abort', this.#abort);
    const sessions = [...this.#sessions];
    this.#end ??= new Error('The reader was closed.');
    this.#life.abort(this.#end);
    for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#end);
    await Promise.all([...sessions.map((session) => session.close()), this.#mode.close(), ...this.#closing]);
  }

  /** Returns a connection on which a statement can be run, until it is disposed of. */
  async #begin(
    options: ReadOptions,
  ): Promise<{ readonly session: Session; readonly deadlineMs: number } & AsyncDisposable> {
    const { guard } = this.#options;
    const settings = settingsOf(this.#options, options);
    await guard?.waitUntilCalm(this.#life.signal);
    const session = await this.#take();
    let watch: Disposable | undefined;
    const end = async (): Promise<void> => {
      await this.#leave(session);
      watch?.[Symbol.dispose]();
      this.#giveBack(session);
    };
    try {
      await this.#mode.enter(session, settings);
      watch = guard?.watch(session.pid, (fault) => session.break(fault));
      return { session, deadlineMs: answerDeadlineMs(settings), [Symbol.asyncDispose]: end };
    } catch (error) {
      await end();
      throw error;
    }
  }

  /** What cannot be undone is not used again. The statement's own result or error is what counts. */
  async #leave(session: Session): Promise<void> {
    if (session.fault !== undefined) return;
    try {
      await this.#mode.leave(session);
    } catch (error) {
      session.break(error as Error);
    }
  }

  async #take(): Promise<Session> {
    while (true) {
      if (this.#end !== undefined) throw this.#end;
      const idle = this.#idle.pop();
      if (idle !== undefined) return idle;
      const held = this.#sessions.size + this.#connecting;
      if (held < this.#options.connections && this.#mode.fault === undefined) return this.#connect();
      // Those that have joined a snapshot go on without who holds it.
      if (held === 0) throw this.#mode.fault;
      const { promise, resolve, reject } = Promise.withResolvers<Session | undefined>();
      this.#waiters.push({ resolve, reject });
      const given = await promise;
      if (given?.fault === undefined && given !== undefined) return given;
    }
  }

  async #connect(): Promise<Session> {
    this.#connecting += 1;
    try {
      const session = await Session.connect(this.#options.config, {
        signal: this.#life.signal,
        onBroken: (broken) => this.#forget(broken),
      });
      this.#sessions.add(session);
      try {
        // It may have ended just as the connection was there.
        if (this.#end !== undefined) throw this.#end;
        await this.#mode.prepare(session);
      } catch (error) {
        session.break(error as Error);
        throw error;
      }
      return session;
    } finally {
      this.#connecting -= 1;
      // It failed: whoever waits may have to know.
      this.#wake();
    }
  }

  #giveBack(session: Session): void {
    if (session.fault !== undefined) return;
    const next = this.#waiters.shift();
    if (next === undefined) this.#idle.push(session);
    else next.resolve(session);
  }

  #forget(session: Session): void {
    this.#sessions.delete(session);
    const index = this.#idle.indexOf(session);
    if (index !== -1) this.#idle.splice(index, 1);
    this.#wake();
  }

  /** Has all who wait look again. */
  #wake(): void {
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(undefined);
  }

  /** Ends everything now: the server is not to work, nor to hold a snapshot, for nobody. */
  #finish(fault: Error): void {
    if (this.#end !== undefined) return;
    this.#end = fault;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(fault);
    for (const session of [...this.#sessions]) {
      session.break(fault);
      this.#closing.push(session.close());
    }
    this.#closing.push(this.#mode.close(fault));
    this.#life.abort(fault);
  }
}
