import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundleProgram } from '../sandbox/bundle-program.ts';
import { median } from './median.ts';
import { ask, start, startServer, stop } from './processes.ts';
import { plantedDifferences } from './replicas/library.ts';
import { rcloneVariants, rcloneVersion, runRclone } from './replicas/rclone.ts';

/** Two buckets of this many objects are to be compared. */
export interface CompareJob {
  readonly objects: number;
}

/** What comparing them took. */
export interface CompareResult {
  readonly compared: number;
  readonly differences: number;
  readonly seconds: number;
  readonly peakMiB: number;
}

const goalRatio = 2;
const goalMiB = 150;
const caretaker = 'caretaker';

/**
 * Compares two local buckets with the task's own work and with `rclone check --size-only`, in turn. The server and both sides are
 * processes of their own, which share the processors of the machine.
 */
export async function run(options: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...options],
    options: {
      objects: { type: 'string', default: '20000,200000' },
      rounds: { type: 'string', default: '3' },
    },
  });
  await using ended = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'caretaker-bench-'));
  ended.defer(() => rm(directory, { recursive: true }));
  const { child: server, said: port } = await startServer<number>('bench/replicas/server.ts');
  ended.defer(() => stop(server));
  const endpoint = `http://127.0.0.1:${port}`;
  const file = await bundleProgram('bench/replicas/caretaker.ts', directory);
  const version = await rcloneVersion();
  if (version === undefined) print('rclone is not installed (apt-get install rclone): Caretaker is measured alone.');
  else print(`rclone ${version}, check --size-only; Node ${process.version}`);
  for (const objects of values.objects.split(',').map(Number)) {
    const peers = version === undefined ? [] : Object.entries(rcloneVariants);
    await compare({ objects, rounds: Number(values.rounds), endpoint, file, peers });
  }
}

async function compare({
  objects,
  rounds,
  endpoint,
  file,
  peers,
}: {
  objects: number;
  rounds: number;
  endpoint: string;
  file: string;
  peers: readonly (readonly [string, readonly string[]])[];
}): Promise<void> {
  print(`\n${objects} objects in each bucket, ${plantedDifferences(objects)} differences`);
  const contestants: [string, () => Promise<CompareResult>][] = [
    [caretaker, () => runCaretaker(file, endpoint, { objects })],
    ...peers.map(([name, flags]): [string, () => Promise<CompareResult>] => [
      name,
      () => runRclone(endpoint, objects, flags),
    ]),
  ];
  const results = new Map<string, CompareResult[]>(contestants.map(([name]) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const [name, start] of contestants) {
      const result = await start();
      if (result.differences !== plantedDifferences(objects)) {
        throw new Error(`${name} found ${result.differences} differences`);
      }
      results.get(name)?.push(result);
      print(`round ${round}  ${line(name, result)}`);
    }
  }
  const medians = [...results].map(([name, all]) => ({
    name,
    rate: median(all.map(({ compared, seconds }) => compared / seconds)),
    peakMiB: Math.max(...all.map(({ peakMiB }) => peakMiB)),
  }));
  for (const { name, rate, peakMiB } of medians) {
    print(`median   ${name.padEnd(31)} ${rate.toFixed(0).padStart(7)} objects/s  peak ${peakMiB.toFixed(0)} MiB`);
  }
  const [own, ...others] = medians as [(typeof medians)[number], ...typeof medians];
  const memory = `peak ${own.peakMiB.toFixed(0)} MiB (goal ≤ ${goalMiB} MiB)`;
  const best = others.sort((a, b) => b.rate - a.rate)[0];
  if (best === undefined) return print(`caretaker alone: ${memory}`);
  print(
    `caretaker beside the best, ${best.name}: ratio ${(own.rate / best.rate).toFixed(2)} (goal ≥ ${goalRatio}); ${memory}`,
  );
}

async function runCaretaker(file: string, endpoint: string, job: CompareJob): Promise<CompareResult> {
  const { child } = await start(file, {
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_ACCESS_KEY_ID: 'bench',
    AWS_SECRET_ACCESS_KEY: 'bench',
  });
  try {
    return await ask(child, job);
  } finally {
    await stop(child);
  }
}

function line(name: string, { compared, seconds, peakMiB, differences }: CompareResult): string {
  return (
    `${name.padEnd(31)} ${(compared / seconds).toFixed(0).padStart(7)} objects/s  ${seconds.toFixed(1).padStart(5)} s  ` +
    `peak ${peakMiB.toFixed(0)} MiB  ${differences} differences`
  );
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
