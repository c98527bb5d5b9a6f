import type { TableFacts } from '../../shared/postgres/catalog.ts';
import { formatTableName, parseTableName } from '../../shared/postgres/sql.ts';
import type { DatabaseSettings } from './config.ts';

/** The key of a violating row, and of its other columns those that are marked safe; personal ones are masked. */
export type Sample = Readonly<Record<string, string | null>>;

/** Which columns of a table may be shown, and how. */
export interface SampleColumns {
  /** The key first; empty for a table without one, of whose rows nothing can be shown. */
  readonly columns: readonly string[];
  /** Those of them whose values are not shown. */
  readonly masked: ReadonlySet<string>;
}

const mask = '***';

/** A value is cut off behind this many characters. */
const maxValueLength = 100;

/** Returns what may be shown of a table's rows. */
export function sampleColumns(table: TableFacts, { tables }: Pick<DatabaseSettings, 'tables'>): SampleColumns {
  const ofTable = ([name]: [string, unknown]) => formatTableName(parseTableName(name)) === formatTableName(table);
  const settings = Object.entries(tables).find(ofTable)?.[1];
  const key = settings?.key ?? table.primaryKey;
  const columns = key.length === 0 ? [] : [...new Set([...key, ...(settings?.safeColumns ?? [])])];
  return {
    columns: columns.filter((column) => table.columns.has(column)),
    masked: new Set(settings?.personalColumns ?? []),
  };
}

/** Returns a row as it may be shown, given its columns as text. */
export function sampleOf(row: Readonly<Record<string, unknown>>, { columns, masked }: SampleColumns): Sample {
  return Object.fromEntries(
    columns.map((column) => {
      const value = row[column];
      if (value === null || value === undefined) return [column, null];
      return [column, masked.has(column) ? mask : String(value).slice(0, maxValueLength)];
    }),
  );
}

/** Returns a sample in one line: `id=12, position=3`. */
export function formatSample(sample: Sample): string {
  return Object.entries(sample)
    .map(([column, value]) => `${column}=${value ?? 'null'}`)
    .join(', ');
}
