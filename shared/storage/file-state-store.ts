import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { documentName } from './document-name.ts';
import type { StateStore } from './state-store.ts';

/**
 * Returns the folder for what a task remembers of an estate when it is run by hand: below `$XDG_STATE_HOME`, or `~/.local/state`. A
 * path there that is not absolute counts as not given: https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function stateFolder(
  estateName: string,
  taskId: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const given = environment.XDG_STATE_HOME;
  const home = given !== undefined && isAbsolute(given) ? given : join(homedir(), '.local', 'state');
  return join(home, 'caretaker', estateName, taskId);
}

/** A store in a folder, which is made when the first document is written. Only the user can read it. */
export class FileStateStore implements StateStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async read(name: string): Promise<AsyncIterable<Uint8Array> | undefined> {
    try {
      const file = await open(this.#pathOf(name));
      // The stream closes the file, also when it is not read to its end.
      return file.createReadStream();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async write(name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    const path = this.#pathOf(name);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    // Beside the document, because a file cannot be renamed into another file system.
    const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        for await (const part of content) await file.appendFile(part);
        // Renamed before its bytes are on the disk, it could be empty after a power failure.
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  #pathOf(name: string): string {
    return join(this.#folder, ...documentName(name).split('/'));
  }
}
