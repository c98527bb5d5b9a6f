import sql, { join, type Sql } from 'sql-template-tag';
import { identifier, qualified } from '../../../shared/postgres/sql.ts';
import { postgresUncheckedReason } from '../../../shared/postgres/unchecked-reason.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { AuditedDatabase, Context } from '../context.ts';
import type { Violations } from '../outcome.ts';
import { readSamples } from '../queries/read-samples.ts';
import type { ShownColumn } from '../queries/shown-column.ts';
import type { ColumnRule } from '../rule-kinds.ts';
import { isBroken } from '../tolerance.ts';
import type { Measure } from './measure.ts';
import { breaksRule } from './row-condition.ts';
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
  const shown = isBroken(counted) ? await samplesOf(rule, table, database, context) : { samples: [], facts: {} };
  return {
    kind: 'violations',
    ...counted,
    ...wordingOf(rule, table),
    severity: rule.severity,
    unit: 'rows',
    isAtLeast: false,
    samples: shown.samples,
    facts: { ...shown.facts, ...(rule.kind === 'pattern' ? { pattern: rule.matches } : {}) },
  };
}

/** The rule is broken whether or not it can be said which rows break it. */
async function samplesOf(
  rule: ColumnRule,
  table: Measure['table'],
  database: AuditedDatabase,
  { config }: Context,
): Promise<Pick<Violations, 'samples' | 'facts'>> {
  // As the rows were counted: an index that has lost some would not show them.
  const request = { table, limit: config.limits.samples, reading: { fromHeap: rule.where === undefined } };
  try {
    return { samples: await readSamples(database, request, (shown) => rowsOf(rule, table, shown)), facts: {} };
  } catch (error) {
    const reason = error instanceof UncheckedError ? error : postgresUncheckedReason(error);
    if (reason === undefined) throw error;
    return { samples: [], facts: { samplesUnread: reason.reason } };
  }
}

function rowsOf(rule: ColumnRule, table: Measure['table'], shown: readonly ShownColumn[]): Sql {
  const columns = shown.map(({ column, as }) => sql`${identifier(column)} as ${as}`);
  return sql`select ${join(columns)} from ${qualified(table)} where ${breaksRule(rule, table)}`;
}
