import { describe, expect, it } from 'vitest';
import { compareFindings, type Finding, findingId } from './finding.ts';

describe('findingId', () => {
  it('is the same for the same task, rule, resource and discriminator', () => {
    expect(findingId('t', 'r', 'arn', 'leaf')).toBe(findingId('t', 'r', 'arn', 'leaf'));
    expect(findingId('t', 'r', 'arn')).toMatch(/^[0-9a-f]{16}$/);
  });

  it('differs when any part differs, also where the parts would read alike when joined', () => {
    const ids = [
      findingId('t', 'r', 'arn'),
      findingId('tr', '', 'arn'),
      findingId('t', 'ra', 'rn'),
      findingId('t', 'r', 'arn', 'x'),
    ];
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('compareFindings', () => {
  it('puts the worst first, then goes by resource and rule', () => {
    const finding = (severity: Finding['severity'], name: string, rule: string): Finding => ({
      id: '0',
      task: 't',
      rule,
      severity,
      resource: { type: 'thing', id: name, name },
      summary: '',
      evidence: {},
      remedy: '',
    });
    const sorted = [
      finding('low', 'a', 'x'),
      finding('critical', 'b', 'z'),
      finding('critical', 'b', 'y'),
      finding('critical', 'a', 'z'),
    ];
    sorted.sort(compareFindings);
    expect(sorted.map(({ severity, resource, rule }) => `${severity} ${resource.name} ${rule}`)).toEqual([
      'critical a z',
      'critical b y',
      'critical b z',
      'low a x',
    ]);
  });
});
