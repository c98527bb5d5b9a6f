import type { Resource } from '../../../shared/resource.ts';
import type { BackupJob } from './facts.ts';
import { resourceOf } from './resource-kind.ts';

/** The jobs that put backups of one resource into one vault. Findings are about it: a job of tomorrow is the same trouble. */
export interface JobHistory {
  /** What is backed up. */
  readonly resource: Resource;
  readonly kind: BackupJob['kind'];
  readonly vaultArn: string;
  /** Newest first, by when they were created. */
  readonly jobs: readonly BackupJob[];
}

/** Returns the jobs by kind, resource and vault. */
export function jobHistories(jobs: readonly BackupJob[]): JobHistory[] {
  const groups = Map.groupBy(jobs, ({ kind, protectedArn, vaultArn }) =>
    JSON.stringify([kind, protectedArn, vaultArn]),
  );
  return [...groups.values()].map((group) => {
    const newestFirst = [...group].sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
    const { kind, vaultArn, protectedArn, resource } = newestFirst[0] as BackupJob;
    return { kind, vaultArn, jobs: newestFirst, resource: resourceOf(protectedArn, resource) };
  });
}
