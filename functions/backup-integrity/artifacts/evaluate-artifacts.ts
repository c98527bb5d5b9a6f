import { evaluateRules, type RuleTest } from '../../../shared/evaluate-rules.ts';
import type { FindingDraft } from '../../../shared/finding.ts';
import type { Resource } from '../../../shared/resource.ts';
import { formatQuantity } from '../../../shared/text/format-quantity.ts';
import { printable } from '../../../shared/text/printable.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { ArtifactsConfig } from '../config.ts';
import type { BackupEvaluation, Config } from '../context.ts';
import { minutesText } from '../protection/duration-text.ts';
import { sizeDrop } from '../size-drop.ts';
import type { Artifact, ArtifactSet, Inspection } from './facts.ts';

interface RuleContext {
  readonly config: Config;
  readonly now: Date;
}

interface ArtifactItem {
  readonly resource: Resource;
  readonly set: ArtifactSet;
}

type ArtifactRuleId =
  | 'artifact-late'
  | 'artifact-too-small'
  | 'size-drop'
  | 'artifact-unreadable'
  | 'companion-missing'
  | 'checksum-mismatch';

type ArtifactRule = RuleTest<ArtifactItem, RuleContext, ArtifactRuleId>;

type Draft = FindingDraft<ArtifactRuleId>;

const minuteMs = 60_000;

/**
 * Returns the broken rules of every set of artifacts. Findings are about the set, not the single artifact: the same trouble with
 * the next night's artifact is the same incident.
 */
export function evaluateArtifacts(sets: readonly ArtifactSet[], config: Config, now: Date): BackupEvaluation {
  const items = sets.map((set): ArtifactItem => ({ resource: set.resource, set }));
  return evaluateRules(items, rules, { config, now });
}

/** Gaps further back than this many cadences are history. */
const recentCadences = 7;

/** Policy: a new artifact comes every `everyMinutes`, a tenth of that more granted, or an hour if that is longer. */
const artifactLate: ArtifactRule = ({ resource, set }, { config, now }) => {
  const settings = settingsOf(set, config);
  const { everyMinutes } = settings;
  const [newest] = set.newest;
  if (newest === undefined) {
    return [
      {
        rule: 'artifact-late',
        severity: 'critical',
        resource,
        summary: `There is not a single artifact, and one must come every ${minutesText(everyMinutes)}.`,
        evidence: { count: set.count, pattern: settings.pattern, everyMinutes },
        remedy: 'Look whether the job that writes them still runs, and whether it writes here; make one by hand now.',
      },
    ];
  }
  return [...late(newest, settings), ...gaps(set, settings), ...madeEarlier(newest, settings)];

  function late({ key, modifiedAt }: Artifact, { everyMinutes: every }: ArtifactsConfig): Draft[] {
    const age = minutesBetween(modifiedAt, now);
    if (age <= every + graceMinutes(every)) return [];
    return [
      {
        rule: 'artifact-late',
        severity: 'high',
        resource,
        summary: `The newest artifact is ${minutesText(age)} old, and one must come every ${minutesText(every)}.`,
        evidence: { key, modifiedAt: modifiedAt.toISOString(), ageMinutes: Math.floor(age), everyMinutes: every },
        remedy: 'Look at the job that writes them, and make one by hand.',
      },
    ];
  }

  function gaps({ newest: artifacts }: ArtifactSet, { everyMinutes: every }: ArtifactsConfig): Draft[] {
    const since = now.getTime() - recentCadences * every * minuteMs;
    const tooLong = artifacts.flatMap(({ modifiedAt, key }, index) => {
      const before = artifacts[index + 1];
      if (before === undefined || modifiedAt.getTime() < since) return [];
      const minutes = minutesBetween(before.modifiedAt, modifiedAt);
      return minutes > every + graceMinutes(every) ? [{ minutes, key }] : [];
    });
    const [longest] = tooLong.toSorted((a, b) => b.minutes - a.minutes);
    if (longest === undefined) return [];
    const gapMinutes = Math.floor(longest.minutes);
    return [
      {
        rule: 'artifact-late',
        discriminator: 'gap',
        severity: 'low',
        resource,
        summary: `Lately ${minutesText(longest.minutes)} went by without an artifact; one must come every ${minutesText(every)}.`,
        evidence: { gaps: tooLong.length, longestGapMinutes: gapMinutes, endedBy: longest.key, everyMinutes: every },
        remedy: 'Look into the log of the job that writes them for the runs that failed.',
      },
    ];
  }

  /** A copy of an old backup has a new date in S3, but not inside. */
  function madeEarlier({ key, modifiedAt, inspection }: Artifact, { everyMinutes: every }: ArtifactsConfig) {
    const madeAt = inspection?.madeAt;
    if (madeAt === undefined) return [];
    const minutes = minutesBetween(madeAt, modifiedAt);
    if (minutes <= every + graceMinutes(every) + unknownZoneMinutes) return [];
    const finding: Draft = {
      rule: 'artifact-late',
      discriminator: 'made-earlier',
      severity: 'high',
      resource,
      summary: `The newest artifact was uploaded ${minutesText(minutes)} after the backup in it was made.`,
      evidence: { key, modifiedAt: modifiedAt.toISOString(), madeAt: madeAt.toISOString(), everyMinutes: every },
      remedy: 'Look whether the job uploads an old file again because it could not make a new one.',
    };
    return [finding];
  }
};

