import sql, { raw } from 'sql-template-tag';
import type { CopySession } from '../../../shared/postgres/copy-session.ts';
import { identifier, qualified } from '../../../shared/postgres/sql.ts';
import type { TargetTableFacts } from '../../../shared/retention/read-target-tables.ts';

/**
 * Has the identity columns of a table that was made anew go on behind the rows that it has now. They begin where the
 * definition says, and rows that are loaded bring their own values: the next insert would have one of theirs. Columns
 * of a table without rows stay as they are.
 */
export async function advanceIdentities(session: CopySession, table: TargetTableFacts): Promise<void> {
  if (!table.columns.some(({ isIdentity }) => isIdentity)) return;
  const sequences = await session.query<SequenceRow>(sql`
    select a.attname::pg_catalog.text as column, s.seqrelid::pg_catalog.text as oid,
      s.seqstart::pg_catalog.text as start, s.seqincrement::pg_catalog.text as increment,
      s.seqmin::pg_catalog.text as minimum, s.seqmax::pg_catalog.text as maximum
    from pg_catalog.pg_attribute a
      join pg_catalog.pg_depend d on d.refobjid = a.attrelid and d.refobjsubid = a.attnum and d.deptype = 'i'
        and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        and d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
      join pg_catalog.pg_sequence s on s.seqrelid = d.objid
    where a.attrelid = ${table.oid}::pg_catalog.oid and a.attidentity <> '' order by a.attnum`);
  for (const row of sequences) {
    const column = identifier(row.column);
    const farthestOf = raw(row.increment.startsWith('-') ? 'pg_catalog.min' : 'pg_catalog.max');
    // What the sequence never comes to, somebody has written by hand: it is not in its way.
    const [found] = await session.query<{ farthest: string | null }>(sql`
      select ${farthestOf}(${column})::pg_catalog.text as farthest from ${qualified(table)}
      where ${column} between ${row.minimum}::pg_catalog.int8 and ${row.maximum}::pg_catalog.int8`);
    if (found === undefined || found.farthest === null) continue;
    const { value, isTaken } = positionBehind(sequenceOf(row), BigInt(found.farthest));
    await session.query(sql`
      select pg_catalog.setval(${row.oid}::pg_catalog.oid, ${String(value)}::pg_catalog.int8, ${isTaken})`);
  }
}

interface SequenceRow {
  readonly column: string;
  readonly oid: string;
  readonly start: string;
  readonly increment: string;
  readonly minimum: string;
  readonly maximum: string;
}

/** How a sequence counts. */
interface Sequence {
  readonly start: bigint;
  /** Not 0. */
  readonly increment: bigint;
  readonly minimum: bigint;
  readonly maximum: bigint;
}

function sequenceOf({ start, increment, minimum, maximum }: SequenceRow): Sequence {
  return {
    start: BigInt(start),
    increment: BigInt(increment),
    minimum: BigInt(minimum),
    maximum: BigInt(maximum),
  };
}

/**
 * Returns where a sequence has to be for its next value to be the first behind one that is there, of those that it
 * comes to from its start: several servers may take turns. Where it has none left, the next insert says so, or begins
 * again from the other end, as the definition has it.
 */
function positionBehind(
  { start, increment, minimum, maximum }: Sequence,
  farthest: bigint,
): { readonly value: bigint; readonly isTaken: boolean } {
  const steps = (farthest - start) / increment;
  const isBehindStart = increment > 0n ? farthest >= start : farthest <= start;
  const next = isBehindStart ? start + (steps + 1n) * increment : start;
  if (next >= minimum && next <= maximum) return { value: next, isTaken: false };
  return { value: farthest, isTaken: true };
}
