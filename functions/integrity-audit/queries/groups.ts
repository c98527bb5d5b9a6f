import sql, { join, raw } from 'sql-template-tag';
import { requireTable } from '../../../shared/postgres/catalog.ts';
import { formatTableName, parseTableName } from '../../../shared/postgres/sql.ts';
import type { AuditedDatabase, Context } from '../context.ts';
import type { Violations } from '../outcome.ts';
import { ifReadable } from '../rows/if-readable.ts';
import { clause, namesOf, numbered } from '../rows/selected.ts';
import { sampleColumns, sampleOf } from '../samples.ts';
import { isBroken } from '../tolerance.ts';
import { comparedGroups, type GroupRule, type GroupSide } from './compared-groups.ts';

interface Counted {
  readonly tested: string;
  readonly violations: string;
  readonly only_left: string;
  readonly only_right: string;
  /** Null where nothing differs, or what differs is no number. */
  readonly largest: string | null;
}

/**
 * Compares the rows, or the sums, of each group on the left with those of the same group on the right, or with a
 * number; a group that one side lacks has 0 there. Sums are exact: every value is taken as `numeric`. One that is not a
 * number, or infinite, is equal to none. Null is a group of its own.
 *
 * @throws UncheckedError when a table or a column is not there or cannot be read, or a condition cannot be sent.
 */
export async function auditGroups(
  rule: GroupRule,
  database: AuditedDatabase,
  { config }: Context,
): Promise<Violations[]> {
  const { snapshot, tables } = database;
  const by = rule.left.by ?? [];
  const groups = comparedGroups(rule, tables);
  const [counted] = await snapshot.query<Counted>(sql`with ${groups}
    select count(*) as tested, count(*) filter (where differs) as violations,
      count(*) filter (where differs and not on_right) as only_left,
      count(*) filter (where differs and not on_left) as only_right,
      (max(abs(l - r)) filter (where differs and l - l = 0 and r - r = 0))::text as largest from compared`);
  const tested = Number(counted?.tested);
  const count = Number(counted?.violations);
  const maySums = maySumsBeShown(rule, database);
  const isFound = isBroken({ rule, tested, count });
  const hasSamples = isFound && config.limits.samples > 0;
  const names = namesOf(numbered('g', by));
  const texts = [...names, raw('l'), raw('r')].map((name) => sql`${name}::text as ${name}`);
  const read = () =>
    snapshot.query<Record<string, string | null>>(sql`with ${groups}
      select ${join(texts)} from compared where differs ${clause('order by', names)} limit ${config.limits.samples}`);
  const rows = hasSamples ? await ifReadable('samples', read) : undefined;
  const columns = [...by, ...(maySums ? ['left', 'right'].map((side) => `${side} ${measureOf(rule)}`) : [])];
  const masked = maskedGroupColumns(rule, database);
  const samples = (rows?.value ?? []).map((row) => {
    const values = [...by.map((_, index) => row[`g${index}`]), row.l, row.r];
    return sampleOf(Object.fromEntries(columns.map((column, index) => [column, values[index]])), { columns, masked });
  });
  const hasRight = rule.right !== undefined;
  return [
    {
      kind: 'violations',
      rule,
      breaks: rule.kind === 'sum' ? 'sum' : 'equal-count',
      severity: rule.severity,
      tested,
      unit: `groups by ${by.join(', ')}`,
      count,
      isAtLeast: false,
      samples,
      ...wordingOf(rule),
      facts: {
        ...(hasRight ? { onlyLeft: Number(counted?.only_left), onlyRight: Number(counted?.only_right) } : {}),
        ...(maySums && typeof counted?.largest === 'string' ? { largestDifference: counted.largest } : {}),
        ...rows?.whyNot,
      },
    },
  ];
}

/** Numbers of rows are no values of rows. A sum may be one, of a group of one row. */
function maySumsBeShown(rule: GroupRule, { settings, tables }: AuditedDatabase): boolean {
  if (rule.kind === 'equalCount') return true;
  return [rule.left, ...(rule.right === undefined ? [] : [rule.right])].every(({ table, column }) => {
    const { columns, masked } = sampleColumns(requireTable(tables, parseTableName(table)), settings);
    return columns.includes(column) && !masked.has(column);
  });
}

function maskedGroupColumns({ left, right }: GroupRule, { settings, tables }: AuditedDatabase): Set<string> {
  const maskedIn = ({ table }: GroupSide) =>
    sampleColumns(requireTable(tables, parseTableName(table)), settings).masked;
  const ofLeft = maskedIn(left);
  const ofRight = right === undefined ? new Set<string>() : maskedIn(right);
  return new Set(
    (left.by ?? []).filter((column, index) => ofLeft.has(column) || ofRight.has(right?.by?.[index] ?? column)),
  );
}

function measureOf({ kind }: GroupRule): string {
  return kind === 'sum' ? 'sum' : 'rows';
}

function wordingOf(rule: GroupRule): Pick<Violations, 'what' | 'remedy'> {
  const tableOf = ({ table }: GroupSide) => formatTableName(parseTableName(table));
  if (rule.kind === 'equalCount') {
    return {
      what: `do not have as many rows in ${tableOf(rule.left)} as in ${tableOf(rule.right)}`,
      remedy: 'Find out which side has lost or doubled rows, and correct it.',
    };
  }
  const { left, right, equals, maxDifference } = rule;
  const other = right === undefined ? String(equals) : `the sum of ${right.column} in ${tableOf(right)}`;
  const about = Number(maxDifference) === 0 ? '' : `, give or take ${maxDifference}`;
  return {
    what: `have a sum of ${left.column} in ${tableOf(left)} that is not ${other}${about}`,
    remedy: 'Find out which entries are missing, doubled or wrong, and correct them.',
  };
}