/** An hour may be short of a day's tenth, and is too much for what comes every few minutes. */
function graceMinutes(everyMinutes: number): number {
  return Math.max(everyMinutes / 10, Math.min(60, everyMinutes));
}

/** Time zones span 26 hours, and what took hours to make carries the time at which it was begun. */
const unknownZoneMinutes = 26 * 60;

/** Policy: an artifact has at least `minimumBytes`. A dump of nothing is what a job leaves whose failure nobody noticed. */
const artifactTooSmall: ArtifactRule = ({ resource, set }, { config, now }) => {
  const { minimumBytes, everyMinutes } = settingsOf(set, config);
  const [newest, ...others] = set.newest;
  if (newest === undefined) return [];
  const isTooSmall = ({ sizeBytes }: Artifact) => sizeBytes < minimumBytes;
  if (isTooSmall(newest)) {
    const inARow = runOf(set.newest, isTooSmall);
    const isAll = inARow === set.newest.length;
    const size =
      newest.sizeBytes === 0 ? 'empty' : `of ${bytesText(newest.sizeBytes)}, less than ${bytesText(minimumBytes)}`;
    const more = inARow === 1 ? '' : isAll ? ', and so are all before it' : `, and so are the ${inARow - 1} before it`;
    return [
      {
        rule: 'artifact-too-small',
        severity: newest.sizeBytes === 0 || isAll ? 'critical' : 'high',
        resource,
        summary: `The newest artifact is ${size}${more}.`,
        evidence: { key: newest.key, sizeBytes: newest.sizeBytes, minimumBytes, inARow },
        remedy: 'Make one by hand, look at the job’s own log, and keep older artifacts from expiring until then.',
      },
    ];
  }
  const since = now.getTime() - recentCadences * everyMinutes * minuteMs;
  const earlier = others.filter((artifact) => artifact.modifiedAt.getTime() >= since && isTooSmall(artifact));
  const [latest] = earlier;
  if (latest === undefined) return [];
  return [
    {
      rule: 'artifact-too-small',
      discriminator: 'earlier',
      severity: 'medium',
      resource,
      summary: `${earlier.length} of the latest artifacts ${earlier.length === 1 ? 'has' : 'have'} less than ${bytesText(minimumBytes)}, though the newest is large enough.`,
      evidence: {
        keys: keysOf(earlier),
        smallestBytes: Math.min(...earlier.map(({ sizeBytes }) => sizeBytes)),
        minimumBytes,
      },
      remedy: 'Look into the log of the job that writes them: some of its runs failed and did not say so.',
    },
  ];
};

/** As many predecessors as tell what is usual now, not what was a year ago. */
const comparedPredecessors = 30;

/** Backups that are equal once or twice may be of a database that stood still. */
const identicalInARow = 3;

/**
 * Policy: the newest artifact is about as large as those before it, and not the same again. Two dumps of a live database are never
 * equal: an archive of `pg_dump` carries the time it was made, and so do the members of a tar.
 */
