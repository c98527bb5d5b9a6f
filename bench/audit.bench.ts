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
import {
  countColumns,
  countHeapRows,
  countRows,
  oneStatementPerRule,
  oneStatementWithFilters,
  type Peer,
  planOfCount,
  type Reading,
} from './audit/peers.ts';
import { processorClock } from './audit/processor-clock.ts';
import { type BenchRule, fillTracks, rules, schema, table } from './audit/tracks.ts';
import { writeDuring } from './audit/writer.ts';
import { median, quantile } from './median.ts';
import { ask, start, stop } from './processes.ts';

/** What is to be audited. */
export interface AuditJob {
  readonly url: string;
  readonly rules: readonly unknown[];
}

/** What auditing it took. */
export interface AuditResult {
  readonly seconds: number;
  readonly peakMiB: number;
  /** Rows that break each rule on rows. */
  readonly violations: Readonly<Record<string, number>>;
  readonly findings: number;
  readonly unread: readonly unknown[];
}

interface Measured {
  readonly seconds: number;
  /** Of all processes of the server; `NaN` where it is on another machine. */
  readonly processorSeconds: number;
  /** As the server counts them: where several processes share a scan of the table, for each of them. */
  readonly scans: number;
  /** Pages asked for of the table and its indexes, cached or not, for each page that the table has. */
  readonly passes: number;
  readonly pages: number;
}

interface Bench {
  readonly url: string;
  readonly client: pg.Client;
  readonly clock: (() => Promise<number>) | undefined;
  readonly child: ChildProcess;
  readonly rounds: number;
  readonly interruption: AbortSignal;
}

const goals = { scans: 5, time: 3, count: 3 };

/** Rows with liner notes for each without: about as many bytes. */
const notedShare = 1 / 4;

/**
 * Audits a table by rules of all kinds that are read in a scan, beside one statement for each rule, all of them
 * written into one, and a plain count of the rows; a table of wider rows beside the count only; then writes single rows
 * with and without an audit. The audit is a whole run in a process of its own.
 *
 * PostgreSQL counts rows without a look at what is in them, and by an index that is a tenth of the table. So the count
 * is told both as PostgreSQL prefers it and of the table itself, where as many scans are begun as processes have a part
 * in it. What it takes to look at the columns at all is told by a count of each of them. On a machine that others work
 * on, processors tell more than the clock: the processes of the server are asked for theirs where it runs on this
 * machine's Linux.
 *
 * - `--server postgresql://…`: a server that runs already, in place of one of its own: with more memory, slower disks
 *   or JIT, all settings as they are there. Its user may create schemas; the schema `caretaker_bench` must not be
 *   there yet, and is dropped in the end. Whatever else the server does is measured too.
 * - `--rows`: how many, so that the table is larger than the memory for instance. Wide ones are a fourth as many.
 * - `--rounds`: of how many the medians are. What takes several times as long is read in half as many.
 *
 * Interrupted, it ends with the statement that it is at, and leaves no more behind than otherwise.
 */
export async function run(options: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...options],
    options: {
      rows: { type: 'string', default: '2000000' },
      rounds: { type: 'string', default: '3' },
      server: { type: 'string' },
    },
  });
  const rounds = Number(values.rounds);
  await interruptible(async (interruption) => {
    await using ended = new AsyncDisposableStack();
    const url = values.server ?? ended.adopt(await startPostgres(), (server) => server.stop()).url;
    const client = new pg.Client(url);
    await client.connect();
    ended.defer(() => client.end());
    const directory = await mkdtemp(join(tmpdir(), 'caretaker-bench-'));
    ended.defer(() => rm(directory, { recursive: true }));
    await client.query(`create schema ${schema}`);
    ended.defer(async () => void (await client.query(`drop schema ${schema} cascade`)));
    const { child } = await start(await bundleProgram('bench/audit/caretaker.ts', directory));
    ended.defer(() => stop(child));
    const clock = await processorClock(client);
    await measureAll({ url, client, clock, child, rounds, interruption }, Number(values.rows));
  });
}

