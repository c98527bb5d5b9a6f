import type { Report } from '../report.ts';
import { countReport, describeCounts } from './report-counts.ts';

/** `page` wakes people (SMS, mail, a pager); `notice` is a mail for the working day. */
export type Channel = 'page' | 'notice';

/** Whom to tell of a run, and why. */
export interface NotificationDecision {
  readonly channel: Channel;
  /** For people, as part of a sentence: `3 critical, 5 other`. */
  readonly reason: string;
}

/**
 * Decides whether a run is to be told, to which channel and why; `undefined` when nobody needs to hear of it.
 *
 * Policy: a critical finding pages, and so does a run that failed, as it saw nothing where there was something to see.
 * Any other finding, anything that could not be looked at, and any change that failed makes a notice. A run makes one
 * message, to the loudest channel that it calls for, which carries everything: nobody gets two mails about one run.
 */
export function notificationFor(report: Report): NotificationDecision | undefined {
  const counts = countReport(report);
  const told = describeCounts(counts);
  if (report.status === 'failed') {
    return { channel: 'page', reason: `the run failed: ${told === '' ? 'nothing was checked' : told}` };
  }
  if (counts.critical > 0) return { channel: 'page', reason: told };
  if (told !== '') return { channel: 'notice', reason: told };
  // A status that the rest of the report does not explain is still not clean.
  return report.status === 'clean' ? undefined : { channel: 'notice', reason: `the run's status is ${report.status}` };
}
