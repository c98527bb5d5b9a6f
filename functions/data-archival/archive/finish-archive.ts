import { completionKey, exclusionsKey, manifestKey } from '../../../shared/archive/archive-names.ts';
import type { ArchiveStore } from '../../../shared/archive/archive-store.ts';
import { equalDigests } from '../../../shared/archive/digest.ts';
import type { Completion, Exclusions, Manifest } from '../../../shared/archive/manifest.ts';
import { readExcludedKeys } from '../../../shared/archive/read-manifest.ts';
import { formatTableName } from '../../../shared/postgres/sql.ts';
import type { BatchLedger } from '../../../shared/retention/batch-ledger.ts';
import { type BatchLoopResult, runBatches } from '../../../shared/retention/batch-loop.ts';
import type { Deletion } from '../../../shared/retention/batch-loop-surroundings.ts';
import type { Position, RowTarget } from '../../../shared/retention/row-target.ts';
import { changedTables } from '../../../shared/retention/table-shape.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { OnStep } from './archive-steps.ts';
import { changedRows, type SegmentChanges, segmentRange } from './changed-rows.ts';
import { rangeDigests } from './range-digests.ts';
import { type PendingSegment, SegmentSource } from './segment-source.ts';

/** An archive that is proven and in the ledger, and whose rows may still be in the database. */
export interface ProvenArchive {
  readonly manifest: Manifest;
  /** SHA-256 of the manifest as it is stored. */
  readonly hash: string;
  /** Numbers of its documents of exclusions. */
  readonly exclusions: readonly number[];
  /** It was made by this run: what is otherwise in the database now has changed this very moment, and is left to the next run. */
  readonly isFresh: boolean;
  /** The ledger knew of it before this run: whatever it does not say is deleted was not deleted by Caretaker. */
  readonly wasRecorded: boolean;
  /** Indexes of segments that are deleted, by the ledger. */
  readonly deleted: ReadonlySet<number>;
  /** Indexes of those of which the ledger cannot tell. */
  readonly unknown: ReadonlySet<number>;
}

export interface FinishOptions {
  readonly store: ArchiveStore;
  /** With the cutoff of now. */
  readonly target: RowTarget;
  readonly deletion: Deletion;
  readonly ledger: BatchLedger;
  /** Rows past their retention, as far as is known. */
  readonly remaining: number;
  readonly onStep: OnStep;
  readonly clock: () => Date;
  /** Is told before the first batch. */
  readonly begin: () => Promise<void>;
  readonly progress: (deleted: number) => void;
}

/** What differs between an archive and the database. */
export interface Differences {
  /** Keys of the root's rows, as many as are worth naming. */
  readonly keys: readonly string[];
  readonly rows: number;
  /** A sentence for each table that has other columns now: each of its rows is another one. */
  readonly altered: readonly string[];
}

/** What became of an archive. */
export interface Finished {
  /**
   * `differs`: nothing was deleted, because the database is not as it was archived; `held`: rows were left out because somebody else holds
   * them, and so it is not finished.
   */
  readonly state: BatchLoopResult['state'] | 'differs' | 'held';
  /** Of the batches; undefined where there was none. */
  readonly result: BatchLoopResult | undefined;
  /** Rows that stay in the table. */
  readonly kept: number;
  readonly differences: Differences | undefined;
  /** Why it could not be written down that it is done. */
  readonly error?: unknown;
}

/** Keys that a finding names. */
const namedKeys = 20;

/** Segments that are compared row by row only to name keys. */
const namedSegments = 5;

/**
 * Deletes the rows of an archive from the database, all that are there as they were archived and nothing else, and writes down that it is
 * done. Of a fresh archive nothing is deleted when the database is otherwise; of one that was left unfinished, the rows that have changed
 * are written down first as being none of the archive's.
 *
 * @throws ArchiveFault, LedgerError, UncheckedError; the server's errors and the SDK's.
 */
