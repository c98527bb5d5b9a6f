import { describe, expect, it } from 'vitest';
import type { Report } from '../shared/report.ts';
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
      evidence: { subject: hostile, names: [hostile] },
      remedy: hostile,
    },
  ],
  changes: [],
  metrics: { durationSeconds: 1 },
  status: 'incomplete',
};

const plain: Terminal = { columns: 60, style: (_, text) => text };

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
});
