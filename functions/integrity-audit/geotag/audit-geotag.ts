import sql, { join, raw, type Sql } from 'sql-template-tag';
import { requireTable, type TableFacts } from '../../../shared/postgres/catalog.ts';
import { formatTableName, identifier, parseTableName, qualified } from '../../../shared/postgres/sql.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { AreaSet, RuleOfKind } from '../config.ts';
import type { AuditedDatabase, Context } from '../context.ts';
import { type Outcome, ruleResource, type Violations } from '../outcome.ts';
import { namesOf, numbered, selected } from '../rows/selected.ts';
import { type Sample, type SampleColumns, sampleColumns, sampleOf } from '../samples.ts';
import { areasOf } from './area-set.ts';
import { type Geotag, type GeotagVerdict, hintsOf, judgeGeotag } from './judge-geotag.ts';

type GeotagRule = RuleOfKind<'geotag'>;

/**
 * Tests whether each row's point is in the area that the row names, and settles the rule in the coverage ledger. Rows without a point,
 * or without the name of an area, are not tested, and counted.
 */
export async function auditGeotag(rule: GeotagRule, database: AuditedDatabase, context: Context): Promise<Outcome[]> {
  const outcome = await context.coverage.look(ruleResource(rule), () => testRows(rule, database, context));
  return outcome === undefined ? [] : [outcome];
}

/** Columns of a row in the statement's answer: what may be shown of it is in `s0`, `s1` and so on. */
type Row = Geotag & Readonly<Record<`s${number}`, string | null>>;

/** How many rows there are of each sort. */
type Counts = Record<GeotagVerdict | 'swapped' | 'at-zero-zero' | 'in-another', number>;

async function testRows(rule: GeotagRule, database: AuditedDatabase, { config }: Context): Promise<Violations> {
  const areas = areasOf(config.areas[rule.areas] as AreaSet, rule.areas);
  const table = requireTable(database.tables, parseTableName(rule.table), [
    rule.latitude,
    rule.longitude,
    rule.area.column,
  ]);
  await requireOneName(rule, database);
  const shown = shownOf(table, sampleColumns(table, database.settings));
  const samples: Sample[] = [];
  const counts: Counts = {
    good: 0,
    'without-point': 0,
    'without-area': 0,
    'unknown-area': 0,
    impossible: 0,
    outside: 0,
    swapped: 0,
    'at-zero-zero': 0,
    'in-another': 0,
  };
  for await (const rows of database.snapshot.batches<Row>(rowsOf(rule, table, database, shown.columns))) {
    for (const row of rows) {
      const verdict = judgeGeotag(row, areas, rule.toleranceMeters);
      counts[verdict] += 1;
      if (verdict === 'good' || verdict === 'without-point' || verdict === 'without-area') continue;
      if (samples.length < config.limits.samples && shown.columns.length > 0) samples.push(shownRow(row, shown));
      if (verdict === 'unknown-area') continue;
      const hints = hintsOf(row, areas);
      if (hints.isSwapped) counts.swapped += 1;
      if (hints.isAtZeroZero) counts['at-zero-zero'] += 1;
      if (hints.isInAnother) counts['in-another'] += 1;
    }
  }
  return violationsOf(rule, counts, samples);
}

function violationsOf(rule: GeotagRule, counts: Counts, samples: readonly Sample[]): Violations {
  const misplaced = counts.outside + counts.impossible;
  const count = misplaced + counts['unknown-area'];
  const told = {
    withoutPoint: counts['without-point'],
    withoutArea: counts['without-area'],
    unknownAreas: counts['unknown-area'],
    impossibleCoordinates: counts.impossible,
    latitudeAndLongitudeSwapped: counts.swapped,
    atZeroZero: counts['at-zero-zero'],
    inAnotherArea: counts['in-another'],
  };
  return {
    kind: 'violations',
    rule,
    breaks: 'geotag',
    severity: rule.severity,
    tested: counts.good + count,
    unit: `rows of ${rule.table}`,
    count,
    isAtLeast: false,
    samples,
    what: faultsOf(rule, misplaced > 0, counts['unknown-area'] > 0),
    remedy: 'Correct the coordinates of these rows, or the area that they name.',
    facts: {
      areas: rule.areas,
      toleranceMeters: rule.toleranceMeters,
      ...Object.fromEntries(Object.entries(told).filter(([, number]) => number > 0)),
    },
  };
}

function faultsOf({ areas }: GeotagRule, isMisplaced: boolean, isUnknown: boolean): Violations['what'] {
  const misplaced = 'have a point outside of the area that is named';
  if (isMisplaced && isUnknown) return `${misplaced}, or an area that is not among ${areas}`;
  return isUnknown ? `name an area that is not among ${areas}` : misplaced;
}

/** Makes sure that what a row refers to has one name: with two, it would be tested twice. */
async function requireOneName({ area }: GeotagRule, { tables, snapshot }: AuditedDatabase): Promise<void> {
  if (!('references' in area)) return;
  const { key, table: referenced } = area.references;
  const names = requireTable(tables, parseTableName(referenced), [key]);
  const column = identifier(key);
  const repeated = await snapshot.query(
    sql`select from ${qualified(names)} where ${column} is not null group by ${column} having count(*) > 1 limit 1`,
  );
  if (repeated.length === 0) return;
  throw new UncheckedError(
    'ambiguous-key',
    `${key} of ${formatTableName(names)} is not unique, so that it names no one area.`,
  );
}

/** Returns what may be shown, and can be read. */
function shownOf(table: TableFacts, { columns, masked }: SampleColumns): SampleColumns {
  return { columns: columns.filter((column) => table.columns.get(column)?.isReadable === true), masked };
}

function shownRow(row: Row, shown: SampleColumns): Sample {
  return sampleOf(Object.fromEntries(shown.columns.map((column, index) => [column, row[`s${index}`]])), shown);
}

/** Returns a SELECT of the table's points, with the names of their areas and what may be shown of each row. */
function rowsOf(rule: GeotagRule, table: TableFacts, { tables }: AuditedDatabase, columns: readonly string[]): Sql {
  const shown = numbered('s', columns);
  const point = { latitude: identifier(rule.latitude), longitude: identifier(rule.longitude) };
  const rows = selected(table, { ...shown, ...point, area: identifier(rule.area.column) }, rule.where);
  const list = join(
    [
      ...namesOf(shown, 't').map((name, index) => sql`${name}::text as ${raw(`s${index}`)}`),
      sql`t.latitude::float8 as latitude, t.longitude::float8 as longitude`,
    ],
    ', ',
  );
  if (!('references' in rule.area)) return sql`select ${list}, t.area::text as area from ${rows} as t`;
  const { key, name, table: referenced } = rule.area.references;
  const names = requireTable(tables, parseTableName(referenced), [key, name]);
  return sql`select ${list}, a.name::text as area from ${rows} as t
    left join (select ${identifier(key)} as key, ${identifier(name)} as name from ${qualified(names)}) as a
    on a.key = t.area`;
}
