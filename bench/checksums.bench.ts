import { spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundleProgram } from '../sandbox/bundle-program.ts';
import { median } from './median.ts';
import { ask, start, startServer, stop } from './processes.ts';

/** What a verification is asked to do. */
export interface VerificationJob {
  readonly port: number;
}

/** What it measured of itself. */
export interface VerificationResult {
  readonly seconds: number;
  /** Of all its threads. */
  readonly processorSeconds: number;
  readonly verifiedObjects: number;
  readonly verifiedBytes: number;
  readonly faults: number;
  readonly peakMiB: number;
}

/** What the server says of itself when it is up. */
export interface Served {
  readonly port: number;
  readonly keys: readonly string[];
}

const goal = 0.8;

/**
 * Verifies objects that a server on loopback holds, with the task's own work, beside `openssl dgst -sha256` on files of the same
 * bytes in the page cache. OpenSSL so has neither a network nor a server that takes a processor from it; what it makes of the same
 * bytes from the same server, by way of `curl`, is told too, but the goal is the ratio to the former. Each file is read several
 * times under other names, as a run reads gigabytes: what a process needs to warm up is part of the time all the same.
 */
export async function run(options: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...options],
    options: {
      objects: { type: 'string', default: '64' },
      mebibytes: { type: 'string', default: '16' },
      times: { type: 'string', default: '4' },
      rounds: { type: 'string', default: '5' },
    },
  });
  const fileBytes = Number(values.mebibytes) * 2 ** 20;
  const times = Number(values.times);
  const bytes = Number(values.objects) * fileBytes * times;
  await using ended = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'caretaker-bench-'));
  ended.defer(() => rm(directory, { recursive: true }));
  const objects = join(directory, 'objects');
  const files = await writeObjects(objects, Number(values.objects), fileBytes);
  const verifier = await bundleProgram('bench/checksums/caretaker.ts', directory);
  const server = await startServer<Served>('bench/checksums/server.ts', {
    FOLDER: objects,
    KEYS_PER_FILE: values.times,
  });
  ended.defer(() => stop(server.child));
  const { port, keys } = server.said;
  const urls = keys.map((key) => `http://127.0.0.1:${port}/bench/${key}`);
  print(
    `${keys.length} objects of ${values.mebibytes} MiB, ${(bytes / 1e9).toFixed(1)} GB, by SHA-256; ${availableParallelism()} ` +
      'processors, which Caretaker and curl share with the server',
  );

  const rates: Record<Contender, number[]> = { openssl: [], curl: [], caretaker: [] };
  const peaks: number[] = [];
  for (let round = 1; round <= Number(values.rounds); round++) {
    const tell = (contender: Contender, seconds: number, more = '') => {
      rates[contender].push(bytes / 1e6 / seconds);
      print(
        `round ${round}  ${labels[contender].padEnd(28)}  ${(bytes / 1e6 / seconds).toFixed(0).padStart(6)} MB/s  ` +
          `${seconds.toFixed(2)} s${more}`,
      );
    };
    const fromFiles = await timed('openssl', ['dgst', '-sha256', ...Array.from({ length: times }, () => files).flat()]);
    if (fromFiles !== undefined) tell('openssl', fromFiles);
    const piped = 'curl --silent --fail "$@" | openssl dgst -sha256';
    const fromServer = await timed('sh', ['-c', `${piped} || exit 127`, 'sh', ...urls]);
    if (fromServer !== undefined) tell('curl', fromServer);
    const { seconds, processorSeconds, verifiedBytes, faults, peakMiB } = await verify(verifier, { port });
    if (verifiedBytes !== bytes || faults > 0) throw new Error('Not every object was found good');
    tell('caretaker', seconds, `  of processors ${processorSeconds.toFixed(2)} s  peak ${peakMiB.toFixed(0)} MiB`);
    peaks.push(peakMiB);
  }

  const own = median(rates.caretaker);
  const against = (contender: 'openssl' | 'curl') =>
    rates[contender].length === 0
      ? `${labels[contender]} is not installed`
      : `${labels[contender]} ${median(rates[contender]).toFixed(0)} MB/s: ratio ${(own / median(rates[contender])).toFixed(2)}`;
  print(
    `median     caretaker ${own.toFixed(0)} MB/s; ${against('openssl')} (goal ≥ ${goal.toFixed(2)}); ` +
      `${against('curl')} (no goal); peak ${Math.max(...peaks).toFixed(0)} MiB`,
  );
}

type Contender = 'openssl' | 'curl' | 'caretaker';

const labels: Readonly<Record<Contender, string>> = {
  openssl: 'openssl dgst, files',
  curl: 'curl | openssl dgst, server',
  caretaker: 'caretaker, server',
};

/** Returns the files' paths. They are in the page cache then, because they have just been written. */
async function writeObjects(directory: string, count: number, size: number): Promise<string[]> {
  await mkdir(directory);
  const body = Buffer.allocUnsafe(size);
  const paths: string[] = [];
  for (let index = 0; index < count; index++) {
    const path = join(directory, `object-${String(index).padStart(6, '0')}`);
    await writeFile(path, randomFillSync(body));
    paths.push(path);
  }
  return paths;
}

async function verify(file: string, job: VerificationJob): Promise<VerificationResult> {
  const { child } = await start(file);
  try {
    return await ask(child, job);
  } finally {
    await stop(child);
  }
}

/** Returns the seconds that a command takes; undefined when it is not there, or fails. */
async function timed(command: string, parameters: readonly string[]): Promise<number | undefined> {
  const startedAt = performance.now();
  const child = spawn(command, parameters, { stdio: 'ignore' });
  const outcome = await new Promise<number | null>((resolve) => {
    child.on('error', () => resolve(null));
    child.on('close', resolve);
  });
  return outcome === 0 ? (performance.now() - startedAt) / 1000 : undefined;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
