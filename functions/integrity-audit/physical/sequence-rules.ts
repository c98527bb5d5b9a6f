import type { FilledColumn, SequenceFacts } from './facts.ts';
import type { PhysicalRule } from './rule-context.ts';

/** From here on it is a matter of weeks where it took years to get here. */
const urgentPercent = 90;

const typeMaxima: Readonly<Record<string, bigint>> = {
  smallint: 32_767n,
  integer: 2_147_483_647n,
  bigint: 9_223_372_036_854_775_807n,
};

/**
 * Policy: a sequence has numbers left, and so have the columns that it fills: an `integer` ends long before the `bigint` sequence that
 * fills it does. One that begins anew at its end has none to run out of, unless a column ends before.
 * https://www.postgresql.org/docs/current/sql-createsequence.html
 */
const sequenceExhaustion: PhysicalRule<SequenceFacts, 'sequence-exhaustion'> = (sequence, { settings }) => {
  const { resource, isUsed, isCycling, columns } = sequence;
  const value = BigInt(sequence.value);
  const increment = BigInt(sequence.increment);
  const isAscending = increment > 0n;
  const step = isAscending ? increment : -increment;
  const first = BigInt(isAscending ? sequence.minimum : sequence.maximum);
  const end = BigInt(isAscending ? sequence.maximum : sequence.minimum);
  const narrowest = narrowestColumn(columns, isAscending);
  const isColumnNarrower = narrowest !== undefined && (isAscending ? narrowest.end < end : narrowest.end > end);
  if (isCycling && !isColumnNarrower) return [];
  const last = isColumnNarrower ? narrowest.end : end;
  const distance = (to: bigint) => (isAscending ? to - first : first - to);

  const usable = distance(last) < 0n ? 0n : distance(last) / step + 1n;
  const used = distance(value) / step + (isUsed ? 1n : 0n);
  const left = usable > used ? usable - used : 0n;
  const usedPercent = usable === 0n ? 100 : Number(((usable - left) * 10_000n) / usable) / 100;
  if (usedPercent < settings.sequenceUsedPercent && left > 0n) return [];
  const what = isColumnNarrower ? `what the ${narrowest.type} column ${narrowest.column} can hold` : 'its numbers';
  return [
    {
      rule: 'sequence-exhaustion',
      severity: left === 0n ? 'critical' : usedPercent >= urgentPercent ? 'high' : 'medium',
      resource,
      summary:
        left === 0n
          ? `It has used up ${what}: inserts fail.`
          : `It has used ${usedPercent} % of ${what}; ${left.toLocaleString('en-US')} to go.`,
      evidence: {
        usedPercent,
        // As text: it may be more than a number in JSON can say.
        valuesLeft: String(left),
        lastValue: sequence.value,
        endsAt: String(last),
        ...(narrowest === undefined ? {} : { column: narrowest.column, columnType: narrowest.type }),
      },
      remedy: isColumnNarrower
        ? `Make ${narrowest.column} a bigint, and every column that refers to it: ALTER TABLE … ALTER COLUMN … TYPE bigint ` +
          'rewrites the table under a lock; a new column that is filled by and by does not.'
        : 'ALTER SEQUENCE … AS bigint, with a greater MAXVALUE if it has one of its own; the columns that it fills as well.',
    },
  ];
};

interface ColumnEnd extends FilledColumn {
  /** The last number that it can hold, in the direction of the sequence. */
  readonly end: bigint;
}

function narrowestColumn(columns: readonly FilledColumn[], isAscending: boolean): ColumnEnd | undefined {
  let narrowest: ColumnEnd | undefined;
  for (const column of columns) {
    const maximum = typeMaxima[column.type];
    if (maximum === undefined) continue;
    const end = isAscending ? maximum : -maximum - 1n;
    if (narrowest === undefined || (isAscending ? end < narrowest.end : end > narrowest.end)) {
      narrowest = { ...column, end };
    }
  }
  return narrowest;
}

export const sequenceRules = { 'sequence-exhaustion': sequenceExhaustion };
