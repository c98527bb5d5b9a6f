import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { bundleProgram } from '../sandbox/bundle-program.ts';
import { interruptible } from '../sandbox/interruption.ts';
import { startPostgres } from '../sandbox/postgres/start-postgres.ts';
import type { PolicyOutcome } from '../shared/retention/policy-outcome.ts';
import { processorClock } from './audit/processor-clock.ts';
import { median, quantile } from './median.ts';
import { ask, start, stop } from './processes.ts';
import type { LoopJob, LoopResult } from './purge/by-hand.ts';
import { countOld, fillListens, makeSource, schema, table, youngRows } from './purge/listens.ts';
import { writeDuring } from './purge/writer.ts';

/** What is to be purged, and how. */
export interface PurgeJob {
  readonly url: string;
  /** Of the ledger; in memory without one. */
  readonly folder?: string | undefined;
  readonly pace: Readonly<Record<string, unknown>>;
}

/** What purging it took. */
export interface PurgeResult {
  readonly seconds: number;
  readonly peakMiB: number;
  readonly outcome: PolicyOutcome;
}

interface Bench {
  readonly url: string;
  readonly client: pg.Client;
  readonly clock: (() => Promise<number>) | undefined;
  readonly caretaker: ChildProcess;
  readonly byHand: ChildProcess;
  /** Of ledgers; undefined where they are in memory. */
  readonly directory: string | undefined;
  readonly rows: number;
  readonly rounds: number;
  readonly interruption: AbortSignal;
}

interface Measured {
  readonly rowsPerSecond: number;
  /** Of all processes of the server; `NaN` where it is on another machine. */
  readonly processorSeconds: number;
}

const goals = { speed: 0.9, latency: 1.5 };

/**
 * Purges rows that are past their retention, beside loops written by hand, with the same size of batches: one that takes the next rows behind
 * the last key and deletes them by their keys, as it is mostly written, and one that looks for the last of the next rows and deletes the
 * range up to it, which is about as fast as it can be done. Caretaker's is a whole apply in a process of its own: it counts what it is
 * going to take, guards, looks at how the server is each second, hashes the keys, writes each batch into a ledger before it is final, and
 * counts what is left. Then single rows are written into the same table: beside nothing, beside purges at some paces, and beside the keyset
 * loop, so that both goals are seen at once.
 *
 * Nothing waits for a disk where the server is one of its own: its log is not written through, and the ledger is in memory. With
 * `--durable` both are, which costs each batch of Caretaker's two writes, and one of the others'.
 *
 * Who begins alternates from round to round, and all have the same table anew. On a machine that others work on, processors tell more
 * than the clock.
 *
 * - `--server postgresql://…`: a server that runs already, in place of one of its own. Its user may create schemas; the schema
 *   `caretaker_bench` must not be there yet, and is dropped in the end.
 * - `--rows`: that are past their retention; a tenth as many are not.
 * - `--batch`: rows in a batch.
 * - `--rounds`: of how many the medians are.
 * - `--paces`: `workPercent` of the purges that single rows are written beside.
 */
export async function run(options: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...options],
    options: {
      rows: { type: 'string', default: '2000000' },
      batch: { type: 'string', default: '10000' },
      rounds: { type: 'string', default: '5' },
      paces: { type: 'string', default: '35,100' },
      server: { type: 'string' },
      durable: { type: 'boolean', default: false },
    },
  });
  await interruptible(async (interruption) => {
    await using ended = new AsyncDisposableStack();
    const url =
      values.server ??
      ended.adopt(
        await startPostgres({ settings: values.durable ? { ...settings, ...durable } : settings }),
        (server) => server.stop(),
      ).url;
    const client = new pg.Client(url);
    await client.connect();
    ended.defer(() => client.end());
    const directory = await mkdtemp(join(tmpdir(), 'caretaker-bench-'));
    ended.defer(() => rm(directory, { recursive: true }));
    const rows = Number(values.rows);
    ended.defer(async () => void (await client.query(`drop schema if exists ${schema} cascade`)));
    await makeSource(client, rows);
    const program = async (name: string) => {
      const { child } = await start(await bundleProgram(`bench/purge/${name}.ts`, directory));
      return ended.adopt(child, stop);
    };
    const caretaker = await program('caretaker');
    const byHand = await program('by-hand');
    const clock = await processorClock(client);
    const ledgers = values.durable ? directory : undefined;
    const bench: Bench = {
      url,
      client,
      clock,
      caretaker,
      byHand,
      directory: ledgers,
      rows,
      rounds: Number(values.rounds),
      interruption,
    };
    print(`${await aboutServer(client)}; Node ${process.version}`);
    await compareSpeed(bench, Number(values.batch));
    await compareLatency(bench, Number(values.batch), values.paces.split(',').map(Number));
  });
}

