import type { ArchiveStore } from '../../../shared/archive/archive-store.ts';
import { type ChainedArchive, readChain, requireManifests } from '../../../shared/archive/chain.ts';
import type { Manifest } from '../../../shared/archive/manifest.ts';
import { readExcludedKeys, readManifest } from '../../../shared/archive/read-manifest.ts';
import { requireConsistent } from '../../../shared/archive/verify-archive.ts';
import { Ledger } from '../../../shared/ledger/ledger.ts';
import type { LedgerStore } from '../../../shared/ledger/ledger-store.ts';

/** An archive that is the one that was written, as far as its chain and the ledger can tell. */
export interface FoundArchive {
  readonly manifest: Manifest;
  /** SHA-256 of the manifest. */
  readonly manifestHash: string;
  readonly state: ChainedArchive['state'];
  /** Keys of the root's rows that were not taken away. */
  readonly excludedKeys: readonly (readonly string[])[];
  /** The ledger names this manifest, or a later one, which the chain leads back from. */
  readonly isInLedger: boolean;
}

/** Picks one of a policy's archives, in their order. @throws where there is none to pick. */
export type PickArchive = (archives: readonly ChainedArchive[]) => ChainedArchive;

/**
 * Returns an archive of a policy: the whole chain holds, and everything that the ledger tells of is in it. Its files
 * have not been read.
 *
 * @throws what `pick` does; ArchiveFault and LedgerError for what is not as it was written; and the SDK's errors.
 */
export async function findArchive(
  store: ArchiveStore,
  ledgers: LedgerStore,
  policy: string,
  pick: PickArchive,
): Promise<FoundArchive> {
  const chain = await readChain(store, policy);
  const named = await manifestsInLedger(ledgers, policy);
  requireManifests(store, policy, chain, named);
  const archive = pick(chain.archives);
  const { manifest, hash } = await readManifest(store, policy, archive.sequence, archive.manifestHash);
  requireConsistent(store, manifest);
  const excludedKeys = await readExcludedKeys(store, manifest, archive);
  return {
    manifest,
    manifestHash: hash,
    state: archive.state,
    excludedKeys,
    isInLedger: chain.archives.slice(archive.sequence - 1).some(({ manifestHash }) => named.has(manifestHash)),
  };
}

/** @throws LedgerError when the ledger is not as it was written. */
async function manifestsInLedger(ledgers: LedgerStore, policy: string): Promise<Set<string>> {
  const ledger = await Ledger.open(ledgers, `data-archival/${policy}`, () => new Date());
  const hashes = new Set<string>();
  for await (const { manifest } of ledger.entries()) if (manifest !== null) hashes.add(manifest);
  return hashes;
}
