import { scopeType } from '../shared/coverage.ts';
import { compareSeverity, type Finding, type Severity, severities } from '../shared/finding.ts';
import type { Change, Report, ReportTable, Unchecked } from '../shared/report.ts';
import { formatInZone } from '../shared/schedule/time-zone.ts';
import { printable } from '../shared/text/printable.ts';
import { alignedTable, blockTable } from '../shared/text/text-table.ts';
import { type Terminal, wrap } from './terminal.ts';
import { typeName } from './type-name.ts';

const severityStyle: Readonly<Record<Severity, Parameters<Terminal['style']>[0]>> = {
  critical: ['bold', 'red'],
  high: 'red',
  medium: 'yellow',
  low: 'cyan',
  informational: 'gray',
};

const statusText: Readonly<Record<Report['status'], string>> = {
  clean: 'Clean: everything was checked, nothing was found.',
  findings: 'Everything was checked.',
  incomplete: 'INCOMPLETE: not everything could be checked; there may be more than what is shown here.',
  failed: 'FAILED: nothing could be checked.',
};

/** Where what there is could be listed, and nothing of it looked at, as the counts above say. */
const onlyListedText = 'FAILED: nothing but listings could be checked.';

/** Where the task itself says so, whatever was checked. */
const tooLittleText = 'FAILED: what was to be found was not there; what was checked proves little.';

const indent = '    ';

const maxSamplesShown = 5;

/** Of all tables together, where a report is to be brief. */
const maxRowsInBrief = 12;

const maxFindingsInBrief = 20;

/**
 * Returns a report for people to read in a terminal: what was checked, what could not be, findings worst first, and what was
 * measured.
 *
 * @param options.brief the worst findings, a line for each without its remedy, and the first rows of the tables; a page has the others.
 */
export function renderReport(report: Report, terminal: Terminal, options: { brief?: boolean } = {}): string {
  const { coverage, findings, scope } = report;
  const { style, columns } = terminal;
  const time = formatInZone(new Date(report.startedAt), scope.timeZone);
  const lines = [
    wrap(
      `${style('bold', report.title)} · ${scope.estate} · ${time} · ${report.metrics.durationSeconds?.toFixed(1)} s`,
      columns,
      '  ',
      '',
    ),
    '',
    ...(isEmpty(report)
      ? [wrap(style('bold', 'Nothing was checked: there was nothing to look at.'), columns, '  ', '')]
      : [
          wrap(`Checked ${coverage.checked} of ${coverage.expected}: ${typesText(report)}`, columns, '  ', ''),
          wrap(`Found ${countsText(findings)}`, columns, '  ', ''),
          wrap(style(statusStyle(report.status), statusTextOf(report)), columns, '  ', ''),
        ]),
    ...(report.headline === undefined ? [] : [wrap(printable(report.headline), columns, '  ', '')]),
  ];
  const worstFirst = [...findings].sort((a, b) => compareSeverity(a.severity, b.severity));
  if (options.brief === true) {
    if (findings.length > 0) lines.push('');
    for (const finding of worstFirst.slice(0, maxFindingsInBrief)) lines.push(findingLine(finding, terminal));
    const left = worstFirst.slice(maxFindingsInBrief);
    if (left.length > 0) lines.push(`… and ${countsText(left)} more in the page`);
  } else {
    for (const finding of worstFirst) lines.push('', ...findingLines(finding, terminal));
  }
  lines.push(...changesLines(report, terminal));
  lines.push(...tablesLines(report, terminal, options.brief === true ? maxRowsInBrief : Number.POSITIVE_INFINITY));
  if (coverage.unchecked.length > 0) {
    lines.push('', style('bold', `Could not be checked (${coverage.unchecked.length})`));
    const alike = Map.groupBy(coverage.unchecked, ({ reason, detail }) => `${reason} ${detail}`);
    for (const group of alike.values()) lines.push(uncheckedText(group, terminal));
  }
  return `${lines.join('\n')}\n`;
}

/** A run that expected nothing and found nothing, such as one of a task that nothing is configured for. */
export function isEmpty({ status, coverage, findings }: Report): boolean {
  return status === 'clean' && coverage.expected === 0 && findings.length === 0;
}

function findingLines(finding: Finding, { style, columns }: Terminal): string[] {
  const { severity, rule, resource, summary, remedy, evidence } = finding;
  const name = printable(resource.name);
  const id = printable(resource.id);
  const place = [resource.account, resource.region]
    .filter((part) => part !== undefined)
    .map((part) => printable(part))
    .join(' ');
  const head = `${style(severityStyle[severity], severity.toUpperCase())} ${style('bold', rule)} · ${name}`;
  return [
    wrap(`${head}${place === '' ? '' : ` · ${place}`}`, columns, indent, ''),
    wrap(printable(summary), columns, indent),
    ...samplesLines(evidence.samples, columns),
    wrap(`→ ${printable(remedy)}`, columns, `${indent}  `, indent),
    ...(id === name ? [] : [style('dim', `${indent}${id}`)]),
  ];
}

