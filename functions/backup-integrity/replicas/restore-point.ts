import type { RestorePoint } from '../items.ts';
import type { Differences, Replica } from './facts.ts';

/**
 * Returns what the source could be restored to from its copy: everything that was written before the oldest object that has not
 * been copied rightly. `undefined` when nothing of the source has been, or when not all of it was compared.
 */
export function replicaRestorePoint(replica: Replica, now: Date): RestorePoint | undefined {
  const { compared, isPartial, inFlight, oldestInFlight, copy, differences } = replica;
  const { missing, stale, differs } = differences;
  const hasNothing = missing.count + inFlight >= compared;
  if (isPartial || hasNothing) return undefined;
  const faults = [missing, stale, differs].filter(({ count }) => count > 0);
  // How old a difference is that has no date is not known, so nothing is known to be restorable.
  if (faults.some(({ oldest }) => oldest === undefined)) return undefined;
  const bounds = [...faults.map(({ oldest }: Differences) => oldest), oldestInFlight, now].flatMap(
    (date) => date?.getTime() ?? [],
  );
  return {
    method: 'replica',
    id: replica.resource.id.split(' > ').at(-1) as string,
    state: 'good',
    status: faults.length === 0 ? 'complete' : 'behind',
    restorableTo: new Date(Math.min(...bounds)),
    createdAt: undefined,
    deleteAt: undefined,
    account: copy.account,
    region: copy.region,
    isEncrypted: undefined,
    kmsKeyArn: undefined,
    sizeBytes: undefined,
    isImmutable: undefined,
  };
}
