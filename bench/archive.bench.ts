import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { bundleProgram } from '../sandbox/bundle-program.ts';
import { interruptible } from '../sandbox/interruption.ts';
import { startPostgres } from '../sandbox/postgres/start-postgres.ts';
import type { ArchiveJob, ArchiveResult } from './archive/archiver.ts';
import { fillListens, table } from './archive/listens.ts';
import { processorClock } from './audit/processor-clock.ts';
import { median } from './median.ts';
import { ask, missingPrograms, pipeline, processorSeconds, start, stop } from './processes.ts';

/** Rows per second beside the peer's, and memory in MiB. */
const goals = { ratio: 0.7, peakMiB: 200 };

interface Bench {
  readonly url: string;
  readonly client: pg.Client;
  readonly clock: (() => Promise<number>) | undefined;
  readonly folder: string;
  readonly programs: { readonly archiver: string; readonly s3: string };
  readonly interruption: AbortSignal;
}

/** One turn, and where its processor time went. */
interface Turn extends ArchiveResult {
  readonly serverSeconds: number;
  readonly s3Seconds: number;
}

/**
 * Archives a table as the task does up to its manifests, with the hashes of the database, the upload and the read-back, beside
 * `psql -c "COPY … TO STDOUT" | zstd -3 | cat > file`, in turns; then as a whole, with the deletion; and a table of twice the size, for
 * the memory. The archiver and S3 are processes of their own. S3 is on this machine too, so that its work is part of what is measured,
 * as is that of PostgreSQL for both.
 *
 * - `--rows`: how many.
 * - `--rounds`: of how many the medians are.
 * - `--rows-per-archive`: as a policy has it.
 */
export async function run(options: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...options],
    options: {
      rows: { type: 'string', default: '2000000' },
      rounds: { type: 'string', default: '5' },
      'rows-per-archive': { type: 'string', default: '500000' },
    },
  });
  const [rows, rounds, rowsPerArchive] = [values.rows, values.rounds, values['rows-per-archive']].map(Number) as [
    number,
    number,
    number,
  ];
  await interruptible(async (interruption) => {
    await using ended = new AsyncDisposableStack();
    const { url } = ended.adopt(await startPostgres(), (server) => server.stop());
    const client = new pg.Client(url);
    await client.connect();
    ended.defer(() => client.end());
    const folder = await mkdtemp(join(tmpdir(), 'caretaker-bench-'));
    ended.defer(() => rm(folder, { recursive: true }));
    const programs = {
      archiver: await bundleProgram('bench/archive/archiver.ts', folder),
      s3: await bundleProgram('sandbox/s3/main.ts', folder),
    };
    const bench: Bench = { url, client, clock: await processorClock(client), folder, programs, interruption };
    await measureAll(bench, { rows, rounds, rowsPerArchive });
  });
}

async function measureAll(
  bench: Bench,
  { rows, rounds, rowsPerArchive }: { readonly rows: number; readonly rounds: number; readonly rowsPerArchive: number },
): Promise<void> {
  const missing = await missingPrograms(['bash', 'psql', 'zstd']);
  print(`Node ${process.version}, ${availableParallelism()} processors; archives of ${rowsPerArchive} rows`);
  await fillListens(bench.client, rows);
  print(await aboutTable(bench.client, rows));
  const job: ArchiveJob = { url: bench.url, rowsPerArchive, deletes: false };
  const turns: Turn[] = [];
  const peers: number[] = [];
  // Caches warm up.
  await archiveOnce(bench, job);
  for (let round = 0; round < rounds; round += 1) {
    bench.interruption.throwIfAborted();
    turns.push(await archiveOnce(bench, job));
    if (missing.length === 0) peers.push(await copyOnce(bench));
  }
  const seconds = median(turns.map((turn) => turn.seconds));
  print(`caretaker: ${perSecond(rows, seconds)} (${seconds.toFixed(2)} s), up to the manifests`);
  print(`  processors: ${where(turns)}`);
  if (missing.length > 0) print(`psql | zstd | cat: not measured, as ${missing.join(' and ')} is not installed`);
  else {
    const peer = median(peers);
    print(`psql | zstd -3 | cat: ${perSecond(rows, peer)} (${peer.toFixed(2)} s)`);
    print(`ratio: ${(peer / seconds).toFixed(2)} (goal: at least ${goals.ratio})`);
  }
  bench.interruption.throwIfAborted();
  const whole = await archiveOnce(bench, { ...job, deletes: true });
  print(`with the deletion: ${perSecond(rows, whole.seconds)} (${whole.seconds.toFixed(2)} s)`);
  bench.interruption.throwIfAborted();
  await fillListens(bench.client, 2 * rows);
  const twice = await archiveOnce(bench, job);
  print(`twice as many rows: ${perSecond(twice.rows, twice.seconds)} (${twice.seconds.toFixed(2)} s)`);
  const peaks = [Math.max(...turns.map(({ peakMiB }) => peakMiB)), whole.peakMiB, twice.peakMiB];
  const [once, deleting, double] = peaks.map((peak) => peak.toFixed(0));
  print(
    `peak memory: ${once} MiB, ${deleting} MiB with the deletion, ${double} MiB with twice as many rows ` +
      `(goal: at most ${goals.peakMiB})`,
  );
}

async function archiveOnce({ clock, programs }: Bench, job: ArchiveJob): Promise<Turn> {
  await using ended = new AsyncDisposableStack();
  const s3 = await start<{ readonly url: string }>(programs.s3);
  ended.defer(() => stop(s3.child));
  const archiver = await start(programs.archiver, {
    AWS_ENDPOINT_URL_S3: s3.said.url,
    AWS_ACCESS_KEY_ID: 'bench',
    AWS_SECRET_ACCESS_KEY: 'bench',
  });
  ended.defer(() => stop(archiver.child));
  await fetch(`${s3.said.url}/nycmg-archive`, { method: 'PUT' });
  const [serverBefore, s3Before] = [(await clock?.()) ?? Number.NaN, await processorSeconds(s3.child)];
  const result = await ask<ArchiveResult>(archiver.child, job);
  const serverSeconds = ((await clock?.()) ?? Number.NaN) - serverBefore;
  return { ...result, serverSeconds, s3Seconds: (await processorSeconds(s3.child)) - s3Before };
}

/** The same rows, in whichever order the server likes best. */
async function copyOnce({ url, folder }: Bench): Promise<number> {
  const copy = `copy (select * from ${table} where listened_at < '2028-01-01') to stdout`;
  const file = join(folder, 'peer.zst');
  const seconds = await pipeline(`psql -XqAt "$SERVER" -c "$COPY" | zstd -3 -q | cat > "$FILE"`, {
    SERVER: url,
    COPY: copy,
    FILE: file,
  });
  await rm(file);
  return seconds;
}

function where(turns: readonly Turn[]): string {
  const of = (part: (turn: Turn) => number) => `${median(turns.map(part)).toFixed(1)} s`;
  return (
    `PostgreSQL ${of((turn) => turn.serverSeconds)}, archiver ${of((turn) => turn.processorSeconds)}, ` +
    `S3 ${of((turn) => turn.s3Seconds)}`
  );
}

async function aboutTable(client: pg.Client, rows: number): Promise<string> {
  const { rows: found } = await client.query<{ size: string; version: string }>(
    `select pg_size_pretty(pg_relation_size('${table}')) as size, current_setting('server_version') as version`,
  );
  return `PostgreSQL ${found[0]?.version}: ${rows} rows, ${found[0]?.size}`;
}

function perSecond(rows: number, seconds: number): string {
  return `${Math.round(rows / seconds / 1000)}k rows/s`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
