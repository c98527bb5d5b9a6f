import { CurrentSource, type SourceScope } from './current-source.ts';
import type { ListEntry } from './list-entry.ts';
import type { HeldBack } from './object-source.ts';
import type { RowKeys } from './row-keys.ts';

/** Objects that no row names. */
export class OrphanSource extends CurrentSource {
  readonly #rows: Pick<RowKeys, 'named'>;
  readonly #keyPrefix: string;

  /** @param keyPrefix what stands before the column's value in the object's key. */
  constructor(scope: SourceScope, rows: Pick<RowKeys, 'named'>, keyPrefix: string) {
    super(scope);
    this.#rows = rows;
    this.#keyPrefix = keyPrefix;
  }

  /** A row can name no object without the prefix, nor one with a NUL in its key: of these nobody knows whose they are. */
  override async holdBack(entries: readonly ListEntry[]): Promise<ReadonlyMap<ListEntry, HeldBack>> {
    const held = new Map<ListEntry, HeldBack>();
    const texts = new Map<string, ListEntry>();
    for (const entry of entries) {
      const { key } = entry;
      if (!key.startsWith(this.#keyPrefix) || key.includes('\0')) held.set(entry, 'unnameable');
      else texts.set(key.slice(this.#keyPrefix.length), entry);
    }
    for (const text of await this.#rows.named([...texts.keys()])) {
      const entry = texts.get(text);
      if (entry !== undefined) held.set(entry, 'named');
    }
    return held;
  }
}
