import type { RestorePoint, RestoreProof } from '../items.ts';
import type { Requirement } from './policies.ts';
import { goodPoints, type ProtectedResource } from './protected-resource.ts';

const minuteMs = 60_000;
const dayMs = 86_400_000;

/** How a resource stands against what is asked of it: the numbers that rules, table and headline share. */
export interface Posture {
  /** The newest point that it can be restored to. */
  readonly newest: RestorePoint | undefined;
  /** The work that would be lost now; undefined when there is nothing to restore from. */
  readonly actualRpoMinutes: number | undefined;
  /** For how long points are kept; infinite when for ever, undefined when nothing tells. */
  readonly retentionDays: number | undefined;
  readonly copies: readonly CopyState[];
  /** The newest point that nobody can delete before its time. */
  readonly newestImmutable: RestorePoint | undefined;
  /** The newest point that is kept as long as an annual one must be. */
  readonly newestAnnual: RestorePoint | undefined;
  /** The newest restore that ended well. */
  readonly lastProof: RestoreProof | undefined;
  readonly measuredRtoMinutes: number | undefined;
}

/** One place in which a copy must be. */
export interface CopyState {
  readonly place: string;
  readonly kind: 'region' | 'account';
  readonly newest: RestorePoint | undefined;
  readonly ageMinutes: number | undefined;
  /** Older than this, it does not count. */
  readonly limitMinutes: number;
}

/** Backups that are made at least monthly are the regular ones. */
const regularDays = 31;

/** Without an RPO, a copy must not be older than what a daily backup makes of it. */
const defaultRpoMinutes = 1440;

/** Returns the numbers by which a resource is judged. */
export function postureOf(item: ProtectedResource, now: Date): Posture {
  const good = goodPoints(item);
  const newest = good[0];
  const lastProof = item.proofs.find(({ isCompleted, validation }) => isCompleted && validation !== 'FAILED');
  return {
    newest,
    actualRpoMinutes: newest && ageMinutes(newest.restorableTo, now),
    retentionDays: retentionOf(item, good, now),
    copies: item.requirement === undefined ? [] : copyStates(good, item.requirement, now),
    newestImmutable: good.find(({ isImmutable }) => isImmutable === true),
    newestAnnual: good.find((point) => keptDays(point) >= (item.requirement?.annualRetentionDays ?? 366)),
    lastProof,
    measuredRtoMinutes:
      lastProof?.finishedAt && (lastProof.finishedAt.getTime() - lastProof.startedAt.getTime()) / minuteMs,
  };
}

/** Returns how many minutes ago `time` was; 0 for the future, which clocks that disagree bring about. */
function ageMinutes(time: Date, now: Date): number {
  return Math.max(0, now.getTime() - time.getTime()) / minuteMs;
}

/** Returns for how long a point is kept; infinite when nothing deletes it. Continuous backups are not kept as points. */
function keptDays({ createdAt, deleteAt, method }: RestorePoint): number {
  if (createdAt === undefined || method === 'replica' || method === 'artifact') return 0;
  if (deleteAt === undefined) return Number.POSITIVE_INFINITY;
  return (deleteAt.getTime() - createdAt.getTime()) / dayMs;
}

/**
 * Returns the longest of what each way of backing up keeps. Nothing says when an artifact or a manual snapshot will be deleted, so
 * that these are taken to be kept for as long as the oldest of them has been, where they are made regularly: a single one of years
 * ago keeps nothing of last week.
 */
function retentionOf(item: ProtectedResource, good: readonly RestorePoint[], now: Date): number | undefined {
  const isOpenEnded = ({ method, deleteAt }: RestorePoint) =>
    method === 'artifact' || (method === 'snapshot' && deleteAt === undefined);
  const [newestOpen, ...olderOpen] = good.filter(isOpenEnded);
  const isSeries = newestOpen !== undefined && ageMinutes(newestOpen.restorableTo, now) <= regularDays * 1440;
  const oldest = isSeries ? olderOpen.at(-1) : undefined;
  const days = [
    ...regularlyKept(
      good.filter((point) => !isOpenEnded(point)),
      now,
    ),
    ...good.filter(({ createdAt }) => createdAt === undefined).map(keptBehind),
    ...(oldest === undefined ? [] : [ageMinutes(oldest.restorableTo, now) / 1440]),
    ...(item.database?.backupRetentionDays === undefined ? [] : [item.database.backupRetentionDays]),
  ].filter((kept) => kept > 0);
  return days.length === 0 ? undefined : Math.max(...days);
}

/**
 * Returns for how long the points of the last weeks are kept, at least two of them where there are two: one that is kept for years, as
 * there is each year, says nothing of the others. Copies of a point are one with it.
 */
function regularlyKept(points: readonly RestorePoint[], now: Date): number[] {
  const recent = points.filter(({ restorableTo }) => ageMinutes(restorableTo, now) <= regularDays * 1440);
  const moments = Map.groupBy(recent.length > 0 ? recent : points, ({ restorableTo }) => restorableTo.getTime());
  const longest = [...moments.values()]
    .map((copies) => Math.max(...copies.map(keptDays)))
    .filter((kept) => kept > 0)
    .sort((a, b) => b - a);
  return longest.length > 1 ? longest.slice(1, 2) : longest;
}

/** Returns how far back a continuous backup reaches; 0 when nothing tells. */
function keptBehind({ method, deleteAt, restorableTo }: RestorePoint): number {
  if (method !== 'recovery-point' || deleteAt === undefined) return 0;
  return (deleteAt.getTime() - restorableTo.getTime()) / dayMs;
}

function copyStates(good: readonly RestorePoint[], requirement: Requirement, now: Date): CopyState[] {
  const limitMinutes = (requirement.rpoMinutes ?? defaultRpoMinutes) + requirement.copyLagMinutes;
  const state = (kind: 'region' | 'account', place: string): CopyState => {
    const newest = good.find((point) => point[kind] === place);
    return { kind, place, newest, limitMinutes, ageMinutes: newest && ageMinutes(newest.restorableTo, now) };
  };
  return [
    ...requirement.copyRegions.map((region) => state('region', region)),
    ...requirement.copyAccounts.map((account) => state('account', account)),
  ];
}
