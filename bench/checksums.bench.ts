import { type ChildProcess, fork, spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { median } from './median.ts';

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
  const directory = await mkdtemp(join(tmpdir(), 'caretaker-bench-'));
  let server: ChildProcess | undefined;
  try {
    const files = await writeObjects(join(directory, 'objects'), Number(values.objects), fileBytes);
    const verifier = await bundleVerifier(directory);
    server = fork(join(import.meta.dirname, 'checksums', 'server.ts'), [join(directory, 'objects'), values.times]);
    const [{ port, keys }] = (await once(server, 'message')) as [Served];
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
      const fromFiles = await timed('openssl', [
        'dgst',
        '-sha256',
        ...Array.from({ length: times }, () => files).flat(),
      ]);
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
  } finally {
    await end(server);
    await rm(directory, { recursive: true });
  }
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

/** As a deployed function runs: one file of JavaScript. */
async function bundleVerifier(directory: string): Promise<string> {
  await build({
    entryPoints: [join(import.meta.dirname, 'checksums', 'caretaker.ts')],
    outdir: directory,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
    logLevel: 'warning',
  });
  return join(directory, 'caretaker.mjs');
}

async function verify(file: string, job: VerificationJob): Promise<VerificationResult> {
  const child = fork(file);
  try {
    child.send(job);
    const [result] = (await once(child, 'message')) as [VerificationResult];
    return result;
  } finally {
    await end(child);
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

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill();
  await exited;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
