import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { Context } from '../context.ts';
import { type Measurement, ruleResource } from '../outcome.ts';
import {
  dayIn,
  type HistoryPoint,
  isComparable,
  judgementOf,
  type MeasuringRule,
  readHistory,
  writeHistory,
} from './history.ts';
import { judgedAnew, marked } from './judge.ts';

/**
 * Returns what was measured beside what earlier runs have measured, and remembers it for later ones: of a day, what was measured last.
 * When it cannot be remembered the rule is unchecked in the coverage ledger, and judged all the same.
 *
 * @param value rows for a volume; 0 to 1 for a null rate.
 * @throws UncheckedError `not-a-number` for a value that is none, of which nothing is kept; and as {@link readHistory}.
 */
export async function measurementOf(rule: MeasuringRule, value: number, context: Context): Promise<Measurement> {
  if (!isComparable(value)) {
    const what = rule.kind === 'volume' ? 'number of rows' : rule.statistic;
    throw new UncheckedError('not-a-number', `The ${what} is ${value}, which nothing can be compared with.`);
  }
  const { store, estate, now, coverage } = context;
  const history = await readHistory(store, rule);
  const date = dayIn(estate.timeZone, now);
  const known = history.judgedBy === judgementOf(rule) ? history.points : judgedAnew(rule, history.points);
  const others = known.filter((point) => point.date !== date);
  const point = marked(rule, { date, value }, others);
  try {
    await writeHistory(store, rule, [...others, point].sort(byDate));
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    coverage.unchecked(ruleResource(rule), 'history-unwritten', `What was measured could not be remembered: ${said}`);
  }
  return { kind: 'measurement', rule, point, history: others.filter((other) => other.date < date) };
}

function byDate(a: HistoryPoint, b: HistoryPoint): number {
  return a.date < b.date ? -1 : 1;
}