async function measureAll(bench: Bench, rows: number): Promise<void> {
  const { client, url, interruption } = bench;
  print(`${await aboutServer(client)}; Node ${process.version}`);
  const withoutPatterns = rules.filter(({ declared }) => declared.kind !== 'pattern');
  const peaksMiB: number[] = [];

  interruption.throwIfAborted();
  await fillTracks(url, rows, 'without notes');
  await aboutTable(client, rows);
  for (const all of [rules, withoutPatterns]) {
    peaksMiB.push(
      await compare(bench, all, {
        'one statement per rule': oneStatementPerRule(all),
        'one statement, as written': oneStatementWithFilters(all),
      }),
    );
  }
  await disturb(bench, rows);

  interruption.throwIfAborted();
  const noted = Math.round(rows * notedShare);
  await fillTracks(url, noted, 'with notes');
  await aboutTable(client, noted);
  for (const all of [rules, withoutPatterns]) peaksMiB.push(await compare(bench, all, {}));
  print(`\npeak memory of Caretaker's process: ${Math.max(...peaksMiB).toFixed(0)} MiB`);
}

async function aboutServer(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ version: string; buffers: string; workers: string; jit: boolean }>(
    `select current_setting('server_version') as version, current_setting('shared_buffers') as buffers,
      current_setting('max_parallel_workers_per_gather') as workers, pg_jit_available() as jit`,
  );
  const [{ version, buffers, workers, jit } = { version: '', buffers: '', workers: '', jit: false }] = rows;
  return (
    `PostgreSQL ${version}, ${buffers} of shared buffers, at most ${workers} workers beside each session, ` +
    `JIT is ${jit ? 'on' : 'off or missing'}`
  );
}

async function aboutTable(client: pg.Client, count: number): Promise<void> {
  const { rows } = await client.query<{ bytes: number; size: string }>(
    `select pg_relation_size('${table}')::float8 as bytes, pg_size_pretty(pg_relation_size('${table}')) as size`,
  );
  print(`\n${count} rows of ${((rows[0]?.bytes ?? 0) / count).toFixed(0)} bytes, ${rows[0]?.size}`);
}

/** Returns the peak memory of Caretaker's process in MiB. */
async function compare(
  { url, client, clock, child, rounds, interruption }: Bench,
  all: readonly BenchRule[],
  others: Readonly<Record<string, Peer>>,
): Promise<number> {
  const patterns = all.filter(({ declared }) => declared.kind === 'pattern').length;
  print(`\n${all.length} rules over one table, ${patterns} of them patterns`);
  let peakMiB = 0;
  const caretaker: Peer = async () => {
    const result = await audit(child, url, all);
    peakMiB = Math.max(peakMiB, result.peakMiB);
    return result;
  };
  const contestants: Readonly<Record<string, Peer>> = {
    caretaker,
    ...others,
    'count of each column': countColumns(all),
    'count(*)': countHeapRows,
    'count(*), as planned': countRows,
  };
  // Caches warm up.
  for (const peer of [caretaker, countRows]) {
    interruption.throwIfAborted();
    await peer(url);
  }
  const results = new Map<string, Measured[]>(Object.keys(contestants).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    let expected: string | undefined;
    for (const [name, peer] of Object.entries(contestants)) {
      if (name in others && round >= rounds / 2) continue;
      interruption.throwIfAborted();
      const { measured, violations } = await measure({ client, clock }, () => peer(url));
      if (violations !== undefined) {
        const found = JSON.stringify(Object.entries(violations).sort());
        expected ??= found;
        if (found !== expected) throw new Error(`${name} counts ${found}, not ${expected}`);
      }
      results.get(name)?.push(measured);
    }
  }
  const medians = new Map([...results].map(([name, measured]) => [name, medianOf(measured)]));
  for (const [name, { seconds, processorSeconds, scans, passes, pages }] of medians) {
    print(
      `${name.padEnd(26)} ${seconds.toFixed(2).padStart(6)} s  ` +
        `${decimal(processorSeconds, 2).padStart(6)} s of processors  ${passes.toFixed(1).padStart(5)} passes  ` +
        `${pages.toFixed(0).padStart(8)} pages hit or read  ${scans.toFixed(0).padStart(3)} scans begun`,
    );
  }
  const of = (name: string) => medians.get(name) as Measured;
  const own = of('caretaker');
  if ('one statement per rule' in others) {
    const perRule = of('one statement per rule');
    print(
      `beside one statement per rule: ${times(perRule.passes, own.passes)} fewer passes (goal ≥ ${goals.scans}×), ` +
        `${times(perRule.seconds, own.seconds)} less time (goal ≥ ${goals.time}×), ` +
        `${times(perRule.processorSeconds, own.processorSeconds)} less of processors`,
    );
  }
  const goal = ` (goal ≤ ${goals.count}×)`;
  print(`beside count(*) by ${await planOfCount(client)}: ${ratios(own, of('count(*), as planned'), goal)}`);
  const processes = `${own.scans} processes beside ${of('count(*)').scans}`;
  print(`beside count(*) of the table itself, ${processes}: ${ratios(own, of('count(*)'), goal)}`);
  print(`to look at the columns at all, beside that: ${ratios(of('count of each column'), of('count(*)'))}`);
  return peakMiB;
}

