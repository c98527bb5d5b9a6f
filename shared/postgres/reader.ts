import { Client, type ClientConfig, type QueryConfig } from 'pg';
import Cursor from 'pg-cursor';
import type { Sql } from 'sql-template-tag';
import { UncheckedError } from '../unchecked-error.ts';
import type { LoadGuard } from './load-guard.ts';

/** How a reader behaves towards the server. */
export interface ReaderOptions {
  readonly config: ClientConfig;
  /** Connections held at most; as many statements can be under way. */
  readonly connections: number;
  readonly statementTimeoutSeconds: number;
  readonly lockTimeoutSeconds: number;
  /** IANA name: what `current_date` is about. */
  readonly timeZone: string;
  /** Asked before each statement. */
  readonly guard?: LoadGuard | undefined;
  readonly signal: AbortSignal;
}

/** How one statement is read. */
export interface ReadOptions {
  /** Less than the reader's. */
  readonly statementTimeoutSeconds?: number;
  /**
   * Reads tables, never indexes: what is asked is whether an index tells the truth, or may be wrong because it does not.
   */
  readonly fromHeap?: boolean;
}

/**
 * Reads from one database, and cannot write to it: each statement is a single one, sent apart from its values, in a transaction
 * that is `READ ONLY` and whose changes to settings are undone.
 */
export interface Reader extends AsyncDisposable {
  /** Returns the rows of a statement, as `pg` types them: `bigint` and `numeric` are strings. */
  query<Row extends object>(statement: Sql, options?: ReadOptions): Promise<Row[]>;
  /** Yields the rows in batches that are never empty, and holds one batch. */
  batches<Row extends object>(
    statement: Sql,
    options?: ReadOptions & { readonly batchRows?: number },
  ): AsyncGenerator<readonly Row[], void, undefined>;
}

const applicationName = 'caretaker';
const defaultBatchRows = 5_000;
const connectionTimeoutMs = 10_000;
/** A server that has not answered so long after its own timeout is not going to. */
const graceMs = 10_000;

/**
 * Returns a reader whose statements all see the database as it was at one moment, on whichever of its connections they run. The
 * snapshot keeps the server from cleaning up behind it: close it soon.
 * https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-SNAPSHOT-SYNCHRONIZATION
 */
export async function openSnapshot(options: ReaderOptions): Promise<Reader> {
  const first = await Session.open(options);
  try {
    await first.begin('isolation level repeatable read read only');
    const { rows } = await first.send({ text: 'select pg_export_snapshot() as id' });
    const id = String(rows[0]?.id);
    if (!/^[0-9A-F-]+$/i.test(id)) throw new UncheckedError('database-error', `The server names a snapshot ${id}.`);
    return new PooledReader(options, [first], async (session) => {
      await session.begin('isolation level repeatable read read only');
      await session.send({ text: `set transaction snapshot '${id}'` });
    });
  } catch (error) {
    await first.close();
    throw error;
  }
}

/** Returns a reader whose statements each see the moment at which they begin: for what takes long. */
export async function openReader(options: ReaderOptions): Promise<Reader> {
  const first = await Session.open(options);
  try {
    return new PooledReader(options, [first], undefined);
  } catch (error) {
    await first.close();
    throw error;
  }
}

class PooledReader implements Reader {
  readonly #options: ReaderOptions;
  readonly #idle: Session[];
  readonly #all: Set<Session>;
  readonly #waiting: ((session: Session) => void)[] = [];
  readonly #join: ((session: Session) => Promise<void>) | undefined;
  #opening = 0;

  constructor(
    options: ReaderOptions,
    sessions: readonly Session[],
    join: ((session: Session) => Promise<void>) | undefined,
  ) {
    this.#options = options;
    this.#idle = [...sessions];
    this.#all = new Set(sessions);
    this.#join = join;
  }