export async function finishArchive(archive: ProvenArchive, options: FinishOptions): Promise<Finished> {
  requireSameTables(archive.manifest, options.target);
  const { manifest, hash: manifestHash, exclusions } = archive;
  const excludedKeys = await readExcludedKeys(options.store, manifest, {
    manifestHash,
    exclusions,
    state: 'unfinished',
  });
  const altered = await readAlterations(archive, options);
  const { equal, unequal } =
    altered.length > 0
      ? { equal: [], unequal: leftSegments(archive) }
      : await compareSegments(archive, excludedKeys, options);
  if (archive.isFresh && unequal.length > 0) {
    const differences =
      altered.length > 0 ? { keys: [], rows: 0, altered } : await nameDifferences(archive, unequal, options);
    return { state: 'differs', result: undefined, kept: 0, differences };
  }
  const different = { unequal, excludedKeys, altered };
  const { pending, excluded, differences, late } = await sortOut(archive, different, options);
  await options.onStep('rows-compared');
  const source = new SegmentSource({
    target: options.target,
    manifest: archive.manifest,
    hash: archive.hash,
    pending: [...equal, ...pending].sort((a, b) => a.segment - b.segment),
    onStep: options.onStep,
  });
  await options.begin();
  const { deletion, ledger, remaining, progress } = options;
  const { limits, openWriter, pacer, lock } = deletion;
  const result = await runBatches({ source, limits, openWriter, pacer, ledger, lock, remaining, progress });
  const kept = excluded + late + source.skippedRows;
  if (result.state !== 'done') return { state: result.state, result, kept, differences };
  if (source.skippedRows > 0) return { state: 'held', result, kept, differences };
  try {
    await options.onStep('deleted');
    await complete(archive, excluded, options);
    return { state: 'done', result, kept, differences };
  } catch (error) {
    // What was deleted is told all the same.
    return { state: 'stopped', result, kept, differences, error };
  }
}

/** Rows of other tables, or told apart by other columns, cannot be compared. */
function requireSameTables(manifest: Manifest, target: RowTarget): void {
  const of = (tables: readonly { schema: string; name: string }[]) => tables.map(formatTableName).join(', ');
  const isSame =
    manifest.database === target.database &&
    of(manifest.tables) === of([target.root, ...target.children]) &&
    manifest.ageColumn === target.age.name &&
    manifest.key.join('\0') === target.key.map(({ name }) => name).join('\0') &&
    target.children.every(({ parent, referringColumns, referredColumns }, at) => {
      const table = manifest.tables[at + 1];
      return (
        table?.parent === (parent ?? -1) + 1 &&
        table.referringColumns.join('\0') === referringColumns.join('\0') &&
        table.referredColumns.join('\0') === referredColumns.join('\0')
      );
    });
  if (isSame) return;
  throw new UncheckedError(
    'definition-changed',
    `The archive ${manifest.sequence} is unfinished, and was made of other tables, children or keys than the policy has now.`,
  );
}

/**
 * The hash of a row is of the columns that were archived. Of one that was added it knows nothing.
 *
 * @throws UncheckedError `table-changed` when tables are not as this run has found them either.
 */
async function readAlterations(
  { manifest, isFresh }: ProvenArchive,
  { target, deletion }: FinishOptions,
): Promise<string[]> {
  const { primary } = deletion;
  const altered = await changedTables(primary, manifest.tables);
  if (isFresh) return altered;
  const changed = await changedTables(primary, [target.root, ...target.children]);
  if (changed.length > 0)
    throw new UncheckedError('table-changed', `Changed since the run began: ${changed.join(' ')}`);
  return altered;
}

/** Returns the indexes of segments that the ledger does not say are deleted. */
function leftSegments({ manifest, deleted }: ProvenArchive): number[] {
  return [...manifest.segments.keys()].filter((segment) => !deleted.has(segment));
}

/** Segments that the database has as they were archived need no look at their rows. */
async function compareSegments(
  archive: ProvenArchive,
  excludedKeys: readonly Position[],
  { target, deletion }: FinishOptions,
): Promise<{ equal: PendingSegment[]; unequal: number[] }> {
  const equal: PendingSegment[] = [];
  const unequal: number[] = [];
  const { manifest } = archive;
  const left = leftSegments(archive);
  const ranges = left.map((segment) => ({ range: segmentRange(manifest, segment), excludedKeys }));
  let at = 0;
  for await (const found of rangeDigests(deletion.primary, target, ranges)) {
    const segment = left[at] as number;
    at += 1;
    const expected = manifest.segments[segment]?.digests ?? [];
    const isEqual = expected.every((digest, table) => equalDigests(digest, found[table] ?? { rows: -1, hash: '' }));
    if (isEqual) equal.push({ segment, expected, excludedKeys: [] });
    else unequal.push(segment);
  }
  return { equal, unequal };
}

