import { randomUUID } from 'node:crypto';
import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { documentName } from '../storage/document-name.ts';
import { placeFile, privateFolderMode } from '../storage/place-file.ts';
import { parseDocument } from './control-document.ts';
import type { ControlStore } from './control-store.ts';

/** Keeps each document as a file in a folder, which is made when the first is written. */
export class FileControlStore implements ControlStore {
  readonly #folder: string;
  readonly #folderMode: number;

  /** @param folderMode of what is made: only the user can read it unless given. */
  constructor(folder: string, folderMode = privateFolderMode) {
    this.#folder = folder;
    this.#folderMode = folderMode;
  }

  async read(key: string): Promise<unknown> {
    try {
      return parseDocument(key, await readFile(this.#pathOf(key), 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async write(key: string, value: unknown): Promise<void> {
    await this.#place(key, value, false);
  }

  async create(key: string, value: unknown): Promise<boolean> {
    return this.#place(key, value, true);
  }

  async replace(key: string, before: unknown, value: unknown): Promise<boolean> {
    const path = this.#pathOf(key);
    const claim = `${path}.${randomUUID()}`;
    try {
      // Of two who rename it, one finds it.
      await rename(path, claim);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
    try {
      const text = await readFile(claim, 'utf8');
      if (text.trimEnd() === JSON.stringify(before)) return await this.#place(key, value, true);
      await placeFile(path, [Buffer.from(text)], { folderMode: this.#folderMode, isNew: true });
      return false;
    } finally {
      await rm(claim, { force: true });
    }
  }

  async remove(key: string): Promise<void> {
    await rm(this.#pathOf(key), { force: true });
  }

  #place(key: string, value: unknown, isNew: boolean): Promise<boolean> {
    const bytes = Buffer.from(`${JSON.stringify(value)}\n`);
    return placeFile(this.#pathOf(key), [bytes], { folderMode: this.#folderMode, isNew });
  }

  /** With an ending, because a key may be the beginning of another, and a file is no folder. */
  #pathOf(key: string): string {
    return join(this.#folder, ...`${documentName(key)}.json`.split('/'));
  }
}
