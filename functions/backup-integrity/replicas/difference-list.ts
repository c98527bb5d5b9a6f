import type { StateStore } from '../../../shared/storage/state-store.ts';
import type { DifferenceKind } from './facts.ts';

/** Lines of a document: a few hundred kilobytes, seldom more than a megabyte. */
const linesPerDocument = 5_000;

/**
 * Writes down every difference of a part of a replica, for whoever has to mend them: findings name a few only. Documents are numbered,
 * and one that is written again after a kill has the number that it had.
 */
export class DifferenceList {
  readonly #store: StateStore;
  readonly #folder: string;
  #lines: string[] = [];
  #documents: number;

  /** @param documents written by the steps before. */
  constructor(store: StateStore, folder: string, documents: number) {
    this.#store = store;
    this.#folder = folder;
    this.#documents = documents;
  }

  /** Documents written so far. */
  get documents(): number {
    return this.#documents;
  }

  /** Whether it is time to write a document: what is held must not grow with the number of differences. */
  get isFull(): boolean {
    return this.#lines.length >= linesPerDocument;
  }

  add(kind: DifferenceKind, key: string): void {
    this.#lines.push(`${JSON.stringify({ kind, key })}\n`);
  }

  /** Writes what has been added since the last document, as NDJSON of `{ kind, key }`. @throws what the store throws. */
  async write(): Promise<void> {
    if (this.#lines.length === 0) return;
    const text = Buffer.from(this.#lines.join(''));
    await this.#store.write(
      `${this.#folder}${this.#documents}`,
      (async function* () {
        yield text;
      })(),
    );
    this.#documents += 1;
    this.#lines = [];
  }
}

/** Returns where the differences of one comparison of a replica are written down, part by part. */
export function differencesFolder(plannedAt: string, replicaId: string): string {
  return `runs/differences/${plannedAt.replaceAll(/[^0-9TZ]/g, '')}/${replicaId}/`;
}
