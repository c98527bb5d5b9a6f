import type { Socket } from 'node:net';
import { Client, type ClientConfig, DatabaseError, type QueryConfig, type QueryResult } from 'pg';
import { from } from 'pg-copy-streams';
import { UncheckedError } from '../unchecked-error.ts';
import { requestCancel } from './cancel-request.ts';
import { CopyOut, type LeadingNumbers } from './copy-out.ts';
import { readingEnded } from './reading-ended.ts';
import { postgresUncheckedReason } from './unchecked-reason.ts';

/** What connections call themselves in pg_stat_activity. */
export const applicationName = 'caretaker';

const connectionTimeoutMs = 10_000;

/** Middleboxes forget a connection on which nothing is said: AWS's after 350 seconds. */
const keepAliveMs = 60_000;

const closeMs = 2_000;

/** An answer beyond this is no list of violations. It has to fit into a small function's memory several times. */
const maximumAnswerBytes = 64 * 1024 * 1024;

export type Row = Record<string, unknown>;

/**
 * One connection. It is broken for good, with a reason, when it is lost, when the server does not answer in time or too
 * much, or when {@link break} is called: the server is told to end what it does then, and whoever waits for an answer
 * is given the reason.
 */
export class Session {
  /** The server's process, once it has told. */
  pid = 0;
  readonly #client: Client;
  /** Tells whoever waits for an answer that there will be none. */
  #giveUp: ((fault: Error) => void) | undefined;
  readonly #onBroken: (session: Session) => void;
  #fault: Error | undefined;
  #isAsked = false;
  #answeredBytes = 0;
  #canceled: Promise<void> | undefined;
  /** Resolves when a COPY is over and the server takes the next statement. */
  #copied: Promise<void> | undefined;