function times(a: number, b: number): string {
  return `${decimal(a / b, 1)}×`;
}

/** What is not known is not told. */
function decimal(value: number, digits: number): string {
  return Number.isNaN(value) ? '?' : value.toFixed(digits);
}

function ratios(one: Measured, other: Measured, goal = ''): string {
  const processors = times(one.processorSeconds, other.processorSeconds);
  return `${times(one.seconds, other.seconds)} the time${goal}, ${processors} of processors`;
}

function medianOf(measured: readonly Measured[]): Measured {
  const of = (key: keyof Measured) => median(measured.map((one) => one[key]));
  return {
    seconds: of('seconds'),
    processorSeconds: of('processorSeconds'),
    scans: of('scans'),
    passes: of('passes'),
    pages: of('pages'),
  };
}

async function measure(
  { client, clock }: Pick<Bench, 'client' | 'clock'>,
  read: () => Promise<Reading>,
): Promise<{ measured: Measured; violations: Reading['violations'] }> {
  const before = await statistics(client);
  const clockBefore = await clock?.();
  const { seconds, violations } = await read();
  const after = await statistics(client);
  const processorSeconds = ((await clock?.()) ?? Number.NaN) - (clockBefore ?? Number.NaN);
  const pages = after.pages - before.pages;
  return {
    measured: { seconds, processorSeconds, scans: after.scans - before.scans, pages, passes: pages / after.tablePages },
    violations,
  };
}

/** Sessions hand in what they have counted when they end, which the server takes a moment for. */
async function statistics(client: pg.Client): Promise<{ scans: number; pages: number; tablePages: number }> {
  await sleep(400);
  const { rows } = await client.query<{ scans: number; pages: number; table_pages: number }>(
    `select (t.seq_scan + t.idx_scan)::float8 as scans,
      (heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit)::float8 as pages,
      pg_relation_size(relid)::float8 / current_setting('block_size')::float8 as table_pages
    from pg_stat_user_tables t join pg_statio_user_tables using (relid) where relid = '${table}'::regclass`,
  );
  const [row] = rows;
  if (row === undefined) throw new Error('the server has no statistics of the table');
  return { scans: row.scans, pages: row.pages, tablePages: row.table_pages };
}

/** Writes rows while nothing else happens, and while audits follow each other. */
async function disturb({ url, child, interruption }: Bench, rows: number): Promise<void> {
  const audits = 4;
  let auditSeconds = 0;
  const during = await writeDuring(url, rows, async () => {
    const startedAt = performance.now();
    for (let count = 0; count < audits; count += 1) {
      interruption.throwIfAborted();
      await audit(child, url, rules);
    }
    auditSeconds = (performance.now() - startedAt) / 1000;
  });
  const alone = await writeDuring(url, rows, () => sleep(auditSeconds * 1000, undefined, { signal: interruption }));
  print(`\nsingle-row writes for ${auditSeconds.toFixed(0)} s`);
  for (const [name, { latenciesMs }] of [
    ['alone', alone],
    ['during audits', during],
  ] as const) {
    const [p50, p99] = [0.5, 0.99].map((share) => quantile(latenciesMs, share).toFixed(2));
    print(`${name.padEnd(14)} ${latenciesMs.length} writes  p50 ${p50} ms  p99 ${p99} ms`);
  }
  if (during.waits > 0) throw new Error(`a write waited for the audit ${during.waits} times`);
  print(`in ${during.looks} looks at the locks no write waited for the audit`);
}

async function audit(child: ChildProcess, url: string, all: readonly BenchRule[]): Promise<AuditResult> {
  const job: AuditJob = { url, rules: all.map(({ declared }) => declared) };
  const result = await ask<AuditResult>(child, job);
  if (result.findings > 0 || result.unread.length > 0) throw new Error(JSON.stringify(result));
  return result;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
