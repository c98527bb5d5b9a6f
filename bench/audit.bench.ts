import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import pg from 'pg';
import { startPostgres } from '../sandbox/postgres/start-postgres.ts';
import { nodeOptions } from '../shared/deployment.ts';
import { countHeapRows, countRows, oneStatementPerRule, oneStatementWithFilters, type Peer } from './audit/peers.ts';
import { type BenchRule, fillTracks, rules } from './audit/tracks.ts';
import { writeDuring } from './audit/writer.ts';
import { median } from './median.ts';

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
  /** As the server counts them; each worker of a parallel scan counts as one. */
  readonly tableScans: number;
  /** Pages asked for of the table and its indexes, cached or not, for each page that the table has. */
  readonly passes: number;
  readonly pages: number;
}

const goals = { scans: 5, time: 3, count: 3 };

/**
 * Audits a table by rules of all kinds that are read in a scan, beside one statement for each rule, all of them written into one, and a
 * plain count of the rows; then writes single rows with and without an audit. The audit is a whole run in a process of its own.
 */
export async function run(options: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...options],
    options: { rows: { type: 'string', default: '2000000' }, rounds: { type: 'string', default: '3' } },
  });
  const rows = Number(values.rows);
  const directory = await mkdtemp(join(tmpdir(), 'caretaker-bench-'));
  const server = await startPostgres();
  let child: ChildProcess | undefined;
  try {
    const client = new pg.Client(server.url);
    await client.connect();
    await fillTracks(client, rows);
    const { rows: about } = await client.query<{ version: string; size: string; jit: boolean; workers: string }>(
      `select current_setting('server_version') as version, pg_size_pretty(pg_relation_size('tracks')) as size,
        pg_jit_available() as jit, current_setting('max_parallel_workers_per_gather') as workers`,
    );
    print(
      `PostgreSQL ${about[0]?.version}, ${rows} rows, ${about[0]?.size}, ${about[0]?.workers} parallel workers, JIT ` +
        `${about[0]?.jit === true ? 'available' : 'is missing'}; Node ${process.version}`,
    );
    child = await startCaretaker(directory);
    const peakMiB = Math.max(
      await compare(rules, { url: server.url, rounds: Number(values.rounds), client, child }),
      await compare(
        rules.filter(({ declared }) => declared.kind !== 'pattern'),
        { url: server.url, rounds: Number(values.rounds), client, child },
      ),
    );
    print(`\npeak memory of Caretaker's process: ${peakMiB.toFixed(0)} MiB`);
    await disturb(server.url, rows, child);
    await client.end();
  } finally {
    child?.kill();
    await server.stop();
    await rm(directory, { recursive: true });
  }
}

