import { createHash } from 'node:crypto';
import type * as z from 'zod';
import { ArchiveFault, type ArchiveRule } from './archive-fault.ts';
import { completionKey, exclusionsKey, manifestKey } from './archive-names.ts';
import type { ArchiveStore } from './archive-store.ts';
import {
  type Completion,
  completionSchema,
  type Exclusions,
  exclusionsSchema,
  type Manifest,
  manifestSchema,
} from './manifest.ts';

/** A manifest as it is in the store. */
export interface StoredManifest {
  readonly manifest: Manifest;
  /** SHA-256 of its bytes, hexadecimal: what the next manifest and the ledger name. */
  readonly hash: string;
}

/** Returns what a manifest is named by: the SHA-256 of its text. */
export function manifestHash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * Returns the manifest of an archive.
 *
 * @param expectedHash what the ledger, or the next manifest, says.
 * @throws ArchiveFault `chain-broken` when there is none, `manifest-tampered` when it is none or another; and the
 *   SDK's errors.
 */
export async function readManifest(
  store: ArchiveStore,
  policy: string,
  sequence: number,
  expectedHash?: string,
): Promise<StoredManifest> {
  const key = manifestKey(policy, sequence);
  const text = await readDocument(store, key, 'chain-broken');
  const hash = manifestHash(text);
  if (expectedHash !== undefined && hash !== expectedHash) {
    throw tampered(store, key, `The manifest's SHA-256 is ${hash}; the one that was written has ${expectedHash}.`);
  }
  const manifest = parseDocument(store, key, text, manifestSchema);
  if (manifest.policy !== policy || manifest.sequence !== sequence) {
    const detail = `The manifest says that it is number ${manifest.sequence} of ${manifest.policy}.`;
    throw tampered(store, key, detail);
  }
  return { manifest, hash };
}

/**
 * Returns a document that names rows of an archive which were not deleted.
 *
 * @param hash of the archive's manifest.
 * @throws ArchiveFault as {@link readManifest} does.
 */
export async function readExclusions(
  store: ArchiveStore,
  policy: string,
  sequence: number,
  number: number,
  hash: string,
): Promise<Exclusions> {
  const key = exclusionsKey(policy, sequence, number);
  const exclusions = parseDocument(store, key, await readDocument(store, key, 'manifest-tampered'), exclusionsSchema);
  if (exclusions.manifest === hash) return exclusions;
  throw tampered(store, key, 'It is of another manifest than the one beside it.');
}

/**
 * Returns the document that says that an archive is completed.
 *
 * @param hash of the archive's manifest.
 * @throws ArchiveFault `manifest-tampered` when there is none, when it is none, or of another manifest; and the SDK's
 *   errors.
 */
export async function readCompletion(
  store: ArchiveStore,
  policy: string,
  sequence: number,
  hash: string,
): Promise<Completion> {
  const key = completionKey(policy, sequence);
  const completion = parseDocument(store, key, await readDocument(store, key, 'manifest-tampered'), completionSchema);
  if (completion.manifest === hash) return completion;
  const detail = `The manifest's SHA-256 is ${hash}, and the document that completes it is of ${completion.manifest}.`;
  throw tampered(store, manifestKey(policy, sequence), detail);
}

/**
 * Returns the keys of an archive's rows that were not taken away, of all its documents of exclusions.
 *
 * @param archive as the chain has it, with its manifest.
 * @throws ArchiveFault `manifest-tampered` when one of the documents is missing, is of another archive, or was added
 *   after the archive was completed; and as {@link readManifest}.
 */
export async function readExcludedKeys(
  store: ArchiveStore,
  { policy, sequence, key }: Pick<Manifest, 'policy' | 'sequence' | 'key'>,
  {
    manifestHash: hash,
    exclusions,
    state,
  }: {
    readonly manifestHash: string;
    readonly exclusions: readonly number[];
    readonly state: 'unfinished' | 'completed';
  },
): Promise<string[][]> {
  const keys: string[][] = [];
  for (const [index, number] of exclusions.entries()) {
    const name = exclusionsKey(policy, sequence, number);
    if (number !== index + 1) throw tampered(store, name, `There is no document with the number ${index + 1}.`);
    for (const values of (await readExclusions(store, policy, sequence, number, hash)).keys) {
      if (values.length !== key.length) throw tampered(store, name, 'It has a key that is none of the archive.');
      keys.push(values);
    }
  }
  // A row that is named twice is left out all the same.
  const once = [...new Map(keys.map((values) => [JSON.stringify(values), values])).values()];
  if (state === 'unfinished') return once;
  const { keptRows } = await readCompletion(store, policy, sequence, hash);
  if (keptRows === keys.length) return once;
  const detail = `It tells of ${keptRows} rows that stayed, and the documents beside it of ${keys.length}.`;
  throw tampered(store, completionKey(policy, sequence), detail);
}

async function readDocument(store: ArchiveStore, key: string, rule: ArchiveRule): Promise<string> {
  const text = await store.readText(key);
  if (text !== undefined) return text;
  throw new ArchiveFault(rule, store.urlOf(key), 'The document is not there.');
}

function parseDocument<Schema extends z.ZodType>(
  store: ArchiveStore,
  key: string,
  text: string,
  schema: Schema,
): z.output<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw tampered(store, key, 'It is no JSON.', error);
  }
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const issue = error.issues[0];
  throw tampered(store, key, `It is not as it was written: ${issue?.path.join('.')}: ${issue?.message}`, error);
}

function tampered(store: ArchiveStore, key: string, detail: string, cause?: unknown): ArchiveFault {
  return new ArchiveFault('manifest-tampered', store.urlOf(key), detail, { cause });
}
