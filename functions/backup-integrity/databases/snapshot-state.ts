import type { Snapshot } from './facts.ts';

/** What a snapshot's status means; `leaving`: it is being deleted, which is neither good nor bad. */
export type SnapshotState = 'good' | 'unfinished' | 'bad' | 'leaving' | 'unknown';

const states: ReadonlyMap<string, SnapshotState> = new Map([
  ['available', 'good'],
  ['creating', 'unfinished'],
  ['copying', 'unfinished'],
  // Of a copy that has not begun.
  ['pending', 'unfinished'],
  ['failed', 'bad'],
  ['incompatible-restore', 'bad'],
  ['incompatible-parameters', 'bad'],
  ['deleting', 'leaving'],
  ['deleted', 'leaving'],
]);

/**
 * Returns what a snapshot's status means. RDS lists three for clusters and none for instances; the others are those for which its
 * own clients wait, or give up: https://docs.aws.amazon.com/cli/latest/reference/rds/wait/db-snapshot-available.html
 */
export function snapshotState({ status }: Pick<Snapshot, 'status'>): SnapshotState {
  return states.get(status) ?? 'unknown';
}
