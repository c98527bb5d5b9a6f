import { describe, expect, it } from 'vitest';
import type { Severity } from '../shared/finding.ts';
import type { Report } from '../shared/report.ts';
import { exitCodeOf } from './exit-code.ts';

const report = (status: Report['status'], ...severities: Severity[]) =>
  ({ status, findings: severities.map((severity) => ({ severity })) }) as Report;

describe('exitCodeOf', () => {
  it('is 0 when nothing at or above the limit was found', () => {
    expect(exitCodeOf([report('clean')], 'high')).toBe(0);
    expect(exitCodeOf([report('findings', 'medium')], 'high')).toBe(0);
    expect(exitCodeOf([], 'high')).toBe(0);
  });

  it('is 3 from the limit on', () => {
    expect(exitCodeOf([report('clean'), report('findings', 'low', 'high')], 'high')).toBe(3);
    expect(exitCodeOf([report('findings', 'critical')], 'high')).toBe(3);
    expect(exitCodeOf([report('findings', 'informational')], 'informational')).toBe(3);
  });

  it('is 1 whenever something could not be checked, whatever else was found', () => {
    expect(exitCodeOf([report('incomplete', 'critical')], 'high')).toBe(1);
    expect(exitCodeOf([report('failed'), report('clean')], 'high')).toBe(1);
    expect(exitCodeOf([report('incomplete')], 'never')).toBe(1);
  });

  it('counts no finding when told never to', () => {
    expect(exitCodeOf([report('findings', 'critical')], 'never')).toBe(0);
  });
});
