import { describe, expect, it } from 'vitest';
import type { Finding } from '../../../shared/finding.ts';
import { findingSchema } from '../../../shared/finding.ts';
import { evaluateMeasurement } from './evaluate-measurement.ts';
import type { MeasuringRule } from './history.ts';
import { day, distributionRule, pointsOf, volumeRule } from './measuring-rule-fixtures.ts';

function evaluated(rule: MeasuringRule, values: readonly number[], value: number) {
  const point = { date: day(values.length), value };
  return evaluateMeasurement({ kind: 'measurement', rule, point, history: pointsOf(values) });
}

function found(rule: MeasuringRule, values: readonly number[], value: number): Omit<Finding, 'id' | 'task'> {
  const { findings, unchecked } = evaluated(rule, values, value);
  expect(unchecked).toEqual([]);
  expect(findings).toHaveLength(1);
  const [finding] = findings;
  expect(findingSchema.omit({ id: true, task: true }).safeParse(finding).success).toBe(true);
  return finding as Omit<Finding, 'id' | 'task'>;
}

const thousand = [1000, 1000, 1000, 1000, 1000];

describe('a measurement', () => {
  it('that is usual is not found', () => {
    expect(evaluated(volumeRule(), thousand, 1050)).toEqual({ findings: [], unchecked: [] });
  });

  it('that is unusual is found with what it is compared with', () => {
    const finding = found(volumeRule({ severity: 'high', owner: 'music' }), thousand, 12_000);
    expect(finding).toMatchObject({
      rule: 'volume',
      severity: 'high',
      resource: { id: 'postgres://main/rules/measured' },
      summary: 'listens has 12,000 rows; the median of 5 earlier days is 1,000, and from 900 to 1,100 is usual.',
      evidence: {
        valueRows: 12_000,
        medianRows: 1000,
        lowestUsualRows: 900,
        highestUsualRows: 1100,
        points: 5,
        date: '2026-11-07',
        owner: 'music',
      },
    });
    expect(finding.remedy).toContain('baselineSince');
    expect(finding.remedy).toContain('ignoreDates');
  });

  it.each([
    [
      volumeRule({ column: 'listened_at', direction: 'down' }),
      thousand,
      5,
      'listens has 5 rows whose listened_at is in the last 24 hours;',
      'at least 900 is usual',
    ],
    [volumeRule({ direction: 'up' }), thousand, 5000, 'listens has 5,000 rows;', 'at most 1,100 is usual'],
    [
      distributionRule('null-rate'),
      [0.01, 0.01, 0.01, 0.01, 0.01],
      0.07,
      '7 % of the rows of users have no neighborhood_id;',
      'from 0 % to 2 % is usual',
    ],
    [
      distributionRule('mean'),
      [3.3, 3.3, 3.3, 3.3, 3.3],
      -1 / 3,
      'The mean of neighborhood_id in users is -0.33333;',
      'from 2.97 to 3.63 is usual',
    ],
    [
      distributionRule('mean'),
      [1, 1, 1, 1, 1],
      1e300,
      'The mean of neighborhood_id in users is 1E300;',
      'from 0.9 to 1.1 is usual',
    ],
  ])('is told in a sentence (%#)', (rule, values, value, beginning, end) => {
    const { summary } = found(rule, values, value);
    expect(summary.startsWith(beginning)).toBe(true);
    expect(summary.endsWith(`${end}.`)).toBe(true);
  });

  it('has its share in percent, as people write it', () => {
    const { evidence } = found(distributionRule('null-rate'), [0, 0, 0, 0, 0], 0.07);
    expect(evidence).toMatchObject({
      valuePercent: 7,
      medianPercent: 0,
      lowestUsualPercent: 0,
      highestUsualPercent: 1,
    });
  });

  it('does what the rule says is to be done', () => {
    const rule = volumeRule({ remedy: 'Call the label.' });
    expect(found(rule, thousand, 0).remedy).toBe('Call the label.');
  });

  it.each([
    [volumeRule(), [], 'There are 0 earlier days to compare with; 5 are needed to tell what is usual.'],
    [volumeRule(), [1], 'There is 1 earlier day to compare with; 5 are needed to tell what is usual.'],
    [
      volumeRule({ seasonality: 'weekday', baselineSince: day(2) }),
      [1, 1, 1, 1],
      'There are 0 earlier days of the same weekday since 2026-11-04 to compare with; 5 are needed to tell what is usual.',
    ],
  ])('without enough before it is unchecked, not clean (%#)', (rule, values, detail) => {
    const { findings, unchecked } = evaluated(rule, values, 0);
    expect(findings).toEqual([]);
    expect(unchecked).toMatchObject([{ reason: 'not-enough-history', detail, resource: { name: 'measured' } }]);
  });
});
