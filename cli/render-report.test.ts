import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryTable } from '../shared/notify/report-fixtures.ts';
import type { Report, ReportTable, Unchecked } from '../shared/report.ts';
import { displayWidth } from '../shared/text/display-width.ts';
import { renderHtml } from './render-html.ts';
import { renderReport } from './render-report.ts';
import type { Terminal } from './terminal.ts';

const hostile = '\u001b[2J<script>alert(1)</script>\u202e\r\n\u009b31m"\'&';
const resource = { type: 'endpoint', id: `tls://${hostile}`, name: hostile, account: hostile, region: hostile };
const report: Report = {
  schemaVersion: 1,
  runId: hostile,
  task: 'certificate-expiry',
  title: 'Certificate expiry scan',
  trigger: 'manual',
  mode: 'dry-run',
  startedAt: '2026-11-22T12:00:00.000Z',
  finishedAt: '2026-11-22T12:00:01.000Z',
  scope: { estate: 'nycmg', timeZone: 'America/New_York', accounts: [], regions: ['us-east-1'], only: hostile },
  coverage: {
    expected: 2,
    checked: 1,
    unchecked: [{ resource, reason: 'access-denied', detail: hostile }],
    byType: { endpoint: { expected: 2, checked: 1 } },
  },
  findings: [
    {
      id: '0123456789abcdef',
      task: 'certificate-expiry',
      rule: 'expired',
      severity: 'critical',
      resource,
      summary: hostile,
      evidence: { subject: hostile, names: [hostile], samples: [hostile] },
      remedy: hostile,
    },
  ],
  changes: [{ resource, action: hostile, outcome: 'planned', detail: hostile }],
  metrics: { durationSeconds: 1 },
  headline: hostile,
  tables: [
    { title: hostile, columns: [{ key: hostile, title: hostile }], rows: [{ [hostile]: hostile }] },
    { title: hostile, columns: [], rows: [] },
  ],
  status: 'incomplete',
};

const plain: Terminal = { columns: 60, tableColumns: 60, style: (_, text) => text };

const tracks: ReportTable = {
  title: 'What could be restored',
  columns: [
    { key: 'name', title: 'Resource' },
    { key: 'rpoMinutes', title: 'RPO' },
    { key: 'newestAt', title: 'Newest restore point' },
    { key: 'share', title: 'Verified' },
  ],
  rows: [
    { name: 'nycmg-tracks', rpoMinutes: 90, newestAt: '2026-11-22T11:58:00Z', share: 1 },
    { name: 'nycmg-rights', rpoMinutes: null, newestAt: null, share: 0.995 },
  ],
};

const clean: Report = {
  ...report,
  coverage: { expected: 2, checked: 2, unchecked: [], byType: { 'rds-instance': { expected: 2, checked: 2 } } },
  findings: [],
  changes: [],
  headline: '2 of 2 resources could be restored as their policies ask; the worst would lose 90 minutes.',
  tables: [tracks],
  status: 'clean',
};