/** What to look at first; the rest of the evidence is in the page and in the stored report. */
function samplesLines(samples: Finding['evidence'][string] | undefined, columns: number): string[] {
  if (!Array.isArray(samples) || samples.length === 0) return [];
  const shown = samples.slice(0, maxSamplesShown).map((sample) => printable(sample));
  const left = samples.length - shown.length;
  const text = `such as ${shown.join('; ')}${left === 0 ? '' : `; and ${left} more in the page`}`;
  return [wrap(text, columns, `${indent}  `, indent)];
}

function findingLine({ severity, rule, resource, summary }: Finding, { style, columns }: Terminal): string {
  const head = `${style(severityStyle[severity], severity.toUpperCase().padEnd(8))} ${style('bold', rule)} · ${printable(resource.name)}`;
  return wrap(`${head}: ${printable(summary)}`, columns, ' '.repeat(9), '');
}

const changeStyle: Readonly<Record<Change['outcome'], Parameters<Terminal['style']>[0]>> = {
  planned: 'dim',
  done: 'green',
  failed: ['bold', 'yellow'],
};

/** Returns what was changed, or what would be; nothing of a task that changes nothing. */
function changesLines({ mode, changes }: Report, { style, columns }: Terminal): string[] {
  if (changes.length === 0) return [];
  const heading = mode === 'apply' ? 'Changes' : 'What would be changed, in a dry run that has changed nothing';
  return [
    '',
    wrap(style('bold', `${heading} (${changes.length})`), columns, '  ', ''),
    ...changes.map(({ resource, outcome, detail }) =>
      wrap(
        `${style(changeStyle[outcome], outcome)} · ${printable(resource.name)}: ${printable(detail)}`,
        columns,
        indent,
        '  ',
      ),
    ),
  ];
}

function tablesLines({ tables = [], scope }: Report, terminal: Terminal, maxRows: number): string[] {
  let rowsLeft = maxRows;
  return tables.flatMap((table) => {
    const rows = table.rows.slice(0, rowsLeft);
    rowsLeft -= rows.length;
    return tableLines(table, rows, terminal, scope.timeZone);
  });
}

/** Returns a table's lines with some of its rows, and how many more there are. */
function tableLines(table: ReportTable, rows: ReportTable['rows'], terminal: Terminal, timeZone: string): string[] {
  const { style, columns, tableColumns } = terminal;
  const shown = { ...table, rows };
  const left = table.rows.length - rows.length;
  return [
    '',
    wrap(style('bold', `${printable(table.title)} (${table.rows.length})`), columns, '  ', ''),
    ...(table.rows.length === 0 ? ['  none'] : []),
    ...(rows.length === 0
      ? []
      : (alignedTable(shown, { width: tableColumns, timeZone }) ?? blockTable(shown, { width: columns, timeZone }))),
    ...(left === 0 ? [] : [rows.length === 0 ? `  ${left} in the page` : `  … and ${left} more in the page`]),
  ];
}

/** Returns the lines of what could not be checked for one and the same reason. */
function uncheckedText(group: readonly Unchecked[], { style, columns }: Terminal): string {
  const { reason = '', detail = '' } = group[0] ?? {};
  const name = group.map(({ resource }) => printable(resource.name)).join(', ');
  return wrap(`${style('yellow', reason)} · ${name}: ${printable(detail)}`, columns, indent, '  ');
}

function typesText({ coverage }: Report): string {
  return Object.entries(coverage.byType)
    .sort(([a], [b]) => (a === 'scope' ? 1 : b === 'scope' ? -1 : a.localeCompare(b, 'en')))
    .map(([type, { expected, checked }]) => {
      const counts = checked === expected ? `${checked}` : `${checked} of ${expected}`;
      return `${counts} ${typeName(type, expected)}`;
    })
    .join(', ');
}

/** Returns how many of each severity there are: `2 critical, 1 low`, or `nothing`. */
export function countsText(findings: readonly Finding[]): string {
  const counts = severities
    .map((severity) => [severity, findings.filter((finding) => finding.severity === severity).length] as const)
    .filter(([, count]) => count > 0)
    .map(([severity, count]) => `${count} ${severity}`);
  return counts.length === 0 ? 'nothing' : counts.join(', ');
}

function statusTextOf({ status, coverage }: Report): string {
  if (status !== 'failed' || coverage.checked === 0) return statusText[status];
  return coverage.checked === coverage.byType[scopeType]?.checked ? onlyListedText : tooLittleText;
}

function statusStyle(status: Report['status']): Parameters<Terminal['style']>[0] {
  if (status === 'clean') return 'green';
  return status === 'findings' ? 'bold' : ['bold', 'yellow'];
}
