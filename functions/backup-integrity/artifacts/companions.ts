import * as z from 'zod';

/** What stands beside artifacts and is none itself, by how its key ends. */
const companionEndings = ['.sha256', '.sha256sum', '.sha512', '.sha1', '.md5', '.asc', '.sig', '.minisig'];

/** The same, by the whole name. */
const companionNames: ReadonlySet<string> = new Set(['manifest.json', 'SHA256SUMS', 'SHA512SUMS', 'MD5SUMS']);

/** Returns whether an object only stands beside others, to check them by. */
export function isCompanion(key: string): boolean {
  return companionNames.has(baseName(key)) || companionEndings.some((ending) => key.endsWith(ending));
}

/** Returns the keys of what may stand beside an artifact, in the order in which they are to be asked. */
export function companionKeys(kind: 'sha256' | 'manifest', key: string): string[] {
  if (kind === 'sha256') return [`${key}.sha256`];
  const folder = key.slice(0, key.length - baseName(key).length);
  return [`${folder}manifest.json`, `${folder}SHA256SUMS`];
}

/**
 * Returns the SHA-256 of an artifact, in hexadecimal, as a companion tells it; `undefined` when it does not tell. Read are what
 * `sha256sum` writes, with or without `--binary` and `--tag`, escaped names included, the bare hash, and JSON: a list, or
 * `{ "files": [...] }`, of `{ name | path | key | file, sha256 }`, or names with their hashes. A file for this artifact alone may
 * call it by another name: it may have been made before the upload.
 *
 * @param companionKey key of the companion, which tells its form.
 */
export function expectedSha256(text: string, companionKey: string, artifactKey: string): string | undefined {
  const isOwn = companionKey === `${artifactKey}.sha256`;
  const entries = companionKey.endsWith('.json') ? entriesOfJson(text) : entriesOfSums(text);
  const named = entries.find(({ name }) => name !== undefined && isNameOf(name, artifactKey));
  const only = isOwn && entries.length === 1 ? entries[0] : undefined;
  return (named ?? only)?.sha256;
}

interface Entry {
  readonly name: string | undefined;
  /** Hexadecimal, lower case. */
  readonly sha256: string;
}

/** https://www.gnu.org/software/coreutils/manual/html_node/cksum-output-modes.html */
function entriesOfSums(text: string): Entry[] {
  return text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .flatMap((given): Entry[] => {
      const line = given.replace(/\r$/, '');
      const bare = /^\s*([0-9a-f]{64})\s*$/i.exec(line);
      if (bare !== null) return [{ name: undefined, sha256: lower(bare[1]) }];
      const usual = /^(\\?)([0-9a-f]{64}) [ *](.+)$/i.exec(line);
      if (usual !== null) return [{ name: unescaped(usual[3] as string, usual[1] !== ''), sha256: lower(usual[2]) }];
      const tagged = /^(\\?)SHA256 \((.+)\) = ([0-9a-f]{64})$/i.exec(line);
      if (tagged !== null)
        return [{ name: unescaped(tagged[2] as string, tagged[1] !== ''), sha256: lower(tagged[3]) }];
      return [];
    });
}

/** A line that begins with a backslash has a name in which backslashes and line breaks are escaped. */
function unescaped(name: string, isEscaped: boolean): string {
  if (!isEscaped) return name;
  return name.replace(/\\([\\nr])/g, (_, code) => ({ '\\': '\\', n: '\n', r: '\r' })[code as string] as string);
}

const hash = z.string().transform((text, context) => {
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  if (/^[0-9A-Za-z+/]{43}=$/.test(text)) return Buffer.from(text, 'base64').toString('hex');
  context.addIssue({ code: 'custom', message: 'no SHA-256' });
  return z.NEVER;
});

const jsonEntry = z
  .object({
    name: z.string().optional(),
    path: z.string().optional(),
    key: z.string().optional(),
    file: z.string().optional(),
    sha256: hash,
  })
  .transform(({ name, path, key, file, sha256 }): Entry => ({ name: name ?? path ?? key ?? file, sha256 }));

const jsonNamed = z.union([hash, z.object({ sha256: hash }).transform(({ sha256 }) => sha256)]);

/** What is not of a known form says nothing: there may be other things in the same file. */
function entriesOfJson(text: string): Entry[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    return [];
  }
  const files = isRecord(parsed) && 'files' in parsed ? parsed.files : parsed;
  if (Array.isArray(files)) return files.flatMap((file) => jsonEntry.safeParse(file).data ?? []);
  if (!isRecord(files)) return [];
  return Object.entries(files).flatMap(([name, value]): Entry[] => {
    const sha256 = jsonNamed.safeParse(value).data;
    return sha256 === undefined ? [] : [{ name, sha256 }];
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNameOf(given: string, key: string): boolean {
  const name = given.replace(/^(\.?\/)+/, '');
  return name !== '' && (name === key || key.endsWith(`/${name}`));
}

function baseName(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

function lower(digits: string | undefined): string {
  return (digits ?? '').toLowerCase();
}
