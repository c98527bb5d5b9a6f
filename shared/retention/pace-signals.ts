import sql, { type Sql } from 'sql-template-tag';
import { openReader, type Reader, type ReaderOptions } from '../postgres/reader.ts';
import { serverLoad } from '../postgres/server-load.ts';
import { applicationName } from '../postgres/session.ts';
import { postgresUncheckedReason } from '../postgres/unchecked-reason.ts';
import { UncheckedError } from '../unchecked-error.ts';
import type { BurstBalance } from './pace-signals-burst.ts';
import type { Pace } from './retention-config.ts';

/** What the server says of how it is. */
export interface PaceReading {
  /** Which limits are exceeded, one sentence each: it is to be waited. */
  readonly exceeded: readonly string[];
  /** What is not known, one sentence each. */
  readonly blindSpots: readonly string[];
}

/** Whoever does not answer that quickly is busy. */
const statementTimeoutSeconds = 5;

const bytesPerMib = 1024 * 1024;

/** Reasons for which a server does not say how it is and that end by themselves. */
const isBusy = new Set(['unreachable', 'timeout', 'database-busy', 'lock-timeout', 'recovery-conflict']);

interface Told {
  readonly exceeded?: string;
  readonly blindSpots?: readonly string[];
}

/** Looks at a server, over a connection of its own, for what says that it is to be spared. */
export class PaceSignals implements AsyncDisposable {
  readonly #reader: Reader;
  readonly #pace: Pace;
  readonly #burst: BurstBalance | undefined;
  readonly #now: () => number;
  /** Where the server's log was when the rate was last below its limit. */
  #wal: { readonly bytes: bigint; readonly atMs: number } | undefined;

  /** @param now milliseconds of a clock that is never set. */
  static async open(
    options: Omit<ReaderOptions, 'guard' | 'connections' | 'statementTimeoutSeconds'>,
    pace: Pace,
    burst: BurstBalance | undefined,
    now: () => number = () => performance.now(),
  ): Promise<PaceSignals> {
    const reader = await openReader({ ...options, connections: 1, statementTimeoutSeconds });
    return new PaceSignals(reader, pace, burst, now);
  }

  private constructor(reader: Reader, pace: Pace, burst: BurstBalance | undefined, now: () => number) {
    this.#reader = reader;
    this.#pace = pace;
    this.#burst = burst;
    this.#now = now;
  }

