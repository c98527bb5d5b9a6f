import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundleProgram } from '../sandbox/bundle-program.ts';
import { median } from './median.ts';
import { ask, start, startServer, stop } from './processes.ts';

/** What a scanner is asked to do. */
export interface ScanJob {
  readonly endpoints: number;
  readonly deadPercent: number;
  readonly concurrency: number;
  readonly port: number;
  /** Accepts connections and never answers. */
  readonly silentPort: number;
  /** Nobody listens there. */
  readonly closedPort: number;
  readonly rootPem: string;
}

/** What it measured of itself. */
export interface ScanResult {
  readonly seconds: number;
  readonly answered: number;
  readonly unanswered: number;
  readonly peakMiB: number;
}

/** What the servers say of themselves when they are up. */
export type Servers = Pick<ScanJob, 'port' | 'silentPort' | 'closedPort' | 'rootPem'>;

/**
 * Scans thousands of endpoints on loopback, a part of them dead, with the task itself and with a bare loop over
 * `tls.connect` that does nothing with what it gets: same concurrency, deadlines and retry. Servers and scanners are
 * processes of their own, so that memory and processor time are each one's own.
 */
export async function run(options: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...options],
    options: {
      endpoints: { type: 'string', default: '10000' },
      rounds: { type: 'string', default: '3' },
      concurrency: { type: 'string', default: '256' },
    },
  });
  await using ended = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'caretaker-bench-'));
  ended.defer(() => rm(directory, { recursive: true }));
  const scanners = {
    bare: await bundleProgram('bench/certificates/bare.ts', directory),
    caretaker: await bundleProgram('bench/certificates/caretaker.ts', directory),
  };
  const { child: server, said: servers } = await startServer<Servers>('bench/certificates/server.ts');
  ended.defer(() => stop(server));
  const job: ScanJob = {
    ...servers,
    endpoints: Number(values.endpoints),
    concurrency: Number(values.concurrency),
    deadPercent: 10,
  };
  print(`${job.endpoints} endpoints on loopback, ${job.deadPercent} % of them dead, ${job.concurrency} at a time`);
  const results: Record<'caretaker' | 'bare', ScanResult[]> = { caretaker: [], bare: [] };
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const scanner of ['bare', 'caretaker'] as const) {
      const result = await scan(scanners[scanner], job);
      results[scanner].push(result);
      print(
        `round ${round}  ${scanner.padEnd(9)}  ${rate(job, result).toFixed(0).padStart(6)} endpoints/s  ` +
          `${result.seconds.toFixed(1).padStart(5)} s  peak ${result.peakMiB.toFixed(0)} MiB  ` +
          `${result.answered} answered, ${result.unanswered} did not`,
      );
    }
  }
  const rates = (scanner: 'caretaker' | 'bare') => median(results[scanner].map((result) => rate(job, result)));
  const own = results.caretaker;
  print(
    `median     caretaker ${rates('caretaker').toFixed(0)}/s, bare ${rates('bare').toFixed(0)}/s: ratio ` +
      `${(rates('caretaker') / rates('bare')).toFixed(2)} (goal ≥ 0.80); ` +
      `${median(own.map(({ seconds }) => seconds)).toFixed(1)} s (goal ≤ 30 s for 10,000); ` +
      `peak ${Math.max(...own.map(({ peakMiB }) => peakMiB)).toFixed(0)} MiB (goal ≤ 256 MiB)`,
  );
}

async function scan(file: string, job: ScanJob): Promise<ScanResult> {
  const { child } = await start(file);
  try {
    return await ask(child, job);
  } finally {
    await stop(child);
  }
}

function rate({ endpoints }: ScanJob, { seconds }: ScanResult): number {
  return endpoints / seconds;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
