import { type Pause, type PauseScope, pause, readPause, resume } from '../shared/retention/pause.ts';
import { formatInZone } from '../shared/schedule/time-zone.ts';
import { printable } from '../shared/text/printable.ts';
import { atDesk, type Desk, type DeskOptions, policiesOf } from './desk.ts';
import { exitCodes } from './exit-code.ts';
import { safeJson } from './safe-json.ts';
import { applyingDefinitions, definitionsNamed } from './tasks.ts';
import { terminalOf, wrap } from './terminal.ts';
import { UsageError } from './usage-error.ts';

/** Options of `caretaker pause`, as commander gives them. */
export interface PauseCommandOptions extends DeskOptions {
  readonly policy?: string;
  readonly reason?: string;
  readonly list?: boolean;
}

/** Options of `caretaker resume`. */
export interface ResumeCommandOptions extends DeskOptions {
  readonly policy?: string;
}

/**
 * Stops tasks that change things, or one policy of a task, before their next batch; or lists what is stopped.
 *
 * @param taskId all of them unless given.
 * @returns the exit code.
 * @throws UsageError or ConfigError when nothing has been done.
 */
export async function pauseCommand(taskId: string | undefined, options: PauseCommandOptions): Promise<number> {
  const { policy, reason, list } = options;
  if (list === true) {
    if (policy !== undefined || reason !== undefined) throw new UsageError('--list goes with a task at most');
    return atDesk(options, async (desk) => showPauses(await pausesOf(taskIds(taskId), desk), desk, options));
  }
  if (reason === undefined || reason.trim() === '')
    throw new UsageError('--reason is needed: why, for whoever meets it');
  const tasks = taskIds(taskId);
  requireTaskOf(policy, taskId);
  return atDesk(options, async (desk) => {
    await requirePolicy(taskId, policy, desk);
    const said = { by: await desk.actor(), at: new Date().toISOString(), reason };
    const scopes = tasks.map((task): PauseScope => ({ task, policy }));
    // What somebody has said before is replaced: whoever has typed this sees it once more.
    const before: Pause[] = [];
    for (const scope of scopes) {
      const known = await readPause(desk.control, scope);
      if (known !== undefined) before.push(known);
      await pause(desk.control, scope, said);
    }
    const paused = scopes.map(({ task, policy: of }): Pause => ({ task, policy: of, ...said }));
    if (options.json === true) return printJson(paused);
    const { timeZone } = (await desk.knownConfiguration())?.estate ?? { timeZone: 'UTC' };
    for (const known of before) print(`It was paused before: ${pauseText(known, timeZone)}`);
    for (const scope of scopes) {
      const again = `caretaker resume ${scope.task}${policy === undefined ? '' : ` --policy ${policy}`}${desk.sameOptions}`;
      print(`Paused: ${nameOf(scope)} on ${desk.place}. It stops before its next batch. To let it go on: ${again}`);
    }
    return exitCodes.good;
  });
}

/**
 * Lets tasks, or one policy of a task, go on that were paused, and says what is still paused of them.
 *
 * @param taskId all of them unless given.
 * @returns the exit code.
 * @throws UsageError or ConfigError when nothing has been done.
 */
export async function resumeCommand(taskId: string | undefined, options: ResumeCommandOptions): Promise<number> {
  const { policy } = options;
  const tasks = taskIds(taskId);
  requireTaskOf(policy, taskId);
  return atDesk(options, async (desk) => {
    await requirePolicy(taskId, policy, desk);
    const ended: Pause[] = [];
    for (const task of tasks) {
      const pauseOfIt = await resume(desk.control, { task, policy });
      if (pauseOfIt !== undefined) ended.push(pauseOfIt);
      else if (options.json !== true) print(`Not paused: ${nameOf({ task, policy })} on ${desk.place}.`);
    }
    const left = await pausesOf(tasks, desk);
    if (options.json === true) return printJson({ resumed: ended, stillPaused: left });
    for (const scope of ended) print(`Resumed: ${nameOf(scope)} on ${desk.place}.`);
    const { timeZone } = (await desk.knownConfiguration())?.estate ?? { timeZone: 'UTC' };
    for (const still of left) print(`Still paused: ${pauseText(still, timeZone)}`);
    return exitCodes.good;
  });
}

function taskIds(taskId: string | undefined): string[] {
  const all = applyingDefinitions.map(({ id }) => id);
  if (taskId === undefined) return all;
  const [definition] = definitionsNamed([taskId]);
  if (definition?.applies === true) return [taskId];
  throw new UsageError(`${taskId} changes nothing, so there is nothing to pause (${all.join(', ')} do)`);
}

function requireTaskOf(policy: string | undefined, taskId: string | undefined): void {
  if (policy !== undefined && taskId === undefined) throw new UsageError('--policy needs the task that it is one of');
}

/** Whoever stops something that does not exist, because of a slip of the pen, must not believe that it has stopped. */
async function requirePolicy(taskId: string | undefined, policy: string | undefined, desk: Desk): Promise<void> {
  if (taskId === undefined || policy === undefined) return;
  const configuration = await desk.knownConfiguration();
  if (configuration === undefined) {
    throw new UsageError(
      `without the configuration it is not known whether ${taskId} has a policy ${policy}: give --config <file>; without --policy all of ${taskId} is meant`,
    );
  }
  const policies = policiesOf(configuration, taskId);
  if (policies.includes(policy)) return;
  const have = policies.length === 0 ? 'none' : policies.join(', ');
  throw new UsageError(
    `${taskId} has no policy ${policy} in the configuration, which has ${have}; without --policy all of ${taskId} is meant`,
  );
}

async function pausesOf(tasks: readonly string[], desk: Desk): Promise<Pause[]> {
  const configuration = await desk.knownConfiguration();
  if (configuration === undefined) {
    process.stderr.write(
      'Without the configuration its policies are not known: only pauses of whole tasks are seen.\n',
    );
  }
  const pauses: Pause[] = [];
  for (const task of tasks) {
    const policies = configuration === undefined ? [] : policiesOf(configuration, task);
    for (const policy of [undefined, ...policies]) {
      const found = await readPause(desk.control, { task, policy });
      if (found !== undefined) pauses.push(found);
    }
  }
  return pauses;
}

async function showPauses(pauses: readonly Pause[], desk: Desk, { json }: DeskOptions): Promise<number> {
  if (json === true) return printJson(pauses);
  const timeZone = (await desk.knownConfiguration())?.estate.timeZone ?? 'UTC';
  if (pauses.length === 0) print(`Nothing is paused on ${desk.place}.`);
  for (const found of pauses) print(pauseText(found, timeZone));
  return exitCodes.good;
}

function pauseText(found: Pause, timeZone: string): string {
  const at = Number.isNaN(Date.parse(found.at)) ? found.at : formatInZone(new Date(found.at), timeZone);
  return `${nameOf(found)}, since ${at}, by ${found.by}: ${found.reason}`;
}

function nameOf({ task, policy }: PauseScope): string {
  return policy === undefined ? `all of ${task}` : `${policy} of ${task}`;
}

function printJson(value: unknown): number {
  process.stdout.write(`${safeJson(value)}\n`);
  return exitCodes.good;
}

function print(text: string): void {
  process.stdout.write(`${wrap(printable(text), terminalOf(process.stdout).columns, '  ', '')}\n`);
}
