import sql, { join, type Sql } from 'sql-template-tag';
import { requireTable, type TableFacts } from '../../../shared/postgres/catalog.ts';
import { columnList, identifier, parseTableName } from '../../../shared/postgres/sql.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { RuleOfKind } from '../config.ts';
import { clause, keyOrder, namesOf, noneIsNull, selected } from '../rows/selected.ts';
import { type ShownColumn, shownAs, shownOf, shownSource } from '../rows/shown-column.ts';
import type { RowCheck } from './row-check.ts';

/**
 * Returns how rows are found whose text is nearly that of a row before, by the primary key: its `similarity` is the
 * minimum or more. `pairs` is the number of pairs of rows that are so, each counted once. Null is not compared, nor is
 * a text without a single trigram, whose number is `withoutTrigrams`; null is a group of its own in `partitionBy`.
 *
 * No two texts are compared that cannot be similar enough. Of two sets of trigrams that have a share s of their union
 * in common, at least n·s of n are in both, for either, so that one of these is among its first n - n·s + 1, in
 * whatever order both are. In the order of how rare they are, these seldom agree by chance; and how many agree there
 * says how many can at most in all. (Xiao, Wang, Lin, Yu: Efficient Similarity Joins for Near Duplicate Detection,
 * 2008.)
 *
 * @param schema where the functions of pg_trgm are.
 * @throws UncheckedError when the table or a column is not there or cannot be read, or the condition cannot be sent.
 */
export function nearDuplicatesCheck(
  rule: RuleOfKind<'nearDuplicates'>,
  tables: ReadonlyMap<string, TableFacts>,
  schema: string,
): RowCheck {
  const { column, partitionBy = [] } = rule;
  const table = requireTable(tables, parseTableName(rule.table), [column, ...partitionBy]);
  const pairs = similarPairs(rule, table, schema);
  return {
    table,
    breaks: 'near-duplicates',
    reading: {},
    count: sql`with ${pairs([])}
      select (select count(*) from texts where size > 0) as tested,
        (select coalesce(sum(n - 1), 0) from sets) + (select count(distinct later) from pairs) as violations,
        (select coalesce(sum(n * (n - 1) / 2), 0) from sets) + (select coalesce(sum(n), 0) from pairs) as "pairs",
        (select count(*) from texts where size = 0) as "withoutTrigrams"`,
    rows: (shown) => sql`with ${pairs(shown)}
      select ${join(shownAs(shown))} from (
        select ${join(shownOf(shown, 't', (name) => sql`o.${name}`))} from texts as t
        left join (select later, min(earlier) as earlier from pairs group by later) as p on p.later = t.place
        join texts as o on o.place = case when t.place = t.first then p.earlier else t.first end
      ) as found`,
    other: 'is like',
    what: `have nearly the same ${column} as another`,
    remedy: 'Compare each with the one that it is like, and merge those that are the same.',
    verify: ({ tested, withoutTrigrams = 0 }) => {
      if (tested !== 0 || withoutTrigrams === 0) return;
      const detail = `None of the ${withoutTrigrams} texts has a letter that the locale of the database knows.`;
      throw new UncheckedError('texts-not-comparable', detail);
    },
  };
}

/** What is taken off a number of elements, so that rounding makes more candidates, not fewer. */
const roundingMargin = 0.001;

/**
 * Returns the queries of a WITH clause: `texts`, the rows with their `place` and that of the `first` with the same
 * trigrams; `sets`, of rows with the same trigrams the first one's place and how many they are; and `pairs` of such
 * sets that are similar.
 */
function similarPairs(
  { column, partitionBy = [], minimumSimilarity, where }: RuleOfKind<'nearDuplicates'>,
  table: TableFacts,
  schema: string,
): (shown: readonly ShownColumn[]) => Sql {
  const trigramsOf = sql`${identifier(schema)}.show_trgm`;
  const similarity = sql`${identifier(schema)}.similarity`;
  const share = sql`${String(minimumSimilarity)}::float8`;
  const order = keyOrder(table);
  const shared = sql`${share} * size - ${roundingMargin}::float8`;
  // A row of columns, which is equal to another with nulls in the same places.
  const block = partitionBy.length === 0 ? sql`0` : sql`row(${columnList(partitionBy)})`;
  const expressions = { v: sql`${identifier(column)}::text`, block, ...order };
  return (shown) => sql`
    rows_read as materialized (
      select r.*, row_number() over (${clause('order by', namesOf(order, 'r'))}) as place,
        ${trigramsOf}(r.v) as trigrams
      from ${selected(table, { ...expressions, ...shownSource(shown) }, where, noneIsNull([column]))} as r
    ),
    texts as materialized (
      select rows_read.*, cardinality(trigrams) as size,
        case when cardinality(trigrams) = 0 then place else min(place) over (partition by block, trigrams) end as first
      from rows_read
    ),
    sets as materialized (
      select first, count(*) as n, min(v) as v, block, trigrams, size from texts where size > 0
      group by first, block, trigrams, size
    ),
    rarities as (
      select trigram, row_number() over (order by count(*), trigram) as rarity
      from sets cross join unnest(trigrams) as trigram group by trigram
    ),
    ranked as (
      select first, block, size, rarity, row_number() over (partition by first order by rarity) as rank,
        ceil(${shared}) - 1 as rest
      from sets cross join unnest(trigrams) as u (trigram) join rarities on rarities.trigram = u.trigram
    ),
    beginnings as materialized (
      select first, block, size, rarity, rank, rest from ranked where rank <= size - rest
    ),
    candidates as (
      select a.first as earlier, b.first as later from beginnings as a join beginnings as b
      on a.rarity = b.rarity and a.block = b.block and a.first < b.first
      group by a.first, b.first, a.size, b.size, a.rest, b.rest
      having count(*) + least(a.size - max(a.rank), b.size - max(b.rank), greatest(a.rest, b.rest))
        >= ${share} / (1 + ${share}) * (a.size + b.size) - ${roundingMargin}::float8
    ),
    pairs as materialized (
      select earlier, later, a.n * b.n as n from candidates
      join sets as a on a.first = earlier join sets as b on b.first = later
      where ${similarity}(a.v, b.v) >= ${String(minimumSimilarity)}::real
    )`;
}
