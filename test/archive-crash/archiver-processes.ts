import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { bundleProgram } from '../../sandbox/bundle-program.ts';
import { type PolicyOutcome, policyOutcomeSchema } from '../../shared/retention/policy-outcome.ts';
import type { ArchiverJob } from './archiver.ts';

/** How a process that archives has ended. */
export interface ArchiverEnd {
  /** Undefined where it was killed before. */
  readonly outcome: PolicyOutcome | undefined;
  readonly signal: NodeJS.Signals | null;
}

/** Processes that archive, each for one run. The next one is made ready while one is at work. */
export class ArchiverProcesses implements AsyncDisposable {
  readonly #file: string;
  #spare: Promise<ChildProcess>;

  /** @param folder for the program, which is bundled so that it begins in no time. */
  static async start(folder: string): Promise<ArchiverProcesses> {
    return new ArchiverProcesses(await bundleProgram('test/archive-crash/archiver.ts', folder));
  }

  private constructor(file: string) {
    this.#file = file;
    this.#spare = this.#fork();
  }

  /** Archives in a process of its own. @param killAfterMs after which it is killed, unless it has ended by then. */
  async run(job: ArchiverJob, killAfterMs?: number): Promise<ArchiverEnd> {
    const child = await this.#spare;
    this.#spare = this.#fork();
    let outcome: PolicyOutcome | undefined;
    child.on('message', (message) => {
      outcome = policyOutcomeSchema.parse(message);
    });
    const exited = once(child, 'exit');
    child.send(job);
    const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    const [, signal] = await exited;
    clearTimeout(timer);
    return { outcome, signal: signal as NodeJS.Signals | null };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = await this.#spare;
    child.kill('SIGKILL');
  }

  async #fork(): Promise<ChildProcess> {
    const child = fork(this.#file, { env: { PATH: process.env.PATH } });
    await once(child, 'message');
    return child;
  }
}
