import type { ArchivalConfig } from '../functions/data-archival/config.ts';
import type { PurgeConfig } from '../functions/data-purge/config.ts';

/** A place in S3 that archives are written to. */
interface Place {
  readonly bucket: string;
  readonly prefix: string;
}

/** A policy that takes from archives, by its place in the configuration of data-purge. */
export interface PurgedArchive {
  readonly index: number;
  readonly message: string;
}

/**
 * Returns the policies of data-purge that would take archives: those are kept, whatever else is to go, and what a lock or a lifecycle
 * rule says of their end is said in their bucket. Uploads that were never completed are no archives.
 */
export function purgedArchives(
  archival: Pick<ArchivalConfig, 'destination' | 'policies'>,
  { policies }: Pick<PurgeConfig, 'policies'>,
): PurgedArchive[] {
  const { destination } = archival;
  const kept: Place[] = archival.policies.flatMap((policy) => policy.destination ?? destination ?? []);
  // It may be named before there is a policy, or after the last one has gone.
  if (destination !== undefined) kept.push(destination);
  return policies.flatMap((policy, index) => {
    if (policy.kind !== 'objects' && policy.kind !== 'orphans') return [];
    if (policy.kind === 'objects' && policy.what === 'uploads') return [];
    const met = kept.find((place) => overlap(place, policy));
    if (met === undefined) return [];
    const message = `takes from s3://${met.bucket}/${met.prefix}, where data-archival keeps its archives`;
    return [{ index, message }];
  });
}

function overlap(a: Place, b: Place): boolean {
  return a.bucket === b.bucket && (a.prefix.startsWith(b.prefix) || b.prefix.startsWith(a.prefix));
}
