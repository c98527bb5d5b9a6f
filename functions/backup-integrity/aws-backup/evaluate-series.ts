import { evaluateRules, type RuleTest } from '../../../shared/evaluate-rules.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { BackupEvaluation, Config, RuleId } from '../context.ts';
import { sizeDrop } from '../size-drop.ts';
import type { AwsBackupFacts, RecoveryPoint } from './facts.ts';
import { byAge, type PointSeries, pointSeries } from './point-series.ts';
import { nameOf, resourceOf } from './resource-kind.ts';

interface RuleContext {
  readonly config: Config;
}

type SeriesRule<Rule extends RuleId> = RuleTest<PointSeries, RuleContext, Rule>;

/** Returns the broken rules on what the recovery points of a resource in a vault have in common. */
export function evaluateSeries(
  { recoveryPoints }: AwsBackupFacts,
  config: Config,
): Pick<BackupEvaluation, 'findings' | 'unchecked'> {
  const bySeries = evaluateRules(pointSeries(recoveryPoints), seriesRules, { config });
  const byResource = evaluateRules(sizedSeries(recoveryPoints), sizeRules, { config });
  return {
    findings: [...bySeries.findings, ...byResource.findings],
    unchecked: [...bySeries.unchecked, ...byResource.unchecked],
  };
}

/** Policy: recovery points are encrypted. */
const notEncrypted: SeriesRule<'not-encrypted'> = ({ resource, vaultArn, points }) => {
  const bare = points.filter(({ isEncrypted }) => isEncrypted === false);
  const newest = bare[0];
  if (newest === undefined) {
    if (points.every(({ isEncrypted }) => isEncrypted !== undefined)) return [];
    throw new UncheckedError(
      'encryption-unknown',
      `AWS Backup does not say whether its backups in ${nameOf(vaultArn)} are encrypted.`,
    );
  }
  return [
    {
      rule: 'not-encrypted',
      discriminator: vaultArn,
      severity: newest === points[0] ? 'medium' : 'low',
      resource,
      summary: `${bare.length} of its ${points.length} recovery points in ${nameOf(vaultArn)} ${bare.length === 1 ? 'is' : 'are'} not encrypted.`,
      evidence: { vault: vaultArn, notEncrypted: bare.length, points: points.length, newest: newest.resource.id },
      remedy: 'Encrypt the resource itself: its backups follow. Copies take the key of the vault that they go to.',
    },
  ];
};

/** What can be scanned for malware: https://docs.aws.amazon.com/aws-backup/latest/devguide/API_StartScanJob.html */
const scannable: ReadonlySet<string> = new Set(['EBS', 'EC2', 'S3']);

/** Policy: the newest recovery point has been scanned for malware, where the configuration asks for it. */
const recoveryPointUnscanned: SeriesRule<'recovery-point-unscanned'> = (
  { resource, vaultArn, points: [newest] },
  { config },
) => {
  if (!config.requireMalwareScan || !scannable.has(newest.protectedType)) return [];
  if (newest.scan === 'clean' || newest.scan === 'infected') return [];
  const isFailed = newest.scan === 'scan-failed';
  return [
    {
      rule: 'recovery-point-unscanned',
      discriminator: vaultArn,
      severity: 'medium',
      resource,
      summary: `The newest recovery point in ${nameOf(vaultArn)} ${isFailed ? 'could not be scanned' : 'was never scanned'} for malware.`,
      evidence: { vault: vaultArn, recoveryPoint: newest.resource.id, scan: newest.scan ?? 'none' },
      remedy: isFailed
        ? 'See the scan job’s message: the role of the scanner, or the key.'
        : 'Add a scan to the rule of its backup plan.',
    },
  ];
};

/**
 * The only type of which AWS Backup gives the size of the backup. Of RDS it gives 0, of Aurora nothing, of EFS what was transferred,
 * of EBS and EC2 the size of the volume: https://docs.aws.amazon.com/aws-backup/latest/devguide/API_BackupJob.html
 */
const sizedTypes: ReadonlySet<string> = new Set(['DynamoDB']);

/** Policy: a backup is about as large as those before it. */
const sizeDropped: SeriesRule<'size-drop'> = ({ resource, points }, { config }) => {
  const [latest, ...earlier] = points;
  if (latest.sizeBytes === undefined) {
    throw new UncheckedError('size-unknown', 'AWS Backup does not say how large its newest recovery point is.');
  }
  const history = earlier.flatMap(({ sizeBytes }) => sizeBytes ?? []).reverse();
  const drop = sizeDrop(history, latest.sizeBytes, config.sizeDropPercent);
  if (drop === undefined) return [];
  return [
    {
      rule: 'size-drop',
      severity: 'high',
      resource,
      summary: `Its newest recovery point is ${Math.round(drop.dropPercent)} % smaller than those before it.`,
      evidence: {
        sizeBytes: latest.sizeBytes,
        medianBytes: Math.round(drop.medianBytes),
        dropPercent: Math.round(drop.dropPercent),
        recoveryPoint: latest.resource.id,
      },
      remedy: 'See what was deleted from it before an older recovery point runs out.',
    },
  ];
};

/** Of each resource one point for each moment: a copy has the time and the size of what it was copied from. */
function sizedSeries(points: readonly RecoveryPoint[]): PointSeries[] {
  const sized = pointSeries(
    points.filter(({ protectedType, isContinuous }) => sizedTypes.has(protectedType) && !isContinuous),
  );
  return [...Map.groupBy(sized, ({ resource }) => resource.id).values()].map((series) => {
    const everywhere = series.flatMap((each) => each.points).sort(byAge);
    const moments = new Map([...everywhere].reverse().map((point) => [point.createdAt?.getTime(), point]));
    const distinct = [...moments.values()].sort(byAge) as [RecoveryPoint, ...RecoveryPoint[]];
    const { protectedArn, resource, vaultArn } = distinct[0];
    return { resource: resourceOf(protectedArn, resource), vaultArn, points: distinct };
  });
}

const seriesRules = { 'not-encrypted': notEncrypted, 'recovery-point-unscanned': recoveryPointUnscanned };

const sizeRules = { 'size-drop': sizeDropped };
