import { randomUUID } from 'node:crypto';
import { chmod, link, mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Of folders that only the user can look into. */
export const privateFolderMode = 0o700;

/**
 * Writes a file so that whoever looks meets all of it or none, also after a power failure.
 *
 * @param options.folderMode of folders that are made for it; the file can be read and written by the same people.
 * @param options.isNew only where there is none: of two who try at once, one does.
 * @returns whether it was written.
 */
export async function placeFile(
  path: string,
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { folderMode = privateFolderMode, isNew = false }: { readonly folderMode?: number; readonly isNew?: boolean } = {},
): Promise<boolean> {
  await makeFolder(dirname(path), folderMode);
  // Beside the file, because one cannot be renamed into another file system.
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      for await (const part of content) await file.appendFile(part);
      await file.chmod(folderMode & 0o666);
      // Renamed before its bytes are on the disk, it could be empty after a power failure.
      await file.sync();
    } finally {
      await file.close();
    }
    if (isNew) {
      if (!(await linkNew(temporary, path))) return false;
    } else await rename(temporary, path);
    await syncFolder(dirname(path));
    return true;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** A second name for a file that is there as a whole: the one way to make a file that is either new and complete, or not made. */
async function linkNew(existing: string, path: string): Promise<boolean> {
  try {
    await link(existing, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function makeFolder(path: string, mode: number): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode });
  if (first === undefined || mode === privateFolderMode) return;
  // The user's mask has taken away what others were to have.
  for (let made = path; made.length >= first.length; made = dirname(made)) await chmod(made, mode);
}

/** So that the name is on the disk too. Windows has no way to ask for it, and opens no folder. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
