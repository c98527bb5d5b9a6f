import { setTimeout as delay } from 'node:timers/promises';
import sql from 'sql-template-tag';
import { UncheckedError } from '../unchecked-error.ts';
import { openReader, type Reader, type ReaderOptions } from './reader.ts';
import { readingEnded } from './reading-ended.ts';
import { type ServerLoad, serverLoad } from './server-load.ts';

/** Keeps an audit from adding to a server's trouble. */
export interface LoadGuard extends AsyncDisposable {
  /**
   * Resolves when replica lag and active load are within their limits.
   *
   * @throws UncheckedError `database-busy` when that takes too long, all pauses taken together, or when the server is
   *   too busy to say; and what ends `signal`.
   */
  waitUntilCalm(signal: AbortSignal): Promise<void>;
  /**
   * Watches one of our own backends until that is disposed of: as soon as somebody waits for a lock that it holds,
   * `standAside` is told. A migration that waits for a read keeps everybody waiting who comes after it.
   */
  watch(pid: number, standAside: (fault: UncheckedError) => void): Disposable;
  /**
   * What is not known of the server's load, in sentences: what the role is not shown, once a statement has been let
   * through, and what could not be looked at since.
   */
  readonly blindSpots: readonly string[];
}

/** When a server is too busy to be asked more. */
export interface LoadLimits {
  readonly maximumReplicaLagSeconds: number;
  readonly maximumActiveSessions: number;
  readonly maximumPauseSeconds: number;
}

/** How often the server is looked at, at most. */
const pollMs = 1_000;

/** Whoever does not answer that quickly is busy. */
const statementTimeoutSeconds = 5;

/**
 * Returns a guard that watches the server over a connection of its own. It sees all when its role is a member of
 * pg_monitor. https://www.postgresql.org/docs/current/predefined-roles.html
 */
export async function openLoadGuard(options: Omit<ReaderOptions, 'guard'>, limits: LoadLimits): Promise<LoadGuard> {
  return new Watchman(await openReader({ ...options, connections: 1, statementTimeoutSeconds }), limits);
}

class Watchman implements LoadGuard {
  readonly #reader: Reader;
  readonly #limits: LoadLimits;
  readonly #blindSpots = new Set<string>();
  readonly #watched = new Map<number, (fault: UncheckedError) => void>();
  readonly #closed = new AbortController();
  #load: { readonly readAt: number; readonly load: Promise<ServerLoad> } | undefined;
  #pausedMs = 0;
  #pausedSince: number | undefined;
  #patrol: Promise<void> | undefined;

  constructor(reader: Reader, limits: LoadLimits) {
    this.#reader = reader;
    this.#limits = limits;
  }

  get blindSpots(): readonly string[] {
    return [...this.#blindSpots];
  }

  async waitUntilCalm(signal: AbortSignal): Promise<void> {
    while (true) {
      if (signal.aborted) throw readingEnded(signal);
      const trouble = troubleOf(await this.#readLoad(), this.#limits);
      const now = performance.now();
      if (trouble === undefined) {
        if (this.#pausedSince !== undefined) this.#pausedMs += now - this.#pausedSince;
        this.#pausedSince = undefined;
        return;
      }
      this.#pausedSince ??= now;
      const { maximumPauseSeconds } = this.#limits;
      if (this.#pausedMs + now - this.#pausedSince >= maximumPauseSeconds * 1000) {
        throw new UncheckedError('database-busy', `${trouble} The audit pauses for ${maximumPauseSeconds} s at most.`);
      }
      await delay(pollMs, undefined, { signal }).catch(() => {});
    }
  }

  watch(pid: number, standAside: (fault: UncheckedError) => void): Disposable {
    this.#watched.set(pid, standAside);
    this.#patrol ??= this.#goRounds().finally(() => {
      this.#patrol = undefined;
    });
    return {
      [Symbol.dispose]: () => {
        this.#watched.delete(pid);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    await this.#patrol;
    await this.#reader[Symbol.asyncDispose]();
  }

  async #readLoad(): Promise<ServerLoad> {
    const now = performance.now();
    if (this.#load === undefined || now - this.#load.readAt >= pollMs) {
      this.#load = { readAt: now, load: serverLoad(this.#reader) };
    }
    const load = await this.#load.load;
    for (const blindSpot of load.blindSpots) this.#blindSpots.add(blindSpot);
    return load;
  }

  async #goRounds(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      await delay(pollMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      const blocking = await this.#blocking();
      for (const { pid, waiting } of blocking) {
        const sessions = waiting === 1 ? 'Another session was' : `${waiting} other sessions were`;
        const detail = `${sessions} waiting for a lock that this read held, so it was given up.`;
        this.#watched.get(pid)?.(new UncheckedError('stood-aside', detail));
      }
    }
  }

  /**
   * Returns those of the watched whom others wait for. Whoever waits for a transaction's end, as CREATE INDEX
   * CONCURRENTLY does, is not helped by the end of a statement, and keeps nobody waiting. What replays on a standby is
   * not known to pg_blocking_pids.
   */
  async #blocking(): Promise<readonly { readonly pid: number; readonly waiting: number }[]> {
    const pids = [...this.#watched.keys()];
    if (pids.length === 0) return [];
    try {
      return await this.#reader.query<{ pid: number; waiting: number }>(sql`
        with lock as materialized (select locktype, database, relation, pid, mode, granted from pg_catalog.pg_locks),
        waiter as (
          select * from lock where not granted and locktype <> 'virtualxid' and pid <> all(${pids}::int[])
        )
        select blocker as pid, pg_catalog.count(distinct pid)::int as waiting
        from (
          select pid, pg_catalog.unnest(pg_catalog.pg_blocking_pids(pid)) as blocker
          from (select distinct pid from waiter) waiting
          union
          select waiter.pid, holder.pid
          from waiter join lock holder on (holder.locktype, holder.database, holder.relation)
            = (waiter.locktype, waiter.database, waiter.relation)
          where waiter.locktype = 'relation' and waiter.mode = 'AccessExclusiveLock' and holder.granted
        ) blocked
        where blocker = any(${pids}::int[])
        group by blocker`);
    } catch {
      // The next round tries again, and before the next statement the load is read over the same connection.
      this.#blindSpots.add('Whether others waited for locks of this audit could not always be told.');
      return [];
    }
  }
}

function troubleOf(
  { isStandby, lagSeconds = 0, activeSessions }: ServerLoad,
  { maximumReplicaLagSeconds, maximumActiveSessions }: LoadLimits,
): string | undefined {
  if (lagSeconds > maximumReplicaLagSeconds) {
    const who = isStandby ? 'The replica is' : 'A replica is';
    return `${who} ${lagSeconds.toFixed(1)} s behind, where ${maximumReplicaLagSeconds} s are allowed.`;
  }
  if (activeSessions <= maximumActiveSessions) return undefined;
  return `${activeSessions} other sessions are active, where ${maximumActiveSessions} are allowed.`;
}