describe('strings from outside', () => {
  it.each([[false], [true]])('do not act on a terminal, brief: %s', (brief) => {
    const text = renderReport(report, plain, { brief });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(text).toContain('\\u001b[2J');
  });

  it('do not act in a page', () => {
    const page = renderHtml([report]);
    expect(page).not.toContain('<script');
    expect(page).toContain('&lt;script&gt;');
    expect(page).not.toMatch(/alert\(1\)<\/script>/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
    expect(page).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(page).toContain('&quot;&#39;&amp;');
    const shown = '\\u001b[2J&lt;script&gt;alert(1)&lt;/script&gt;\\u202e\\r\\n\\u009b31m&quot;&#39;&amp;';
    expect(page).toContain(`<p class="headline">${shown}</p>`);
    expect(page).toContain(`aria-label="${shown}"`);
    expect(page).toContain(`<td class="text">${shown}</td>`);
  });
});

describe('a report in a terminal', () => {
  it('says first what was checked and what could not be, then the worst finding with its remedy', () => {
    const text = renderReport(report, plain);
    const positions = ['Checked 1 of 2', '1 critical', 'INCOMPLETE', 'CRITICAL', '→', 'Could not be checked (1)'];
    const found = positions.map((part) => text.indexOf(part));
    expect(found.every((position) => position >= 0)).toBe(true);
    expect(found).toEqual([...found].sort((a, b) => a - b));
  });

  it('shows the first samples of what was found, and how many there are beside', () => {
    const [finding] = report.findings as [Report['findings'][number]];
    const samples = ['id=1', 'id=2', 'id=3', 'id=4', 'id=5', 'id=6', 'id=7'];
    const of = (evidence: Report['findings'][number]['evidence']) =>
      renderReport({ ...report, findings: [{ ...finding, evidence }] }, plain).replaceAll(/\s+/g, ' ');
    expect(of({ samples })).toContain('such as id=1; id=2; id=3; id=4; id=5; and 2 more in the page');
    expect(of({ samples: samples.slice(0, 5) })).toContain('such as id=1; id=2; id=3; id=4; id=5 →');
    expect(of({ samples: [] })).not.toContain('such as');
    expect(of({})).not.toContain('such as');
  });

  it('wraps the counts of findings too', () => {
    const findings = (['critical', 'high', 'medium', 'low', 'informational'] as const).map((severity) => ({
      ...(report.findings[0] as Report['findings'][number]),
      severity,
    }));
    const text = renderReport({ ...clean, findings, status: 'findings' }, { ...plain, columns: 40 });
    expect(text).toContain('Found 1 critical, 1 high, 1 medium, 1\n  low, 1 informational\n');
  });

  it('says once why, of what could not be checked for the same reason', () => {
    const unread = ['titles', 'states'].map((name) => ({
      resource: { type: 'integrity-rule', id: name, name },
      reason: 'database-unread',
      detail: 'See there.',
    }));
    const coverage = { ...clean.coverage, unchecked: [...unread, { ...(unread[0] as Unchecked), detail: 'Else.' }] };
    const text = renderReport({ ...clean, coverage, status: 'incomplete' }, plain);
    expect(text).toContain(
      'Could not be checked (3)\n  database-unread · titles, states: See there.\n  database-unread · titles: Else.\n',
    );
  });

  it('does not say that nothing was checked where something was', () => {
    const listed = { expected: 2, checked: 2 };
    const unread = { ...report.coverage, expected: 4, checked: 2 };
    const text = (byType: Report['coverage']['byType']) =>
      renderReport({ ...report, status: 'failed', coverage: { ...unread, byType } }, plain);
    expect(text({ 'retention-policy': { expected: 2, checked: 0 }, scope: listed })).toContain(
      'FAILED: nothing but listings could be checked.',
    );
    expect(text({ 'rds-instance': { expected: 2, checked: 1 }, scope: { expected: 2, checked: 1 } })).toContain(
      'FAILED: what was to be found was not there;',
    );
    const none = { ...report.coverage, checked: 0, byType: { scope: { expected: 2, checked: 0 } } };
    expect(renderReport({ ...report, status: 'failed', coverage: none }, plain)).toContain(
      'FAILED: nothing could be checked.',
    );
  });

  it('does not call clean what had nothing to look at', () => {
    const coverage = { expected: 0, checked: 0, unchecked: [], byType: {} };
    const text = renderReport({ ...clean, coverage, headline: 'No database was audited.', tables: [] }, plain);
    expect(text).toContain('\nNothing was checked: there was nothing to look at.\nNo database was audited.\n');
    expect(text).not.toContain('Clean');
  });

  it('says of changes whether they were made', () => {
    const changed = { ...resource, name: 'listens' };
    const change = (outcome: Report['changes'][number]['outcome']) => ({
      resource: changed,
      action: 'take',
      outcome,
      detail: '10 deleted.',
    });
    const changes = [change('planned')];
    const shown = renderReport({ ...report, changes }, plain).replaceAll(/\s+/g, ' ');
    expect(shown).toContain('in a dry run that has changed nothing (1) planned · listens: 10 deleted.');
    const applied: Report = { ...report, mode: 'apply', changes: [change('done'), change('failed')] };
    expect(renderReport(applied, plain)).toContain('Changes (2)\n  done · listens: 10 deleted.\n  failed · listens');
    expect(renderHtml([applied])).toContain('<td>listens</td><td>failed</td><td>10 deleted.</td>');
    expect(renderReport({ ...report, changes: [] }, plain)).not.toContain('changed');
  });

  it('says the headline below the status, and what was measured below the findings', () => {
    expect(renderReport(clean, { ...plain, columns: 70, tableColumns: 70 })).toBe(`\
Certificate expiry scan · nycmg · 2026-11-22 07:00 -05:00 · 1.0 s

Checked 2 of 2: 2 RDS instances
Found nothing
Clean: everything was checked, nothing was found.
2 of 2 resources could be restored as their policies ask; the worst
  would lose 90 minutes.

What could be restored (2)
  Resource             RPO  Newest restore point     Verified
  ------------  ----------  -----------------------  --------
  nycmg-tracks  1 h 30 min  2026-11-22 06:58 -05:00     100 %
  nycmg-rights           –  –                          99.5 %
`);
  });

  it('shows a table that does not fit row by row', () => {
    expect(renderReport(clean, { ...plain, columns: 40, tableColumns: 40 })).toContain(`
What could be restored (2)
  Resource: nycmg-tracks
    RPO: 1 h 30 min
    Newest restore point:
      2026-11-22 06:58 -05:00
    Verified: 100 %

  Resource: nycmg-rights
    RPO: – · Newest restore point: –
    Verified: 99.5 %
`);
  });

  it('uses the whole width of a terminal for a table, though not for text', () => {
    const text = renderReport(clean, { ...plain, columns: 40, tableColumns: 70 });
    expect(text).toContain('could be restored as\n  their policies');
    expect(text).toContain('Resource             RPO  Newest restore point     Verified');
  });

  it('shows what was measured before what could not be checked, which is to be seen last', () => {
    const text = renderReport({ ...report, tables: [tracks] }, plain);
    const positions = ['CRITICAL', 'What could be restored (2)', 'Could not be checked (1)'].map((part) =>
      text.indexOf(part),
    );
    expect(positions.every((position) => position >= 0)).toBe(true);
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
  });

  it('says of an empty table that there is nothing in it', () => {
    const text = renderReport({ ...clean, tables: [{ ...tracks, rows: [] }] }, plain, { brief: true });
    expect(text).toMatch(/\nWhat could be restored \(0\)\n {2}none\n$/u);
    expect(renderHtml([{ ...clean, tables: [{ ...tracks, rows: [] }] }])).toContain(
      '<h2>What could be restored (0)</h2><p>none</p>',
    );
  });

  it('shows twelve rows of all tables together when it is to be brief, and counts the others', () => {
    const rows = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ name: `track-${index + 1}`, rpoMinutes: 5 }));
    const tables = [
      { ...tracks, title: 'First', rows: rows(2) },
      { ...tracks, title: 'Second', rows: rows(11) },
      { ...tracks, title: 'Third', rows: rows(3) },
    ];
    const brief = renderReport({ ...clean, tables }, { ...plain, tableColumns: 80 }, { brief: true });
    expect(brief).toContain('2 of 2 resources could be restored');
    expect(brief.match(/^ {2}track-/gmu)).toHaveLength(12);
    expect(brief).toMatch(
      /\nSecond \(11\)\n[\s\S]*track-10 [\s\S]*\n {2}… and 1 more in the page\n\nThird \(3\)\n {2}3 in the page\n$/u,
    );
    expect(brief).not.toContain('track-11');

    const exactly = renderReport({ ...clean, tables: [{ ...tracks, rows: rows(12) }] }, plain, { brief: true });
    expect(exactly).not.toContain('in the page');
    const whole = renderReport({ ...clean, tables }, { ...plain, tableColumns: 80 });
    expect(whole.match(/^ {2}track-/gmu)).toHaveLength(16);
    expect(whole).not.toContain('in the page');
  });

  it('has no line beyond the width from 40 columns on, whatever was measured', () => {
    const title = fc.string({ unit: fc.constantFrom('a', 'é', '楽', ' '), maxLength: 120 });
    const word = fc.string({ unit: fc.constantFrom('a', 'é', '楽'), minLength: 1, maxLength: 15 });
    fc.assert(
      fc.property(
        fc.integer({ min: 40, max: 160 }),
        fc.array(word, { maxLength: 40 }),
        fc.array(fc.tuple(arbitraryTable, title), { maxLength: 3 }),
        fc.boolean(),
        (columns, words, pairs, brief) => {
          const tables = pairs.map(([table, name]) => ({ ...table, title: name.replaceAll(/(\S{12})/gu, '$1 ') }));
          const terminal = { ...plain, columns: Math.min(columns, 110), tableColumns: columns };
          const lines = renderReport({ ...clean, headline: words.join(' '), tables }, terminal, { brief }).split('\n');
          for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(columns);
        },
      ),
    );
  });
});

