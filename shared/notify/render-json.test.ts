import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonMaxBytes, notificationSchema, renderJson } from './render-json.ts';
import { arbitraryReport, coverageWithout, findingOf, hostileText, reportOf, uncheckedOf } from './report-fixtures.ts';

function parse(json: string) {
  return notificationSchema.parse(JSON.parse(json));
}

describe('renderJson', () => {
  it('tells the counts and both lists, worst first', () => {
    const findings = [findingOf('low', 'a.example'), findingOf('critical', 'b.example')];
    const unchecked = [uncheckedOf('c.example')];
    const report = reportOf({ status: 'incomplete', findings, coverage: coverageWithout(unchecked) });
    expect(parse(renderJson(report, { reportUrl: 's3://reports/run-1.json', stage: 'prod' }))).toEqual({
      schemaVersion: 1,
      task: 'certificate-expiry',
      title: 'Certificate expiry scan',
      runId: 'run-1',
      estate: 'nycmg',
      stage: 'prod',
      trigger: 'schedule',
      mode: 'dry-run',
      startedAt: '2026-11-23T11:00:00Z',
      finishedAt: '2026-11-23T11:00:42Z',
      status: 'incomplete',
      severity: 'critical',
      counts: { critical: 1, high: 0, medium: 0, low: 1, informational: 0 },
      coverage: { expected: 52, checked: 51, unchecked: 1 },
      changes: { planned: 0, done: 0, failed: 0 },
      findings: [findings[1], findings[0]],
      unchecked,
      truncated: { findings: 0, unchecked: 0 },
      reportUrl: 's3://reports/run-1.json',
    });
  });

  it('tells the headline, cut at 512 bytes, and none where there is none', () => {
    expect(parse(renderJson(reportOf({ headline: '2 of 2 could be restored.' }))).headline).toBe(
      '2 of 2 could be restored.',
    );
    expect(parse(renderJson(reportOf({ headline: 'x'.repeat(512) }))).headline).toHaveLength(512);
    expect(parse(renderJson(reportOf({ headline: 'x'.repeat(513) }))).headline).toBe(`${'x'.repeat(509)}…`);
    expect(parse(renderJson(reportOf()))).not.toHaveProperty('headline');
  });

  it('leaves tables to the stored report', () => {
    const tables = [{ title: 'Restorable', columns: [{ key: 'name', title: 'Name' }], rows: [{ name: 'nycmg' }] }];
    expect(renderJson(reportOf({ tables }))).toBe(renderJson(reportOf()));
  });

  it('counts what has no room, and keeps room for what was not checked', () => {
    const findings = Array.from({ length: 10_000 }, (_, index) => findingOf('high', `host-${index}.example`));
    const unchecked = Array.from({ length: 5000 }, (_, index) => uncheckedOf(`dead-${index}.example`));
    const json = renderJson(reportOf({ status: 'incomplete', findings, coverage: coverageWithout(unchecked) }));
    const message = parse(json);
    expect(Buffer.byteLength(json)).toBeLessThanOrEqual(jsonMaxBytes);
    expect(message.findings.length).toBeGreaterThan(80);
    expect(message.unchecked.length).toBeGreaterThan(50);
    expect(message.findings.length + message.truncated.findings).toBe(10_000);
    expect(message.unchecked.length + message.truncated.unchecked).toBe(5000);
    expect(message.counts.high).toBe(10_000);
    expect(message.coverage.unchecked).toBe(5000);
  });

  it('gives all the room to the findings when everything was checked', () => {
    const findings = Array.from({ length: 10_000 }, (_, index) => findingOf('high', `host-${index}.example`));
    const json = renderJson(reportOf({ status: 'findings', findings }));
    expect(Buffer.byteLength(json)).toBeGreaterThan(jsonMaxBytes - 600);
  });

  it('gives all the room to what was not checked when nothing was found', () => {
    const unchecked = Array.from({ length: 5000 }, (_, index) => uncheckedOf(`dead-${index}.example`));
    const json = renderJson(reportOf({ status: 'incomplete', coverage: coverageWithout(unchecked) }));
    expect(Buffer.byteLength(json)).toBeGreaterThan(jsonMaxBytes - 300);
  });

  it('shortens a finding of a megabyte, and says so', () => {
    const findings = [
      findingOf('critical', 'a.example', {
        summary: `Begins ${'€'.repeat(350_000)}`,
        evidence: { log: 'x'.repeat(9000) },
      }),
      findingOf('high', 'b.example'),
    ];
    const [first, second] = parse(renderJson(reportOf({ status: 'findings', findings }))).findings;
    expect(first).toMatchObject({ id: findings[0]?.id, shortened: true, evidence: {} });
    expect(first?.summary).toMatch(/^Begins €+…$/u);
    expect(second).toEqual(findings[1]);
  });

  it('keeps the exact text of names, escaped, but for what is not Unicode', () => {
    const json = renderJson(reportOf({ status: 'findings', findings: [findingOf('high', hostileText)] }));
    expect(json).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}\p{Cs}]/u);
    expect(parse(json).findings[0]?.resource.name).toBe(hostileText.replace('\ud83d ', '\ufffd '));
  });

  it('says numbers that JSON lacks in words', () => {
    const findings = [findingOf('high', 'a.example', { evidence: { ratio: Number.POSITIVE_INFINITY } })];
    expect(parse(renderJson(reportOf({ findings }))).findings[0]?.evidence).toEqual({ ratio: 'Infinity' });
  });

  it('leaves out an address that would be cut', () => {
    expect(parse(renderJson(reportOf(), { reportUrl: `https://${'x'.repeat(2040)}` })).reportUrl).toHaveLength(2048);
    expect(parse(renderJson(reportOf(), { reportUrl: `https://${'x'.repeat(2041)}` })).reportUrl).toBeUndefined();
  });

  it('follows its schema within its bound for any report', () => {
    fc.assert(
      fc.property(arbitraryReport, fc.string({ unit: 'binary' }), (report, stage) => {
        const json = renderJson(report, { stage, reportUrl: stage });
        expect(Buffer.byteLength(json)).toBeLessThanOrEqual(jsonMaxBytes);
        const message = parse(json);
        expect(message.findings.length + message.truncated.findings).toBe(report.findings.length);
        expect(message.unchecked.length + message.truncated.unchecked).toBe(report.coverage.unchecked.length);
      }),
    );
  });
});
