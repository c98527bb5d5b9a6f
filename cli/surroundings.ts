import { loadConfiguration } from '../config/load.ts';
import { type Configuration, configurationSchema } from '../config/schema.ts';
import { parseOrThrow } from '../shared/config-error.ts';
import type { ControlStore } from '../shared/control/control-store.ts';
import { FileControlStore } from '../shared/control/file-control-store.ts';
import { MemoryControlStore } from '../shared/control/memory-control-store.ts';
import { FileLedgerStore } from '../shared/ledger/file-ledger-store.ts';
import type { LedgerStore } from '../shared/ledger/ledger-store.ts';
import { MemoryLedgerStore } from '../shared/ledger/memory-ledger-store.ts';
import { FileStateStore, stateFolder, stateFolderMode } from '../shared/storage/file-state-store.ts';
import { MemoryStateStore } from '../shared/storage/memory-state-store.ts';
import type { StateStore } from '../shared/storage/state-store.ts';
import { operatingSystemUser } from './operating-system-user.ts';
import { userPath } from './user-path.ts';

/** Where a command works: at what is configured, or at the sample estate. */
export interface Surroundings {
  readonly configuration: Configuration;
  /** What to call the configuration in a message. */
  readonly source: string;
  /** Who works. */
  readonly actor: string;
  /** What people and runs tell each other of this estate. */
  readonly control: ControlStore;
  /** What was done to it. */
  readonly ledgers: LedgerStore;
  /** Returns where a task remembers what it has seen of this estate. */
  storeFor(taskId: string): Promise<StateStore>;
  stop(): Promise<void>;
}

/** Returns those of a configuration file. @throws ConfigError when it cannot be used. */
export async function ownSurroundings(path = 'caretaker.config.ts'): Promise<Surroundings> {
  const configuration = await loadConfiguration(userPath(path));
  const { name } = configuration.estate;
  const mode = await stateFolderMode();
  return {
    configuration,
    source: path,
    actor: operatingSystemUser(),
    control: new FileControlStore(stateFolder(name, 'control'), mode),
    ledgers: new FileLedgerStore(stateFolder(name, 'ledgers'), mode),
    storeFor: async (taskId) => new FileStateStore(stateFolder(name, taskId), mode),
    stop: async () => {},
  };
}

/**
 * Starts the sample estate and returns its surroundings. The sandbox is loaded only when it is asked for: it brings servers with it.
 * What finds them is set in the environment of this process.
 */
export async function sandboxSurroundings(): Promise<Surroundings> {
  const { startSandbox } = await import('../sandbox/sandbox.ts');
  const sandbox = await startSandbox();
  Object.assign(process.env, sandbox.environment);
  const configuration = parseOrThrow(configurationSchema, sandbox.configuration, 'sandbox');
  // Its estate is made anew each time: nothing is remembered of it but the past that it brings.
  const storeFor = async (taskId: string) => {
    const store = new MemoryStateStore();
    await sandbox.seedState(taskId, store);
    return store;
  };
  const control = new MemoryControlStore();
  for (const taskId of Object.keys(configuration.tasks)) await sandbox.seedControl(taskId, control);
  return {
    configuration,
    source: 'sandbox',
    actor: operatingSystemUser(),
    control,
    ledgers: new MemoryLedgerStore(),
    storeFor,
    stop: () => sandbox.stop(),
  };
}