const durable = { fsync: 'on', synchronous_commit: 'on' };

/** As a small instance has them; what is in the tables fits into memory, so that disks are not what is compared. */
const settings = { shared_buffers: '512MB', max_wal_size: '4GB', random_page_cost: 1.1 };

async function aboutServer(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ version: string; buffers: string; fsync: string }>(
    `select current_setting('server_version') as version, current_setting('shared_buffers') as buffers,
      current_setting('fsync') as fsync`,
  );
  const { version = '', buffers = '', fsync = '' } = rows[0] ?? {};
  return `PostgreSQL ${version}, ${buffers} of shared buffers, fsync is ${fsync}`;
}

/** The pace of the comparison: as large batches as the peer's, and nothing to wait for; what there is to see is looked at all the same. */
function fullPace(batch: number): PurgeJob['pace'] {
  return {
    batchRows: batch,
    maximumBatchRows: batch,
    targetBatchMs: 60_000,
    workPercent: 100,
    maximumWalMibPerSecond: 1_000_000,
    maximumTransactionSeconds: 1_000_000,
    maximumLockWaiters: 1_000_000,
  };
}

async function compareSpeed(bench: Bench, batch: number): Promise<void> {
  const { url, client, clock, caretaker, directory, rows, rounds, interruption } = bench;
  print(`\n${rows} rows past their retention and ${youngRows(rows)} others, in batches of ${batch}`);
  let peakMiB = 0;
  let ledgers = 0;
  const batchRates: number[] = [];
  const contestants: Readonly<Record<string, () => Promise<number>>> = {
    caretaker: async () => {
      ledgers += 1;
      const folder = directory === undefined ? undefined : join(directory, `ledger-${ledgers}`);
      const job = { url, folder, pace: fullPace(batch) };
      const result = await purge(caretaker, job);
      peakMiB = Math.max(peakMiB, result.peakMiB);
      batchRates.push(result.outcome.deleted / (result.outcome.workedMs / 1000));
      return result.outcome.deleted;
    },
    'keyset loop by hand': async () => (await purgeByHand(bench, 'keyset', batch)).deleted,
    'range loop by hand': async () => (await purgeByHand(bench, 'range', batch)).deleted,
  };
  const names = Object.keys(contestants);
  const results = new Map<string, Measured[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      interruption.throwIfAborted();
      await fillListens(url);
      const clockBefore = await clock?.();
      const startedAt = performance.now();
      const deleted = await contestants[name]?.();
      const seconds = (performance.now() - startedAt) / 1000;
      const processorSeconds = ((await clock?.()) ?? Number.NaN) - (clockBefore ?? Number.NaN);
      if (deleted !== rows || (await countOld(client)) !== 0) throw new Error(`${name} has deleted ${deleted} rows`);
      results.get(name)?.push({ rowsPerSecond: rows / seconds, processorSeconds });
    }
  }
  for (const [name, measured] of results) {
    const rate = median(measured.map(({ rowsPerSecond }) => rowsPerSecond));
    const processors = median(measured.map(({ processorSeconds }) => processorSeconds));
    const all = measured.map(({ rowsPerSecond }) => (rowsPerSecond / 1000).toFixed(0)).join(' ');
    print(
      `${name.padEnd(36)} ${(rate / 1000).toFixed(0).padStart(5)}k rows a second  ` +
        `${processors.toFixed(2).padStart(6)} s of the server's processors  (${all})`,
    );
  }
  const rateOf = (name: string) => median((results.get(name) ?? []).map(({ rowsPerSecond }) => rowsPerSecond));
  const [own = '', keyset = '', ranged = ''] = names;
  const ratios = (rate: number) =>
    `${(rate / rateOf(keyset)).toFixed(2)}× that of the keyset loop, ${(rate / rateOf(ranged)).toFixed(2)}× that of the range loop`;
  print(`speed of the whole run: ${ratios(rateOf(own))} (goal ≥ ${goals.speed}× the keyset loop)`);
  print(
    `speed of its batches alone, ${(median(batchRates) / 1000).toFixed(0)}k rows a second: ${ratios(median(batchRates))}`,
  );
  print(`peak memory of Caretaker's process: ${peakMiB.toFixed(0)} MiB`);
}

