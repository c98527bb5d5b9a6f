import { glob } from '../../../shared/glob.ts';
import type { ListedObject } from '../../../shared/objects/listed-object.ts';
import type { ArtifactsConfig } from '../config.ts';
import { isCompanion } from './companions.ts';
import type { Artifact } from './facts.ts';

/** More are counted, and no more are held. */
export const mostArtifacts = 1000;

/** Keeps the newest artifacts of a listing, however long it is. */
export class NewestArtifacts {
  readonly #prefix: string;
  readonly #matches: (text: string) => boolean;
  #held: ListedObject[] = [];
  #count = 0;

  constructor({ prefix, pattern }: Pick<ArtifactsConfig, 'prefix' | 'pattern'>) {
    this.#prefix = prefix;
    this.#matches = glob(pattern);
  }

  /** Artifacts seen so far. */
  get count(): number {
    return this.#count;
  }

  /** Takes an object in, unless it is none of these artifacts: a companion, a folder as consoles make them, another pattern's. */
  add(object: ListedObject): void {
    const { key, sizeBytes } = object;
    if (!key.startsWith(this.#prefix) || (key.endsWith('/') && sizeBytes === 0) || isCompanion(key)) return;
    if (!this.#matches(key.slice(this.#prefix.length))) return;
    this.#count += 1;
    this.#held.push(object);
    if (this.#held.length >= 2 * mostArtifacts) this.#trim();
  }

  /** Returns the newest, newest first. */
  take(): Artifact[] {
    this.#trim();
    return this.#held.map(({ key, sizeBytes, modifiedAtMs, etag, storageClass }) => ({
      key,
      sizeBytes,
      modifiedAt: new Date(modifiedAtMs),
      etag,
      storageClass: storageClass ?? 'STANDARD',
      inspection: undefined,
    }));
  }

  #trim(): void {
    this.#held.sort((a, b) => b.modifiedAtMs - a.modifiedAtMs || (a.key < b.key ? 1 : -1));
    this.#held.length = Math.min(this.#held.length, mostArtifacts);
  }
}
