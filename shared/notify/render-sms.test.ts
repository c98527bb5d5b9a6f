import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gsm7Length, smsSegments } from '../text/gsm7.ts';
import { renderSms, smsMaxSeptets } from './render-sms.ts';
import { arbitraryReport, coverageWithout, findingOf, hostileText, reportOf, uncheckedOf } from './report-fixtures.ts';

describe('renderSms', () => {
  it('tells the worst finding first and counts the others', () => {
    const findings = [
      findingOf('high', 'api.nycmg.example'),
      findingOf('critical', 'expired.nycmg.example'),
      findingOf('critical', 'wrong.nycmg.example'),
    ];
    expect(renderSms(reportOf({ status: 'findings', findings }))).toBe(
      'NYCMG critical: expired.nycmg.example: The certificate expired 3 days ago (+1 critical, 1 other). See email.',
    );
  });

  it('names the stage', () => {
    const findings = [findingOf('critical', 'expired.nycmg.example')];
    expect(renderSms(reportOf({ status: 'findings', findings }), 'prod')).toBe(
      'NYCMG prod critical: expired.nycmg.example: The certificate expired 3 days ago. See email.',
    );
  });

  it('does not name a resource twice that the summary names', () => {
    const findings = [findingOf('critical', 'a.example', { summary: 'a.example expired 3 d ago.' })];
    expect(renderSms(reportOf({ status: 'findings', findings }))).toBe(
      'NYCMG critical: a.example expired 3 d ago. See email.',
    );
  });

  it('tells why a run failed', () => {
    const unchecked = Array.from({ length: 52 }, (_, index) => uncheckedOf(`host-${index}.example`));
    expect(renderSms(reportOf({ status: 'failed', coverage: coverageWithout(unchecked) }))).toBe(
      'NYCMG FAILED: Certificate expiry scan checked 0 of 52: connect-timeout at host-0.example (+51 not checked). See email.',
    );
  });

  it('tells a critical finding before it tells that the run failed', () => {
    const report = reportOf({ status: 'failed', findings: [findingOf('critical', 'a.example')] });
    expect(renderSms(report)).toMatch(/^NYCMG critical: a\.example/u);
  });

  it('tells that a run failed before any lesser finding', () => {
    const coverage = { expected: 52, checked: 0, unchecked: [], byType: {} };
    expect(renderSms(reportOf({ status: 'failed', findings: [findingOf('high', 'a.example')], coverage }))).toBe(
      'NYCMG FAILED: Certificate expiry scan checked 0 of 52 (+1 other, 52 not checked). See email.',
    );
  });

  it('tells what an incomplete run could not look at', () => {
    const coverage = coverageWithout([uncheckedOf('db.nycmg.example')]);
    expect(renderSms(reportOf({ status: 'incomplete', coverage }))).toBe(
      'NYCMG incomplete: Certificate expiry scan checked 51 of 52: connect-timeout at db.nycmg.example. See email.',
    );
  });

  it('tells a clean run too', () => {
    expect(renderSms(reportOf())).toBe('NYCMG clean: Certificate expiry scan checked 52 of 52.');
  });

  it('fits at exactly the limit and is cut one septet later, at the end of the fact', () => {
    const render = (length: number) => {
      const summary = `${'x'.repeat(length)} end`;
      return renderSms(reportOf({ status: 'findings', findings: [findingOf('critical', 'a.example', { summary })] }));
    };
    const spare = smsMaxSeptets - (gsm7Length(render(1)) ?? 0);
    const full = render(1 + spare);
    expect(gsm7Length(full)).toBe(smsMaxSeptets);
    expect(full).toMatch(/x end\. See email\.$/u);
    expect(render(2 + spare)).toMatch(/^NYCMG critical: a\.example: x+\.\.\.\. See email\.$/u);
  });

  it('leaves room for the ten characters of a display name that SNS puts in front', () => {
    const summary = 'x'.repeat(1000);
    const sms = renderSms(
      reportOf({ status: 'findings', findings: [findingOf('critical', 'a.example', { summary })] }),
    );
    expect(smsSegments(`0123456789> ${sms}`)).toEqual({ encoding: 'gsm-7', segments: 1 });
  });

  it('keeps counts that are too long from pushing out the fact', () => {
    const findings = Array.from({ length: 20_000 }, (_, index) => {
      return findingOf(index % 2 === 0 ? 'critical' : 'high', 'a.example');
    });
    const change = {
      resource: findingOf('low', 'a').resource,
      action: 'delete',
      outcome: 'failed' as const,
      detail: '',
    };
    const report = reportOf({
      status: 'incomplete',
      scope: { ...reportOf().scope, estate: 'nycmg-northeast-catalogue' },
      findings,
      coverage: { expected: 5_000_000, checked: 0, unchecked: [], byType: {} },
      changes: Array.from({ length: 10_000 }, () => change),
    });
    const sms = renderSms(report, 'production-europe');
    expect(sms).toMatch(/^NYCMG-NORTHEAST-C\.\.\. productio\.\.\. critical: a\.example: The certificate expired/u);
    expect(gsm7Length(sms)).toBeLessThanOrEqual(smsMaxSeptets);
  });

  it('shows nothing of a hostile text that could act', () => {
    const findings = [findingOf('critical', hostileText, { summary: hostileText })];
    const sms = renderSms(reportOf({ status: 'findings', findings }));
    expect(sms).toMatch(/^NYCMG critical: Bcc: x@evil\.example gnp\.exe \? <script>/u);
    expect(sms).not.toMatch(/[\r\n]/u);
  });

  it('is one part in the GSM 7-bit alphabet for any report', () => {
    fc.assert(
      fc.property(arbitraryReport, fc.option(fc.string({ unit: 'binary' }), { nil: undefined }), (report, stage) => {
        const sms = renderSms(report, stage);
        expect(gsm7Length(sms)).toBeLessThanOrEqual(smsMaxSeptets);
        expect(smsSegments(sms)).toEqual({ encoding: 'gsm-7', segments: 1 });
        expect(sms).not.toMatch(/[\r\n]/u);
      }),
    );
  });
});
