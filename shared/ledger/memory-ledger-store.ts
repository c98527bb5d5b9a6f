import { documentName } from '../storage/document-name.ts';
import type { LedgerStore } from './ledger-store.ts';

/** Keeps everything in this process: for the sandbox and for tests. */
export class MemoryLedgerStore implements LedgerStore {
  readonly #lines = new Map<string, string>();

  async add(name: string, line: string): Promise<boolean> {
    if (this.#lines.has(documentName(name))) return false;
    this.#lines.set(name, line);
    return true;
  }

  async read(name: string): Promise<string | undefined> {
    return this.#lines.get(documentName(name));
  }

  async *list(prefix: string, after = ''): AsyncGenerator<string> {
    const names = [...this.#lines.keys()].filter((name) => name.startsWith(prefix) && name > after);
    yield* names.sort();
  }

  async *tampering(): AsyncGenerator<never> {}
}
