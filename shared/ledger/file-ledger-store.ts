import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { documentName } from '../storage/document-name.ts';
import { placeFile, privateFolderMode } from '../storage/place-file.ts';
import type { LedgerStore } from './ledger-store.ts';

/** In each folder of entries, the name of the last: what is left of them when the last are deleted. */
const headName = '.head';

/**
 * Keeps ledgers as files in a folder, which is made when the first entry is written. Whoever owns it can change it: what is proven is
 * that nobody has done so who did not write everything anew that follows.
 */
export class FileLedgerStore implements LedgerStore {
  readonly #folder: string;
  readonly #folderMode: number;

  /** @param folderMode of what is made: only the user can read it unless given. */
  constructor(folder: string, folderMode = privateFolderMode) {
    this.#folder = folder;
    this.#folderMode = folderMode;
  }

  async add(name: string, line: string): Promise<boolean> {
    const path = this.#pathOf(name);
    // A place that was taken before is not free because somebody has deleted what was there.
    if (((await this.#head(dirname(path))) ?? '') >= name) return false;
    const added = await placeFile(path, [Buffer.from(line)], { folderMode: this.#folderMode, isNew: true });
    if (added) await this.#raiseHead(dirname(path), name);
    return added;
  }

  async read(name: string): Promise<string | undefined> {
    return readText(this.#pathOf(name));
  }

  async *list(prefix: string, after = ''): AsyncGenerator<string> {
    const names = await this.#names(prefix);
    yield* names.filter((name) => name > after);
  }

  async *tampering(prefix: string, after?: string): AsyncGenerator<{ name: string; fault: string }> {
    for await (const name of this.list(prefix, after)) {
      if ((await this.read(name)) === undefined) yield { name, fault: 'It was there, and was deleted.' };
    }
  }

  /** Names of all documents that are there, and of the last ones that were. */
  async #names(prefix: string): Promise<string[]> {
    // All below the last `/`: a prefix may end within a name.
    const folder = join(this.#folder, ...prefix.split('/').slice(0, -1));
    const entries = await readFolder(folder);
    const names = new Set<string>();
    for (const entry of entries) {
      if (!entry.isFile()) continue;
      if (entry.name === headName) names.add((await this.#head(entry.parentPath)) ?? '');
      else if (!entry.name.startsWith('.')) names.add(this.#nameOf(join(entry.parentPath, entry.name)));
    }
    return [...names].filter((name) => name !== '' && name.startsWith(prefix)).sort();
  }

  async #head(folder: string): Promise<string | undefined> {
    return (await readText(join(folder, headName)))?.trimEnd();
  }

  /** Of two who add at once, the later entry counts, whoever comes to this last. */
  async #raiseHead(folder: string, name: string): Promise<void> {
    if (((await this.#head(folder)) ?? '') >= name) return;
    await placeFile(join(folder, headName), [Buffer.from(`${name}\n`)], { folderMode: this.#folderMode });
  }

  #pathOf(name: string): string {
    return join(this.#folder, ...documentName(name).split('/'));
  }

  #nameOf(path: string): string {
    return relative(this.#folder, path).split(sep).join('/');
  }
}

async function readFolder(path: string) {
  try {
    return await readdir(path, { recursive: true, withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
