import sql, { type Sql } from 'sql-template-tag';
import type { LeadingNumbers } from './copy-out.ts';
import { inlineValues } from './inline-values.ts';
import { answerDeadlineMs } from './read-mode.ts';
import { Session } from './session.ts';
import { columnList, qualified, type TableName } from './sql.ts';
import {
  type ServerFeatures,
  type StatementSettings,
  serverFeatures,
  transactionScript,
} from './transaction-script.ts';
import type { WriterOptions } from './writer.ts';

/**
 * One connection through which rows are copied out of tables and into them as the server's own text, without ever being values
 * here. The bytes are in the server's encoding. Nothing that was copied in is final before `commit`.
 * https://www.postgresql.org/docs/current/sql-copy.html
 */
export interface CopySession extends AsyncDisposable {
  /** `server_encoding`. */
  readonly encoding: string;
  /** `server_version`. */
  readonly serverVersion: string;
  /** Begins a transaction all of whose statements see one moment. It only reads unless told. */
  begin(access?: 'read only' | 'read write'): Promise<void>;
  query<Row extends object>(statement: Sql): Promise<Row[]>;
  /**
   * Returns the rows of a query as COPY text, which may be of any size and take any time: whoever reads slowly is waited for. Bytes
   * are good until the next ones are asked for. One that is not read to its end breaks the connection.
   *
   * @param leading takes the first columns of the query, which are not part of the text then.
   * @throws UncheckedError `timeout` when the server sends nothing for as long as a statement may take; and as {@link query}.
   */
  copyOut(query: Sql, leading?: LeadingNumbers): Promise<AsyncGenerator<Uint8Array, void, undefined>>;
  /** Returns how many rows the server took; `source` is COPY text. It is undone by an error, and with the transaction. */
  copyIn(table: TableName, columns: readonly string[], source: AsyncIterable<Uint8Array>): Promise<number>;
  /** @throws an error of the server with the severity `ERROR` when all is undone; any other leaves open whether it is final. */
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/**
 * Returns a connection to copy through; `signal` ends it, whatever it does.
 *
 * @throws as {@link Session.connect}, and the server's errors.
 */
export async function openCopySession(options: WriterOptions): Promise<CopySession> {
  const { config, statementTimeoutSeconds, lockTimeoutSeconds, timeZone, signal } = options;
  const settings: StatementSettings = {
    statementTimeoutMs: Math.ceil(statementTimeoutSeconds * 1000),
    lockTimeoutMs: Math.ceil(lockTimeoutSeconds * 1000),
    fromHeap: false,
  };
  const session = await Session.connect(config, { signal });
  const watch = session.breakOn(signal);
  try {
    const deadlineMs = answerDeadlineMs(settings);
    const features = await serverFeatures(session, deadlineMs);
    const [server] = await session.run(
      `select pg_catalog.current_setting('server_encoding') as encoding,
        pg_catalog.current_setting('server_version') as version`,
      [],
      deadlineMs,
    );
    return new OpenCopySession(session, watch, {
      settings,
      timeZone,
      features,
      encoding: String(server?.encoding),
      serverVersion: String(server?.version),
    });
  } catch (error) {
    watch[Symbol.dispose]();
    await session.close();
    throw error;
  }
}

interface Surroundings {
  readonly settings: StatementSettings;
  readonly timeZone: string;
  readonly features: ServerFeatures;
  readonly encoding: string;
  readonly serverVersion: string;
}

class OpenCopySession implements CopySession {
  readonly encoding: string;
  readonly serverVersion: string;
  readonly #session: Session;
  readonly #watch: Disposable;
  readonly #surroundings: Surroundings;
  readonly #deadlineMs: number;
  /** COPY takes as long as it takes: the server is not to end it. */
  #isUnlimited = false;

  constructor(session: Session, watch: Disposable, surroundings: Surroundings) {
    this.encoding = surroundings.encoding;
    this.serverVersion = surroundings.serverVersion;
    this.#session = session;
    this.#watch = watch;
    this.#surroundings = surroundings;
    this.#deadlineMs = answerDeadlineMs(surroundings.settings);
  }

  async begin(access: 'read only' | 'read write' = 'read only'): Promise<void> {
    const { settings, timeZone, features } = this.#surroundings;
    const script = transactionScript({ isolation: 'repeatable read', access, timeZone, features, settings });
    await this.#session.script(script, this.#deadlineMs);
    this.#isUnlimited = false;
  }

  async query<Row extends object>({ text, values }: Sql): Promise<Row[]> {
    await this.#limit(true);
    return (await this.#session.run(text, values, this.#deadlineMs)) as Row[];
  }

  async copyOut(query: Sql, leading?: LeadingNumbers): Promise<AsyncGenerator<Uint8Array, void, undefined>> {
    await this.#limit(false);
    const text = `copy (${inlineValues(query)}\n) to stdout (encoding ${this.#encodingName})`;
    return this.#session.copyOut(text, this.#deadlineMs, leading);
  }

  async copyIn(table: TableName, columns: readonly string[], source: AsyncIterable<Uint8Array>): Promise<number> {
    await this.#limit(false);
    const { text } = sql`copy ${qualified(table)} (${columnList(columns)}) from stdin`;
    return this.#session.copyIn(`${text} (encoding ${this.#encodingName})`, source, this.#deadlineMs);
  }

  async commit(): Promise<void> {
    const { command } = await this.#session.send('commit', [], this.#deadlineMs);
    // The server's answer to the commit of a transaction that has failed.
    if (command !== 'COMMIT') throw Object.assign(new Error(`the server answered ${command}`), { severity: 'ERROR' });
  }

  async rollback(): Promise<void> {
    await this.#session.run('rollback', [], this.#deadlineMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch[Symbol.dispose]();
    await this.#session.close();
  }

  /** Text in the server's own encoding: no byte is changed on the way. */
  get #encodingName(): string {
    return inlineValues(sql`${this.encoding}`);
  }

  async #limit(isLimited: boolean): Promise<void> {
    if (this.#isUnlimited !== isLimited) return;
    const limitMs = isLimited ? this.#surroundings.settings.statementTimeoutMs : 0;
    await this.#session.script([`set local statement_timeout = ${limitMs}`], this.#deadlineMs);
    this.#isUnlimited = !isLimited;
  }
}
