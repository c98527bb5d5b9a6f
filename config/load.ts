import { readFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigError, parseOrThrow } from '../shared/config-error.ts';
import { type Configuration, configurationSchema } from './schema.ts';

/**
 * Returns the configuration in the file at `path`: `.json`, or a module (`.ts`, `.js`, `.mjs`) with a default export.
 *
 * @throws ConfigError when the file is missing, does not parse, or breaks the schema; the message lists every fault.
 */
export async function loadConfiguration(path: string): Promise<Configuration> {
  return parseOrThrow(configurationSchema, await readConfiguration(path), path);
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
