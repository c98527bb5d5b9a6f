import { parseRules } from '../context-fixtures.ts';
import type { HistoryPoint, MeasuringRule } from './history.ts';

/** Returns a volume rule over all listens, judged by 5 points at least; `settings` change any of it. */
export function volumeRule(settings: object = {}): MeasuringRule {
  return measuringRule({ kind: 'volume', table: 'listens', ...settings });
}

/** Returns a rule on the nulls, or the mean, of a column. */
export function distributionRule(statistic: 'null-rate' | 'mean', settings: object = {}): MeasuringRule {
  return measuringRule({ kind: 'distribution', table: 'users', column: 'neighborhood_id', statistic, ...settings });
}

function measuringRule(settings: object): MeasuringRule {
  const [rule] = parseRules({ id: 'measured', minimumHistory: 5, ...settings });
  return rule as MeasuringRule;
}

/** Returns the day so many days after Monday, 2 November 2026. */
export function day(index: number): string {
  return new Date(Date.UTC(2026, 10, 2 + index)).toISOString().slice(0, 10);
}

/** Returns a point for each value, of days that follow each other. */
export function pointsOf(values: readonly number[], firstDay = 0): HistoryPoint[] {
  return values.map((value, index) => ({ date: day(firstDay + index), value }));
}