  async query<Row extends object>(statement: Sql, options: ReadOptions = {}): Promise<Row[]> {
    return this.#within(options, async (session) => {
      const { rows } = await session.send({ text: statement.text, values: statement.values });
      return rows as Row[];
    });
  }

  async *batches<Row extends object>(
    statement: Sql,
    { batchRows = defaultBatchRows, ...options }: ReadOptions & { readonly batchRows?: number } = {},
  ): AsyncGenerator<readonly Row[], void, undefined> {
    const session = await this.#take();
    try {
      await this.#enter(session, options);
      const cursor = session.cursor(statement);
      try {
        while (true) {
          const rows = (await session.read(cursor, batchRows)) as Row[];
          if (rows.length === 0) break;
          yield rows;
        }
      } finally {
        await cursor.close().catch(() => {});
        await this.#leave(session);
      }
    } finally {
      this.#giveBack(session);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#all].map((session) => session.close()));
  }

  async #within<T>(options: ReadOptions, read: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.#take();
    try {
      await this.#enter(session, options);
      try {
        return await read(session);
      } finally {
        await this.#leave(session);
      }
    } finally {
      this.#giveBack(session);
    }
  }

  /** Everything that a statement sets or locks is undone behind it: the next finds the transaction as it was. */
  async #enter(session: Session, { statementTimeoutSeconds, fromHeap }: ReadOptions): Promise<void> {
    await this.#options.guard?.waitUntilCalm(this.#options.signal);
    const seconds = Math.min(statementTimeoutSeconds ?? Infinity, this.#options.statementTimeoutSeconds);
    if (this.#join === undefined) await session.begin('read only');
    else await session.send({ text: 'savepoint caretaker' });
    await session.limit(seconds, this.#options.lockTimeoutSeconds, fromHeap === true);
  }

  async #leave(session: Session): Promise<void> {
    if (session.isBroken) return;
    await session.send({ text: this.#join === undefined ? 'rollback' : 'rollback to savepoint caretaker' });
  }

  async #take(): Promise<Session> {
    this.#options.signal.throwIfAborted();
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#all.size + this.#opening < this.#options.connections) {
      this.#opening += 1;
      try {
        const session = await Session.open(this.#options);
        this.#all.add(session);
        await this.#join?.(session);
        return session;
      } finally {
        this.#opening -= 1;
      }
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #giveBack(session: Session): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(session);
    else next(session);
  }
}

/** One connection. */
class Session {
  readonly #client: Client;
  readonly #signal: AbortSignal;
  #timeoutMs: number;
  isBroken = false;

  static async open({
    config,
    statementTimeoutSeconds,
    lockTimeoutSeconds,
    timeZone,
    signal,
  }: ReaderOptions): Promise<Session> {
    const client = new Client({
      ...config,
      application_name: applicationName,
      connectionTimeoutMillis: connectionTimeoutMs,
      keepAlive: true,
    });
    const session = new Session(client, signal, statementTimeoutSeconds * 1000);
    await client.connect();
    try {
      // Each is a setting of the session, so that nothing begins without it.
      const settings: Record<string, string> = {
        default_transaction_read_only: 'on',
        statement_timeout: `${Math.ceil(statementTimeoutSeconds * 1000)}`,
        lock_timeout: `${Math.ceil(lockTimeoutSeconds * 1000)}`,
        idle_in_transaction_session_timeout: '0',
        standard_conforming_strings: 'on',
        timezone: timeZone,
        search_path: 'public',
      };
      for (const [name, value] of Object.entries(settings)) {
        await session.send({ text: 'select set_config($1, $2, false)', values: [name, value] });
      }
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  private constructor(client: Client, signal: AbortSignal, timeoutMs: number) {
    this.#client = client;
    this.#signal = signal;
    this.#timeoutMs = timeoutMs;
    client.on('error', () => {
      this.isBroken = true;
    });
  }

  async begin(mode: string): Promise<void> {
    await this.send({ text: `begin transaction ${mode}` });
  }

  async limit(statementSeconds: number, lockSeconds: number, fromHeap: boolean): Promise<void> {
    this.#timeoutMs = Math.ceil(statementSeconds * 1000);
    const off = fromHeap ? 'off' : 'on';
    await this.send({
      text: `select set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true),
        set_config('enable_indexscan', '${off}', true), set_config('enable_indexonlyscan', '${off}', true),
        set_config('enable_bitmapscan', '${off}', true)`,
      values: [`${this.#timeoutMs}`, `${Math.ceil(lockSeconds * 1000)}`],
    });
  }

  /** Sends one statement by the extended protocol, which takes no second one. */
  async send(query: {
    readonly text: string;
    readonly values?: readonly unknown[];
  }): Promise<{ rows: Record<string, unknown>[] }> {
    const config = { ...query, queryMode: 'extended' } as unknown as QueryConfig;
    return this.#guarded(() => this.#client.query(config));
  }

  cursor(statement: Sql): Cursor {
    return this.#client.query(new Cursor(statement.text, statement.values as unknown[]));
  }

  async read(cursor: Cursor, rows: number): Promise<unknown[]> {
    return this.#guarded(() => cursor.read(rows));
  }

  async close(): Promise<void> {
    if (this.isBroken) {
      (this.#client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
      return;
    }
    await this.#client.end().catch(() => {});
  }

  /** Ends the connection when the time is up or the server says nothing any more: the server gives up by itself then. */
  async #guarded<T>(ask: () => Promise<T>): Promise<T> {
    this.#signal.throwIfAborted();
    if (this.isBroken) throw new UncheckedError('unreachable', 'The connection to the database was lost.');
    const asked = ask();
    let stop: (() => void) | undefined;
    const late = new Promise<never>((_, reject) => {
      const giveUp = (error: Error) => {
        this.isBroken = true;
        (this.#client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
        reject(error);
      };
      const timer = setTimeout(
        () => giveUp(new UncheckedError('timeout', 'The server did not answer in time.')),
        this.#timeoutMs + graceMs,
      );
      const aborted = () => giveUp(this.#signal.reason as Error);
      this.#signal.addEventListener('abort', aborted, { once: true });
      stop = () => {
        clearTimeout(timer);
        this.#signal.removeEventListener('abort', aborted);
      };
    });
    asked.catch(() => {});
    try {
      return await Promise.race([asked, late]);
    } finally {
      stop?.();
    }
  }
}
