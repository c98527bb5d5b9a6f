import { functionName, liveAlias } from '../deployment.ts';
import { compareFindings, type Finding } from '../finding.ts';
import type { Report, ReportTable, Unchecked } from '../report.ts';
import type { Resource } from '../resource.ts';
import { formatInZone, isTimeZone } from '../schedule/time-zone.ts';
import { printable } from '../text/printable.ts';
import { alignedTable } from '../text/text-table.ts';
import { countReport, describeCounts } from './report-counts.ts';
import { shareRoom, takeWithin } from './take-within.ts';

/** SNS takes subjects of less than 100 characters: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html */
export const subjectMaxLength = 99;

/** Of UTF-8. A mail that is longer is not read but stored, and the stored report serves better. */
export const emailMaxBytes = 60 * 1024;

const lineLength = 76;
const defaultRunbookUrl = 'docs/runbook.md';
const maxTypesListed = 30;
const maxUncheckedPerReason = 20;
const maxEvidenceListed = 12;
/** A longer table is for the page. */
const maxTableRows = 15;

/** What a mail tells beside the report itself. */
export interface EmailOptions {
  /** Where the whole report lies. */
  readonly reportUrl?: string | undefined;
  /** Page whose headings are the rules; `docs/runbook.md` unless given. */
  readonly runbookUrl?: string | undefined;
  readonly stage?: string | undefined;
  /** Why the message was sent, as part of a sentence. */
  readonly reason?: string | undefined;
}

/**
 * Renders a report as a mail in plain text.
 *
 * The subject is one line of at most {@link subjectMaxLength} UTF-16 code units without control characters. The body
 * has at most {@link emailMaxBytes} bytes, in lines of 76 characters except for longer words, such as ARNs, which stay
 * whole to be copied. A finding is shown whole or counted as one of `N more`; a quarter of the room is kept for what
 * was not checked. Short tables that fit into the lines come last, and only where nothing had to be left out for want of
 * room. Every string from outside is made {@link printable}; there is no HTML, so that none can be injected.
 */
export function renderEmail(report: Report, options: EmailOptions = {}): { subject: string; body: string } {
  const headline = headlineOf(report);
  const place = placeOf(report, options.stage);
  const beginning = [
    ...wrap(headline, ''),
    ...(report.headline === undefined ? [] : wrap(printable(report.headline, 600), '')),
    ...wrap(`${printable(report.title, 120)}, ${place}, ${timeOf(report.startedAt, report)}`, ''),
    '',
    ...coverageTable(report),
  ].join('\n');
  const end = [...runFacts(report, options), '', ...howToRepeat(report, options.stage)].join('\n');
  const { reportUrl } = options;
  const rest =
    reportUrl === undefined ? 'the stored report has all' : `the full report is at ${printable(reportUrl, 2048)}`;
  // Headings, counts of what is left out (with `rest`, once for each list) and blank lines take less than a kibibyte.
  const room = emailMaxBytes - Buffer.byteLength(beginning + end + rest + rest) - 1024;

  const findings = report.findings.toSorted(compareFindings);
  const unchecked = uncheckedLines(report.coverage.unchecked);
  const runbookUrl = printable(options.runbookUrl ?? defaultRunbookUrl, 500);
  const numbered = findings.map((finding, index) => ({ finding, number: index + 1 }));
  const shared = shareRoom(
    room,
    (maxBytes) => takeWithin(numbered, maxBytes, ({ finding, number }) => findingBlock(finding, number, runbookUrl)),
    (maxBytes) => takeWithin(unchecked, maxBytes, ({ render }) => render()),
  );
  const listed = unchecked.slice(0, shared.unchecked.texts.length).filter(({ isItem }) => isItem).length;

  const hasAll = shared.findings.texts.length === findings.length && shared.unchecked.texts.length === unchecked.length;
  const roomLeft = hasAll ? room - shared.findings.bytes - shared.unchecked.bytes : 0;

  const sections = [
    beginning,
    section('FINDINGS, WORST FIRST', shared.findings.texts, findings.length - shared.findings.texts.length, rest),
    section('NOT CHECKED', shared.unchecked.texts, report.coverage.unchecked.length - listed, rest),
    tablesSection(report, roomLeft),
    end,
  ];
  const subject = printable(`${place}: ${headline}: ${printable(report.title, 60)}`, subjectMaxLength);
  return { subject, body: `${sections.filter((text) => text !== '').join('\n\n')}\n` };
}

function headlineOf(report: Report): string {
  const told = describeCounts(countReport(report));
  if (report.status === 'failed') return told === '' ? 'FAILED, nothing was checked' : `FAILED, ${told}`;
  if (told !== '') return told;
  return report.status === 'clean' ? 'nothing found' : report.status;
}

