import { constants } from 'node:os';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs work that leaves servers and folders behind when the process just ends, and returns what it returns.
 *
 * SIGINT, SIGTERM and SIGHUP do not end the process while it runs. The first of them aborts the `AbortSignal`; the work
 * has to look at it between its steps, `signal.throwIfAborted()`, and dispose of what it holds as after any error. Then
 * the process ends with 128 and the signal's number. Further signals change nothing: Ctrl-C reaches a process both from
 * the terminal and from the launcher above it.
 *
 * @throws what `work` throws, unless it was interrupted: any error after that is taken for a consequence, as when the
 * signal hit a process that the work was about to start.
 */
export async function interruptible<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const controller = new AbortController();
  let exitCode: number | undefined;
  const interrupt = (signal: (typeof signals)[number]) => {
    // What a shell reports of a process that a signal has ended.
    exitCode ??= 128 + constants.signals[signal];
    controller.abort(new Error(`interrupted by ${signal}`));
  };
  for (const signal of signals) process.on(signal, interrupt);
  try {
    return await work(controller.signal);
  } finally {
    for (const signal of signals) process.off(signal, interrupt);
    if (exitCode !== undefined) process.exit(exitCode);
  }
}
