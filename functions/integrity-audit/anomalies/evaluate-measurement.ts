import type { AuditEvaluation } from '../context.ts';
import { remedyOf } from '../evaluate-violations.ts';
import { type Measurement, ruleResource } from '../outcome.ts';
import type { MeasuringRule } from './history.ts';
import { isJudged, type Judgement, judge } from './judge.ts';

/** Returns a finding where what was measured is unusual, and unchecked where there is not enough to judge by. */
export function evaluateMeasurement({ rule, point, history }: Measurement): AuditEvaluation {
  const resource = ruleResource(rule);
  const judgement = judge(rule, point, history);
  if (!isJudged(judgement)) {
    const detail = `${tooFew(rule, judgement.points)}; ${rule.minimumHistory} are needed to tell what is usual.`;
    return { findings: [], unchecked: [{ resource, reason: 'not-enough-history', detail }] };
  }
  if (!judgement.isUnusual) return { findings: [], unchecked: [] };
  const { points } = judgement;
  const format = (value: number) => formatMeasured(rule, value);
  const summary =
    `${measured(rule, format(point.value))}; the median of ${points} earlier days is ` +
    `${format(judgement.median)}, and ${usual(judgement, format)} is usual.`;
  return {
    findings: [
      {
        rule: rule.kind,
        severity: rule.severity,
        resource,
        summary,
        evidence: {
          ...evidenceOf(rule, point.value, judgement),
          points,
          date: point.date,
          ...(rule.owner === undefined ? {} : { owner: rule.owner }),
        },
        remedy: remedyOf(rule, remedies[rule.kind]),
      },
    ],
    unchecked: [],
  };
}

const known =
  'A day that is known to be bad belongs in ignoreDates; where the level has changed for good, set baselineSince to its first day.';

const remedies = {
  volume: `Find out what has filled the table, or has stopped filling it. ${known}`,
  distribution: `Find out what has changed in how the column is filled. ${known}`,
} as const;

function tooFew({ seasonality, baselineSince }: MeasuringRule, points: number): string {
  const weekday = seasonality === 'weekday' ? ' of the same weekday' : '';
  const since = baselineSince === undefined ? '' : ` since ${baselineSince}`;
  return `There ${points === 1 ? 'is 1 earlier day' : `are ${points} earlier days`}${weekday}${since} to compare with`;
}

function measured(rule: MeasuringRule, value: string): string {
  const { table, column } = rule;
  if (rule.kind === 'volume') {
    const window =
      column === undefined
        ? ''
        : ` whose ${column} is in the last ${rule.windowHours === 1 ? 'hour' : `${rule.windowHours} hours`}`;
    return `${table} has ${value} ${value === '1' ? 'row' : 'rows'}${window}`;
  }
  if (rule.statistic === 'mean') return `The mean of ${column} in ${table} is ${value}`;
  return `${value} of the rows of ${table} have no ${column}`;
}

function usual({ lowest, highest }: Judgement, format: (value: number) => string): string {
  if (lowest === undefined) return `at most ${format(highest as number)}`;
  return highest === undefined ? `at least ${format(lowest)}` : `from ${format(lowest)} to ${format(highest)}`;
}

/** A unit at the end of each key: a number of rows, percent of them, or the column's own. */
function evidenceOf(rule: MeasuringRule, value: number, judgement: Judgement): Record<string, number> {
  const [unit, factor] = unitOf(rule);
  const { median, lowest: lowestUsual, highest: highestUsual } = judgement;
  return Object.fromEntries(
    Object.entries({ value, median, lowestUsual, highestUsual }).flatMap(([key, number]) =>
      number === undefined ? [] : [[`${key}${unit}`, factor === 1 ? number : rounded(number * factor)]],
    ),
  );
}

function unitOf(rule: MeasuringRule): [unit: string, factor: number] {
  if (rule.kind === 'volume') return ['Rows', 1];
  return rule.statistic === 'null-rate' ? ['Percent', 100] : ['', 1];
}

function formatMeasured(rule: MeasuringRule, value: number): string {
  const [unit, factor] = unitOf(rule);
  const notation = Math.abs(value) < 1e15 ? 'standard' : 'scientific';
  // Of rows all digits count, of what was calculated some.
  const digits = unit === 'Rows' ? { maximumFractionDigits: 1 } : { maximumSignificantDigits: 5 };
  const text = (value * factor).toLocaleString('en-US', { notation, ...digits });
  return unit === 'Percent' ? `${text} %` : text;
}

/** Multiplied by a hundred, 0.07 is 7.000000000000001. */
function rounded(value: number): number {
  return Number(value.toPrecision(12));
}
