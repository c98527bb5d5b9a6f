import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'caretaker-test-'));
  // PostgreSQL does not run as root, and has to get at its data.
  await chmod(directory, 0o755);
});

afterEach(() => rm(directory, { recursive: true }));

/** Starts a script of the sandbox with a temporary folder of its own, as the leader of a process group. */
function start(script: string) {
  return spawn(process.execPath, [join(import.meta.dirname, script)], {
    env: { ...process.env, TMPDIR: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
}

test.each([
  ['start.ts', 'SIGINT', 0],
  ['start.ts', 'SIGTERM', 300],
  ['start.ts', 'SIGHUP', 700],
  ['start.ts', 'SIGINT', 1_500],
  ['main.ts', 'SIGHUP', 700],
] as const)(
  '%s leaves nothing behind after %s to its process group %i ms after its first words',
  async (script, signal, ms) => {
    const child = start(script);
    child.stdout.resume();
    await once(child.stderr, 'data');
    const ended = once(child, 'exit');
    await wait(ms);
    process.kill(-(child.pid as number), signal);
    expect(await ended).toEqual([128 + constants.signals[signal], null]);
    expect(await readdir(directory)).toEqual([]);
  },
);

// It runs every task over the whole sample, on whatever machine.
test('start.ts goes on to its end when nobody reads any more', { timeout: 120_000 }, async () => {
  const child = start('start.ts');
  child.stdout.destroy();
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (errors += text));
  expect(await once(child, 'close')).toEqual([0, null]);
  expect(errors).not.toMatch(/EPIPE|^\s+at /m);
  expect(await readdir(directory)).toEqual([]);
});

test('main.ts stays up when nobody reads any more, until it is interrupted', async () => {
  const child = start('main.ts');
  child.stdout.destroy();
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (errors += text));
  await expect.poll(() => errors, { timeout: 20_000 }).toContain('Ctrl-C ends it');
  expect(child.exitCode).toBe(null);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([143, null]);
  expect(await readdir(directory)).toEqual([]);
});
