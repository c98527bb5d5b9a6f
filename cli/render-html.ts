import { scopeType } from '../shared/coverage.ts';
import { type Finding, severities } from '../shared/finding.ts';
import type { Report, ReportTable, Unchecked } from '../shared/report.ts';
import { cellValue, isNumberColumn } from '../shared/report-table.ts';
import type { Resource } from '../shared/resource.ts';
import { formatInZone } from '../shared/schedule/time-zone.ts';
import { formatQuantity } from '../shared/text/format-quantity.ts';
import { Html, html } from './html.ts';
import { countsText, isEmpty } from './render-report.ts';
import { typeName } from './type-name.ts';

const style = `
:root { color-scheme: light dark; --line: #d0d7de; --dim: #59636e; --card: #f6f8fa; --page: #fff; --text: #1f2328;
  --critical: #b3001b; --high: #c4460a; --medium: #8a6100; --low: #1f5fbf; --informational: #59636e; --good: #1a7f37; }
@media (prefers-color-scheme: dark) { :root { --line: #3d444d; --dim: #9198a1; --card: #151b23; --page: #0d1117;
  --text: #f0f6fc; --critical: #ff6b7a; --high: #ff9a5c; --medium: #e3b341; --low: #79b8ff; --good: #3fb950; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page); max-width: 68rem;
  margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0; } .dim { color: var(--dim); }
.headline { font-size: 1.15rem; font-weight: 600; margin: .5rem 0; overflow-wrap: anywhere; }
.tiles { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1rem 0; }
.tile { border: 1px solid var(--line); border-radius: 6px; padding: .5rem .9rem; background: var(--card); min-width: 6.5rem; }
.tile b { display: block; font-size: 1.4rem; line-height: 1.2; }
article { border: 1px solid var(--line); border-left-width: 5px; border-radius: 6px; padding: .6rem .9rem; margin: .6rem 0; }
article header { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: baseline; }
.badge { font-size: .75rem; font-weight: 700; text-transform: uppercase; letter-spacing: .03em; }
${severities.map((name) => `.${name} { border-left-color: var(--${name}); } .badge.${name}, .tile.${name} b { color: var(--${name}); }`).join('\n')}
.status-clean b { color: var(--good); } .status-incomplete b, .status-failed b { color: var(--high); }
code, dd { font-family: ui-monospace, monospace; font-size: .85em; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 .75rem; margin: .4rem 0 0; }
dt { color: var(--dim); font-size: .85em; } dd { margin: 0; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; } th { font-weight: 600; overflow-wrap: normal; }
.unchecked td:first-child { max-width: 22rem; } .unchecked code { white-space: nowrap; }
@media (max-width: 40rem) { body { padding: 1rem; } .unchecked thead { display: none; }
  .unchecked tr { display: block; border-bottom: 1px solid var(--line); padding: .3rem 0; } .unchecked td { display: block; border: 0; padding: 0; max-width: none; } }
.scroll { overflow-x: auto; font-size: .87rem; } .scroll th, .scroll td { padding-right: 1rem; overflow-wrap: break-word; max-width: 24rem; }
.scroll th { vertical-align: bottom; } .scroll .number { text-align: right; } .scroll td.number, .scroll td.time { white-space: nowrap; }
.scroll th:first-child, .scroll td:first-child { position: sticky; left: 0; background: var(--page); max-width: 45vw; }
nav { margin-bottom: 2rem; } nav a { color: var(--low); } nav td:nth-child(2) { white-space: nowrap; } section + section { margin-top: 3rem; }
summary { cursor: pointer; color: var(--dim); font-size: .9em; }
`;

