import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const stopGraceMs = 5000;

/** A command that failed; the message ends with the last of what it said. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Child processes, each in a process group of its own, all of which `stopAll` ends. */
export class Processes {
  readonly #running = new Set<ChildProcess>();
  readonly #signal: AbortSignal;

  /** @param signal when it aborts, what `run` waits for is ended and rejects. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /**
   * Runs a command to its end and returns what it wrote to standard output.
   *
   * @throws CommandError when it cannot be started or ends with another status than 0; the signal's reason when aborted.
   */
  async run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
    this.#signal.throwIfAborted();
    const child = this.#spawn(command, args, options);
    child.stdin?.end();
    let output = '';
    let everything = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      everything += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      everything += text;
    });
    const abort = () => void this.#stop(child);
    this.#signal.addEventListener('abort', abort, { once: true });
    try {
      const [status] = (await once(child, 'close')) as [number | null];
      this.#signal.throwIfAborted();
      if (status !== 0) {
        const last = everything.trim().split('\n').slice(-30).join('\n');
        throw new CommandError(`${command} ${args.join(' ')}\nended with status ${status}:\n${last}`);
      }
      return output;
    } catch (error) {
      if (error instanceof CommandError || this.#signal.aborted) throw error;
      throw new CommandError(`${command} cannot be started`, { cause: error });
    } finally {
      this.#signal.removeEventListener('abort', abort);
    }
  }

  /** Starts a command that stays, with its output in a file; its standard input is open until it is stopped. */
  start(command: string, args: readonly string[], logPath: string, options: CommandOptions = {}): ChildProcess {
    const child = this.#spawn(command, args, options);
    const log = createWriteStream(logPath);
    child.stdout?.pipe(log);
    child.stderr?.pipe(log);
    // Its end shows in what is asked of it next; without a listener a failed start would end this process.
    child.on('error', (error) => log.write(`${error.message}\n`));
    return child;
  }

  /** Ends everything that still runs: politely, then not. */
  async stopAll(): Promise<void> {
    await Promise.all([...this.#running].map((child) => this.#stop(child)));
  }

  #spawn(command: string, args: readonly string[], options: CommandOptions): ChildProcess {
    const child = spawn(command, args, { ...options, stdio: 'pipe', detached: true });
    this.#running.add(child);
    child.once('close', () => this.#running.delete(child));
    child.once('error', () => this.#running.delete(child));
    return child;
  }

  async #stop(child: ChildProcess): Promise<void> {
    const closed = once(child, 'close');
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      if (!this.#running.has(child) || child.pid === undefined) return;
      try {
        process.kill(-child.pid, signal);
      } catch {
        // The group is gone; `close` follows.
      }
      const timer = new AbortController();
      await Promise.race([closed, delay(stopGraceMs, undefined, { signal: timer.signal }).catch(() => {})]);
      timer.abort();
    }
  }
}
