import { stripVTControlCharacters } from 'node:util';
import type { Report } from '../report.ts';
import { gsm7Length, toGsm7, truncateGsm7 } from '../text/gsm7.ts';
import { countReport, describeCounts, type ReportCounts, worstFinding } from './report-counts.ts';

/**
 * What one SMS leaves for the text: 160 septets (3GPP TS 23.038) less the 12 that SNS puts in front of it where the
 * topic has a display name, ten of its characters with `> `:
 * https://docs.aws.amazon.com/sns/latest/dg/sms_sending-overview.html
 */
export const smsMaxSeptets = 160 - 12;

/** No text of a report is read further than this, so that a report of any size renders in no time. */
const maxCharactersRead = 1000;

/** The worst fact keeps this much even beside counts of many digits, which are then cut at their end. */
const minFactSeptets = 40;

/** The one fact that is told in full. */
interface Fact {
  readonly label: string;
  readonly text: string;
  /** What the counts still have to tell. */
  readonly rest: ReportCounts;
}

/**
 * Renders a report as one SMS: at most {@link smsMaxSeptets} septets of the GSM 7-bit alphabet, in one line. Estate and
 * severity come first, then the worst fact, then how much more there is; a text that is too long loses the end of the
 * fact.
 *
 * @example `NYCMG critical: expired.nycmg.example: The certificate expired 3 days ago (+2 critical, 5 other)`
 */
export function renderSms(report: Report, stage?: string): string {
  const { label, text, rest } = leadingFact(report);
  const estate = truncateGsm7(oneLine(report.scope.estate).toUpperCase(), 20);
  const place = [estate, truncateGsm7(oneLine(stage ?? ''), 12)].filter((part) => part !== '').join(' ');
  const head = `${place} ${label}: `;
  const more = describeCounts(rest);
  const tail = `${more === '' ? '' : ` (+${more})`}.${label === 'clean' ? '' : ' See email.'}`;
  const room = Math.max(minFactSeptets, smsMaxSeptets - septets(head) - septets(tail));
  return truncateGsm7(head + truncateGsm7(text.replace(/\.$/u, ''), room) + tail, smsMaxSeptets);
}

function leadingFact(report: Report): Fact {
  const counts = countReport(report);
  const worst = worstFinding(report);
  if (worst !== undefined && (worst.severity === 'critical' || report.status !== 'failed')) {
    const name = truncateGsm7(oneLine(worst.resource.name), 60);
    const summary = oneLine(worst.summary);
    const isCritical = worst.severity === 'critical';
    return {
      label: worst.severity,
      text: summary.slice(0, 60).includes(name) ? summary : `${name}: ${summary}`,
      rest: { ...counts, critical: counts.critical - (isCritical ? 1 : 0), other: counts.other - (isCritical ? 0 : 1) },
    };
  }
  const { expected, checked, unchecked } = report.coverage;
  const [first] = unchecked;
  const cause = first === undefined ? '' : `: ${oneLine(first.reason)} at ${oneLine(first.resource.name)}`;
  return {
    label: report.status === 'failed' ? 'FAILED' : report.status,
    text: `${truncateGsm7(oneLine(report.title), 40)} checked ${checked} of ${expected}${cause}`,
    rest: { ...counts, unchecked: counts.unchecked - (first === undefined ? 0 : 1) },
  };
}

function oneLine(text: string): string {
  return toGsm7(stripVTControlCharacters(text.slice(0, maxCharactersRead)))
    .replace(/\s+/gu, ' ')
    .trim();
}

function septets(text: string): number {
  return gsm7Length(text) ?? text.length;
}
