import { compareSeverity, type Severity } from '../shared/finding.ts';
import type { Report } from '../shared/report.ts';

/** What the process says to the script that called it. */
export const exitCodes = {
  /** Everything was checked, and nothing at or above `--fail-on` was found. */
  good: 0,
  /** A command could not run, or could not check everything: whatever it found may not be all. */
  incomplete: 1,
  /** Wrong usage or bad configuration: nothing has been run. */
  usage: 2,
  /** Findings at or above `--fail-on`. */
  findings: 3,
} as const;

/** Severities that `--fail-on` takes; `never` makes findings count for nothing. */
export type FailOn = Severity | 'never';

/** Returns the exit code for these reports. Incomplete outranks findings: a result that may lack something is no result. */
export function exitCodeOf(reports: readonly Report[], failOn: FailOn): number {
  if (reports.some(({ status }) => status === 'incomplete' || status === 'failed')) return exitCodes.incomplete;
  if (failOn === 'never') return exitCodes.good;
  const reached = reports.some(({ findings }) =>
    findings.some(({ severity }) => compareSeverity(severity, failOn) <= 0),
  );
  return reached ? exitCodes.findings : exitCodes.good;
}