/** Returns one self-contained page of these reports: no script, nothing loaded from elsewhere. */
export function renderHtml(reports: readonly Report[]): string {
  const title = `Caretaker · ${[...new Set(reports.map(({ scope }) => scope.estate))].join(', ')}`;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${new Html(style)}</style>
</head>
<body>
${reports.length > 1 ? contents(reports) : html``}
${reports.map(reportSection)}
</body>
</html>
`;
  return page.markup;
}

/** What of several reports is to be read first, before the thousands of lines of the first one. */
function contents(reports: readonly Report[]): Html {
  return html`<nav aria-label="Reports"><table><thead><tr><th>Report</th><th>Status</th><th>Found</th></tr></thead><tbody>
${reports.map(
  (report, index) =>
    html`<tr><td><a href="#${anchor(index)}">${report.title}</a></td><td>${shownStatus(report)}</td><td>${countsText(report.findings)}</td></tr>`,
)}
</tbody></table></nav>
`;
}

function anchor(index: number): string {
  return `report-${index + 1}`;
}

function shownStatus(report: Report): string {
  return isEmpty(report) ? 'nothing to check' : report.status;
}

function reportSection(report: Report, index: number): Html {
  const { coverage, findings, scope } = report;
  const time = formatInZone(new Date(report.startedAt), scope.timeZone);
  const tiles = severities
    .map((severity) => ({ severity, count: findings.filter((finding) => finding.severity === severity).length }))
    .filter(({ count }) => count > 0)
    .map(({ severity, count }) => html`<div class="tile ${severity}"><b>${count}</b>${severity}</div>`);
  return html`<section id="${anchor(index)}">
<h1>${report.title}</h1>
${report.headline === undefined ? html`` : html`<p class="headline">${report.headline}</p>`}
<p class="dim">${scope.estate} · ${time} · run ${report.runId}${scope.only === undefined ? '' : ` · only ${scope.only}`}</p>
<div class="tiles">
<div class="tile status-${isEmpty(report) ? 'empty' : report.status}"><b>${shownStatus(report)}</b>status</div>
<div class="tile"><b>${coverage.checked} / ${coverage.expected}</b>checked</div>
${tiles}
</div>
${coverage.unchecked.length === 0 ? html`` : uncheckedTable(coverage.unchecked)}
<h2>Findings (${findings.length})</h2>
${findings.length === 0 ? html`<p>Nothing was found in what could be checked.</p>` : findings.map(findingArticle)}
${changesTable(report)}
${(report.tables ?? []).map((table) => tableSection(table, scope.timeZone))}
<h2>Coverage</h2>
<table><thead><tr><th>Type</th><th>Expected</th><th>Checked</th></tr></thead><tbody>
${Object.entries(coverage.byType).map(
  ([type, counts]) => html`<tr><td>${type}</td><td>${counts.expected}</td><td>${counts.checked}</td></tr>`,
)}
</tbody></table>
</section>
`;
}

/** What was changed, or would be; nothing of a task that changes nothing. */
function changesTable({ mode, changes }: Report): Html {
  if (changes.length === 0) return html``;
  return html`<h2>${mode === 'apply' ? 'Changes' : 'What would be changed; this was a dry run'} (${changes.length})</h2>
<table class="changes"><thead><tr><th>What</th><th>Outcome</th><th>Detail</th></tr></thead><tbody>
${changes.map(
  ({ resource, outcome, detail }) => html`<tr><td>${resource.name}</td><td>${outcome}</td><td>${detail}</td></tr>`,
)}
</tbody></table>
`;
}

function tableSection(table: ReportTable, timeZone: string): Html {
  const { title, rows } = table;
  const heading = html`<h2>${title} (${rows.length})</h2>`;
  if (rows.length === 0) return html`${heading}<p>none</p>`;
  const columns = table.columns.map((column) => ({ ...column, kind: columnKind(table, column.key) }));
  return html`${heading}
<div class="scroll" role="region" aria-label="${title}" tabindex="0"><table><thead><tr>
${columns.map((column) => html`<th scope="col" class="${column.kind}">${column.title}</th>`)}
</tr></thead><tbody>
${rows.map(
  (row) => html`<tr>
${columns.map(({ key, kind }) => html`<td class="${kind}">${formatQuantity(key, cellValue(row, key), timeZone)}</td>`)}
</tr>`,
)}
</tbody></table></div>
`;
}

function columnKind(table: ReportTable, key: string): string {
  if (isNumberColumn(table, key)) return 'number';
  return key.endsWith('At') ? 'time' : 'text';
}

function uncheckedTable(unchecked: readonly Unchecked[]): Html {
  return html`<h2>Could not be checked (${unchecked.length})</h2>
<table class="unchecked"><thead><tr><th>What</th><th>Reason</th><th>Detail</th></tr></thead><tbody>
${unchecked.map(
  ({ resource, reason, detail }) =>
    html`<tr><td>${resource.name}${whatItIs(resource)}</td><td><code>${reason}</code></td><td>${detail}</td></tr>`,
)}
</tbody></table>
`;
}

/** Kind and place: the name alone may be that of a bucket, of what is copied from it, and of what is verified in it. */
function whatItIs({ type, account, region }: Resource): Html {
  const parts = [type === scopeType ? undefined : typeName(type, 1), account, region];
  const known = parts.filter((part) => part !== undefined);
  return known.length === 0 ? html`` : html` <span class="dim">${known.join(' · ')}</span>`;
}

function findingArticle({ severity, rule, resource, summary, remedy, evidence }: Finding): Html {
  const place = [resource.account, resource.region].filter((part) => part !== undefined).join(' · ');
  return html`<article class="${severity}">
<header><span class="badge ${severity}">${severity}</span><strong>${resource.name}</strong><code>${rule}</code>
<span class="dim">${place}</span></header>
<p>${summary}</p>
<p>→ ${remedy}</p>
<details><summary>Evidence</summary><dl><dt>resource</dt><dd>${resource.id}</dd>
${Object.entries(evidence).map(
  ([name, value]) => html`<dt>${name}</dt><dd>${Array.isArray(value) ? value.join(' · ') : String(value)}</dd>`,
)}</dl></details>
</article>
`;
}