  /**
   * Connects, within 10 seconds.
   *
   * @throws UncheckedError `bad-url` for a connection string that is none; `unreachable` when nobody answers; whatever
   *   ends `signal`; and the errors of sockets and servers.
   */
  static async connect(
    config: ClientConfig,
    { signal, onBroken = () => {} }: { signal: AbortSignal; onBroken?: (session: Session) => void },
  ): Promise<Session> {
    const session = new Session(newClient(config), onBroken);
    using _ = session.breakOn(signal);
    try {
      if (session.#fault !== undefined) throw session.#fault;
      await session.#client.connect();
      if (session.#fault !== undefined) throw session.#fault;
      session.#limitAnswers();
      return session;
    } catch (error) {
      const fault = session.#fault ?? connectionFault(error, session.#client);
      session.break(fault);
      throw fault;
    }
  }

  private constructor(client: Client, onBroken: (session: Session) => void) {
    this.#client = client;
    this.#onBroken = onBroken;
    client.on('error', (error) => this.#lose(error));
    client.on('end', () => this.#lose(undefined));
  }

  /** Why it is broken; undefined while it is not. */
  get fault(): Error | undefined {
    return this.#fault;
  }

  /** Returns the rows of one statement, sent by the extended protocol, which takes no second one. */
  async run(text: string, values: readonly unknown[], deadlineMs: number): Promise<Row[]> {
    const { rows } = await this.send(text, values, deadlineMs);
    return rows;
  }

  /** Sends one statement likewise, and returns all that the server says of it. */
  async send(text: string, values: readonly unknown[], deadlineMs: number): Promise<QueryResult<Row>> {
    const query = { text, values, queryMode: 'extended' } as unknown as QueryConfig;
    return this.#ask(() => this.#client.query<Row>(query), deadlineMs);
  }

  /** Returns the rows of the last of several statements, which have to be our own. */
  async script(statements: readonly string[], deadlineMs: number): Promise<Row[]> {
    const results = await this.#ask(() => this.#client.query<Row>(statements.join(';')), deadlineMs);
    // An array for several, which the types do not know.
    const last = [results].flat().at(-1) as QueryResult<Row>;
    return last.rows;
  }

  /**
   * Returns what `COPY … TO STDOUT` sends, as long as it may be, but for `leading`; bytes are good until the next ones are asked for.
   * Whoever does not read it to its end breaks the connection: there is no other way to end it. A server that sends nothing for
   * `silenceMs` although it is waited for has broken it too.
   *
   * @throws the server's errors, and why the connection is broken, while it is read.
   */
  async copyOut(
    text: string,
    silenceMs: number,
    leading?: LeadingNumbers,
  ): Promise<AsyncGenerator<Uint8Array, void, undefined>> {
    await this.#copied;
    if (this.#fault !== undefined) throw this.#fault;
    const over = Promise.withResolvers<void>();
    const copied = over.promise.then(() => {
      this.#giveUp = undefined;
      this.#isAsked = false;
      this.#copied = undefined;
    });
    this.#copied = copied;
    const silence = this.#breakWhenSilent(silenceMs);
    const events = {
      onWait: () => silence.start(),
      onWaited: () => silence.stop(),
      onOver: () => over.resolve(),
      onAbandoned: () => this.break(new Error('The COPY was not read to its end.')),
    };
    const copy = new CopyOut(text, events, leading);
    this.#isAsked = true;
    this.#giveUp = (fault) => copy.fail(fault);
    this.#answeredBytes = 0;
    this.#client.query(copy);
    return copy.rows();
  }

  /**
   * Sends what `COPY … FROM STDIN` reads, and returns how many rows the server says that it took. When `source` fails the server is
   * told to fail too, which undoes it. A server that takes nothing for `silenceMs` has broken the connection.
   *
   * @throws the error of `source`, the server's, and why the connection is broken.
   */
  async copyIn(text: string, source: AsyncIterable<Uint8Array>, silenceMs: number): Promise<number> {
    await this.#copied;
    const stream = from(text);
    const silence = this.#breakWhenSilent(silenceMs);
    const ended = Promise.withResolvers<void>();
    ended.promise.catch(() => {});
    let failure: Error | undefined;
    stream.on('error', (error) => {
      failure ??= error;
      ended.reject(error);
    });
    stream.on('finish', ended.resolve);
    const send = async (): Promise<void> => {
      this.#client.query(stream);
      try {
        for await (const chunk of source) {
          // The server does not wait for the source to say that it has ended it, and takes nothing after that.
          const over = failure ?? this.#fault;
          if (over !== undefined) throw over;
          if (chunk.length === 0) continue;
          silence.start();
          const { promise: taken, resolve } = Promise.withResolvers<void>();
          stream.write(chunk, () => resolve());
          await Promise.race([taken, ended.promise]);
          silence.stop();
        }
      } catch (error) {
        if (failure !== undefined || this.#fault !== undefined) throw error;
        silence.start();
        // Said to the server's log: nothing of what is in a row. Its answer is what the transaction ends with.
        stream.destroy(new Error('the client has stopped'));
        await ended.promise.catch(() => {});
        throw error;
      }
      if (failure !== undefined) throw failure;
      silence.start();
      stream.end();
      await ended.promise;
    };
    try {
      await this.#ask(send);
      return stream.rowCount;
    } catch (error) {
      // What the server has said before it ended the connection says more than that it did.
      throw failure !== undefined && error === this.#fault ? failure : error;
    } finally {
      silence.stop();
    }
  }

  /** Has it break when a signal is aborted, until that is disposed of. */
  breakOn(signal: AbortSignal): Disposable {
    const abort = () => this.break(readingEnded(signal));
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    return { [Symbol.dispose]: () => signal.removeEventListener('abort', abort) };
  }

  /** Gives the connection up. */
  break(fault: Error): void {
    if (this.#fault !== undefined) return;
    this.#fault = fault;
    this.#giveUp?.(fault);
    if (this.#isAsked) this.#canceled = requestCancel(this.#client);
    streamOf(this.#client).destroy();
    this.#onBroken(this);
  }

  /** Ends the connection, whatever is under way; resolves when nothing is left of it here. */
  async close(): Promise<void> {
    if (this.#fault === undefined && !this.#isAsked) await this.#end();
    this.break(new Error('The connection was closed.'));
    await this.#canceled;
  }

  async #end(): Promise<void> {
    this.#fault = new Error('The connection was closed.');
    this.#giveUp?.(this.#fault);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, closeMs);
    });
    await Promise.race([this.#client.end().catch(() => {}), late]);
    clearTimeout(timer);
    streamOf(this.#client).destroy();
    this.#onBroken(this);
  }

  #lose(error: Error | undefined): void {
    this.break(error ?? new UncheckedError('unreachable', 'The connection to the database was lost.'));
  }

  /** Without a deadline it is up to `send` to find out that the server does not answer. */
  async #ask<T>(send: () => Promise<T>, deadlineMs?: number): Promise<T> {
    if (this.#copied !== undefined) await this.#copied;
    if (this.#fault !== undefined) throw this.#fault;
    const timer = deadlineMs === undefined ? undefined : setTimeout(() => this.#breakLate(deadlineMs), deadlineMs);
    this.#answeredBytes = 0;
    this.#isAsked = true;
    // One for each question: a race keeps its answer for as long as any promise in it is not settled.
    const broken = Promise.withResolvers<never>();
    this.#giveUp = broken.reject;
    try {
      return await Promise.race([send(), broken.promise]);
    } finally {
      this.#giveUp = undefined;
      this.#isAsked = false;
      clearTimeout(timer);
    }
  }

  #breakLate(deadlineMs: number): void {
    const detail = `The server had not answered after ${deadlineMs / 1000} s, and not given up either.`;
    this.break(new UncheckedError('timeout', detail));
  }

  /** Returns a clock that breaks the connection when it has not been started again, or stopped, for so long. */
  #breakWhenSilent(silenceMs: number): { start(): void; stop(): void } {
    let timer: NodeJS.Timeout | undefined;
    return {
      start: () => {
        timer?.refresh();
        timer ??= setTimeout(() => this.#breakLate(silenceMs), silenceMs);
      },
      stop: () => {
        clearTimeout(timer);
        timer = undefined;
      },
    };
  }

  #limitAnswers(): void {
    streamOf(this.#client).on('data', this.#countAnswer);
  }

  readonly #countAnswer = (data: Buffer): void => {
    this.#answeredBytes += data.length;
    if (this.#answeredBytes <= maximumAnswerBytes) return;
    const detail = `The answer has more than ${maximumAnswerBytes / 1024 / 1024} MiB.`;
    this.break(new UncheckedError('answer-too-large', detail));
  };
}

function newClient(config: ClientConfig): Client {
  try {
    return new Client({
      ...config,
      application_name: applicationName,
      connectionTimeoutMillis: connectionTimeoutMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: keepAliveMs,
    });
  } catch (error) {
    // Without the cause: it may hold the whole of the connection string.
    throw new UncheckedError('bad-url', `The connection string is of no use: ${(error as Error).message}.`);
  }
}

/** Whoever could not be reached is named: what sockets say is often less. */
function connectionFault(error: unknown, { host, port }: Client): Error {
  const isLate = error instanceof Error && error.message === 'timeout expired';
  const late = { reason: 'unreachable', detail: `no answer within ${connectionTimeoutMs / 1000} s.` };
  const reason = isLate ? late : postgresUncheckedReason(error);
  if (reason?.reason !== 'unreachable' || error instanceof DatabaseError) return error as Error;
  return new UncheckedError('unreachable', `${host}:${port}: ${reason.detail}`, { cause: error });
}

/** The socket, which the types do not know: of TLS, once that is agreed on. */
function streamOf(client: Client): Socket {
  return (client as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream;
}
