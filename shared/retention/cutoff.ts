import sql, { type Sql } from 'sql-template-tag';
import type { Reader } from '../postgres/reader.ts';
import { columnList } from '../postgres/sql.ts';
import { UncheckedError } from '../unchecked-error.ts';
import type { Retention } from './retention-config.ts';
import type { ChildAge } from './row-target.ts';

/** What of a policy says how old is old enough. */
export interface AgeLimit {
  readonly retention: Retention;
  /** IANA name: whose calendar it is, and what a `timestamp` or a `date` is of. */
  readonly ageTimeZone: string;
}

/**
 * A clock that is ahead of the server's by less than this is no reason to stop: the server's is then the one that counts. One that is
 * further ahead is wrong, and the guards are to see it.
 */
const clockToleranceSeconds = 60;

/** Returns the moment of a run: `now`, or the server's own where `now` is but a little ahead of it. */
export function momentOf(now: Date): Sql {
  const given = sql`${now.toISOString()}::timestamptz`;
  const server = sql`pg_catalog.now()`;
  const tolerance = sql`pg_catalog.make_interval(secs => ${clockToleranceSeconds})`;
  return sql`case when ${given} > ${server} and ${given} <= ${server} + ${tolerance} then ${server} else ${given} end`;
}

/** The moment that the server's clock shows. */
export const serverMoment: Sql = sql`pg_catalog.now()`;

/**
 * Returns the expression of what an age has to be before, in the type of the age: PostgreSQL's own calendar arithmetic in the time zone of
 * the policy, so that a day on which clocks change is one day, and 13 months before 31 March is the last day of February.
 * https://www.postgresql.org/docs/current/functions-datetime.html
 *
 * A `date` is past its retention when all of the day is.
 *
 * @throws UncheckedError `unsupported-age-column` for a column of another type.
 */
export function cutoffExpression(type: string, { retention, ageTimeZone }: AgeLimit, moment: Sql): Sql {
  const { days = 0, months = 0, years = 0 } = retention;
  const interval = sql`pg_catalog.make_interval(days => ${days}::int, months => ${months}::int, years => ${years}::int)`;
  const zone = sql`${ageTimeZone}::text`;
  const began = sql`(pg_catalog.timezone(${zone}, ${moment}) - ${interval})`;
  switch (ageTypeOf(type)) {
    case 'timestamp with time zone':
      return sql`pg_catalog.timezone(${zone}, ${began})`;
    case 'timestamp without time zone':
      return began;
    case 'date':
      return sql`${began}::date`;
  }
}

/** Returns the expression of whether a row of a child is still to be kept by the server's own clock. One without an age is too. */
export function isTooYoung({ name, type, limit }: ChildAge, alias: string): Sql {
  const age = columnList([name], alias);
  return sql`(${age} is null or ${age} >= ${cutoffExpression(type, limit, serverMoment)})`;
}

/**
 * Returns a type of ages without its precision: a cutoff of `timestamp(0)` would be rounded, up to half a second into the retention.
 *
 * @throws UncheckedError `unsupported-age-column`.
 */
export function ageTypeOf(type: string): AgeType {
  const bare = type.replace(/\(\d\)/, '');
  const known = ageTypes.find((candidate) => candidate === bare);
  if (known === undefined) {
    const detail = `An age column is a timestamptz, a timestamp or a date; this one is of the type ${type}.`;
    throw new UncheckedError('unsupported-age-column', detail);
  }
  return known;
}

const ageTypes = ['timestamp with time zone', 'timestamp without time zone', 'date'] as const;

type AgeType = (typeof ageTypes)[number];

/**
 * Returns what an age of this type has to be before in a run of this moment, as text.
 *
 * @throws UncheckedError `unsupported-age-column`; and the reader's errors, as for a time zone that there is not.
 */
export async function readCutoff(
  reader: Pick<Reader, 'query'>,
  type: string,
  limit: AgeLimit,
  now: Date,
): Promise<string> {
  const [row] = await reader.query<{ cutoff: string }>(
    sql`select (${cutoffExpression(type, limit, momentOf(now))})::text as cutoff`,
  );
  return (row as { cutoff: string }).cutoff;
}
