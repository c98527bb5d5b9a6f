import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Finding } from '../finding.ts';
import type { ReportTable } from '../report.ts';
import { emailMaxBytes, renderEmail, subjectMaxLength } from './render-email.ts';
import { arbitraryReport, coverageWithout, findingOf, hostileText, reportOf, uncheckedOf } from './report-fixtures.ts';

function restorable(count: number): ReportTable {
  return {
    title: 'What could be restored',
    columns: [
      { key: 'name', title: 'Resource' },
      { key: 'rpoMinutes', title: 'RPO' },
      { key: 'newestAt', title: 'Newest restore point' },
    ],
    rows: Array.from({ length: count }, (_, index) => ({
      name: `track-${index + 1}`,
      rpoMinutes: 1 + index * 60,
      newestAt: index === 0 ? '2026-11-23T11:00:00Z' : null,
    })),
  };
}

const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

describe('renderEmail', () => {
  it('renders the whole mail', () => {
    const report = reportOf({
      status: 'incomplete',
      findings: [
        findingOf('high', 'api.nycmg.example', { rule: 'renewal-stuck', summary: 'The renewal waits for validation.' }),
        findingOf('critical', 'expired.nycmg.example'),
      ],
      coverage: coverageWithout([uncheckedOf('db.nycmg.example')]),
    });
    const { subject, body } = renderEmail(report, {
      reportUrl: 's3://caretaker-reports/certificate-expiry/run-1.json',
      runbookUrl: 'https://runbook.nycmg.example/',
      stage: 'prod',
      reason: '1 critical, 1 other, 1 not checked',
    });
    expect(subject).toBe('NYCMG prod: 1 critical, 1 other, 1 not checked: Certificate expiry scan');
    expect(body).toBe(`1 critical, 1 other, 1 not checked
Certificate expiry scan, NYCMG prod, 2026-11-23 06:00 -05:00

WHAT WAS CHECKED
  type                                      expected   checked unchecked
  endpoint                                        52        51         1
  all                                             52        51         1

FINDINGS, WORST FIRST

1. CRITICAL expired: expired.nycmg.example (endpoint, 123456789012,
   us-east-1)
   The certificate expired 3 days ago.
   Resource: tls://expired.nycmg.example:443
   expiredDays: 3
   names: expired.nycmg.example; www.expired.nycmg.example
   What to do: Import a renewed certificate and attach it to the load
   balancer.
   Runbook: https://runbook.nycmg.example/#expired

2. HIGH renewal-stuck: api.nycmg.example (endpoint, 123456789012, us-east-1)
   The renewal waits for validation.
   Resource: tls://api.nycmg.example:443
   expiredDays: 3
   names: api.nycmg.example; www.api.nycmg.example
   What to do: Import a renewed certificate and attach it to the load
   balancer.
   Runbook: https://runbook.nycmg.example/#renewal-stuck

NOT CHECKED

connect-timeout: 1
   - db.nycmg.example (endpoint): No connection within 2 s.

THE RUN
   Run: run-1 of certificate-expiry, incomplete
   Begun: 2026-11-23 06:00 -05:00
   Ended: 2026-11-23 06:00 -05:00, after 42 s
   Started by: the schedule, mode dry-run
   Accounts: 123456789012
   Regions: us-east-1
   Report: s3://caretaker-reports/certificate-expiry/run-1.json
   Sent because: 1 critical, 1 other, 1 not checked

TO RUN IT AGAIN
   caretaker run certificate-expiry
or, as it is deployed,
   caretaker invoke certificate-expiry --stage prod --dry-run
   aws lambda invoke --function-name caretaker-prod-certificate-expiry \\
     --qualifier live --cli-read-timeout 0 \\
     --cli-binary-format raw-in-base64-out --payload '{"dryRun":true}' out.json
`);
  });

  it('says what failed and what is clean', () => {
    expect(renderEmail(reportOf()).subject).toBe('NYCMG: nothing found: Certificate expiry scan');
    const coverage = { expected: 0, checked: 0, unchecked: [], byType: {} };
    expect(renderEmail(reportOf({ status: 'failed', coverage })).subject).toBe(
      'NYCMG: FAILED, nothing was checked: Certificate expiry scan',
    );
    expect(renderEmail(reportOf({ status: 'failed', findings: [findingOf('low', 'a')], coverage })).subject).toBe(
      'NYCMG: FAILED, 1 other: Certificate expiry scan',
    );
  });

  it('lists the changes that failed', () => {
    const { resource } = findingOf('low', 'track-17');
    const changes = [
      { resource, action: 'delete', outcome: 'failed' as const, detail: 'The copy differs.' },
      { resource, action: 'archive', outcome: 'done' as const, detail: '' },
    ];
    const { body } = renderEmail(reportOf({ mode: 'apply', changes }), { stage: 'prod' });
    expect(body).toContain('   Changes: 2, of which done 1, failed 1\n   Failed: delete track-17 (endpoint,');
    expect(body).toContain("--payload '{}' out.json");
  });

  it('groups what was not checked by its reason, the most frequent first, and counts what it does not list', () => {
    const unchecked = [
      uncheckedOf('bucket', 'access-denied', 'Not authorized.'),
      ...Array.from({ length: 5000 }, (_, index) => uncheckedOf(`host-${index}`, 'throttled')),
    ];
    const { body } = renderEmail(reportOf({ status: 'incomplete', coverage: coverageWithout(unchecked) }), {
      reportUrl: 's3://r',
    });
    expect(body).toMatch(/throttled: 5000\n {3}- host-0 [\s\S]*\n {3}- host-19 .*\n\naccess-denied: 1\n {3}- bucket/u);
    expect(body).not.toContain('host-20 ');
    expect(body).toContain('and 4980 more; the full report is at s3://r');
  });

  it('shows whole findings only, and counts those that have no room', () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `host-${String(index).padStart(5, '0')}.nycmg.example`);
    const unchecked = [uncheckedOf('db.nycmg.example')];
    const report = reportOf({
      status: 'incomplete',
      findings: names.map((name) => findingOf('critical', name)),
      coverage: coverageWithout(unchecked),
    });
    const { subject, body } = renderEmail(report);
    expect(subject).toBe('NYCMG: 10000 critical, 1 not checked: Certificate expiry scan');
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(emailMaxBytes);
    const shown = body.match(/^\d+\. CRITICAL/gmu)?.length ?? 0;
    expect(shown).toBeGreaterThan(100);
    expect(body.match(/Runbook: docs\/runbook\.md#expired/gu)).toHaveLength(shown);
    expect(body).toContain(`and ${10_000 - shown} more; the stored report has all`);
    expect(body).toContain('- db.nycmg.example (endpoint): No connection');
  });

  it('shows the worst finding even when each is larger than the mail', () => {
    const huge = { summary: '€'.repeat(1_000_000), remedy: 'x y '.repeat(250_000), rule: 'é'.repeat(1_000_000) };
    const evidence = Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [`key${index}`, ['€'.repeat(100_000)]]),
    );
    const findings = Array.from({ length: 50 }, (_, index) =>
      findingOf('high', `host-${index}`, { ...huge, evidence }),
    );
    const { body } = renderEmail(reportOf({ status: 'findings', findings }));
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(emailMaxBytes);
    expect(body).toContain('1. HIGH');
    expect(body).toContain('and 88 more facts');
    expect(body).toMatch(/and \d+ more; the stored report has all/u);
  });

  it('keeps lines within 76 characters, except for words that are longer', () => {
    const findings = [findingOf('high', 'a.example', { summary: 'word '.repeat(200), remedy: 'do this '.repeat(100) })];
    const { body } = renderEmail(reportOf({ status: 'findings', findings }), { reportUrl: `s3://${'x'.repeat(200)}` });
    for (const line of body.split('\n')) {
      if (line.length > 76) expect(line.trim().replace('Report: ', '')).not.toContain(' ');
    }
  });

  it('says the headline below the counts, and shows short tables below the findings', () => {
    const report = reportOf({
      status: 'findings',
      findings: [findingOf('high', 'nycmg-rights')],
      headline: '1 of 2 resources could be restored as their policies ask; the worst RPO is 1 d.',
      tables: [restorable(2), { ...restorable(0), title: 'Replicas' }],
    });
    const { body } = renderEmail(report);
    expect(body).toMatch(
      /^1 other\n1 of 2 resources could be restored as their policies ask; the worst RPO is 1\nd\.\nCertificate expiry scan, /u,
    );
    expect(body).toContain(`
   Runbook: docs/runbook.md#expired

WHAT COULD BE RESTORED
  Resource        RPO  Newest restore point
  --------  ---------  -----------------------
  track-1       1 min  2026-11-23 06:00 -05:00
  track-2   1 h 1 min  –

REPLICAS
  none

THE RUN
`);
  });

  it('leaves a table to the page that is long or wide', () => {
    const shows = (table: ReportTable) => renderEmail(reportOf({ tables: [table] })).body.includes('WHAT COULD');
    expect(shows(restorable(15))).toBe(true);
    expect(shows(restorable(16))).toBe(false);
    const named = (length: number) => ({ ...restorable(0), rows: [{ name: 'n'.repeat(length), x: 'm'.repeat(32) }] });
    const columns = ['name', 'x'].map((key) => ({ key, title: key }));
    // Two columns of words of 32 characters, then three.
    expect(shows({ ...named(32), columns })).toBe(true);
    expect(shows({ ...named(32), columns: [...columns, { key: 'name', title: 'again' }] })).toBe(false);
  });

  it('shows no table where a finding or what was not checked had no room', () => {
    const some = Array.from({ length: 10 }, (_, index) => findingOf('high', `host-${index}`));
    const many = Array.from({ length: 10_000 }, (_, index) => findingOf('high', `host-${index}`));
    const render = (findings: Finding[], tables?: ReportTable[]) => renderEmail(reportOf({ findings, tables })).body;
    expect(render(some, [restorable(3)])).toContain('WHAT COULD BE RESTORED');
    expect(render(many, [restorable(3)])).toBe(render(many));
    const tables = Array.from({ length: 1000 }, () => restorable(15));
    const body = render(some, tables);
    expect(body.match(/WHAT COULD BE RESTORED/gu)?.length).toBeGreaterThan(20);
    expect(body.match(/^\d+\. HIGH/gmu)).toHaveLength(10);
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(emailMaxBytes);
  });

  it('bounds a headline', () => {
    const { body } = renderEmail(reportOf({ headline: 'word '.repeat(100_000) }));
    expect(body.slice(0, 700)).toContain('…\nCertificate expiry scan');
  });

  it('adds no line and no header for a hostile text', () => {
    const findings = [
      findingOf('high', hostileText, { summary: hostileText, evidence: { [hostileText]: hostileText } }),
    ];
    const report = reportOf({
      status: 'findings',
      title: hostileText,
      findings,
      headline: hostileText,
      tables: [
        { title: hostileText, columns: [{ key: 'a', title: hostileText }], rows: [{ a: hostileText }] },
        { title: hostileText, columns: [{ key: 'a', title: 'A' }], rows: [{ a: 'b\r\nBcc: x@evil.example' }] },
      ],
      coverage: coverageWithout([uncheckedOf(hostileText, hostileText, hostileText)]),
    });
    const { subject, body } = renderEmail(report, { reportUrl: hostileText, stage: hostileText });
    expect(subject).not.toMatch(unprintable);
    expect(body.replaceAll('\n', '')).not.toMatch(unprintable);
    expect(body).not.toMatch(/^\s*Bcc:/mu);
  });

  it('puts nothing into a command line that a shell would act on', () => {
    const scope = { ...reportOf().scope, only: "x'; rm -rf ~ #" };
    const { body } = renderEmail(reportOf({ task: '$(reboot)', scope }), { stage: 'a; b' });
    expect(body).toMatch(/TO RUN IT AGAIN\n {3}caretaker run TASK\n$/u);
    const narrowed = reportOf({ scope: { ...reportOf().scope, only: '*.nycmg.example' } });
    expect(renderEmail(narrowed).body).toMatch(/caretaker run certificate-expiry --only '\*\.nycmg\.example'\n$/u);
  });

  it('has a subject that SNS takes and a bounded body for any report', () => {
    fc.assert(
      fc.property(arbitraryReport, fc.string({ unit: 'binary' }), (report, stage) => {
        const { subject, body } = renderEmail(report, { stage });
        expect(subject.length).toBeGreaterThan(0);
        expect(subject.length).toBeLessThanOrEqual(subjectMaxLength);
        expect(subject).not.toMatch(unprintable);
        expect(Buffer.byteLength(body)).toBeLessThanOrEqual(emailMaxBytes);
        expect(body.replaceAll('\n', '')).not.toMatch(unprintable);
      }),
    );
  });
});
