import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { CompareResult } from '../replicas.bench.ts';

const pollMs = 20;

/** The ways to run rclone that are tried: which is fastest depends on how the keys are spread over folders. */
export const rcloneVariants: Readonly<Record<string, readonly string[]>> = {
  rclone: [],
  'rclone, 32 checkers': ['--checkers', '32'],
  'rclone, fast list': ['--fast-list'],
  'rclone, fast list, 32 checkers': ['--fast-list', '--checkers', '32'],
};

/** Returns the version that is installed; `undefined` when none is. */
export async function rcloneVersion(): Promise<string | undefined> {
  const child = spawn('rclone', ['version'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const output = text(child.stdout);
  try {
    await once(child, 'exit');
  } catch {
    return undefined;
  }
  return /rclone v(\S+)/.exec(await output)?.[1];
}

/** Compares the two buckets with `rclone check`, by size alone. */
export async function runRclone(endpoint: string, objects: number, options: readonly string[]): Promise<CompareResult> {
  const startedAt = performance.now();
  const child = spawn('rclone', ['check', '--size-only', ...options, `s3:${objects}-source`, `s3:${objects}-copy`], {
    env: {
      PATH: process.env.PATH,
      RCLONE_CONFIG: '/dev/null',
      RCLONE_CONFIG_S3_TYPE: 's3',
      RCLONE_CONFIG_S3_PROVIDER: 'Other',
      RCLONE_CONFIG_S3_ENDPOINT: endpoint,
      RCLONE_CONFIG_S3_FORCE_PATH_STYLE: 'true',
      RCLONE_CONFIG_S3_ACCESS_KEY_ID: 'bench',
      RCLONE_CONFIG_S3_SECRET_ACCESS_KEY: 'bench',
      RCLONE_CONFIG_S3_REGION: 'us-east-1',
      RCLONE_CONFIG_S3_LIST_VERSION: '2',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let peakMiB = 0;
  const timer = setInterval(async () => {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
    peakMiB = Math.max(peakMiB, Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024);
  }, pollMs);
  try {
    const output = text(child.stderr);
    await once(child, 'exit');
    const said = await output;
    const seconds = (performance.now() - startedAt) / 1000;
    const differences = Number(/(\d+) differences found/.exec(said)?.[1] ?? Number.NaN);
    const matching = Number(/(\d+) matching files/.exec(said)?.[1] ?? Number.NaN);
    if (Number.isNaN(differences) || Number.isNaN(matching)) throw new Error(`rclone said: ${said.slice(-500)}`);
    return { compared: matching + differences, differences, seconds, peakMiB };
  } finally {
    clearInterval(timer);
  }
}

async function text(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
