import pMap from 'p-map';
import { formatTableName } from '../../../shared/postgres/sql.ts';
import { measurementOf } from '../anomalies/anomaly-outcome.ts';
import type { AuditedDatabase, Context } from '../context.ts';
import { type Outcome, ruleResource } from '../outcome.ts';
import { isColumnRule, type ScanRule } from '../rule-kinds.ts';
import { columnOutcome } from './column-outcome.ts';
import { type Measure, measuresOf } from './measure.ts';
import { readMeasures } from './read-measures.ts';
import type { Reading } from './read-together.ts';
import { equalCountOutcome, freshnessOutcome, measuredValue, sumOutcome } from './table-outcome.ts';

/**
 * Reads all of these rules in one scan of each table that they name, and settles each in the coverage ledger. Rows that break a rule
 * are looked for in another one, only where there are more than it tolerates.
 */
export async function auditScans(
  rules: readonly ScanRule[],
  database: AuditedDatabase,
  context: Context,
): Promise<Outcome[]> {
  const { coverage, config, now } = context;
  const able: { readonly rule: ScanRule; readonly measures: readonly Measure[] }[] = [];
  for (const rule of rules) {
    // Settled only once there is an outcome; here, where there cannot be one.
    try {
      able.push({ rule, measures: measuresOf(rule, database, now) });
    } catch (error) {
      await coverage.look(ruleResource(rule), async () => Promise.reject(error));
    }
  }
  const byTable = Map.groupBy(
    able.flatMap(({ measures }) => measures),
    ({ table }) => formatTableName(table),
  );
  const concurrency = config.limits.connections;
  const read = await pMap(byTable.values(), (measures) => readMeasures(database.snapshot, measures), { concurrency });
  const readings = new Map(read.flatMap((some) => [...some]));
  const outcomes = await pMap(
    able,
    ({ rule, measures }) =>
      coverage.look(ruleResource(rule), () => outcomeOf(rule, measures, readings, database, context)),
    { concurrency },
  );
  return outcomes.filter((outcome) => outcome !== undefined);
}

async function outcomeOf(
  rule: ScanRule,
  measures: readonly Measure[],
  readings: ReadonlyMap<Measure, Reading>,
  database: AuditedDatabase,
  context: Context,
): Promise<Outcome> {
  const sides = measures.map((measure) => ({ measure, values: valuesOf(readings.get(measure)) }));
  const [first] = sides;
  if (first === undefined) throw new RangeError(`the rule ${rule.id} asks nothing`);
  if (isColumnRule(rule)) return columnOutcome(rule, first.measure, first.values, database, context);
  const single = sides.map(({ measure, values: [value = null] }) => ({ measure, value }));
  switch (rule.kind) {
    case 'equalCount':
      return equalCountOutcome(rule, single);
    case 'sum':
      return sumOutcome(rule, single, database);
    case 'freshness':
      return freshnessOutcome(rule, first.values[0] ?? null);
    case 'volume':
    case 'distribution':
      return measurementOf(rule, measuredValue(rule, first.values), context);
  }
}

function valuesOf(reading: Reading | undefined): readonly (string | null)[] {
  if (reading === undefined) throw new RangeError('a rule was read by no statement');
  if ('error' in reading) throw reading.error;
  return reading.values;
}
