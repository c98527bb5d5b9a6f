import { loadConfiguration } from '../config/load.ts';
import { type Configuration, configurationSchema } from '../config/schema.ts';
import { parseOrThrow } from '../shared/config-error.ts';
import { FileStateStore, stateFolder } from '../shared/storage/file-state-store.ts';
import { MemoryStateStore } from '../shared/storage/memory-state-store.ts';
import type { StateStore } from '../shared/storage/state-store.ts';
import { userPath } from './user-path.ts';

/** Where a command works: at what is configured, or at the sample estate. */
export interface Surroundings {
  readonly configuration: Configuration;
  /** What to call the configuration in a message. */
  readonly source: string;
  /** Returns where a task remembers what it has seen of this estate. */
  storeFor(taskId: string): Promise<StateStore>;
  stop(): Promise<void>;
}

/** Returns those of a configuration file. @throws ConfigError when it cannot be used. */
export async function ownSurroundings(path = 'caretaker.config.ts'): Promise<Surroundings> {
  const configuration = await loadConfiguration(userPath(path));
  const storeFor = async (taskId: string) => new FileStateStore(stateFolder(configuration.estate.name, taskId));
  return { configuration, source: path, storeFor, stop: async () => {} };
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
  return { configuration, source: 'sandbox', storeFor, stop: () => sandbox.stop() };
}
