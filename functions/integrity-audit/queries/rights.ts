import sql, { join, type Sql } from 'sql-template-tag';
import { compareSeverity, type Severity } from '../../../shared/finding.ts';
import { requireTable, type TableFacts } from '../../../shared/postgres/catalog.ts';
import { formatTableName, identifier, parseTableName } from '../../../shared/postgres/sql.ts';
import type { RuleOfKind } from '../config.ts';
import type { AuditedDatabase, Context, RuleId } from '../context.ts';
import type { Violations } from '../outcome.ts';
import { ifReadable } from '../rows/if-readable.ts';
import { readSamples } from '../rows/read-samples.ts';
import { noneIsNull, selected } from '../rows/selected.ts';
import { type ShownColumn, shownAs, shownOf, shownSource } from '../rows/shown-column.ts';
import { sampleColumns } from '../samples.ts';
import { isBroken } from '../tolerance.ts';

/** What is wrong with the claims to an item; it counts by the worst. */
type Fault = 'missing' | 'expired' | 'expiring';

interface Counted {
  readonly tested: string;
  readonly missing: string;
  readonly expired: string;
  readonly expiring: string;
  readonly not_begun: string;
  readonly latest_end: string | null;
  readonly first_end: string | null;
}

/**
 * Tests whether every row has a claim that holds today, of each kind where there are kinds; "today" is `current_date`
 * in the time zone of the session. A claim holds from `validFrom` to the day before `validTo`, null being without
 * limit, and never if that is before it begins. Of each row the worst is told: that it never had a claim, or one of a
 * kind; that none holds; that one ends soon and none follows it without a gap.
 *
 * @throws UncheckedError when a table or a column is not there or cannot be read, or a condition cannot be sent.
 */
export async function auditRights(
  rule: RuleOfKind<'rights'>,
  database: AuditedDatabase,
  { config }: Context,
): Promise<Violations[]> {
  const { tables, snapshot, settings } = database;
  const { table, claims } = rightsTables(rule, tables);
  const [counted] = await snapshot.query<Counted>(
    sql`select count(*) as tested, ${join((['missing', 'expired', 'expiring'] as const).map(countOf))},
        count(*) filter (where fault = 'expired' and begins_later) as not_begun,
        (max(ended) filter (where fault = 'expired'))::text as latest_end,
        (min(ends) filter (where fault = 'expiring'))::text as first_end
      from ${judged(rule, tables, [])} as j`,
  );
  const tested = Number(counted?.tested);
  const outcomeOf = async (fault: Fault, facts: Record<string, string | number>): Promise<Violations> => {
    const count = Number(counted?.[fault]);
    const request = { table, limit: config.limits.samples, reading: {} };
    const read = () => readSamples(database, request, (shown) => rowsWith(rule, tables, [fault], shown));
    const shown = isBroken({ rule, tested, count }) ? await ifReadable('samples', read) : undefined;
    const samples = shown?.value ?? [];
    const told = { ...facts, ...shown?.whyNot };
    const { breaks, severity, what, remedy } = wordingOf(fault, rule, claims);
    const measured = {
      tested,
      unit: `rows of ${formatTableName(table)}`,
      count,
      isAtLeast: false,
      samples,
      facts: told,
    };
    return { kind: 'violations', rule, breaks, severity, ...measured, what, remedy };
  };
  const mayEndBeShown = !sampleColumns(claims, settings).masked.has(rule.claims.validTo);
  const endOf = (name: string, end: string | null | undefined) =>
    mayEndBeShown && typeof end === 'string' ? { [name]: end } : {};
  const outcomes = [
    await outcomeOf('missing', {}),
    await outcomeOf('expired', {
      beginLater: Number(counted?.not_begun),
      ...endOf('latestEnd', counted?.latest_end),
    }),
    await outcomeOf('expiring', {
      ...(rule.expiringWithinDays === undefined ? {} : { withinDays: rule.expiringWithinDays }),
      ...endOf('firstEnd', counted?.first_end),
    }),
  ];
  // One stands for all that is right.
  const found = outcomes.filter(({ count }) => count > 0);
  return found.length > 0 ? found : outcomes.slice(0, 1);
}

/** Returns a SELECT of the rows that have no claim that holds today. */
export function rowsWithoutRights(
  rule: RuleOfKind<'rights'>,
  tables: ReadonlyMap<string, TableFacts>,
  shown: readonly ShownColumn[],
): Sql {
  return rowsWith(rule, tables, ['missing', 'expired'], shown);
}

function rowsWith(
  rule: RuleOfKind<'rights'>,
  tables: ReadonlyMap<string, TableFacts>,
  faults: readonly Fault[],
  shown: readonly ShownColumn[],
): Sql {
  return sql`select ${join(shownAs(shown))} from ${judged(rule, tables, shown)} as j
    where fault = any(${faults}::text[])`;
}

