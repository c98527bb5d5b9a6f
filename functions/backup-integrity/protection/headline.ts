import type { FindingDraft } from '../../../shared/finding.ts';
import type { Unchecked } from '../../../shared/report.ts';
import { isOfRestoreTest } from '../aws-backup/leaked-restore.ts';
import type { Verification } from '../verification/facts.ts';
import { daysText, minutesText } from './duration-text.ts';
import { postureOf } from './posture.ts';
import { goodPoints, type ProtectedResource } from './protected-resource.ts';

const dayMs = 86_400_000;

/** What has been found, as far as the headline needs it. */
export interface Outcome {
  /** On what resources can be restored from. */
  readonly findings: readonly Pick<FindingDraft, 'rule' | 'resource'>[];
  readonly unchecked: readonly Unchecked[];
  readonly verifications: readonly Verification[];
}

/** Returns the one sentence on the estate's backups that a manager reads. */
export function headline(items: readonly ProtectedResource[], outcome: Outcome, now: Date): string {
  const asked = items.filter(isAsked);
  const unsure = new Set(outcome.unchecked.map(({ resource }) => resource.id));
  const atFault = new Set(outcome.findings.map(({ resource }) => resource.id));
  const good = asked.filter(
    (item) => !atFault.has(item.resource.id) && !unsure.has(item.resource.id) && goodPoints(item).length > 0,
  );
  const nobodys = outcome.findings.filter(({ rule }) => rule === 'unprotected').length;
  const parts = [
    `${good.length} of ${asked.length} resources could be restored as their policies ask`,
    ...(nobodys === 0 ? [] : [`${nobodys} ${nobodys === 1 ? 'is' : 'are'} in no policy`]),
    ...worstRpo(asked, outcome, now),
    ...oldestUnverified(outcome.verifications, now),
    ...(outcome.unchecked.length === 0 ? [] : [`${outcome.unchecked.length} could not be looked at`]),
  ];
  return `${parts.join('; ')}.`;
}

/** Read replicas and what a restore test made are not judged, and so count neither way. */
function isAsked({ requirement, resource, database }: ProtectedResource): boolean {
  if (requirement === undefined || requirement.mayBeUnprotected !== undefined) return false;
  return database?.replicaOf === undefined && !isOfRestoreTest(resource.name);
}

/** The resource that exceeds its RPO by the largest factor, or nothing. */
function worstRpo(asked: readonly ProtectedResource[], { findings }: Outcome, now: Date): string[] {
  const late = new Set(findings.filter(({ rule }) => rule === 'rpo-exceeded').map(({ resource }) => resource.id));
  const exceeded = asked
    .filter(({ resource }) => late.has(resource.id))
    .flatMap((item) => {
      const target = item.requirement?.rpoMinutes;
      const actual = postureOf(item, now).actualRpoMinutes;
      if (target === undefined || actual === undefined || actual <= target) return [];
      return [{ name: item.resource.name, target, actual }];
    })
    .sort((a, b) => b.actual / b.target - a.actual / a.target);
  const worst = exceeded[0];
  if (worst === undefined) return [];
  return [`the worst RPO is that of ${worst.name}, ${minutesText(worst.actual)} against ${minutesText(worst.target)}`];
}

function oldestUnverified(verifications: readonly Verification[], now: Date): string[] {
  const oldest = verifications
    .map(({ oldestUnverifiedSince }) => oldestUnverifiedSince)
    .filter((since) => since !== undefined)
    .sort((a, b) => a.getTime() - b.getTime())[0];
  if (oldest === undefined) return [];
  return [
    `the oldest object that was not read again has waited ${daysText((now.getTime() - oldest.getTime()) / dayMs)}`,
  ];
}
