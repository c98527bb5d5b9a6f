import { open, writeFile } from 'node:fs/promises';
import { AwsClients } from '../shared/aws/clients.ts';
import { ConfigError } from '../shared/config-error.ts';
import { workWindowSeconds } from '../shared/deployment.ts';
import type { Invocation } from '../shared/invocation.ts';
import type { Report } from '../shared/report.ts';
import { runTask } from '../shared/run-task.ts';
import type { TaskDefinition } from '../shared/task.ts';
import { printableLines } from '../shared/text/printable.ts';
import { exitCodeOf, exitCodes, type FailOn } from './exit-code.ts';
import { Progress } from './progress.ts';
import { renderHtml } from './render-html.ts';
import { renderReport } from './render-report.ts';
import { safeJson } from './safe-json.ts';
import { ownSurroundings, type Surroundings, sandboxSurroundings } from './surroundings.ts';
import { definitions, definitionsNamed, loadSteps } from './tasks.ts';
import { terminalOf } from './terminal.ts';
import { UsageError } from './usage-error.ts';
import { userPath } from './user-path.ts';

/** Options of `caretaker run`, as commander gives them. */
export interface RunCommandOptions {
  readonly all?: boolean;
  readonly sandbox?: boolean;
  readonly apply?: boolean;
  readonly only?: string;
  readonly config?: string;
  readonly json?: boolean;
  readonly html?: string;
  readonly failOn: FailOn;
}

/**
 * Runs tasks by hand and writes their reports to standard output.
 *
 * @returns the exit code.
 * @throws UsageError or ConfigError when nothing has been run.
 */
export async function runCommand(taskIds: readonly string[], options: RunCommandOptions): Promise<number> {
  if (options.all === true && taskIds.length > 0) throw new UsageError('name tasks, or say --all, not both');
  if (options.all !== true && taskIds.length === 0) throw new UsageError('name a task, or say --all');
  if (options.json === true && options.html !== undefined) throw new UsageError('--json and --html exclude each other');
  if (options.sandbox === true && options.config !== undefined) {
    throw new UsageError('--sandbox brings its own configuration; leave --config out');
  }
  if (options.only === '') throw new UsageError('--only needs a pattern');
  const named = options.all === true ? definitions : definitionsNamed(taskIds);
  if (options.apply === true && !named.some(({ applies }) => applies === true)) {
    throw new UsageError(`${named.map(({ id }) => id).join(', ')}: changes nothing, so there is nothing to --apply`);
  }

  if (options.sandbox !== true) return runIn(await ownSurroundings(options.config), named, options);
  const { interruptible } = await import('../sandbox/interruption.ts');
  return interruptible(async (signal) => runIn(await sandboxSurroundings(), named, options, signal));
}

async function runIn(
  surroundings: Surroundings,
  named: readonly TaskDefinition[],
  options: RunCommandOptions,
  signal?: AbortSignal,
): Promise<number> {
  const clients = new AwsClients();
  try {
    const { configuration, source } = surroundings;
    const off = named.filter(({ id }) => configuration.tasks[id]?.enabled === false);
    // Nothing looked at is nothing clean, whoever switched it off.
    if (off.length > 0 && (options.all !== true || off.length === named.length)) {
      throw new UsageError(`switched off in ${source}: ${off.map(({ id }) => id).join(', ')}`);
    }
    if (options.html !== undefined) await requireWritable(userPath(options.html));

    const reports: Report[] = [];
    const broken: string[] = [];
    for (const definition of named.filter((task) => !off.includes(task))) {
      signal?.throwIfAborted();
      const progress = new Progress(process.stderr, definition.id);
      try {
        reports.push(
          await runTask(definition, await loadSteps(definition), {
            estate: configuration.estate,
            databases: configuration.databases,
            config: configuration.tasks[definition.id]?.config ?? {},
            configSource: source,
            invocation: invocationOf(definition, options),
            clients,
            clock: () => new Date(),
            store: await surroundings.storeFor(definition.id),
            control: surroundings.control,
            ledgers: surroundings.ledgers,
            actor: surroundings.actor,
            // Nothing here ends a run after fifteen minutes, as Lambda does: long work may take as long as in steps.
            timeBudgetSeconds: definition.resumable === true ? workWindowSeconds : definition.timeoutSeconds,
            progress: (done, total, subject) => progress.update(done, total, subject),
          }),
        );
      } catch (error) {
        if (error instanceof ConfigError) throw error;
        // What the other tasks find must not be lost with it.
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
        broken.push(`${definition.id}: ${printableLines(text)}\n`);
      } finally {
        progress.clear();
      }
    }
    // First, lest a page that cannot be written hides them.
    for (const text of broken) process.stderr.write(text);
    if (reports.length > 0 || broken.length === 0) await write(reports, options);
    return broken.length > 0 ? exitCodes.incomplete : exitCodeOf(reports, options.failOn);
  } finally {
    clients.destroy();
    await surroundings.stop();
  }
}

/** By hand a task changes something only when it is told to, whatever its policies say; a task that changes nothing is not told. */
function invocationOf({ applies }: TaskDefinition, { only, apply }: RunCommandOptions): Invocation {
  return {
    ...(applies === true && apply !== true ? { dryRun: true } : {}),
    ...(only === undefined ? {} : { scope: { only } }),
  };
}

async function write(reports: readonly Report[], options: RunCommandOptions): Promise<void> {
  if (options.json === true) {
    const single = options.all !== true && reports.length === 1;
    process.stdout.write(`${safeJson(single ? reports[0] : reports)}\n`);
    return;
  }
  const terminal = terminalOf(process.stdout);
  process.stdout.write(reports.map((report) => renderReport(report, terminal)).join('\n'));
  if (options.html !== undefined) {
    const path = userPath(options.html);
    await writeFile(path, renderHtml(reports));
    process.stderr.write(`Report written to ${path}\n`);
  }
}

/** Found out before a run, not after it. */
async function requireWritable(path: string): Promise<void> {
  try {
    await (await open(path, 'a')).close();
  } catch (error) {
    throw new UsageError(`--html: ${(error as Error).message}`);
  }
}
