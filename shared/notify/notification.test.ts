import { describe, expect, it } from 'vitest';
import { severities } from '../finding.ts';
import { notificationFor } from './notification.ts';
import { coverageWithout, findingOf, reportOf, uncheckedOf } from './report-fixtures.ts';

describe('notificationFor', () => {
  it('says nothing about a clean run', () => {
    expect(notificationFor(reportOf())).toBeUndefined();
  });

  it('pages for a single critical finding among many others', () => {
    const findings = [findingOf('low', 'a'), findingOf('critical', 'b'), findingOf('high', 'c')];
    const decision = notificationFor(reportOf({ status: 'findings', findings }));
    expect(decision).toEqual({ channel: 'page', reason: '1 critical, 2 other' });
  });

  it.each(severities.filter((severity) => severity !== 'critical'))('makes a notice of a %s finding', (severity) => {
    const decision = notificationFor(reportOf({ status: 'findings', findings: [findingOf(severity, 'a')] }));
    expect(decision).toEqual({ channel: 'notice', reason: '1 other' });
  });

  it('makes a notice when nothing was found but something could not be looked at', () => {
    const report = reportOf({ status: 'incomplete', coverage: coverageWithout([uncheckedOf('a')]) });
    expect(notificationFor(report)).toEqual({ channel: 'notice', reason: '1 not checked' });
  });

  it('pages when the run failed, even with nothing found', () => {
    const coverage = { expected: 0, checked: 0, unchecked: [], byType: {} };
    const decision = notificationFor(reportOf({ status: 'failed', coverage }));
    expect(decision).toEqual({ channel: 'page', reason: 'the run failed: nothing was checked' });
  });

  it('makes a notice when a change failed', () => {
    const { resource } = findingOf('low', 'a');
    const changes = [{ resource, action: 'delete', outcome: 'failed' as const, detail: 'Access denied.' }];
    expect(notificationFor(reportOf({ changes }))).toEqual({ channel: 'notice', reason: '1 change failed' });
  });

  it('does not take for clean what is neither listed as checked nor as unchecked', () => {
    const coverage = { expected: 52, checked: 50, unchecked: [], byType: {} };
    expect(notificationFor(reportOf({ coverage }))).toEqual({ channel: 'notice', reason: '2 not checked' });
  });

  it('does not take for clean a status that says otherwise', () => {
    expect(notificationFor(reportOf({ status: 'incomplete' }))?.channel).toBe('notice');
  });
});
