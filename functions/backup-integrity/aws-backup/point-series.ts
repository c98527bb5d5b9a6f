import type { Resource } from '../../../shared/resource.ts';
import type { RecoveryPoint } from './facts.ts';
import { resourceOf } from './resource-kind.ts';
import { isUsable } from './restore-points.ts';

/**
 * The usable recovery points of one resource in one vault. Findings on what every point has in common are about the series: the
 * point of tomorrow has the same trouble, and is no news.
 */
export interface PointSeries {
  /** What is backed up. */
  readonly resource: Resource;
  readonly vaultArn: string;
  /** Newest first. */
  readonly points: readonly [RecoveryPoint, ...RecoveryPoint[]];
}

/** Returns the usable recovery points that stand for themselves, by resource and vault. */
export function pointSeries(points: readonly RecoveryPoint[]): PointSeries[] {
  const usable = points.filter((point) => isUsable(point) && point.parentArn === undefined);
  const groups = Map.groupBy(usable, ({ protectedArn, vaultArn }) => JSON.stringify([protectedArn, vaultArn]));
  return [...groups.values()].map((group) => {
    const newestFirst = [...group].sort(byAge) as [RecoveryPoint, ...RecoveryPoint[]];
    const { protectedArn, vaultArn, resource } = newestFirst[0];
    return { vaultArn, points: newestFirst, resource: resourceOf(protectedArn, resource) };
  });
}

/** For `sort`: the newest first, what has no date last. */
export function byAge(a: RecoveryPoint, b: RecoveryPoint): number {
  return (b.createdAt?.getTime() ?? 0) - (a.createdAt?.getTime() ?? 0);
}