  /** Returns what is to be waited for. A server that does not answer is one; what it does not show to the role is not known. */
  async read(): Promise<PaceReading> {
    const { maximumReplicaLagSeconds, maximumWalMibPerSecond, maximumTransactionSeconds, maximumLockWaiters } =
      this.#pace;
    const looks: [string, (() => Promise<Told>) | undefined][] = [
      ['How far replicas are behind', maximumReplicaLagSeconds === null ? undefined : () => this.#lag()],
      ['How much is written to the log', maximumWalMibPerSecond === null ? undefined : () => this.#walRate()],
      ['How old transactions are', maximumTransactionSeconds === null ? undefined : () => this.#longest()],
      ['Who waits for locks', maximumLockWaiters === null ? undefined : () => this.#waiters()],
      ['The burst balance', this.#burst === undefined ? undefined : () => this.#balance()],
    ];
    const told: Told[] = [];
    for (const [what, look] of looks) {
      if (look !== undefined) told.push(await inWords(what, look));
    }
    return {
      exceeded: told.flatMap(({ exceeded }) => exceeded ?? []),
      blindSpots: told.flatMap(({ blindSpots }) => blindSpots ?? []),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader[Symbol.asyncDispose]();
  }

  async #lag(): Promise<Told> {
    const { lagSeconds, blindSpots } = await serverLoad(this.#reader);
    const maximum = this.#pace.maximumReplicaLagSeconds ?? Number.POSITIVE_INFINITY;
    // Whether sessions are active is not what was asked.
    const unseen = blindSpots.filter((sentence) => sentence.startsWith('How far'));
    if (lagSeconds === undefined || lagSeconds <= maximum) return { blindSpots: unseen };
    return { exceeded: `A replica is ${lagSeconds.toFixed(1)} s behind, where ${maximum} s are allowed.` };
  }

  /**
   * On average since it was last below: when a batch writes in half a second what a second may take, half a second is waited, not until
   * there is silence.
   */
  async #walRate(): Promise<Told> {
    const [row] = await this.#reader.query<{ bytes: string }>(
      sql`select pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::text as bytes`,
    );
    const bytes = BigInt(row?.bytes ?? 0);
    const atMs = this.#now();
    const since = this.#wal;
    this.#wal ??= { bytes, atMs };
    if (since === undefined || atMs <= since.atMs) return {};
    const maximum = this.#pace.maximumWalMibPerSecond ?? Number.POSITIVE_INFINITY;
    const perSecond = Number(bytes - since.bytes) / bytesPerMib / ((atMs - since.atMs) / 1000);
    if (perSecond > maximum) {
      const rate = `${perSecond.toFixed(0)} MiB a second are written to the log`;
      return { exceeded: `${rate}, where ${maximum} MiB are allowed.` };
    }
    this.#wal = { bytes, atMs };
    return {};
  }

  async #longest(): Promise<Told> {
    const [row] = await this.#reader.query<{ seconds: number; unseen: number }>(longestTransaction);
    const { seconds = 0, unseen = 0 } = row ?? {};
    const blindSpots =
      unseen === 0 ? [] : ['How old transactions are is not shown to the role, which is no member of pg_monitor.'];
    const maximum = this.#pace.maximumTransactionSeconds ?? Number.POSITIVE_INFINITY;
    if (seconds <= maximum) return { blindSpots };
    const exceeded = `A transaction has been open for ${seconds.toFixed(0)} s, where ${maximum} s are allowed.`;
    return { exceeded, blindSpots };
  }

  async #waiters(): Promise<Told> {
    const [row] = await this.#reader.query<{ waiting: number }>(lockWaiters);
    const waiting = row?.waiting ?? 0;
    const maximum = this.#pace.maximumLockWaiters ?? Number.POSITIVE_INFINITY;
    if (waiting <= maximum) return {};
    return { exceeded: `${waiting} sessions wait for locks, where ${maximum} are allowed.` };
  }

  async #balance(): Promise<Told> {
    const lowest = await this.#burst?.lowest();
    const minimum = this.#pace.minimumBurstBalancePercent;
    if (lowest === undefined || lowest.percent >= minimum) return {};
    const is = `${lowest.metric} of the instance is at ${lowest.percent.toFixed(0)} %`;
    return { exceeded: `${is}, where ${minimum} % are to be left.` };
  }
}

/**
 * Those that keep rows from being cleaned up, which were deleted after they began: they see an older state, or have written. Other
 * databases' do not matter; a transaction that is prepared does, as it may last for ever.
 * https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-BASICS
 */
const longestTransaction: Sql = sql`
  select coalesce(greatest(
      pg_catalog.max(extract(epoch from pg_catalog.clock_timestamp() - xact_start)),
      (select pg_catalog.max(extract(epoch from pg_catalog.clock_timestamp() - prepared))
        from pg_catalog.pg_prepared_xacts where database = pg_catalog.current_database())
    ), 0)::float8 as seconds,
    (select pg_catalog.count(*) from pg_catalog.pg_stat_activity
      where state is null and backend_type is null and usesysid is not null)::int as unseen
  from pg_catalog.pg_stat_activity
  where datname = pg_catalog.current_database() and pid <> pg_catalog.pg_backend_pid()
    and (backend_xid is not null or backend_xmin is not null)
    and backend_type = 'client backend' and coalesce(application_name, '') <> ${applicationName}`;

/** In all databases: what keeps them waiting may be the server itself. Locks are shown to everybody. */
const lockWaiters: Sql = sql`
  select pg_catalog.count(distinct waiting.pid)::int as waiting
  from pg_catalog.pg_locks waiting left join pg_catalog.pg_stat_activity other on other.pid = waiting.pid
  where not waiting.granted and coalesce(other.application_name, '') <> ${applicationName}`;

async function inWords(what: string, look: () => Promise<Told>): Promise<Told> {
  try {
    return await look();
  } catch (error) {
    const reason = error instanceof UncheckedError ? error : postgresUncheckedReason(error);
    if (reason === undefined) throw error;
    // The time was up before the answer came: nothing is done any more that it would matter for.
    if (reason.reason === 'not-reached') return {};
    const sentence = `${what} cannot be told: ${reason.detail}`;
    return isBusy.has(reason.reason) ? { exceeded: sentence } : { blindSpots: [sentence] };
  }
}