async function compare(
  all: readonly BenchRule[],
  { url, rounds, client, child }: { url: string; rounds: number; client: pg.Client; child: ChildProcess },
): Promise<number> {
  const patterns = all.filter(({ declared }) => declared.kind === 'pattern').length;
  print(`\n${all.length} rules over one table, ${patterns} of them patterns`);
  let peakMiB = 0;
  const caretaker: Peer = async () => {
    const result = await audit(child, url, all);
    peakMiB = Math.max(peakMiB, result.peakMiB);
    return { ...result, statements: 0 };
  };
  const contestants: Readonly<Record<string, Peer>> = {
    caretaker,
    'one statement per rule': oneStatementPerRule(all),
    'one statement, as written': oneStatementWithFilters(all),
    'count(*)': countRows,
    'count(*), not by an index': countHeapRows,
  };
  const results = new Map<string, Measured[]>(Object.keys(contestants).map((name) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    let expected: string | undefined;
    for (const [name, peer] of Object.entries(contestants)) {
      const { measured, violations } = await measure(client, () => peer(url));
      const found = JSON.stringify(Object.entries(violations).sort());
      if (found !== '[]') expected ??= found;
      if (found !== '[]' && found !== expected) throw new Error(`${name} counts ${found}, not ${expected}`);
      // The first round warms caches up.
      if (round > 0) results.get(name)?.push(measured);
    }
  }
  const medians = [...results].map(([name, measured]) => ({ name, ...medianOf(measured) }));
  for (const { name, seconds, tableScans, passes, pages } of medians) {
    print(
      `${name.padEnd(26)} ${seconds.toFixed(2).padStart(6)} s  ${passes.toFixed(1).padStart(5)} passes  ` +
        `${pages.toFixed(0).padStart(8)} pages hit or read  ${tableScans.toFixed(0).padStart(3)} scans begun`,
    );
  }
  const [own, perRule, , count, heapCount] = medians as [Medians, Medians, Medians, Medians, Medians];
  const times = (a: number, b: number) => `${(a / b).toFixed(1)}×`;
  print(
    `beside one statement per rule: ${times(perRule.passes, own.passes)} fewer passes (goal ≥ ${goals.scans}×), ` +
      `${times(perRule.seconds, own.seconds)} less time (goal ≥ ${goals.time}×)`,
  );
  print(
    `beside count(*): ${times(own.seconds, count.seconds)} the time (goal ≤ ${goals.count}×); ` +
      `${times(own.seconds, heapCount.seconds)} where no index helps to count`,
  );
  return peakMiB;
}

type Medians = Measured & { readonly name: string };

function medianOf(measured: readonly Measured[]): Measured {
  const of = (key: keyof Measured) => median(measured.map((one) => one[key]));
  return { seconds: of('seconds'), tableScans: of('tableScans'), passes: of('passes'), pages: of('pages') };
}

async function measure<T extends { readonly seconds: number }>(
  client: pg.Client,
  read: () => Promise<T & { readonly violations: Readonly<Record<string, number>> }>,
): Promise<{ measured: Measured; violations: Readonly<Record<string, number>> }> {
  const before = await statistics(client);
  const { seconds, violations } = await read();
  const after = await statistics(client);
  const pages = after.pages - before.pages;
  return {
    measured: { seconds, tableScans: after.scans - before.scans, pages, passes: pages / after.tablePages },
    violations,
  };
}

/** Sessions hand in what they have counted when they end, which the server takes a moment for. */
async function statistics(client: pg.Client): Promise<{ scans: number; pages: number; tablePages: number }> {
  await sleep(400);
  const { rows } = await client.query<{ scans: number; pages: number; table_pages: number }>(
    `select (t.seq_scan + t.idx_scan)::float8 as scans,
      (heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit)::float8 as pages,
      pg_relation_size('tracks')::float8 / current_setting('block_size')::float8 as table_pages
    from pg_stat_user_tables t join pg_statio_user_tables using (relid) where t.relname = 'tracks'`,
  );
  const [row] = rows;
  if (row === undefined) throw new Error('the server has no statistics of the table');
  return { scans: row.scans, pages: row.pages, tablePages: row.table_pages };
}

/** Writes rows while nothing else happens, and while audits follow each other. */
async function disturb(url: string, rows: number, child: ChildProcess): Promise<void> {
  const audits = 5;
  let auditSeconds = 0;
  const during = await writeDuring(url, rows, async () => {
    const startedAt = performance.now();
    for (let count = 0; count < audits; count += 1) await audit(child, url, rules);
    auditSeconds = (performance.now() - startedAt) / 1000;
  });
  const alone = await writeDuring(url, rows, () => sleep(auditSeconds * 1000));
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

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

async function audit(child: ChildProcess, url: string, all: readonly BenchRule[]): Promise<AuditResult> {
  const job: AuditJob = { url, rules: all.map(({ declared }) => declared) };
  using settled = new DisposableStack();
  const ended = settled.adopt(new AbortController(), (controller) => controller.abort());
  child.send(job);
  const exited = once(child, 'exit', { signal: ended.signal }).then(() => {
    throw new Error('caretaker ended without a result');
  });
  exited.catch(() => {});
  const answered = once(child, 'message', { signal: ended.signal });
  answered.catch(() => {});
  const [result] = (await Promise.race([answered, exited])) as [AuditResult];
  if (result.findings > 0 || result.unread.length > 0) throw new Error(JSON.stringify(result));
  return result;
}

/** As a deployed function runs: what strips types from TypeScript takes memory too. */
async function startCaretaker(directory: string): Promise<ChildProcess> {
  const file = join(directory, 'caretaker.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'audit', 'caretaker.ts')],
    outfile: file,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    external: ['pg-native'],
    // `pg` is CommonJS, and requires modules of Node's.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'warning',
  });
  return fork(file, { env: { PATH: process.env.PATH, NODE_OPTIONS: nodeOptions } });
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