describe('a page', () => {
  it('says the headline below the title, and has a table for each of the report', () => {
    const page = renderHtml([clean]);
    expect(page).toContain(
      '<h1>Certificate expiry scan</h1>\n<p class="headline">2 of 2 resources could be restored as their policies ask; ',
    );
    expect(page).toContain('<h2>What could be restored (2)</h2>');
    expect(page).toContain('<th scope="col" class="number">RPO</th>');
    expect(page).toContain(
      '<td class="text">nycmg-tracks</td><td class="number">1 h 30 min</td>' +
        '<td class="time">2026-11-22 06:58 -05:00</td><td class="number">100 %</td>',
    );
    expect(page).toContain('<td class="text">nycmg-rights</td><td class="number">–</td><td class="time">–</td>');
    expect(page.indexOf('<h2>Findings')).toBeLessThan(page.indexOf('<h2>What could'));
  });

  it('says of what could not be checked what it is and where', () => {
    const resource = { type: 's3-replica', id: 's3://nycmg-audio/', name: 'audio', region: 'us-west-2' };
    const unchecked = [{ resource, reason: 'not-reached', detail: 'The time was up.' }];
    const page = renderHtml([{ ...clean, coverage: { ...clean.coverage, unchecked } }]);
    expect(page).toContain('<td>audio <span class="dim">S3 replica · us-west-2</span></td>');
  });

  it('begins with what there is to read where there are several reports', () => {
    const clean: Report = { ...report, title: 'Data purge', status: 'clean', findings: [] };
    const page = renderHtml([report, clean]);
    expect(page).toContain(
      '<a href="#report-1">Certificate expiry scan</a></td><td>incomplete</td><td>1 critical</td>',
    );
    expect(page).toContain('<a href="#report-2">Data purge</a></td><td>clean</td><td>nothing</td>');
    expect(page.match(/<section id="report-\d+">/g)).toEqual(['<section id="report-1">', '<section id="report-2">']);
    expect(renderHtml([report])).not.toContain('<nav');
  });

  it('has neither where the report has none', () => {
    const page = renderHtml([{ ...clean, headline: undefined, tables: undefined }]);
    expect(page).not.toContain('<p class="headline">');
    expect(page).not.toContain('<div class="scroll"');
  });
});
