import { open, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { documentName } from './document-name.ts';
import { placeFile, privateFolderMode } from './place-file.ts';
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
  const home = givenHome(environment) ?? join(homedir(), '.local', 'state');
  return join(home, 'caretaker', estateName, taskId);
}

/**
 * Returns the mode of folders below {@link stateFolder}: only the user can look into them, except where `$XDG_STATE_HOME` names a folder
 * that others can use too. Then they can use what is in it as well, such as two people of whom one approves what the other has planned.
 */
export async function stateFolderMode(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<number> {
  const home = givenHome(environment);
  if (home === undefined) return privateFolderMode;
  try {
    // With the bit by which what is made in a folder belongs to its group.
    return (await stat(home)).mode & 0o2777;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return privateFolderMode;
    throw error;
  }
}

function givenHome({ XDG_STATE_HOME: given }: Readonly<Record<string, string | undefined>>): string | undefined {
  return given !== undefined && isAbsolute(given) ? given : undefined;
}

/** A store in a folder, which is made when the first document is written. */
export class FileStateStore implements StateStore {
  readonly #folder: string;
  readonly #folderMode: number;

  /** @param folderMode of what is made: only the user can read it unless given. */
  constructor(folder: string, folderMode = privateFolderMode) {
    this.#folder = folder;
    this.#folderMode = folderMode;
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
    await placeFile(this.#pathOf(name), content, { folderMode: this.#folderMode });
  }

  #pathOf(name: string): string {
    return join(this.#folder, ...documentName(name).split('/'));
  }
}