/** What writes took, and how fast rows were deleted meanwhile. */
interface Beside {
  readonly p50: number;
  readonly p99: number;
  readonly rowsPerSecond: number;
}

/** Beside each in turn; beside nothing for as long as the last of them took. */
async function compareLatency(bench: Bench, batch: number, paces: readonly number[]): Promise<void> {
  const { url, rows, rounds, interruption } = bench;
  const young = { from: rows + 1, count: youngRows(rows) };
  let seconds = 5;
  let ledgers = 0;
  const nothing = 'nothing';
  const loop = 'keyset loop by hand';
  const contestants: Readonly<Record<string, () => Promise<unknown>>> = {
    [nothing]: () => sleep(seconds * 1000, undefined, { signal: interruption }),
    ...Object.fromEntries(
      paces.map((workPercent) => [
        `purge at ${workPercent} %`,
        async () => {
          ledgers += 1;
          const folder = bench.directory === undefined ? undefined : join(bench.directory, `latency-${ledgers}`);
          seconds = (await purge(bench.caretaker, { url, folder, pace: { workPercent } })).seconds;
        },
      ]),
    ),
    [loop]: async () => {
      seconds = (await purgeByHand(bench, 'keyset', batch)).seconds;
    },
  };
  const names = Object.keys(contestants);
  const results = new Map<string, Beside[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      interruption.throwIfAborted();
      await fillListens(url);
      const latenciesMs = await writeDuring(url, young, async () => contestants[name]?.());
      results.get(name)?.push({
        p50: quantile(latenciesMs, 0.5),
        p99: quantile(latenciesMs, 0.99),
        rowsPerSecond: name === nothing ? 0 : rows / seconds,
      });
    }
  }
  const of = (name: string, what: keyof Beside) => median((results.get(name) ?? []).map((one) => one[what]));
  print(`\nsingle-row writes into ${table}, beside (goals: speed ≥ ${goals.speed}×, p99 ≤ ${goals.latency}×)`);
  for (const name of names) {
    const all = (results.get(name) ?? []).map(({ p99 }) => p99.toFixed(2)).join(' ');
    const times = `p50 ${of(name, 'p50').toFixed(2)} ms  p99 ${of(name, 'p99').toFixed(2)} ms`;
    const latency = `${(of(name, 'p99') / of(nothing, 'p99')).toFixed(2)}×`;
    const rate = `${(of(name, 'rowsPerSecond') / 1000).toFixed(0).padStart(4)}k rows a second`;
    const speed = `${(of(name, 'rowsPerSecond') / of(loop, 'rowsPerSecond')).toFixed(2)}×`;
    print(`${name.padEnd(20)} ${rate} ${speed.padStart(6)}  ${times} ${latency.padStart(6)}  (${all})`);
  }
}

async function purgeByHand({ byHand, url }: Bench, way: LoopJob['way'], batch: number): Promise<LoopResult> {
  return ask<LoopResult>(byHand, { url, way, batch } satisfies LoopJob);
}

async function purge(child: ChildProcess, job: PurgeJob): Promise<PurgeResult> {
  const result = await ask<PurgeResult>(child, job);
  const { outcome } = result;
  if (outcome.state !== 'done' || outcome.unchecked.length > 0 || outcome.faults.length > 0) {
    throw new Error(JSON.stringify(outcome));
  }
  return result;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
