import pMap from 'p-map';
import { ArchiveFault } from './archive-fault.ts';
import {
  archiveFolder,
  completionName,
  exclusionsNumber,
  fileKey,
  manifestKey,
  manifestName,
  parseArchiveKey,
  policyFolder,
} from './archive-names.ts';
import type { ArchiveStore } from './archive-store.ts';
import type { Manifest } from './manifest.ts';
import { readCompletion, readManifest } from './read-manifest.ts';

/** Manifests that are fetched at a time. */
const inFlight = 8;

/** An archive, in its place among those of its policy. */
export interface ChainedArchive {
  readonly sequence: number;
  /** SHA-256 of the manifest. */
  readonly manifestHash: string;
  readonly previousManifest: string | null;
  /** `unfinished`: not all that was to be deleted has been. */
  readonly state: 'unfinished' | 'completed';
  /** Numbers of the documents of exclusions that there are, in order. */
  readonly exclusions: readonly number[];
  /** Rows of the root. */
  readonly rows: number;
  /** Only of an unfinished one: that of a policy's thousands would fill the memory. */
  readonly manifest: Manifest | undefined;
}

/** The archives of a policy. */
export interface ArchiveChain {
  /** In the order of their sequence numbers. */
  readonly archives: readonly ChainedArchive[];
  /** Number of the archive that comes next. */
  readonly nextSequence: number;
  /** What the manifest that comes next has to name. */
  readonly lastManifest: string | null;
  /** Keys of files that no manifest names, left by attempts that were given up; in order. */
  readonly leftovers: readonly string[];
  /** Keys below the policy's folder that are no archive's: somebody else's, and not to be touched. */
  readonly strangers: readonly string[];
}

/** An archive behind which a chain is looked at. */
export interface ChainLink {
  readonly sequence: number;
  readonly manifestHash: string;
}

/**
 * Returns the archives of a policy, having compared each manifest with what the next one names.
 *
 * @param after what is known to be in order: only what comes behind it is looked at.
 * @throws ArchiveFault `chain-broken` for a manifest that is not there, or is not the one that the next names;
 *   `manifest-tampered` for one that is none, and when the last archive is completed by a document of another one.
 */
export async function readChain(
  store: ArchiveStore,
  policy: string,
  { after }: { readonly after?: ChainLink | undefined } = {},
): Promise<ArchiveChain> {
  const { folders, strangers } = await listFolders(store, policy, after?.sequence ?? 0);
  const withManifest = [...folders.values()].filter(({ hasManifest }) => hasManifest);
  const withoutManifest = [...folders.values()].filter(({ hasManifest }) => !hasManifest);
  for (const { sequence, isCompleted, exclusions } of withoutManifest) {
    if (!isCompleted && exclusions.length === 0) continue;
    throw broken(store, manifestKey(policy, sequence), 'There is no manifest beside the documents that tell of it.');
  }
  const first = (after?.sequence ?? 0) + 1;
  for (const [index, { sequence }] of withManifest.entries()) {
    if (sequence === first + index) continue;
    const detail = `There is no manifest here, and there is one in ${archiveFolder(policy, sequence)}.`;
    throw broken(store, manifestKey(policy, first + index), detail);
  }
  const read = await pMap(withManifest, (folder) => readArchive(store, policy, folder), { concurrency: inFlight });
  let previous = after?.manifestHash ?? null;
  for (const { archive } of read) {
    if (archive.previousManifest !== previous) {
      throw archive.sequence === 1
        ? broken(store, manifestKey(policy, 1), 'The first manifest names one before it.')
        : broken(
            store,
            manifestKey(policy, archive.sequence - 1),
            `The manifest's SHA-256 is ${previous}, and the next one names ${archive.previousManifest}: ` +
              'one of the two is not the one that was written.',
          );
    }
    previous = archive.manifestHash;
  }
  // Only the last can be unfinished: what says that it is not is looked at, as its rows would be archived once more.
  const last = read.at(-1)?.archive;
  if (last?.state === 'completed') await readCompletion(store, policy, last.sequence, last.manifestHash);
  const loose = withoutManifest.flatMap(({ sequence, names }) => names.map((name) => fileKey(policy, sequence, name)));
  return {
    archives: read.map(({ archive }) => archive),
    nextSequence: first + read.length,
    lastManifest: previous,
    leftovers: [...read.flatMap(({ leftovers }) => leftovers), ...loose].sort(),
    strangers,
  };
}

/**
 * Says that a manifest which the ledger tells of is not there.
 *
 * @param hashes what the ledger names, of archives that the chain was to show.
 * @throws ArchiveFault `chain-broken`.
 */
export function requireManifests(
  store: ArchiveStore,
  policy: string,
  chain: ArchiveChain,
  hashes: Iterable<string>,
): void {
  const there = new Set(chain.archives.map(({ manifestHash }) => manifestHash));
  for (const hash of hashes) {
    if (there.has(hash)) continue;
    throw broken(store, policyFolder(policy), `The ledger tells of the manifest ${hash}, which is not there.`);
  }
}

interface Folder {
  readonly sequence: number;
  hasManifest: boolean;
  isCompleted: boolean;
  readonly exclusions: number[];
  /** Of all but the documents. */
  readonly names: string[];
}

async function listFolders(
  store: ArchiveStore,
  policy: string,
  after: number,
): Promise<{ folders: Map<number, Folder>; strangers: string[] }> {
  const folders = new Map<number, Folder>();
  const strangers: string[] = [];
  const startAfter = after === 0 ? undefined : archiveFolder(policy, after + 1);
  for await (const { key } of store.list(policyFolder(policy), startAfter)) {
    const parts = parseArchiveKey(policy, key);
    if (parts === undefined) {
      strangers.push(key);
      continue;
    }
    const { sequence, name } = parts;
    const folder = folders.get(sequence) ?? {
      sequence,
      hasManifest: false,
      isCompleted: false,
      exclusions: [],
      names: [],
    };
    folders.set(sequence, folder);
    const exclusions = exclusionsNumber(name);
    if (name === manifestName) folder.hasManifest = true;
    else if (name === completionName) folder.isCompleted = true;
    else if (exclusions !== undefined) folder.exclusions.push(exclusions);
    else folder.names.push(name);
  }
  return { folders, strangers };
}

async function readArchive(
  store: ArchiveStore,
  policy: string,
  { sequence, isCompleted, exclusions, names }: Folder,
): Promise<{ archive: ChainedArchive; leftovers: string[] }> {
  const { manifest, hash } = await readManifest(store, policy, sequence);
  const named = new Set([...manifest.tables.map(({ file }) => file.name), ...manifest.parquet.map(({ name }) => name)]);
  return {
    archive: {
      sequence,
      manifestHash: hash,
      previousManifest: manifest.previousManifest,
      state: isCompleted ? 'completed' : 'unfinished',
      exclusions: exclusions.sort((a, b) => a - b),
      rows: manifest.tables[0]?.rows ?? 0,
      manifest: isCompleted ? undefined : manifest,
    },
    leftovers: names.filter((name) => !named.has(name)).map((name) => fileKey(policy, sequence, name)),
  };
}

function broken(store: ArchiveStore, key: string, detail: string): ArchiveFault {
  return new ArchiveFault('chain-broken', store.urlOf(key), detail);
}
