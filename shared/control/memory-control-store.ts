import { documentName } from '../storage/document-name.ts';
import type { ControlStore } from './control-store.ts';

/** Keeps everything in this process: for the sandbox and for tests. */
export class MemoryControlStore implements ControlStore {
  readonly #documents = new Map<string, string>();

  async read(key: string): Promise<unknown> {
    const text = this.#documents.get(documentName(key));
    return text === undefined ? undefined : JSON.parse(text);
  }

  async write(key: string, value: unknown): Promise<void> {
    this.#documents.set(documentName(key), JSON.stringify(value));
  }

  async create(key: string, value: unknown): Promise<boolean> {
    if (this.#documents.has(documentName(key))) return false;
    await this.write(key, value);
    return true;
  }

  async replace(key: string, before: unknown, value: unknown): Promise<boolean> {
    if (this.#documents.get(documentName(key)) !== JSON.stringify(before)) return false;
    await this.write(key, value);
    return true;
  }

  async remove(key: string): Promise<void> {
    this.#documents.delete(documentName(key));
  }
}
