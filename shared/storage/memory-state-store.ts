import { documentName } from './document-name.ts';
import type { StateStore } from './state-store.ts';

/** A store that lasts as long as the process: for tests, and for runs that are to leave nothing behind. */
export class MemoryStateStore implements StateStore {
  readonly #documents = new Map<string, Uint8Array>();

  async read(name: string): Promise<AsyncIterable<Uint8Array> | undefined> {
    const document = this.#documents.get(documentName(name));
    if (document === undefined) return undefined;
    return (async function* () {
      yield document;
    })();
  }

  async write(name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    const key = documentName(name);
    const parts: Uint8Array[] = [];
    for await (const part of content) parts.push(part);
    this.#documents.set(key, Buffer.concat(parts));
  }
}
