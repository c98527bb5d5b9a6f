import { formatTableName } from '../../../shared/postgres/sql.ts';
import type { AuditedDatabase, Context } from '../context.ts';
import type { Violations } from '../outcome.ts';
import { ifReadable } from '../rows/if-readable.ts';
import { readSamples } from '../rows/read-samples.ts';
import type { ColumnRule } from '../rule-kinds.ts';
import { isBroken } from '../tolerance.ts';
import type { Measure } from './measure.ts';
import { shownRowsBreaking } from './violating-rows.ts';
import { wordingOf } from './wording.ts';

/** Returns how many rows break a rule, with some of them when that is more than it tolerates. */
export async function columnOutcome(
  rule: ColumnRule,
  { table }: Measure,
  [tested = null, count = null]: readonly (string | null)[],
  database: AuditedDatabase,
  context: Context,
): Promise<Violations> {
  const counted = { rule, tested: Number(tested), count: Number(count) };
  // As the rows were counted: an index that has lost some would not show them.
  const request = { table, limit: context.config.limits.samples, reading: { fromHeap: rule.where === undefined } };
  const read = () => readSamples(database, request, (shown) => shownRowsBreaking(rule, table, shown));
  const samples = isBroken(counted) ? await ifReadable('samples', read) : undefined;
  return {
    kind: 'violations',
    ...counted,
    ...wordingOf(rule),
    severity: rule.severity,
    unit: `rows of ${formatTableName(table)}`,
    isAtLeast: false,
    samples: samples?.value ?? [],
    facts: { ...samples?.whyNot, ...(rule.kind === 'pattern' ? { pattern: rule.matches } : {}) },
  };
}
