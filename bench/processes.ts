import { type ChildProcess, execFile, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { nodeOptions } from '../shared/deployment.ts';

const run = promisify(execFile);

/** Returns which of the peer's programs are not installed. */
export async function missingPrograms(names: readonly string[]): Promise<string[]> {
  const missing: string[] = [];
  for (const name of names) {
    await run(name, ['--version']).catch(() => missing.push(name));
  }
  return missing;
}

const root = join(import.meta.dirname, '..');

/**
 * Starts a program as a function is, which says something when it is ready. It has nothing of this environment but the path.
 *
 * @throws Error when it ends before.
 */
export async function start<Message>(
  file: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<{ readonly child: ChildProcess; readonly said: Message }> {
  const env = { PATH: process.env.PATH, NODE_OPTIONS: nodeOptions, AWS_REGION: 'us-east-1', ...environment };
  const child = fork(file, { env });
  return { child, said: await nextMessage<Message>(child) };
}

/**
 * Starts a server that is not measured itself: not bundled, and with Node's own defaults.
 *
 * @throws Error when it ends before it is ready.
 */
export async function startServer<Message>(
  program: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<{ readonly child: ChildProcess; readonly said: Message }> {
  return start(join(root, program), { NODE_OPTIONS: '', ...environment });
}

/** Sends a process a job and returns what it answers. @throws Error when it ends without. */
export async function ask<Result>(child: ChildProcess, job: object): Promise<Result> {
  const answer = nextMessage<Result>(child);
  child.send(job);
  return answer;
}

async function nextMessage<Message>(child: ChildProcess): Promise<Message> {
  using settled = new DisposableStack();
  const { signal } = settled.adopt(new AbortController(), (controller) => controller.abort());
  const answered = once(child, 'message', { signal });
  const ended = once(child, 'exit', { signal }).then(() => {
    throw new Error('the process has ended before it was done');
  });
  for (const one of [answered, ended]) one.catch(() => {});
  const [message] = await Promise.race([answered, ended]);
  return message as Message;
}

/** Ends a process and resolves when it is gone. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill();
  await exited;
}

/** Returns the seconds for which a process has had a processor; `NaN` where the system does not tell. */
export async function processorSeconds({ pid }: ChildProcess): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
  return (Number(fields[11] ?? Number.NaN) + Number(fields[12] ?? Number.NaN)) / 100;
}

/** Runs a pipeline of a shell and returns the seconds that it took. @throws Error when any of its programs fails. */
export async function pipeline(command: string, environment: Readonly<Record<string, string>>): Promise<number> {
  const startedAt = performance.now();
  const child = spawn('bash', ['-o', 'pipefail', '-c', command], {
    env: { PATH: process.env.PATH, ...environment },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${command} has ended with ${code}`);
  return (performance.now() - startedAt) / 1000;
}
