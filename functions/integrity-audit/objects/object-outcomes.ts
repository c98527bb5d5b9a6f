import { s3Url } from '../../../shared/objects/object-store.ts';
import type { RuleOfKind } from '../config.ts';
import type { Violations } from '../outcome.ts';
import type { FaultTally, Tally } from './tally.ts';

type Rule = RuleOfKind<'objects'>;

/**
 * Returns what was found, once for each way in which rows and objects can be at odds. Of a comparison that was not
 * finished only what is confirmed; and nothing of what no asking has confirmed. Of more than
 * are asked about all count where some are confirmed; what is not answered never does.
 */
export function objectOutcomes(rule: Rule, tally: Tally, maximumSamples: number): Violations[] {
  const { missing, size, checksum, orphan } = tally.faults;
  const { orphanSeverity, table } = rule;
  const place = s3Url(rule);
  const compared = Math.max(tally.sizesCompared, tally.checksums.compared);
  const outcomes: (Violations | undefined)[] = [
    violations(rule, tally, [missing], {
      breaks: 'object-missing',
      severity: rule.severity,
      tested: tally.rows,
      unit: `rows of ${table}`,
      what: `have no object in ${place}`,
      remedy:
        'Find out whether the objects were deleted or never written, and restore them from a version or a backup.',
      facts: { rowsInFlight: tally.rowsInFlight, rowsWithoutKey: tally.rowsWithoutKey },
    }),
    compared === 0
      ? undefined
      : violations(rule, tally, [size, checksum], {
          breaks: 'object-differs',
          severity: rule.severity,
          tested: compared,
          unit: `rows of ${table}`,
          what: `have an object in ${place} that is not as recorded`,
          remedy:
            'Find out which side is right before either is written over: the object may be damaged, or the row stale.',
          facts: differenceFacts(rule, tally),
        }),
    orphanSeverity === 'ignore'
      ? undefined
      : violations(rule, tally, [orphan], {
          breaks: 'object-orphaned',
          severity: orphanSeverity,
          tested: tally.objects,
          unit: `objects in ${place}`,
          what: `belong to no row of ${table}`,
          remedy: 'Find out what leaves them behind. Delete them only where nothing else refers to them.',
          facts: { orphanedBytes: orphan.bytes, objectsInFlight: tally.objectsInFlight, folderObjects: tally.folders },
        }),
  ];
  return outcomes
    .filter((outcome) => outcome !== undefined)
    .map((outcome) => ({ ...outcome, samples: outcome.samples.slice(0, maximumSamples) }));
}

/** Returns how much of the checksums has been asked for since the last round began, in percent. */
export function checksumRoundPercent({ keys, keysBeforeCursor, checksums }: Tally): number {
  if (keys === 0) return 100;
  const asked = Math.min(checksums.asked, keys);
  const behind = keysBeforeCursor + asked;
  // Where the last of the keys was asked for, the round is complete; not where one asks none.
  const place = behind > keys ? behind - keys : behind;
  return Math.round((place / keys) * 100);
}

function differenceFacts(rule: Rule, tally: Tally): Violations['facts'] {
  const { faults, checksums, sizesCompared, rowsWithoutSize } = tally;
  return {
    ...(rule.sizeColumn === undefined ? {} : { differentSizes: faults.size.confirmed, sizesCompared, rowsWithoutSize }),
    ...(rule.sha256Column === undefined
      ? {}
      : {
          differentChecksums: faults.checksum.confirmed,
          checksumsCompared: checksums.compared,
          checksumsSaidByWriter: checksums.fromMetadata,
          objectsWithoutChecksum: checksums.without,
          objectsRefused: checksums.refused,
          unreadableChecksums: checksums.unreadable,
          checksumRoundPercent: checksumRoundPercent(tally),
        }),
  };
}

type Description = Pick<Violations, 'breaks' | 'severity' | 'tested' | 'unit' | 'what' | 'remedy' | 'facts'>;

function violations(
  rule: Rule,
  { isComplete }: Tally,
  faults: readonly FaultTally[],
  { facts, ...description }: Description,
): Violations | undefined {
  const sum = (of: (fault: FaultTally) => number) => faults.reduce((total, fault) => total + of(fault), 0);
  const confirmed = sum((fault) => fault.confirmed);
  const unconfirmed = sum((fault) => fault.unconfirmed);
  const refused = sum((fault) => fault.refused);
  const changed = sum((fault) => fault.changed);
  if (confirmed === 0 && (unconfirmed + refused > 0 || !isComplete)) return undefined;
  return {
    kind: 'violations',
    rule,
    ...description,
    count: confirmed + unconfirmed,
    isAtLeast: !isComplete || refused > 0,
    samples: faults.flatMap(({ samples }) => samples),
    facts: {
      ...facts,
      // What the first look shows and nobody asked about, or nobody answered; and what was no fault any more when somebody asked.
      ...(unconfirmed === 0 ? {} : { unconfirmed }),
      ...(refused === 0 ? {} : { unanswered: refused }),
      ...(changed === 0 ? {} : { changedMeanwhile: changed }),
    },
  };
}
