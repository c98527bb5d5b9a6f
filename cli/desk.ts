import { loadConfiguration } from '../config/load.ts';
import type { Configuration } from '../config/schema.ts';
import { uncheckedReason } from '../shared/aws/unchecked-reason.ts';
import { ConfigError } from '../shared/config-error.ts';
import type { ControlStore } from '../shared/control/control-store.ts';
import type { LedgerStore } from '../shared/ledger/ledger-store.ts';
import { printable } from '../shared/text/printable.ts';
import { openDeployedStores } from './deployed-stores.ts';
import { exitCodes } from './exit-code.ts';
import { ownSurroundings } from './surroundings.ts';
import { applyingDefinitions } from './tasks.ts';
import { userPath } from './user-path.ts';

/** Options that say whose stores a command is about. */
export interface DeskOptions {
  readonly stage?: string;
  readonly region?: string;
  readonly config?: string;
  readonly json?: boolean;
}

/** Where a person looks into what runs have left, and says what they may do. */
export interface Desk {
  readonly control: ControlStore;
  readonly ledgers: LedgerStore;
  /** What to call it: `this machine`, `the stage prod`. */
  readonly place: string;
  /** Options that a further command needs to come to the same place, with a space in front; empty where it needs none. */
  readonly sameOptions: string;
  /** Returns who works at it. */
  actor(): Promise<string>;
  /** Returns the configuration, as it is on this machine. @throws ConfigError */
  configuration(): Promise<Configuration>;
  /** Returns it likewise; undefined where there is none that can be used, which a stage does not need. */
  knownConfiguration(): Promise<Configuration | undefined>;
}

/**
 * Does something at the desk of a deployed stage, or of this machine, and returns its exit code. What AWS refuses is said in one
 * sentence on standard error.
 *
 * @throws UsageError or ConfigError when nothing was done.
 */
export async function atDesk(options: DeskOptions, work: (desk: Desk) => Promise<number>): Promise<number> {
  const { stage, region, config } = options;
  if (stage === undefined) {
    const { configuration, control, ledgers, actor } = await ownSurroundings(config);
    try {
      return await work({
        control,
        ledgers,
        place: 'this machine',
        sameOptions: config === undefined ? '' : ` --config ${shellWord(config)}`,
        actor: async () => actor,
        configuration: async () => configuration,
        knownConfiguration: async () => configuration,
      });
    } catch (error) {
      if (!isOfFiles(error)) throw error;
      process.stderr.write(`What is kept on this machine could not be used: ${printable(error.message)}\n`);
      return exitCodes.incomplete;
    }
  }
  try {
    const stores = await openDeployedStores(stage, region);
    try {
      const read = () => loadConfiguration(userPath(config ?? 'caretaker.config.ts'));
      return await work({
        control: stores.control,
        ledgers: stores.ledgers,
        place: `the stage ${stage}`,
        sameOptions: ` --stage ${shellWord(stage)}${region === undefined ? '' : ` --region ${shellWord(region)}`}`,
        actor: () => stores.actor(),
        configuration: read,
        knownConfiguration: () => read().catch(undefinedWhereUnusable),
      });
    } finally {
      stores.stop();
    }
  } catch (error) {
    const reason = uncheckedReason(error);
    if (reason === undefined) throw error;
    process.stderr.write(`The stage ${printable(stage)} could not be asked: ${printable(reason.detail)}\n`);
    return exitCodes.incomplete;
  }
}

/** The system refuses a file: it is somebody else's, or the disk is full. */
function isOfFiles(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'path' in error && 'syscall' in error && 'code' in error;
}

function undefinedWhereUnusable(error: unknown): undefined {
  if (!(error instanceof ConfigError)) throw error;
}

/** Returns the ids of the policies that a task has; none where it is switched off. */
export function policiesOf(configuration: Configuration, task: string): string[] {
  const { policies } = (configuration.tasks[task]?.config ?? {}) as { policies?: readonly { readonly id: string }[] };
  return (policies ?? []).map(({ id }) => id);
}

/** Returns every policy of every task that changes things. */
export function allPolicies(configuration: Configuration): { readonly task: string; readonly policy: string }[] {
  return applyingDefinitions.flatMap(({ id: task }) =>
    policiesOf(configuration, task).map((policy) => ({ task, policy })),
  );
}

/** Returns a word as a shell takes it for just that. */
export function shellWord(text: string): string {
  return /^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