function placeOf(report: Report, stage: string | undefined): string {
  const estate = printable(report.scope.estate.toUpperCase(), 31);
  return stage === undefined ? estate : `${estate} ${printable(stage, 20)}`;
}

function section(heading: string, texts: readonly string[], leftOut: number, rest: string): string {
  const more = leftOut > 0 ? [`and ${leftOut} more; ${rest}`] : [];
  return texts.length + more.length === 0 ? '' : [heading, ...texts, ...more].join('\n');
}

function coverageTable(report: Report): string[] {
  const { expected, checked, byType } = report.coverage;
  const types = Object.entries(byType).toSorted(([a], [b]) => a.localeCompare(b, 'en'));
  const rows = types.slice(0, maxTypesListed).map(([type, counts]) => row(printable(type, 40), counts));
  return [
    'WHAT WAS CHECKED',
    `  ${'type'.padEnd(40)}${'expected'.padStart(10)}${'checked'.padStart(10)}${'unchecked'.padStart(10)}`,
    ...rows,
    ...(types.length > maxTypesListed ? [`  and ${types.length - maxTypesListed} more types`] : []),
    row('all', { expected, checked }),
  ];
}

function row(label: string, { expected, checked }: { expected: number; checked: number }): string {
  const cells = [expected, checked, Math.max(0, expected - checked)].map((count) => String(count).padStart(10));
  return `  ${label.padEnd(40)}${cells.join('')}`;
}

/** Returns the tables that are short and narrow enough for a mail, for as long as they fit into `maxBytes`. */
function tablesSection({ tables = [], scope }: Report, maxBytes: number): string {
  const texts = tables
    .values()
    .filter(({ rows }) => rows.length <= maxTableRows)
    .flatMap((table) => tableText(table, scope.timeZone));
  return takeWithin(texts, maxBytes, (text) => `\n${text}`)
    .texts.join('\n')
    .trimStart();
}

function tableText(table: ReportTable, timeZone: string): string[] {
  const heading = printable(table.title, lineLength).toUpperCase();
  if (table.rows.length === 0) return [`${heading}\n  none`];
  const lines = alignedTable(table, { width: lineLength, timeZone });
  return lines === undefined ? [] : [[heading, ...lines].join('\n')];
}

function findingBlock(finding: Finding, number: number, runbookUrl: string): string {
  const { resource } = finding;
  const evidence = Object.entries(finding.evidence);
  const left = evidence.length - maxEvidenceListed;
  return [
    '',
    ...wrap(`${number}. ${finding.severity.toUpperCase()} ${printable(finding.rule, 80)}: ${nameOf(resource)}`, '   '),
    ...wrap(`   ${printable(finding.summary, 600)}`, '   '),
    ...(resource.id === resource.name ? [] : wrap(`   Resource: ${printable(resource.id, 600)}`, '     ')),
    ...evidence
      .slice(0, maxEvidenceListed)
      .flatMap(([key, value]) => wrap(`   ${printable(key, 60)}: ${evidenceText(value)}`, '     ')),
    ...(left > 0 ? [`   and ${left} more facts`] : []),
    ...wrap(`   What to do: ${printable(finding.remedy, 1000)}`, '   '),
    ...wrap(`   Runbook: ${runbookUrl}#${encodeURIComponent(printable(finding.rule, 80))}`, '     '),
  ].join('\n');
}

function evidenceText(value: Finding['evidence'][string]): string {
  if (!Array.isArray(value)) return printable(String(value), 200);
  // No more is joined than can be shown, however many and however long the items are.
  return printable(
    value
      .slice(0, 100)
      .map((item) => item.slice(0, 200))
      // A key of several columns has commas of its own.
      .join('; ') + (value.length > 100 ? '; …' : ''),
    200,
  );
}

/**
 * Returns the lines of the list of what was not checked, grouped by reason, the most frequent first; rendered when
 * needed.
 */
function uncheckedLines(unchecked: readonly Unchecked[]): { isItem: boolean; render: () => string }[] {
  const groups = [...Map.groupBy(unchecked, ({ reason }) => reason)].toSorted(
    ([a, first], [b, second]) => second.length - first.length || a.localeCompare(b, 'en'),
  );
  return groups.flatMap(([reason, items]) => [
    { isItem: false, render: () => `\n${printable(reason, 80)}: ${items.length}` },
    ...items.slice(0, maxUncheckedPerReason).map(({ resource, detail }) => ({
      isItem: true,
      render: () => wrap(`   - ${nameOf(resource)}: ${printable(detail, 400)}`, '     ').join('\n'),
    })),
  ]);
}

