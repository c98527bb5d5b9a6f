import sql, { join, raw, type Sql } from 'sql-template-tag';
import type { TableFacts } from '../../../shared/postgres/catalog.ts';
import type { ReadOptions } from '../../../shared/postgres/reader.ts';
import type { AuditedDatabase } from '../context.ts';
import { type Sample, sampleColumns, sampleOf } from '../samples.ts';
import type { ShownColumn } from './shown-column.ts';

/** Whose rows are to be shown, and how many. */
export interface SampleRequest {
  readonly table: TableFacts;
  /** In front of the names of the other row's columns, whose key is shown too where this is given. */
  readonly other?: string | undefined;
  readonly limit: number;
  readonly reading: ReadOptions;
}

/**
 * Returns what may be shown of some of the rows that `rows` makes a SELECT of; nothing of a table without a key, and
 * nothing of columns that the role may not read.
 */
export async function readSamples(
  { snapshot, settings }: AuditedDatabase,
  { table, other, limit, reading }: SampleRequest,
  rows: (shown: readonly ShownColumn[], limit: number) => Sql,
): Promise<Sample[]> {
  const { columns, masked } = sampleColumns(table, settings);
  const own = columns.filter((column) => table.columns.get(column)?.isReadable);
  if (limit === 0 || own.length === 0) return [];
  const hasPrimaryKey = table.primaryKey.length > 0 && table.primaryKey.every((column) => own.includes(column));
  const key = hasPrimaryKey ? table.primaryKey : own;
  const labeled = [
    ...own.map((column) => ({ column, label: column, isOfOther: false })),
    ...(other === undefined ? [] : key).map((column) => ({ column, label: `${other} ${column}`, isOfOther: true })),
  ];
  const shown = labeled.map(({ column, isOfOther }, index) => ({ column, isOfOther, as: raw(`c${index}`) }));
  const texts = join(
    shown.map(({ as }) => sql`${as}::text`),
    ', ',
  );
  const statement = sql`select ${texts} from (${rows(shown, limit)}) as found limit ${limit}`;
  const read = await snapshot.query<Record<string, string | null>>(statement, reading);
  const labels = {
    columns: labeled.map(({ label }) => label),
    masked: new Set(labeled.filter(({ column }) => masked.has(column)).map(({ label }) => label)),
  };
  return read.map((row) =>
    sampleOf(Object.fromEntries(labeled.map(({ label }, index) => [label, row[`c${index}`]])), labels),
  );
}
