import * as z from 'zod';
import { readJson, type StateStore, writeJson } from '../storage/state-store.ts';
import { type LedgerEntry, type LedgerRecord, ledgerEntrySchema, ledgerRecordSchema } from './ledger-entry.ts';
import { LedgerError } from './ledger-error.ts';
import { sha256Of } from './sha256.ts';
import { verifyChain } from './verify-chain.ts';

const headSchema = z.strictObject({ sequence: z.int().min(1), hash: z.string() });

const headName = 'ledger/head';

/**
 * What was done, by whom and why: entries that are only ever added, one document each, of which each names the hash of the one
 * before. Whoever changes, removes or replaces one has to write all that follow anew, and the head, which says how many there are.
 *
 * A store has no way to write a document only if it is not there. Of two processes that append at the same moment the later one can
 * therefore replace the entry of the other: that one finds it out when it reads back what it wrote, or when it is to tell the end of
 * what it had written, or else the chain tells it. Whoever appends should hold a lock that all others need too.
 */
export class Ledger {
  readonly #store: StateStore;
  readonly #clock: () => Date;

  constructor(store: StateStore, clock: () => Date) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Writes a record behind the last entry, and returns it as an entry when it is there to be read again.
   *
   * @throws LedgerError when the chain is broken, or somebody else has written at the same moment: nothing is added then.
   */
  async append(record: LedgerRecord): Promise<LedgerEntry> {
    const entries = await this.read();
    const last = entries.at(-1);
    const content = {
      ...ledgerRecordSchema.parse(record),
      schemaVersion: 1 as const,
      sequence: (last?.sequence ?? 0) + 1,
      at: this.#clock().toISOString(),
      previousHash: last?.hash ?? null,
    };
    const entry = ledgerEntrySchema.parse({ ...content, hash: sha256Of(content) });
    // An intention that it settles and that somebody else has replaced must not break the chain for all.
    verifyChain([...entries, entry]);
    await writeJson(this.#store, entryName(entry.sequence), entry);
    const written = ledgerEntrySchema.safeParse(await readJson(this.#store, entryName(entry.sequence)));
    if (written.data?.hash !== entry.hash) {
      throw new LedgerError(entry.sequence, 'somebody else has written it at the same moment');
    }
    await writeJson(this.#store, headName, { sequence: entry.sequence, hash: entry.hash });
    return entry;
  }

  /**
   * Returns every entry, oldest first.
   *
   * @throws LedgerError that names the first entry that is not as it was written, or is not there.
   */
  async read(): Promise<LedgerEntry[]> {
    const documents: unknown[] = [];
    while (true) {
      const sequence = documents.length + 1;
      const document = await this.#entry(sequence);
      if (document === undefined) break;
      documents.push(document);
    }
    const entries = verifyChain(documents);
    const head = await this.#head(entries.length);
    // An entry beyond the head is one whose writer was stopped before it could say so.
    if (head !== undefined && entries[head.sequence - 1]?.hash !== head.hash) {
      const missing = entries.length < head.sequence;
      throw new LedgerError(
        missing ? entries.length + 1 : head.sequence,
        missing ? `it is not there, and there were ${head.sequence}` : 'it is not the one that the head names',
      );
    }
    return entries;
  }

  async #entry(sequence: number): Promise<unknown> {
    try {
      return await readJson(this.#store, entryName(sequence));
    } catch (cause) {
      if (cause instanceof SyntaxError) throw new LedgerError(sequence, 'it is not JSON', { cause });
      throw cause;
    }
  }

  async #head(entries: number): Promise<z.output<typeof headSchema> | undefined> {
    try {
      const document = await readJson(this.#store, headName);
      return document === undefined ? undefined : headSchema.parse(document);
    } catch (cause) {
      if (!(cause instanceof SyntaxError || cause instanceof z.ZodError)) throw cause;
      throw new LedgerError(Math.max(entries, 1), 'the head, which says that it is the last, is none', { cause });
    }
  }
}

function entryName(sequence: number): string {
  return `ledger/${String(sequence).padStart(8, '0')}`;
}
