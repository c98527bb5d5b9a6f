import { compareFindings, type Finding, type Severity, severities } from '../finding.ts';
import type { Report } from '../report.ts';

/** The numbers that every rendering of a report leads with. */
export interface ReportCounts {
  readonly bySeverity: Readonly<Record<Severity, number>>;
  readonly critical: number;
  /** Findings that are not critical. */
  readonly other: number;
  readonly unchecked: number;
  readonly failedChanges: number;
}

/**
 * Counts what a report found, could not look at, and failed to do. Where its counts of what was expected and checked
 * leave more open than it lists as unchecked, the larger number holds: what nobody accounts for was not looked at.
 */
export function countReport(report: Report): ReportCounts {
  const bySeverity: Record<Severity, number> = { critical: 0, high: 0, medium: 0, low: 0, informational: 0 };
  for (const finding of report.findings) bySeverity[finding.severity] += 1;
  const { expected, checked, unchecked } = report.coverage;
  return {
    bySeverity,
    critical: bySeverity.critical,
    other: report.findings.length - bySeverity.critical,
    unchecked: Math.max(unchecked.length, expected - checked),
    failedChanges: report.changes.filter(({ outcome }) => outcome === 'failed').length,
  };
}

/** Says the counts that are not zero, worst first: `3 critical, 5 other, 2 not checked`; empty when all are. */
export function describeCounts(counts: Omit<ReportCounts, 'bySeverity'>): string {
  const { critical, other, unchecked, failedChanges } = counts;
  const parts = [
    ...(critical > 0 ? [`${critical} critical`] : []),
    ...(other > 0 ? [`${other} other`] : []),
    ...(unchecked > 0 ? [`${unchecked} not checked`] : []),
    ...(failedChanges > 0 ? [`${failedChanges} ${failedChanges === 1 ? 'change' : 'changes'} failed`] : []),
  ];
  return parts.join(', ');
}

/** Returns the finding to be told first, `undefined` when there is none. */
export function worstFinding(report: Report): Finding | undefined {
  let worst: Finding | undefined;
  for (const finding of report.findings) {
    if (worst === undefined || compareFindings(finding, worst) < 0) worst = finding;
  }
  return worst;
}

/** Returns the worst severity that was found, `none` when nothing was. */
export function worstSeverity(counts: ReportCounts): Severity | 'none' {
  return severities.find((severity) => counts.bySeverity[severity] > 0) ?? 'none';
}