async function nameDifferences(
  { manifest }: ProvenArchive,
  unequal: readonly number[],
  { store, target, deletion }: FinishOptions,
): Promise<Differences> {
  const found = new FoundDifferences();
  const some = unequal.slice(0, namedSegments);
  const database = { target, reader: deletion.primary };
  for await (const changes of changedRows(store, manifest, some, database)) found.add(changes);
  return found.told;
}

class FoundDifferences {
  readonly #keys: string[] = [];
  #rows = 0;

  add({ changed, gone, late }: SegmentChanges): void {
    for (const key of [...changed, ...gone, ...late]) {
      this.#rows += 1;
      if (this.#keys.length < namedKeys) this.#keys.push(key.join(', '));
    }
  }

  get isEmpty(): boolean {
    return this.#rows === 0;
  }

  get told(): Differences {
    return { keys: this.#keys, rows: this.#rows, altered: [] };
  }
}

/** Finds out row by row what of the segments is to be deleted, and writes down what is not the archive's any more. */
async function sortOut(
  archive: ProvenArchive,
  {
    unequal,
    excludedKeys,
    altered,
  }: {
    readonly unequal: readonly number[];
    readonly excludedKeys: readonly Position[];
    readonly altered: readonly string[];
  },
  options: FinishOptions,
): Promise<{
  pending: PendingSegment[];
  excluded: number;
  late: number;
  differences: Differences | undefined;
}> {
  const { manifest, wasRecorded, unknown } = archive;
  const { store, target, deletion } = options;
  const pending: PendingSegment[] = [];
  const leavesOut: Position[] = [];
  const found = new FoundDifferences();
  let late = 0;
  const database = { target, reader: deletion.primary, excludedKeys, isAltered: altered.length > 0 };
  for await (const changes of changedRows(store, manifest, unequal, database)) {
    const { segment, changed, gone, unchanged, excluded } = changes;
    // What Caretaker may have deleted itself is the archive's, although it is in the table no more.
    const isOurs = !wasRecorded || unknown.has(segment);
    leavesOut.push(...changed, ...(isOurs ? [] : gone));
    late += changes.late.length;
    found.add(isOurs ? { ...changes, gone: [] } : changes);
    if (unchanged.every(({ rows }) => rows === 0)) continue;
    pending.push({ segment, expected: unchanged, excludedKeys: [...changed, ...changes.late, ...excluded] });
  }
  if (leavesOut.length > 0) {
    await writeExclusions(archive, leavesOut, options);
    await options.onStep('exclusions-written');
  }
  const differences = found.isEmpty ? undefined : { ...found.told, altered };
  return { pending, excluded: excludedKeys.length + leavesOut.length, late, differences };
}

async function writeExclusions(
  { manifest, hash, exclusions }: ProvenArchive,
  keys: readonly Position[],
  { store, deletion, clock }: FinishOptions,
): Promise<void> {
  const document: Exclusions = {
    formatVersion: 1,
    manifest: hash,
    createdAt: clock().toISOString(),
    keys: keys.map((key) => [...key]),
  };
  const number = (exclusions.at(-1) ?? 0) + 1;
  const key = exclusionsKey(manifest.policy, manifest.sequence, number);
  // Whoever has lost the lock has nothing to say of the rows any more.
  await deletion.lock.confirm();
  const text = JSON.stringify(document);
  if ((await store.putNew(key, text)) || (await store.readText(key)) === text) return;
  throw new UncheckedError('busy', `${store.urlOf(key)} was written by somebody else at the same time.`);
}

async function complete(
  { manifest, hash }: ProvenArchive,
  excluded: number,
  { store, onStep, clock }: FinishOptions,
): Promise<void> {
  const completion: Completion = {
    formatVersion: 1,
    manifest: hash,
    completedAt: clock().toISOString(),
    deletedRows: Math.max(0, (manifest.tables[0]?.rows ?? 0) - excluded),
    keptRows: excluded,
  };
  // One that is there already says the same.
  await store.putNew(completionKey(manifest.policy, manifest.sequence), JSON.stringify(completion));
  await onStep('completed');
}

/** Returns where an archive's manifest is, for people. */
export function manifestUrl(store: ArchiveStore, { policy, sequence }: Pick<Manifest, 'policy' | 'sequence'>): string {
  return store.urlOf(manifestKey(policy, sequence));
}
