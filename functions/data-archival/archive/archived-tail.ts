import type { Ledger } from '../../../shared/ledger/ledger.ts';

/** What the ledger says of the last archive that it knows. */
export interface LedgerTail {
  readonly sequence: number;
  /** SHA-256 of its manifest. */
  readonly manifest: string;
  /** Indexes of the segments that are deleted, and final. */
  readonly deleted: ReadonlySet<number>;
  /** Indexes of those of which nobody can tell any more. */
  readonly unknown: ReadonlySet<number>;
}

/** What the entry of an archive is called. */
export const archiveAction = 'archive';

/**
 * Reads the ledger from its end to the last archive in it; undefined when there is none. The end of every batch in it is known: the last
 * one was settled.
 *
 * @throws LedgerError when an entry on the way is not as it was written.
 */
export async function readTail(ledger: Ledger): Promise<LedgerTail | undefined> {
  const ends = new Map<string, 'done' | 'rolled-back' | 'unknown'>();
  const deleted = new Set<number>();
  const unknown = new Set<number>();
  for await (const entry of ledger.backwards()) {
    const { settles, confirms, outcome, facts, manifest, action, hash } = entry;
    if (confirms !== null) ends.set(confirms, 'done');
    if (settles !== null && outcome !== 'intended') ends.set(settles, outcome as 'done');
    if (action === archiveAction && outcome === 'done' && settles === null && manifest !== null) {
      return { sequence: Number(facts.archive), manifest, deleted, unknown };
    }
    if (outcome !== 'intended') continue;
    const end = ends.get(hash) ?? 'unknown';
    if (end === 'rolled-back') continue;
    for (let segment = Number(facts.segmentFrom); segment <= Number(facts.segmentTo); segment += 1) {
      (end === 'done' ? deleted : unknown).add(segment - 1);
    }
  }
  return undefined;
}
