import sql from 'sql-template-tag';
import { formatTableName } from '../../../shared/postgres/sql.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { RuleOfKind } from '../config.ts';
import type { AuditedDatabase } from '../context.ts';
import type { Freshness, Violations } from '../outcome.ts';
import { sampleColumns } from '../samples.ts';
import type { Measure } from './measure.ts';

/** What a side's only aggregate has shown. */
export interface SideReading {
  readonly measure: Measure;
  readonly value: string | null;
}

/** Returns by how much the numbers of rows of two tables differ; each row that one has more is a violation. */
export function equalCountOutcome(rule: RuleOfKind<'equalCount'>, [left, right]: readonly SideReading[]): Violations {
  const [leftRows, rightRows] = [Number(left?.value ?? 0), Number(right?.value ?? 0)];
  const [more, fewer] = leftRows >= rightRows ? [left, right] : [right, left];
  return {
    kind: 'violations',
    rule,
    breaks: 'equal-count',
    severity: rule.severity,
    tested: Math.max(leftRows, rightRows),
    unit: `rows of ${nameOf(more)}`,
    count: Math.abs(leftRows - rightRows),
    isAtLeast: false,
    samples: [],
    what: 'are too many',
    summary: `${nameOf(more)} has ${rowsText(Math.max(leftRows, rightRows))}, ${nameOf(fewer)} ${rowsText(Math.min(leftRows, rightRows))}.`,
    remedy: 'Find out which side has lost or doubled rows, and correct it.',
    facts: { leftRows, rightRows },
  };
}

/**
 * Returns whether a sum is what it must be, exactly: the server subtracts, in its type numeric. What is infinite or not a number is equal
 * to nothing.
 */
export async function sumOutcome(
  rule: RuleOfKind<'sum'>,
  [left, right]: readonly SideReading[],
  { snapshot, settings }: AuditedDatabase,
): Promise<Violations> {
  const rightText = right === undefined ? String(rule.equals) : right.value;
  const [compared] = await snapshot.query<{ difference: string; differs: boolean }>(sql`
    select (l - r)::text as difference,
      l - l <> 0 or r - r <> 0 or abs(l - r) > ${String(rule.maxDifference)}::text::numeric as differs
    from (select ${left?.value}::text::numeric as l, ${rightText}::text::numeric as r) as sums`);
  const to = right === undefined ? String(rule.equals) : `the sum of ${rule.right?.column} in ${nameOf(right)}`;
  // The sum of a single row is that row's value.
  const isPersonal = [left, right].some((side, index) => {
    const column = index === 0 ? rule.left.column : rule.right?.column;
    return side !== undefined && column !== undefined && sampleColumns(side.measure.table, settings).masked.has(column);
  });
  const facts = { left: left?.value ?? '', right: rightText ?? '', difference: compared?.difference ?? '' };
  return {
    kind: 'violations',
    rule,
    breaks: 'sum',
    severity: rule.severity,
    tested: 1,
    unit: `sums of ${rule.left.column} in ${nameOf(left)}`,
    count: compared?.differs === false ? 0 : 1,
    isAtLeast: false,
    samples: [],
    what: 'are wrong',
    summary: `The sum of ${rule.left.column} in ${nameOf(left)} is not ${to}.`,
    remedy: 'Find out which entries are missing, doubled or wrong, and correct them.',
    facts: { maxDifference: String(rule.maxDifference), ...(isPersonal ? {} : facts) },
  };
}

/** Returns when the newest row was made, of those that have a time that ends. */
export function freshnessOutcome(rule: RuleOfKind<'freshness'>, value: string | null): Freshness {
  return { kind: 'freshness', rule, newestAt: value === null ? undefined : dateOf(Number(value)) };
}

/** The farthest that a Date reaches; PostgreSQL's times reach farther. https://tc39.es/ecma262/#sec-time-values-and-time-range */
const maxDateMs = 8.64e15;

function dateOf(seconds: number): Date {
  return new Date(Math.max(-maxDateMs, Math.min(seconds * 1000, maxDateMs)));
}

/**
 * Returns the number that the history of a rule is kept of.
 *
 * @throws UncheckedError `nothing-to-measure` for a share or a mean of nothing.
 */
export function measuredValue(
  rule: RuleOfKind<'volume' | 'distribution'>,
  [first = null, second = null]: readonly (string | null)[],
): number {
  const rows = Number(first);
  if (rule.kind === 'volume') return rows;
  if (rows === 0) {
    const { table, column, statistic } = rule;
    throw new UncheckedError('nothing-to-measure', `There is no ${statistic} of ${column}: no row of ${table} counts.`);
  }
  return rule.statistic === 'mean' ? Number(second) : Number(second) / rows;
}

function rowsText(rows: number): string {
  return `${rows.toLocaleString('en-US')} ${rows === 1 ? 'row' : 'rows'}`;
}

function nameOf(side: SideReading | undefined): string {
  return side === undefined ? '' : formatTableName(side.measure.table);
}
