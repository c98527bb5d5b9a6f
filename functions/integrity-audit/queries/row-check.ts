import type { Sql } from 'sql-template-tag';
import type { TableFacts } from '../../../shared/postgres/catalog.ts';
import type { ReadOptions } from '../../../shared/postgres/reader.ts';
import { formatTableName } from '../../../shared/postgres/sql.ts';
import type { Rule } from '../config.ts';
import type { AuditedDatabase, Context, RuleId } from '../context.ts';
import type { Violations } from '../outcome.ts';
import { ifReadable } from '../rows/if-readable.ts';
import { readSamples } from '../rows/read-samples.ts';
import type { ShownColumn } from '../rows/shown-column.ts';
import { isBroken } from '../tolerance.ts';
import { readNumbers } from './read-numbers.ts';

/** How the rows that break a rule are counted, and how they are found. */
export interface RowCheck {
  /** Whose rows they are. */
  readonly table: TableFacts;
  readonly breaks: RuleId;
  readonly reading: ReadOptions;
  /** Returns one row: `tested`, `violations`, and other numbers to tell, under their names as evidence. */
  readonly count: Sql;
  /** Returns one row of numbers that are told too when the rule is broken. */
  readonly detail?: Sql;
  /** Returns these columns of each row that breaks the rule. Of no more than `limit` are needed, where it is given. */
  readonly rows: (shown: readonly ShownColumn[], limit?: number) => Sql;
  /** What a violating row does to the one that it breaks the rule with, if there is one: `repeats`. */
  readonly other?: string;
  /** As in {@link Violations}. */
  readonly what: Violations['what'];
  readonly remedy: string;
  /** @throws UncheckedError where the numbers show that what was to be compared could not be. */
  readonly verify?: (counted: Readonly<Record<string, number>>) => void;
}

/** Counts the rows that break a rule, and finds some of them if there are more than it tolerates. */
export async function auditRows(
  rule: Rule,
  check: RowCheck,
  database: AuditedDatabase,
  { config }: Context,
): Promise<Violations> {
  const { table, breaks, reading, what, remedy } = check;
  const counted = await readNumbers(database.snapshot, check.count, reading);
  check.verify?.(counted);
  const { tested = 0, violations: count = 0, ...facts } = counted;
  const isFound = isBroken({ rule, tested, count });
  const { detail } = check;
  const details =
    isFound && detail !== undefined
      ? await ifReadable('details', () => readNumbers(database.snapshot, detail, reading))
      : undefined;
  const request = { table, other: check.other, limit: config.limits.samples, reading };
  const samples = isFound ? await ifReadable('samples', () => readSamples(database, request, check.rows)) : undefined;
  return {
    kind: 'violations',
    rule,
    breaks,
    severity: rule.severity,
    tested,
    unit: `rows of ${formatTableName(table)}`,
    count,
    isAtLeast: false,
    samples: samples?.value ?? [],
    what,
    remedy,
    facts: { ...facts, ...details?.value, ...details?.whyNot, ...samples?.whyNot },
  };
}
