import { open } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { type ConfigFault, formatPath } from '../shared/config-error.ts';

/** Larger files do not belong into a configuration, which travels with the code. */
const maxFileBytes = 20_000_000;

const key = '$file';

/** `npm:`, a package's name, and a path in it: https://docs.npmjs.com/cli/configuring-npm/package-json#name */
const packageFile = /^npm:((?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*\/.+)$/;

/** A configuration with files in it, as far as they could be read. */
export interface Included {
  readonly value: unknown;
  /** Each with the path of the key that was to hold the file's content. */
  readonly faults: readonly ConfigFault[];
}

/**
 * Returns a configuration in which each object that is exactly `{ "$file": "<path>" }` is replaced by the JSON in that file. A path is
 * relative to the configuration file, or `npm:<package>/<path>`, which is looked for as Node does from there. What the files hold is
 * taken as it is: a `$file` in one stays what it is.
 *
 * @param configPath path of the configuration file.
 */
export async function includeFiles(value: unknown, configPath: string): Promise<Included> {
  const faults: ConfigFault[] = [];
  const included = await includeIn(value, [], new Set(), async (path, file) => {
    try {
      return await readIncluded(file, resolve(configPath));
    } catch (cause) {
      if (!(cause instanceof IncludeError)) throw cause;
      faults.push({ path: formatPath(path), message: cause.message });
      return undefined;
    }
  });
  return { value: included, faults };
}

type Read = (path: readonly PropertyKey[], file: unknown) => Promise<unknown>;

/** @param above what this is in: a module may export what goes round in a circle, which is left for the schema to refuse. */
async function includeIn(
  value: unknown,
  path: readonly PropertyKey[],
  above: ReadonlySet<unknown>,
  read: Read,
): Promise<unknown> {
  if (above.has(value)) return value;
  const within = new Set(above).add(value);
  if (Array.isArray(value)) {
    const items: unknown[] = [];
    for (const [index, item] of value.entries()) items.push(await includeIn(item, [...path, index], within, read));
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  if (!isPlainObject(value)) return value;
  const entries = Object.entries(value);
  if (entries.length === 1 && Object.hasOwn(value, key)) return read(path, value[key]);
  const included: [string, unknown][] = [];
  for (const [name, item] of entries) included.push([name, await includeIn(item, [...path, name], within, read)]);
  // Made of entries, it has a key `__proto__` as it has others, and no other prototype.
  return included.every(([name, item]) => item === value[name]) ? value : Object.fromEntries(included);
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** A file cannot be included, for a reason that its user can mend. */
class IncludeError extends Error {
  override readonly name = 'IncludeError';
}

async function readIncluded(file: unknown, configPath: string): Promise<unknown> {
  if (typeof file !== 'string' || file === '') throw new IncludeError(`${key} is not the path of a file`);
  const path = locate(file, configPath);
  const text = await readText(path).catch((cause: unknown) => {
    if (cause instanceof IncludeError) throw cause;
    throw new IncludeError(`${file} cannot be read: ${messageOf(cause)}`, { cause });
  });
  try {
    // Some editors begin a file with a byte order mark, which is no JSON.
    return JSON.parse(text.replace(/^\uFEFF/u, ''));
  } catch (cause) {
    // The parser's own words hold part of the file, which may be one that nobody wants to see in a log.
    throw new IncludeError(`${file} is not JSON`, { cause });
  }
}

function locate(file: string, configPath: string): string {
  if (!file.startsWith('npm:')) return resolve(dirname(configPath), file);
  const specifier = packageFile.exec(file)?.[1];
  if (specifier === undefined) throw new IncludeError(`${file} is not npm:<package>/<path>`);
  try {
    return createRequire(configPath).resolve(specifier);
  } catch (cause) {
    throw new IncludeError(`${file} is not there: install the package, or look up the path in it`, { cause });
  }
}

async function readText(path: string): Promise<string> {
  await using file = await open(path);
  const stats = await file.stat();
  if (!stats.isFile()) throw new IncludeError(`${path} is not a file`);
  if (stats.size > maxFileBytes) {
    throw new IncludeError(`${path} has ${stats.size} bytes; ${maxFileBytes} are the most`);
  }
  return file.readFile('utf8');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