function nameOf({ name, type, account, region }: Resource): string {
  const where = [type, account, region].filter((part) => part !== undefined).map((part) => printable(part, 40));
  return `${printable(name, 200)} (${where.join(', ')})`;
}

function runFacts(report: Report, { reportUrl, reason }: EmailOptions): string[] {
  const seconds = Math.round((Date.parse(report.finishedAt) - Date.parse(report.startedAt)) / 1000);
  const { accounts, regions, only } = report.scope;
  const failedChanges = report.changes.filter(({ outcome }) => outcome === 'failed');
  const doneChanges = report.changes.filter(({ outcome }) => outcome === 'done').length;
  return [
    'THE RUN',
    ...wrap(`   Run: ${printable(report.runId, 120)} of ${printable(report.task, 60)}, ${report.status}`, '     '),
    `   Begun: ${timeOf(report.startedAt, report)}`,
    `   Ended: ${timeOf(report.finishedAt, report)}, after ${seconds} s`,
    `   Started by: ${report.trigger === 'schedule' ? 'the schedule' : 'hand'}, mode ${report.mode}`,
    ...(accounts.length > 0 ? wrap(`   Accounts: ${printable(accounts.slice(0, 100).join(', '), 400)}`, '     ') : []),
    ...(regions.length > 0 ? wrap(`   Regions: ${printable(regions.slice(0, 100).join(', '), 400)}`, '     ') : []),
    ...(only === undefined ? [] : wrap(`   Narrowed to: ${printable(only, 200)}`, '     ')),
    ...(report.changes.length > 0
      ? [`   Changes: ${report.changes.length}, of which done ${doneChanges}, failed ${failedChanges.length}`]
      : []),
    ...failedChanges.slice(0, 10).flatMap(({ action, resource, detail }) => {
      return wrap(`   Failed: ${printable(action, 60)} ${nameOf(resource)}: ${printable(detail, 200)}`, '     ');
    }),
    ...(reportUrl === undefined ? [] : wrap(`   Report: ${printable(reportUrl, 2048)}`, '     ')),
    ...(reason === undefined ? [] : wrap(`   Sent because: ${printable(reason, 200)}`, '     ')),
  ];
}

function howToRepeat(report: Report, stage: string | undefined): string[] {
  // These lines are made to be pasted into a shell: what is not plainly a name or a glob is left out of them.
  const task = /^[a-z0-9-]{1,60}$/u.test(report.task) ? report.task : 'TASK';
  const only = /^[A-Za-z0-9.*:/_-]{1,200}$/u.test(report.scope.only ?? '') ? report.scope.only : undefined;
  const narrowed = only === undefined ? '' : ` --only '${only}'`;
  const heading = ['TO RUN IT AGAIN', `   caretaker run ${task}${narrowed}`];
  if (stage === undefined || !/^[a-z0-9-]{1,40}$/u.test(stage)) return heading;
  const dryRun = report.mode === 'dry-run';
  const payload = { ...(dryRun ? { dryRun } : {}), ...(only === undefined ? {} : { scope: { only } }) };
  return [
    ...heading,
    'or, as it is deployed,',
    `   caretaker invoke ${task} --stage ${stage}${dryRun ? ' --dry-run' : ''}${narrowed}`,
    `   aws lambda invoke --function-name ${functionName(stage, task)} \\`,
    // Without the timeout the AWS CLI gives up after a minute and starts the run again.
    `     --qualifier ${liveAlias} --cli-read-timeout 0 \\`,
    `     --cli-binary-format raw-in-base64-out --payload '${JSON.stringify(payload)}' out.json`,
  ];
}

function timeOf(iso: string, report: Report): string {
  // A run in a zone that this runtime does not know is still to be told.
  const { timeZone } = report.scope;
  return formatInZone(new Date(iso), isTimeZone(timeZone) ? timeZone : 'UTC');
}

/**
 * Breaks a line at spaces; the lines that follow the first begin with `indent`. A word longer than a line stays whole.
 */
function wrap(text: string, indent: string): string[] {
  const lines: string[] = [];
  const margin = text.length - text.trimStart().length;
  let line = text.slice(0, margin);
  let isEmpty = true;
  for (const word of text.slice(margin).split(' ')) {
    if (isEmpty) line += word;
    else if (line.length + 1 + word.length <= lineLength) line += ` ${word}`;
    else {
      lines.push(line);
      line = indent + word;
    }
    isEmpty = false;
  }
  return [...lines, line];
}
