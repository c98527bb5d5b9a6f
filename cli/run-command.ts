import { writeFile } from 'node:fs/promises';
import { loadConfiguration } from '../config/load.ts';
import { type Configuration, configurationSchema } from '../config/schema.ts';
import { AwsClients } from '../shared/aws/clients.ts';
import { parseOrThrow } from '../shared/config-error.ts';
import type { Report } from '../shared/report.ts';
import { runTask } from '../shared/run-task.ts';
import { exitCodeOf, type FailOn } from './exit-code.ts';
import { Progress } from './progress.ts';
import { renderHtml } from './render-html.ts';
import { renderReport } from './render-report.ts';
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
  const named = options.all === true ? definitions : definitionsNamed(taskIds);
  if (options.apply === true)
    throw new UsageError(`${named.map(({ id }) => id).join(', ')}: changes nothing, so there is nothing to --apply`);

  const surroundings = options.sandbox === true ? await sandboxSurroundings() : await ownSurroundings(options.config);
  const clients = new AwsClients();
  try {
    const { configuration, source } = surroundings;
    const isOff = (id: string) => configuration.tasks[id]?.enabled === false;
    const off = named.filter(({ id }) => isOff(id)).map(({ id }) => id);
    if (off.length > 0 && options.all !== true) throw new UsageError(`switched off in ${source}: ${off.join(', ')}`);

    const reports: Report[] = [];
    for (const definition of named) {
      if (isOff(definition.id)) continue;
      const progress = new Progress(process.stderr, definition.id);
      try {
        reports.push(
          await runTask(definition, await loadSteps(definition), {
            estate: configuration.estate,
            config: configuration.tasks[definition.id]?.config ?? {},
            configSource: source,
            invocation: options.only === undefined ? {} : { scope: { only: options.only } },
            clients,
            clock: () => new Date(),
            timeBudgetSeconds: definition.timeoutSeconds,
            progress: (done, total) => progress.update(done, total),
          }),
        );
      } finally {
        progress.clear();
      }
    }
    await write(reports, options);
    return exitCodeOf(reports, options.failOn);
  } finally {
    clients.destroy();
    await surroundings.stop();
  }
}

interface Surroundings {
  readonly configuration: Configuration;
  /** What to call the configuration in a message. */
  readonly source: string;
  stop(): Promise<void>;
}

async function ownSurroundings(path = 'caretaker.config.ts'): Promise<Surroundings> {
  const configuration = await loadConfiguration(userPath(path));
  return { configuration, source: path, stop: async () => {} };
}

/** The sandbox is loaded only when it is asked for: it brings servers with it. */
async function sandboxSurroundings(): Promise<Surroundings> {
  const { startSandbox } = await import('../sandbox/sandbox.ts');
  const sandbox = await startSandbox();
  Object.assign(process.env, sandbox.environment);
  const configuration = parseOrThrow(configurationSchema, sandbox.configuration, 'sandbox');
  return { configuration, source: 'sandbox', stop: () => sandbox.stop() };
}

async function write(reports: readonly Report[], options: RunCommandOptions): Promise<void> {
  if (options.json === true) {
    const single = options.all !== true && reports.length === 1;
    process.stdout.write(`${JSON.stringify(single ? reports[0] : reports, null, 2)}\n`);
    return;
  }
  const terminal = terminalOf(process.stdout);
  if (options.html !== undefined) {
    const path = userPath(options.html);
    await writeFile(path, renderHtml(reports));
    process.stderr.write(`Report written to ${path}\n`);
  }
  process.stdout.write(reports.map((report) => renderReport(report, terminal)).join('\n'));
}
