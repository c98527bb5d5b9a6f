import { createHash } from 'node:crypto';
import type { StateStore } from '../../../shared/storage/state-store.ts';
import type { EntryOutcome } from './entry-outcome.ts';
import type { ListEntry } from './list-entry.ts';
import type { ObjectPlan } from './plan-objects.ts';
import type { PurgeCursor } from './purge-cursor.ts';

/** A document that was written, and the SHA-256 of its bytes. */
export interface WrittenDocument {
  readonly name: string;
  readonly hash: string;
}

/**
 * Writes what became of each entry of a batch, as JSON lines behind one that names the batch and the hash of what was written of the
 * batch before: so the last one proves them all.
 */
export async function writeOutcomes(
  store: StateStore,
  plan: ObjectPlan,
  cursor: PurgeCursor,
  outcomes: ReadonlyMap<ListEntry, EntryOutcome>,
  intention: { readonly hash: string } | undefined,
): Promise<WrittenDocument> {
  const { planHash, batch, outcomesHash } = cursor;
  const lines = [JSON.stringify({ planHash, batch, previous: outcomesHash })];
  for (const [{ key, versionId, uploadId, size }, outcome] of outcomes) {
    lines.push(JSON.stringify({ key, versionId, uploadId, size, ...outcome }));
  }
  // A batch that was tried twice has two.
  const attempt = intention === undefined ? '' : `-${intention.hash.slice(0, 8)}`;
  const name = `${folderOf(plan)}/outcomes-${String(batch).padStart(8, '0')}${attempt}`;
  return writeText(store, name, `${lines.join('\n')}\n`);
}

/** Writes what became of a plan as a whole. */
export async function writePurgeManifest(
  store: StateStore,
  plan: ObjectPlan,
  { planHash, batch, outcomesHash, deleted, gone, kept, failed, bytes }: PurgeCursor,
): Promise<WrittenDocument> {
  const manifest = {
    schemaVersion: 1,
    planHash,
    plan,
    batches: batch - 1,
    /** Of the last document of outcomes, which names the one before it. */
    outcomesHash,
    deleted,
    gone,
    kept,
    failed,
    bytes,
  };
  return writeText(store, `${folderOf(plan)}/manifest`, `${JSON.stringify(manifest)}\n`);
}

/** Not beside the list, which is of no use once its plan is at its end, and is let go then. */
function folderOf({ policy, list }: ObjectPlan): string {
  return `objects/${policy}/${list.split('/').at(-1)}`;
}

async function writeText(store: StateStore, name: string, text: string): Promise<WrittenDocument> {
  const content = Buffer.from(text);
  await store.write(
    name,
    (async function* () {
      yield content;
    })(),
  );
  return { name, hash: createHash('sha256').update(content).digest('hex') };
}
