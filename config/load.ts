import { readFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigError, type ConfigFault, faultsIn } from '../shared/config-error.ts';
import { includeFiles } from './included-files.ts';
import { type Configuration, configurationSchema } from './schema.ts';

/**
 * Returns the configuration in the file at `path`: `.json`, or a module (`.ts`, `.js`, `.mjs`) with a default export. In either, an
 * object `{ "$file": "<path>" }` stands for the JSON in another file; see {@link includeFiles}.
 *
 * @throws ConfigError when the file is missing, does not parse, or breaks the schema; the message lists every fault.
 */
export async function loadConfiguration(path: string): Promise<Configuration> {
  const { value, faults } = await includeFiles(await readConfiguration(path), path);
  const result = configurationSchema.safeParse(value);
  if (result.success && faults.length === 0) return result.data;
  // What the schema misses where a file could not be read is no fault of its own.
  const others = result.success ? [] : faultsIn(result.error).filter(({ path: at }) => !isIn(at, faults));
  throw new ConfigError(path, [...faults, ...others]);
}

/** Returns whether a path is that of a fault, or leads on from there. */
function isIn(path: string, faults: readonly ConfigFault[]): boolean {
  return faults.some(({ path: at }) => path === at || path.startsWith(`${at}.`) || path.startsWith(`${at}[`));
}

async function readConfiguration(path: string): Promise<unknown> {
  const extension = extname(path);
  if (!['.json', '.ts', '.mts', '.js', '.mjs'].includes(extension)) {
    throw new ConfigError(path, [{ path: '', message: 'a configuration is a .ts, .js, .mjs or .json file' }]);
  }
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new ConfigError(path, [{ path: '', message: `cannot be read: ${messageOf(cause)}` }], { cause });
  }
  try {
    if (extension === '.json') return JSON.parse(text);
    const module: { default?: unknown } = await import(pathToFileURL(resolve(path)).href);
    if (module.default !== undefined) return module.default;
  } catch (cause) {
    throw new ConfigError(path, [{ path: '', message: messageOf(cause) }], { cause });
  }
  throw new ConfigError(path, [
    { path: '', message: 'has no default export; write `export default defineConfig({ … })`' },
  ]);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
