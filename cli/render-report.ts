import { compareSeverity, type Finding, type Severity, severities } from '../shared/finding.ts';
import type { Report, Unchecked } from '../shared/report.ts';
import { formatInZone } from '../shared/schedule/time-zone.ts';
import { printable } from '../shared/text/printable.ts';
import { type Terminal, wrap } from './terminal.ts';

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

const indent = '    ';

/**
 * Returns a report for people to read in a terminal: what was checked, what could not be, findings worst first.
 *
 * @param options.brief one line for each finding, without its remedy.
 */
export function renderReport(report: Report, terminal: Terminal, options: { brief?: boolean } = {}): string {
  const { coverage, findings, scope } = report;
  const { style, columns } = terminal;
  const time = formatInZone(new Date(report.startedAt), scope.timeZone);
  const lines = [
    `${style('bold', report.title)} · ${scope.estate} · ${time} · ${report.metrics.durationSeconds?.toFixed(1)} s`,
    '',
    wrap(`Checked ${coverage.checked} of ${coverage.expected}: ${typesText(report)}`, columns, '  ', ''),
    `Found ${countsText(findings)}`,
    wrap(style(statusStyle(report.status), statusText[report.status]), columns, '  ', ''),
  ];
  if (options.brief === true && findings.length > 0) lines.push('');
  for (const finding of [...findings].sort((a, b) => compareSeverity(a.severity, b.severity))) {
    if (options.brief === true) lines.push(findingLine(finding, terminal));
    else lines.push('', ...findingLines(finding, terminal));
  }
  if (coverage.unchecked.length > 0) {
    lines.push('', style('bold', `Could not be checked (${coverage.unchecked.length})`));
    for (const unchecked of coverage.unchecked) lines.push(uncheckedText(unchecked, terminal));
  }
  return `${lines.join('\n')}\n`;
}

function findingLines({ severity, rule, resource, summary, remedy }: Finding, { style, columns }: Terminal): string[] {
  const name = printable(resource.name);
  const id = printable(resource.id);
  const place = [resource.account, resource.region]
    .filter((part) => part !== undefined)
    .map((part) => printable(part))
    .join(' ');
  return [
    `${style(severityStyle[severity], severity.toUpperCase())} ${style('bold', rule)} · ${name}${place === '' ? '' : ` · ${place}`}`,
    wrap(printable(summary), columns, indent),
    wrap(`→ ${printable(remedy)}`, columns, `${indent}  `, indent),
    ...(id === name ? [] : [style('dim', `${indent}${id}`)]),
  ];
}

function findingLine({ severity, rule, resource, summary }: Finding, { style, columns }: Terminal): string {
  const head = `${style(severityStyle[severity], severity.toUpperCase().padEnd(8))} ${style('bold', rule)} · ${printable(resource.name)}`;
  return wrap(`${head}: ${printable(summary)}`, columns, ' '.repeat(9), '');
}

function uncheckedText({ resource, reason, detail }: Unchecked, { style, columns }: Terminal): string {
  const name = printable(resource.name);
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

function typeName(type: string, count: number): string {
  const singular =
    type === 'scope' ? 'listing' : type.replaceAll('-', ' ').replace(/^(acm|iam|rds)\b/, (s) => s.toUpperCase());
  if (count === 1) return singular;
  return singular.endsWith('y') ? `${singular.slice(0, -1)}ies` : `${singular}s`;
}

function countsText(findings: readonly Finding[]): string {
  const counts = severities
    .map((severity) => [severity, findings.filter((finding) => finding.severity === severity).length] as const)
    .filter(([, count]) => count > 0)
    .map(([severity, count]) => `${count} ${severity}`);
  return counts.length === 0 ? 'nothing' : counts.join(', ');
}

function statusStyle(status: Report['status']): Parameters<Terminal['style']>[0] {
  if (status === 'clean') return 'green';
  return status === 'findings' ? 'bold' : ['bold', 'yellow'];
}