const sizeDropped: ArtifactRule = ({ resource, set }, { config }) => {
  const settings = settingsOf(set, config);
  const [newest, ...others] = set.newest;
  if (newest === undefined) return [];
  return [...dropped(newest, others), ...unchanged(newest)];

  function dropped({ key, sizeBytes, inspection }: Artifact, predecessors: readonly Artifact[]): Draft[] {
    // What is too small or broken by itself is reported as that, and says nothing of what is usual.
    if (sizeBytes < settings.minimumBytes || inspection?.fault !== undefined) return [];
    const usual = predecessors.filter((artifact) => artifact.sizeBytes >= settings.minimumBytes);
    const history = usual.slice(0, comparedPredecessors).map((artifact) => artifact.sizeBytes);
    const drop = sizeDrop(history.toReversed(), sizeBytes, config.sizeDropPercent);
    if (drop === undefined) return [];
    const dropPercent = Math.round(drop.dropPercent * 10) / 10;
    return [
      {
        rule: 'size-drop',
        severity: 'high',
        resource,
        summary: `The newest artifact is ${dropPercent} % smaller than usual: ${bytesText(sizeBytes)}, not ${bytesText(drop.medianBytes)}.`,
        evidence: { key, sizeBytes, medianBytes: drop.medianBytes, dropPercent, compared: history.length },
        remedy: 'Find out whether data was deleted on purpose; keep older artifacts from expiring until that is known.',
      },
    ];
  }

  function unchanged(latest: Artifact): Draft[] {
    if (latest.etag === undefined || latest.sizeBytes < settings.minimumBytes) return [];
    const inARow = runOf(set.newest, ({ etag, sizeBytes }) => etag === latest.etag && sizeBytes === latest.sizeBytes);
    const first = set.newest[inARow - 1];
    if (inARow < identicalInARow || first === undefined) return [];
    return [
      {
        rule: 'size-drop',
        discriminator: 'unchanged',
        severity: 'high',
        resource,
        summary: `The newest ${inARow} artifacts are byte for byte the same: nothing new was saved since ${first.modifiedAt.toISOString().slice(0, 10)}.`,
        evidence: {
          key: latest.key,
          identical: inARow,
          sizeBytes: latest.sizeBytes,
          etag: latest.etag,
          sameSince: first.modifiedAt.toISOString(),
        },
        remedy: 'Look what the job really dumps: an empty database, an error page, or an old file again.',
      },
    ];
  }
};

/** Policy: what was read is whole, from its first byte to its last. */
const artifactUnreadable: ArtifactRule = ({ resource, set }) => {
  // An empty file is no archive either, and artifact-too-small says so.
  const faulty = inspected(set).filter(({ sizeBytes, inspection }) => sizeBytes > 0 && inspection.fault !== undefined);
  const [worst] = faulty;
  if (worst === undefined) return [];
  const { container, fault = '', sha256 } = worst.inspection;
  return [
    {
      rule: 'artifact-unreadable',
      severity: isNewest(worst, set) ? 'critical' : 'high',
      resource,
      summary: `${nameOf(worst, set)} ${printable(fault, 200)}.`,
      evidence: {
        key: worst.key,
        container,
        fault,
        sizeBytes: worst.sizeBytes,
        unreadable: faulty.length,
        read: inspected(set).length,
        ...(sha256 === undefined ? {} : { sha256 }),
      },
      remedy: 'Make another one now, and restore from the one before if you have to.',
    },
  ];
};

/** A companion is written after its artifact, and may be on its way. */
const companionGraceMinutes = 15;

/** Policy: beside each artifact stands what it can be checked by. */
const companionMissing: ArtifactRule = ({ resource, set }, { config, now }) => {
  const { companion } = settingsOf(set, config);
  const lacking = inspected(set).filter(
    ({ inspection, modifiedAt }) =>
      (inspection.companion === 'missing' && minutesBetween(modifiedAt, now) > companionGraceMinutes) ||
      inspection.companion === 'unreadable',
  );
  const [worst] = lacking;
  if (worst === undefined) return [];
  const what = companion === 'manifest' ? 'manifest' : 'file with its SHA-256';
  const problem =
    worst.inspection.companion === 'missing'
      ? `has no ${what} beside it`
      : `has a ${what} beside it that does not tell its SHA-256`;
  return [
    {
      rule: 'companion-missing',
      severity: 'medium',
      resource,
      summary: `${nameOf(worst, set)} ${problem}.`,
      evidence: { key: worst.key, companion, state: worst.inspection.companion, lacking: lacking.length },
      remedy: 'Look at the job that writes both: without it nobody can tell whether the artifact is what was written.',
    },
  ];
};