function countOf(fault: Fault): Sql {
  return sql`count(*) filter (where fault = ${fault}) as ${identifier(fault)}`;
}

function rightsTables(
  { table, key, claims }: RuleOfKind<'rights'>,
  tables: ReadonlyMap<string, TableFacts>,
): { readonly table: TableFacts; readonly claims: TableFacts } {
  const { itemColumn, validFrom, validTo, kindColumn } = claims;
  const needed = [itemColumn, validFrom, validTo, ...(kindColumn === undefined ? [] : [kindColumn])];
  return {
    table: requireTable(tables, parseTableName(table), [key]),
    claims: requireTable(tables, parseTableName(claims.table), needed),
  };
}

/** Returns the rows, in parentheses, with what is wrong with the claims to each, null where nothing is. */
function judged(
  rule: RuleOfKind<'rights'>,
  tables: ReadonlyMap<string, TableFacts>,
  shown: readonly ShownColumn[],
): Sql {
  const { table, claims } = rightsTables(rule, tables);
  const { itemColumn, validFrom, validTo, kindColumn } = rule.claims;
  const kinds = [...new Set(rule.claims.kinds ?? [])];
  const kind = kindColumn === undefined ? sql`''::text` : sql`${identifier(kindColumn)}::text`;
  const ofKind = kindColumn === undefined ? [] : [sql`${kind} = any(${kinds}::text[])`];
  const claimed = selected(
    claims,
    {
      item: identifier(itemColumn),
      kind,
      starts: sql`coalesce(${identifier(validFrom)}::date, '-infinity')`,
      ends: sql`coalesce(${identifier(validTo)}::date, 'infinity')`,
    },
    rule.claims.where,
    [...noneIsNull([itemColumn]), ...ofKind],
  );
  const needed = Math.max(kinds.length, 1);
  const within = rule.expiringWithinDays ?? null;
  const items = selected(table, { k: identifier(rule.key), ...shownSource(shown) }, rule.where);
  const shownColumns = shownOf(shown, 'i');
  // From today on: how far the claims that have begun by then reach, and whether the next one begins behind that.
  return sql`(
    with spans as (
      select c.*, greatest(starts, current_date) as counts_from,
        case when starts < ends then ends else '-infinity' end as counts_to from ${claimed} as c
    ),
    reaches as (
      select s.*, max(counts_to) over (w rows between unbounded preceding and current row) as reached,
        lead(counts_from) over w as next_from
      from spans as s window w as (partition by item, kind order by counts_from)
    ),
    kinds_held as (
      select item, kind, bool_or(starts <= current_date and counts_to > current_date) as holds,
        min(reached) filter (where reached > current_date and (next_from is null or next_from > reached)) as ends,
        max(ends) filter (where ends <= current_date) as ended,
        bool_or(starts > current_date and starts < ends) as begins_later
      from reaches group by item, kind
    ),
    items_held as (
      select item, count(*) as had, count(*) filter (where holds) as held, min(ends) filter (where holds) as ends,
        max(ended) filter (where not holds) as ended, bool_or(begins_later) filter (where not holds) as begins_later
      from kinds_held group by item
    )
    select ${join([...shownColumns, sql`h.ends`, sql`h.ended`, sql`h.begins_later`])},
      case when coalesce(h.had, 0) < ${needed}::int8 then 'missing' when h.held < ${needed}::int8 then 'expired'
        when h.ends <= current_date + ${within}::int4 then 'expiring' end as fault
    from ${items} as i left join items_held as h on h.item = i.k
  )`;
}

function wordingOf(
  fault: Fault,
  { severity, claims: { kinds }, expiringWithinDays }: RuleOfKind<'rights'>,
  claims: TableFacts,
): Pick<Violations, 'what' | 'remedy'> & { readonly breaks: RuleId; readonly severity: Severity } {
  const where = formatTableName(claims);
  const each = kinds === undefined ? '' : ` of each kind (${[...new Set(kinds)].join(', ')})`;
  switch (fault) {
    case 'missing':
      return {
        breaks: 'rights-missing',
        severity,
        what: `have never had a claim${each} in ${where}`,
        remedy: 'Take them down, or record the claim that was overlooked.',
      };
    case 'expired':
      return {
        breaks: 'rights-expired',
        severity,
        what: `have claims in ${where}, but none${each} that holds today`,
        remedy: 'Take them down, or record the claim that has followed.',
      };
    case 'expiring':
      return {
        breaks: 'rights-expiring',
        severity: compareSeverity(severity, 'low') < 0 ? 'low' : 'informational',
        what: `have a claim in ${where} that ends within ${expiringWithinDays} days, and none that follows`,
        remedy: 'Have the claim renewed, or plan to take them down.',
      };
  }
}