/**
 * Policy: the bytes are those that the companion was made from, and those that S3 took in.
 *
 * @throws UncheckedError when all that differs was written so recently, under a name that was used before, that what stands beside it
 *   may still be that of its predecessor.
 */
const checksumMismatch: ArtifactRule = ({ resource, set }, { now }) => {
  const isInFlight = ({ modifiedAt }: Artifact) => minutesBetween(modifiedAt, now) <= companionGraceMinutes;
  const differing = inspected(set).filter(
    ({ inspection }) => inspection.companion === 'differs' || inspection.altered !== undefined,
  );
  const certain = differing.filter((artifact) => artifact.inspection.altered !== undefined || !isInFlight(artifact));
  const [worst] = certain;
  if (worst === undefined) {
    const [inFlight] = differing;
    if (inFlight === undefined) return [];
    const detail = `${nameOf(inFlight, set)} was written just now, and what it is to be checked by may be on its way.`;
    throw new UncheckedError('companion-in-flight', detail);
  }
  const { expectedSha256 = '', sha256 = '', altered } = worst.inspection;
  const evidence: Record<string, string> =
    altered === undefined
      ? { algorithm: 'SHA256', expected: expectedSha256, actual: sha256 }
      : { algorithm: altered.algorithm, expected: altered.expected, actual: altered.actual };
  const than = altered === undefined ? 'its checksum was made from' : 'S3 took in';
  return [
    {
      rule: 'checksum-mismatch',
      severity: 'critical',
      resource,
      summary: `${nameOf(worst, set)} has other bytes than those that ${than}.`,
      evidence: { key: worst.key, ...evidence, differing: certain.length },
      remedy: 'Do not restore from it. Make another one, and find out what changed it.',
    },
  ];
};

const rules: Readonly<Record<ArtifactRuleId, ArtifactRule>> = {
  'artifact-late': artifactLate,
  'artifact-too-small': artifactTooSmall,
  'size-drop': sizeDropped,
  'artifact-unreadable': artifactUnreadable,
  'companion-missing': companionMissing,
  'checksum-mismatch': checksumMismatch,
};

/** @throws UncheckedError when the set is of a configuration that is not there. */
function settingsOf({ configId }: ArtifactSet, { artifacts }: Config): ArtifactsConfig {
  const settings = artifacts.find(({ id }) => id === configId);
  if (settings === undefined) throw new UncheckedError('not-configured', `No artifacts are configured as ${configId}.`);
  return settings;
}

type InspectedArtifact = Artifact & { readonly inspection: Inspection };

/** Newest first. */
function inspected({ newest }: ArtifactSet): InspectedArtifact[] {
  return newest.filter((artifact): artifact is InspectedArtifact => artifact.inspection !== undefined);
}

function isNewest({ key }: Artifact, { newest }: ArtifactSet): boolean {
  return newest[0]?.key === key;
}

function nameOf(artifact: Artifact, set: ArtifactSet): string {
  const key = printable(artifact.key, 100);
  return isNewest(artifact, set) ? `The newest artifact, ${key},` : key;
}

function keysOf(artifacts: readonly Artifact[]): string[] {
  return artifacts.slice(0, 20).map(({ key }) => key);
}

/** Returns how many of the first artifacts are as `test` says. */
function runOf(artifacts: readonly Artifact[], test: (artifact: Artifact) => boolean): number {
  const end = artifacts.findIndex((artifact) => !test(artifact));
  return end === -1 ? artifacts.length : end;
}

function minutesBetween(earlier: Date, later: Date): number {
  return (later.getTime() - earlier.getTime()) / minuteMs;
}

function bytesText(bytes: number): string {
  return formatQuantity('sizeBytes', bytes, 'UTC');
}
